class Error(Exception):
    """The connector's base error."""
