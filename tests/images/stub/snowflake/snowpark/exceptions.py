class SnowparkClientException(Exception):  # noqa: N818  # Snowpark's own name
    """Snowpark's base error."""
