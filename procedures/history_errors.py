"""The errors of statements on history tables that lack a column, or are gone: they name table, column and remedy.

Knows how Snowflake names an unknown column, and what Snowpark makes of such errors. Must not know which tables and
columns there are. Shipped as a part of stored procedures' texts.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from snowflake.snowpark.exceptions import SnowparkSQLException

if TYPE_CHECKING:
    from collections.abc import Iterable

# the numbers of "invalid identifier" and of "does not exist or not authorized"
UNKNOWN_COLUMN, UNKNOWN_OBJECT = 904, 2003
COLUMN_IN_ERROR = re.compile(r"invalid identifier '(?:(\w+)\.)?\"?(\w+)\"?'")
OBJECT_IN_ERROR = re.compile(r"'([^']+)' does not exist or not authorized")
TABLE_IN_STATEMENT = re.compile(r'\b(?:FROM|INTO|JOIN|UPDATE) "(\w+)"\."(\w+)"\."(\w+)"(?: AS (\w+))?')
ON_TABLES = ("SELECT", "INSERT", "UPDATE")


class HistoryTableError(SnowparkSQLException):
    """A history table lacks a column, or there is no such table."""


def explained(error: SnowparkSQLException, statement: str) -> SnowparkSQLException:
    """Return the error that explains what a history table lacks; any other error as it is."""
    if not statement.startswith(ON_TABLES):
        return error
    text = str(error)
    if match := COLUMN_IN_ERROR.search(text):
        alias, column = match[1], match[2]
        # of several statements in one, those that name the column
        steps = [step for step in statement.split(" ->> ") if re.search(rf"\b{column}\b", step)]
        tables = {name: None for step in steps for name, other in tables_in(step) if alias in {None, other}}
        if tables:
            lacks = f"The history table {' or '.join(tables)} has no column {column}"
            return HistoryTableError(f"{lacks}: `pulumi up` adds it", sql_error_code=UNKNOWN_COLUMN)
    elif match := OBJECT_IN_ERROR.search(text):
        name = match[1].replace('"', "")
        if name in dict(tables_in(statement)):
            gone = f"The history table {name} does not exist, or the run role may not use it"
            return HistoryTableError(f"{gone}: `pulumi up` creates and grants it", sql_error_code=UNKNOWN_OBJECT)
    return error


def tables_in(statement: str) -> Iterable[tuple[str, str]]:
    """Return the full name and the alias, which may be empty, of each table in a statement."""
    return [(".".join(parts[:3]), parts[3]) for parts in TABLE_IN_STATEMENT.findall(statement)]
