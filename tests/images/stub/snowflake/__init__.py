"""Stands in for Snowflake's client in a child process, so that the container's program runs without Snowflake."""
