"""The error for a statement that names a column which a history table lacks.

Pure. Knows the columns of `jobgraph.plan.history`, and how Snowflake names an unknown column. Must not know who sent
the statement. A stack may give its tables other names; those are taken for tables that may have any of the columns.
"""

from __future__ import annotations

import re
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from jobgraph.errors import RunFailedError
from jobgraph.names import quoted
from jobgraph.plan import history
from jobgraph.settings import Settings

if TYPE_CHECKING:
    from collections.abc import Mapping

    from jobgraph.plan.history import Column

# the number of "invalid identifier"
UNKNOWN = 904
_IDENTIFIER = re.compile(r"invalid identifier '([^']+)'")
_TABLE = re.compile(r'"(\w+)"\."(\w+)"\."(\w+)"(?!\()(?: AS (\w+))?')


class MissingColumnError(RunFailedError):
    """A history table lacks a column: somebody dropped it, or an earlier version created the table."""


class ResultRow(dict[str, Any]):
    """A row of a statement's result. To read a column that the history table lacks raises MissingColumnError."""

    def __init__(self, statement: str, values: Mapping[str, Any]) -> None:
        super().__init__(values)
        self._statement = statement

    def __missing__(self, column: str) -> Any:
        """Raise the error for a column of a history table, otherwise KeyError."""
        raise missing_column(self._statement, f"invalid identifier '{column}'") or KeyError(column)


def missing_column(statement: str, message: str) -> MissingColumnError | None:
    """Return the error for a refused statement; None if it is not about a column of a history table."""
    match = _IDENTIFIER.search(message)
    if match is None:
        return None
    alias, _, written = match[1].rpartition(".")
    name = written.strip('"').upper()
    tables = dict.fromkeys(
        (quoted(*parts[:3]), parts[2]) for parts in _TABLE.findall(statement) if not alias or parts[3] == alias
    )
    lacking = {qualified: column for qualified, table in tables if (column := _column(table, name)) is not None}
    if not lacking:
        return None
    fixes = [f"{history.add_columns_statement(qualified, [column])};" for qualified, column in lacking.items()]
    places = " or ".join(qualified.replace('"', "") for qualified in lacking)
    return MissingColumnError(
        f"The history table {places} has no column {name}",
        cause="Somebody dropped the column, and what it held is lost; or an earlier version created the table.",
        remedy=f"`pulumi up` adds it; so does, as the role that deploys: {' '.join(fixes)}",
    )


def _column(table: str, name: str) -> Column | None:
    """Return the column of a table, without its default, which cannot be added to an existing table; None if none.

    A table with a name of its own may be any of the history tables.
    """
    plans = (*history.tables(Settings()), *history.control_tables(Settings()))
    meant = [plan for plan in plans if plan.name == table] or plans
    columns = (column for plan in meant for column in plan.columns if column.name == name)
    column = next(columns, None)
    return None if column is None else replace(column, default=None)
