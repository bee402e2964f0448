"""Procedures and functions as resources, and the `getProcedures` invoke."""
