"""What the history lacks because somebody dropped it: tables and columns, and the statements that restore them.

Pure. Knows the columns of `jobgraph.plan.history`, and SHOW COLUMNS. Must not know when or how statements are sent.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from jobgraph.names import quoted
from jobgraph.plan import history
from jobgraph.plan.privileges import Level, history_grants

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    from jobgraph.plan.history import TablePlan
    from jobgraph.settings import Settings


@dataclass(frozen=True)
class Restoration:
    """A table that is gone, or that lacks columns: a description of it, and the statements that restore it."""

    lack: str
    statements: tuple[str, ...]


# SHOW returns no more rows than that (docs.snowflake.com/en/sql-reference/sql/show).
MOST_ROWS = 10_000


def show_columns(settings: Settings) -> str:
    """Return the statement that lists the columns of all tables of the schema. It needs no warehouse."""
    return f"SHOW COLUMNS IN SCHEMA {settings.qualified()}"


def restorations(settings: Settings, rows: Sequence[Mapping[str, Any]], ending: str = "") -> tuple[Restoration, ...]:
    """Return what the history lacks; nothing if the schema has more columns than SHOW returns.

    Args:
        settings: the names of the tables and of the run role.
        rows: the rows of `show_columns`.
        ending: the end of the comments of the tables that the provider manages.
    """
    if len(rows) >= MOST_ROWS:
        return ()
    present: dict[str, set[str]] = {}
    for row in rows:
        present.setdefault(str(row["table_name"]), set()).add(str(row["column_name"]))
    managed = (replace(table, comment=f"{table.comment}{ending}") for table in history.tables(settings))
    tables = (*managed, *history.control_tables(settings))
    return tuple(_restorations(settings, tables, present))


def _restorations(
    settings: Settings, tables: Iterable[TablePlan], present: Mapping[str, set[str]]
) -> Iterator[Restoration]:
    for table in tables:
        name = settings.qualified(table.name)
        if table.name not in present:
            grants = _grants(settings, name)
            yield Restoration(f"the table {table.name}", (history.create_statement(settings, table), *grants))
            continue
        # a default that is an expression cannot be added to an existing table; each row is written with its value
        lacking = [replace(c, default=None) for c in table.columns if c.name not in present[table.name]]
        if lacking:
            columns = ", ".join(f"{table.name}.{column.name}" for column in lacking)
            yield Restoration(columns, (history.add_columns_statement(name, lacking),))


def _grants(settings: Settings, name: str) -> Iterator[str]:
    """Yield the statements that grant the run role its privileges on a table; a dropped table has lost them."""
    for grant in history_grants(settings):
        if grant.level is Level.SCHEMA_OBJECT and grant.object == name:
            privileges = ", ".join(grant.privileges)
            yield f"GRANT {privileges} ON {grant.object_type} {name} TO ROLE {quoted(settings.role)}"
