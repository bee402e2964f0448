"""Snowflake's data types: synonyms, default sizes, and the official plugin's two spellings.

Knows only names of types. Must not know any resource type, and does no I/O.
"""

import re
from dataclasses import dataclass

# https://docs.snowflake.com/en/sql-reference/intro-summary-data-types
_SYNONYMS = {
    "NUMBER": ("NUMBER", "DECIMAL", "DEC", "NUMERIC"),
    "FLOAT": ("FLOAT", "FLOAT4", "FLOAT8", "DOUBLE", "DOUBLE PRECISION", "REAL"),
    "VARCHAR": ("VARCHAR", "STRING", "TEXT", "NVARCHAR", "NVARCHAR2", "CHAR VARYING", "NCHAR VARYING"),
    "BINARY": ("BINARY", "VARBINARY"),
    "TIMESTAMP_NTZ": ("TIMESTAMP_NTZ", "TIMESTAMPNTZ", "TIMESTAMP WITHOUT TIME ZONE", "DATETIME", "TIMESTAMP"),
    "TIMESTAMP_LTZ": ("TIMESTAMP_LTZ", "TIMESTAMPLTZ", "TIMESTAMP WITH LOCAL TIME ZONE"),
    "TIMESTAMP_TZ": ("TIMESTAMP_TZ", "TIMESTAMPTZ", "TIMESTAMP WITH TIME ZONE"),
}
_MAIN_NAME = {synonym: main for main, synonyms in _SYNONYMS.items() for synonym in synonyms}
_INTEGERS = frozenset({"INT", "INTEGER", "BIGINT", "SMALLINT", "TINYINT", "BYTEINT"})
_CHARACTERS = frozenset({"CHAR", "CHARACTER", "NCHAR"})
_DEFAULT_SIZES = {
    "NUMBER": ("38", "0"),
    "VARCHAR": ("16777216",),
    "BINARY": ("8388608",),
    "TIME": ("9",),
    "TIMESTAMP_NTZ": ("9",),
    "TIMESTAMP_LTZ": ("9",),
    "TIMESTAMP_TZ": ("9",),
}
_FORM = re.compile(r"^\s*([A-Za-z_][A-Za-z0-9_ ]*?)\s*(?:\(([^()]*)\))?\s*$")
_TABLE = re.compile(r"^\s*TABLE\s*\((.*)\)\s*$", re.IGNORECASE | re.DOTALL)


@dataclass(frozen=True)
class DataType:
    """A type: its main name and sizes, `("38", "0")` for a NUMBER."""

    name: str
    sizes: tuple[str, ...] = ()

    def full(self) -> str:
        """Return the spelling with sizes: `NUMBER(38, 0)`."""
        return f"{self.name}({', '.join(self.sizes)})" if self.sizes else self.name


@dataclass(frozen=True)
class TableType:
    """The result of a table function: names as written, and types."""

    columns: tuple[tuple[str, DataType], ...]

    def full(self) -> str:
        """Return the spelling in a RETURNS clause: `TABLE ("A" NUMBER(38, 0))`."""
        return "TABLE (" + ", ".join(f'"{name}" {data_type.full()}' for name, data_type in self.columns) + ")"


def data_type(written: str) -> DataType:
    """Parse a type to its main name and full sizes; an unknown form keeps its text in upper case."""
    match = _FORM.match(written)
    if match is None:
        return DataType(" ".join(written.upper().split()))
    name = " ".join(match[1].upper().split())
    sizes = tuple(size.strip() for size in match[2].split(",")) if match[2] else ()
    if name in _INTEGERS:
        return DataType("NUMBER", ("38", "0"))
    if name in _CHARACTERS:
        return DataType("VARCHAR", sizes or ("1",))
    main = _MAIN_NAME.get(name, name)
    defaults = _DEFAULT_SIZES.get(main, ())
    return DataType(main, sizes + defaults[len(sizes) :] if defaults else sizes)


def result_type(written: str) -> DataType | TableType:
    """Parse the result type of a function or procedure: one type, or `TABLE (name type, ...)`."""
    table = _TABLE.match(written)
    return TableType(typed_names(table[1])) if table else data_type(written)


def typed_names(written: str) -> tuple[tuple[str, DataType], ...]:
    """Parse `A VARCHAR, "b" NUMBER(38, 0)` to names (without quotes, case unchanged) and types."""
    return tuple(_typed_name(part) for part in split_at_commas(written) if part)


def split_at_commas(written: str) -> list[str]:
    """Return the stripped parts between the commas outside parentheses."""
    parts, depth, current = [], 0, ""
    for character in written:
        depth += (character == "(") - (character == ")")
        if character == "," and depth == 0:
            parts.append(current.strip())
            current = ""
        else:
            current += character
    return [*parts, current.strip()]


def _typed_name(written: str) -> tuple[str, DataType]:
    name, _, remainder = written.strip().partition(" ")
    return name.strip('"'), data_type(remainder)
