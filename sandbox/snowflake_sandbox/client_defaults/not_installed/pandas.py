"""Stands before the real pandas on the path of a container whose image does not install it."""

raise ModuleNotFoundError("No module named 'pandas'", name="pandas")
