"""Snowflake's client protocol over HTTP: endpoints, logins and value formats."""
