"""Snowflake's values and functions in DuckDB: types of expressions, conversions, and rewrites of functions.

Pure: takes and returns trees; nothing here opens a connection. Semi-structured values are always DuckDB's JSON, never
its lists and structs, which have one type for all elements.
"""
