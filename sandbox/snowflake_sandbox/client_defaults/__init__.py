"""What Python programs in a container find first on their path: sitecustomize.py. Nothing imports this package."""
