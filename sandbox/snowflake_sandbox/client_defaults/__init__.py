"""Modules that come first on the path of Python programs in a container. Nothing imports this package."""
