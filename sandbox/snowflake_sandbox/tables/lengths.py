"""Lengths and precisions after COPY INTO: the rows of a file are held against the columns that they were loaded into.

Knows a table's columns and a session's connection. Other statements check each value on its way (dialect/sizes.py).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from snowflake_sandbox import errors
from snowflake_sandbox.data.adapter import quoted

if TYPE_CHECKING:
    from snowflake_sandbox.catalog.catalog import SnowflakeObject
    from snowflake_sandbox.data.adapter import Connection

# Larger whole numbers are limited by the 64 bits in which they are stored.
_MOST_DIGITS = 18


def enforce(connection: Connection, table: SnowflakeObject, *, is_cut: bool) -> None:
    """Refuse values that are too large for their columns; with `is_cut`, cut texts instead.

    Raises:
        SnowflakeError: 100078 and 100145 for the first text or bytes, 100046 for the first number.
    """
    for record in table["columns"]:
        numbers: list[int] = record["numbers"]
        if not numbers:
            continue
        size, is_whole, column = numbers[0], numbers[1:] in ([], [0]), quoted(record["name"])
        if record["base"] == "VARCHAR" and is_cut:
            connection.duck.execute(
                f"UPDATE {table.name.quoted} SET {column} = left({column}, {size}) WHERE len({column}) > {size}"
            )
        elif record["base"] == "VARCHAR" and (text := _first(connection, table, column, f"len({column}) > {size}")):
            raise errors.too_long_text(text)
        elif record["base"] == "BINARY" and (
            text := _first(connection, table, column, f"octet_length({column}) > {size}")
        ):
            raise errors.too_long_binary(text)
        elif record["base"] == "NUMBER" and is_whole and size <= _MOST_DIGITS:
            text = _first(connection, table, column, f"abs({column}) >= {10**size}")
            if text:
                raise errors.number_out_of_range(text, size, 0)


def _first(connection: Connection, table: SnowflakeObject, column: str, condition: str) -> str:
    """Return the first value for which the condition holds; empty if there is none."""
    shown = f"CASE WHEN typeof({column}) = 'BLOB' THEN hex({column}::BLOB) ELSE {column}::VARCHAR END"
    row = connection.duck.execute(f"SELECT {shown} FROM {table.name.quoted} WHERE {condition} LIMIT 1").fetchone()
    return str(row[0]) if row else ""
