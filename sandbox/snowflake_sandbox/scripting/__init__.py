"""Snowflake Scripting: blocks, EXECUTE IMMEDIATE and procedures in SQL.

syntax.py, parser.py, values.py, simple.py and interpreter.py are pure; run.py and statements.py are the shell.
"""
