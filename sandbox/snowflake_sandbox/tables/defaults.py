"""Defaults of columns that are sequences: `k NUMBER DEFAULT seq.NEXTVAL`.

Knows which sequence a default means, and how DuckDB's tables follow when that sequence is dropped, renamed or replaced;
must not know how a sequence is made (objects/sequence.py). A default means its sequence by name, as in Snowflake.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from snowflake_sandbox import errors
from snowflake_sandbox.access import access
from snowflake_sandbox.catalog import catalog
from snowflake_sandbox.data import sequences
from snowflake_sandbox.data.adapter import literal, quoted
from snowflake_sandbox.session import ObjectScope
from snowflake_sandbox.tables import column

if TYPE_CHECKING:
    from collections.abc import Callable

    from snowflake_sandbox.call import Call
    from snowflake_sandbox.catalog.catalog import SnowflakeObject
    from snowflake_sandbox.statements.reader import ObjectName
    from snowflake_sandbox.store import Transaction
    from snowflake_sandbox.tables.column import TableColumn


def qualified(call: Call, definition: TableColumn) -> TableColumn:
    """A column whose default names its sequence in full, as DESCRIBE TABLE shows it.

    Raises:
        SnowflakeError: 002003 no such sequence, 003001 no USAGE on it.
    """
    name = sequences.sequence_of(definition.default)
    if name is None:
        return definition
    resolved = call.session.resolve(name, ObjectScope.SCHEMA, "CREATE TABLE")
    with call.world.store.transaction() as tx:
        sequence = catalog.get(tx, "SEQUENCE", resolved)
    access.require(call, "USAGE", sequence)
    return replace(definition, default=f"{resolved.written}.NEXTVAL")


def translator(call: Call, database: str | None) -> Callable[[str], str]:
    """What turns a default of a table in that database into DuckDB's words."""

    def translate(text: str) -> str:
        name = sequences.sequence_of(text)
        if name is None:
            return call.world.data.expression(text)
        if name.database != database:
            raise errors.not_supported("a sequence of another database as a column's default")
        with call.world.store.transaction() as tx:
            return _default(tx, name)

    return translate


def _default(tx: Transaction, name: ObjectName) -> str:
    sequence = catalog.find(tx, "SEQUENCE", name)
    if sequence is None:
        return f"error({literal(sequences.GONE.format(name.name))})"
    # Without the database's name, so that the default survives a rename of it.
    return f"nextval({literal(quoted('main', sequences.duckdb_name(sequence)))})"


def follow(tx: Transaction, name: ObjectName) -> None:
    """Let the columns whose default is this sequence mean what the name stands for now."""
    for table in catalog.listing(tx, "TABLE", name.database):
        for definition in _columns(table):
            if sequences.sequence_of(definition.default) == name:
                tx.define(
                    name.database or "",
                    f"ALTER TABLE {table.name.quoted} ALTER COLUMN {quoted(definition.name)}"
                    f" SET DEFAULT {_default(tx, name)}",
                )


def follow_database(tx: Transaction, before: str, after: str) -> None:
    """Let the defaults of a database that was renamed name their sequences by its new name."""
    for table in catalog.listing(tx, "TABLE", after):
        changed = [_in_database(definition, before, after) for definition in _columns(table)]
        catalog.update(tx, table, {"columns": [definition.kept() for definition in changed]})


def _in_database(definition: TableColumn, before: str, after: str) -> TableColumn:
    name = sequences.sequence_of(definition.default)
    if name is None or name.database != before:
        return definition
    return replace(definition, default=f"{replace(name, database=after).written}.NEXTVAL")


def _columns(table: SnowflakeObject) -> list[TableColumn]:
    return [column.from_kept(record) for record in table["columns"]]
