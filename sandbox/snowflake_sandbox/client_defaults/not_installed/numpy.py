"""Stands before the real numpy on the path of a container whose image does not install it."""

raise ModuleNotFoundError("No module named 'numpy'", name="numpy")
