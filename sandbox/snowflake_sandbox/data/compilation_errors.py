"""Errors of DuckDB's binder with Snowflake's texts. Pure."""

from __future__ import annotations

import re

from snowflake_sandbox.dialect.snowflake_functions import is_built_in
from snowflake_sandbox.errors import SnowflakeError, not_supported

_PREFIX = "SQL compilation error:\n"
_HERE = f"{_PREFIX}error line 1 at position 0\n"
_COLUMN = re.compile(r'(?:Referenced column "|does not have a column (?:named|with name) "|column named )"?([^"\n]+?)"')
_SET_COLUMN = re.compile(r"Referenced update column (.+?) not found in table")
_QUALIFIER = re.compile(r'Referenced table "(.+?)" not found')
_AMBIGUOUS = re.compile(r'Ambiguous reference to column name "(.+?)"')
_TABLE = re.compile(r"(?:Table|View) with name (.+?) does not exist")
_FUNCTION = re.compile(r"(?:Scalar|Table|Aggregate) Function with name (.+?) does not exist", re.IGNORECASE)
_EXISTS = re.compile(r'(?:Table|View|Schema|Column) (?:with name )?"?(.+?)"? already exists', re.IGNORECASE)
_COUNT = re.compile(r"has (\d+) columns but (\d+) values were supplied")
_SIGNATURE = re.compile(r"""(?:argument types '|function call ")"?(.+?)"?\((.*)\)['"]\.""")
_MIXED = re.compile(
    r"Cannot (?:mix|compare) values of type (.+?) and (?:type )?(.+?)(?: in (\w+) operator)? - an explicit"
)
_NO_GROUP = re.compile(r'column "(.+?)" must appear in the GROUP BY clause')
_BRANCHES = "same number of result columns"
# Patterns of DuckDB's types, with Snowflake's names.
_TYPES = (
    (re.compile(r"(?:TINY|SMALL|BIG|HUGE)?INT(?:EGER)?(?:_LITERAL)?"), "NUMBER(38,0)"),
    (re.compile(r"DECIMAL\((\d+), ?(\d+)\)"), r"NUMBER(\1,\2)"),
    (re.compile(r"DOUBLE"), "FLOAT"),
    (re.compile(r"(?:STRING_LITERAL|VARCHAR)"), "VARCHAR(16777216)"),
    (re.compile(r"TIMESTAMP WITH TIME ZONE"), "TIMESTAMP_LTZ(9)"),
    (re.compile(r"TIMESTAMP"), "TIMESTAMP_NTZ(9)"),
    (re.compile(r"TIME"), "TIME(9)"),
    (re.compile(r"BLOB"), "BINARY(8388608)"),
    (re.compile(r"JSON"), "VARIANT"),
)


def compilation_error(text: str) -> SnowflakeError:
    """Return the Snowflake error for DuckDB's text; a text without an equivalent is passed on unchanged."""
    for says in (_unknown_name, _unknown_column, _wrong_count, _wrong_types, _wrong_group):
        error = says(text)
        if error is not None:
            return error
    if "does not exist" in text:
        return SnowflakeError(2003, "02000", f"{_PREFIX}{text} (does not exist or not authorized)")
    return SnowflakeError(1003, "42000", f"{_PREFIX}{text.removeprefix('Binder Error: ')}")  # guess


def _unknown_name(text: str) -> SnowflakeError | None:
    if match := _TABLE.search(text):
        return SnowflakeError(2003, "42S02", f"{_PREFIX}Object '{match[1].upper()}' does not exist or not authorized.")
    if match := _FUNCTION.search(text):
        if is_built_in(match[1]):
            return not_supported(match[1].upper())
        return SnowflakeError(2140, "42601", f"{_PREFIX}Unknown function {match[1].upper()}.")
    if match := _EXISTS.search(text):
        return SnowflakeError(2002, "42710", f"{_PREFIX}Object '{match[1]}' already exists.")
    return None


def _unknown_column(text: str) -> SnowflakeError | None:
    if match := _AMBIGUOUS.search(text):
        return SnowflakeError(2028, "42601", f"{_PREFIX}ambiguous column name '{match[1]}'")
    if match := _COLUMN.search(text) or _SET_COLUMN.search(text) or _QUALIFIER.search(text):
        return SnowflakeError(904, "42000", f"{_HERE}invalid identifier '{match[1]}'")
    return None


def _wrong_count(text: str) -> SnowflakeError | None:
    if match := _COUNT.search(text):
        counts = f"expecting {match[1]} but got {match[2]}"
        return SnowflakeError(2020, "21S01", f"{_PREFIX}Insert value list does not match column list {counts}")
    if _BRANCHES in text:
        return SnowflakeError(
            1789, "42601", f"{_PREFIX}invalid number of result columns for set operator input branches"
        )
    return None


def _wrong_types(text: str) -> SnowflakeError | None:
    match, mixed = _SIGNATURE.search(text), _MIXED.search(text)
    if match is not None:
        # A macro of the dialect is named after Snowflake's function, with a prefix.
        name, types = match[1].rpartition(".")[2].removeprefix("sf_").upper(), match[2]
    elif mixed is not None:
        name, types = mixed[3] or "=", f"{mixed[1]}, {mixed[2]}"
    else:
        return None
    type_list = ", ".join(_snowflake_type(kind) for kind in re.split(r", (?![^(]*\))", types))
    return SnowflakeError(1044, "42P13", f"{_HERE}Invalid argument types for function '{name}': ({type_list})")


def _snowflake_type(kind: str) -> str:
    plain = kind.strip()
    for pattern, name in _TYPES:
        if pattern.fullmatch(plain):
            return pattern.sub(name, plain)
    return plain


def _wrong_group(text: str) -> SnowflakeError | None:
    if match := _NO_GROUP.search(text):
        return SnowflakeError(979, "42601", f"{_HERE}[{match[1]}] is not a valid group by expression")
    return None
