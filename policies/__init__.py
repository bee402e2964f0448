"""Rules that every deploy of this project must follow, checked on a preview. Only `__main__` does I/O."""
