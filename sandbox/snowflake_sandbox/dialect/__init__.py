"""Snowflake's values and functions in DuckDB's words: types of expressions, conversions, and rewrites of functions.

Pure: trees in, trees out; nothing here opens a connection. Semi-structured values are DuckDB's JSON throughout, never
its lists and structs: those have one type for all elements.
"""
