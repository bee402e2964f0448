"""Column defaults that use sequences: `k NUMBER DEFAULT seq.NEXTVAL`.

Knows the sequence of a default, and how DuckDB's tables change when it is dropped, renamed or replaced; must not know
how a sequence is created (objects/sequence.py). A default refers to its sequence by name, as in Snowflake.
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
    """Return a column with the full name of the sequence in its default, as in DESCRIBE TABLE.

    Raises:
        SnowflakeError: 002003 if the sequence does not exist, 003001 without USAGE on it.
    """
    name = sequences.sequence_of(definition.default)
    if name is None:
        return definition
    resolved = call.session.resolve(name, ObjectScope.SCHEMA, "CREATE TABLE")
    with call.world.store.reading() as tx:
        sequence = catalog.get(tx, "SEQUENCE", resolved)
    access.require(call, "USAGE", sequence)
    return replace(definition, default=f"{resolved.written}.NEXTVAL")


def translator(call: Call, database: str | None) -> Callable[[str], str]:
    """Return the function that translates defaults of tables in that database to DuckDB's SQL."""

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
        return f"error({literal(sequences.DROPPED_SEQUENCE.format(name.name))})"
    # Without the database's name, so that the default remains valid when the database is renamed.
    return f"nextval({literal(quoted('main', sequences.duckdb_name(sequence)))})"


def follow(tx: Transaction, name: ObjectName) -> None:
    """Update the columns whose default uses this name to the sequence that has the name now, if any."""
    for table in catalog.listing(tx, "TABLE", name.database):
        for definition in _columns(table):
            if sequences.sequence_of(definition.default) == name:
                tx.define(
                    name.database or "",
                    f"ALTER TABLE {table.name.quoted} ALTER COLUMN {quoted(definition.name)}"
                    f" SET DEFAULT {_default(tx, name)}",
                )


def follow_database(tx: Transaction, before: str, after: str) -> None:
    """Change the names of sequences in the defaults of a renamed database to its new name."""
    for table in catalog.listing(tx, "TABLE", after):
        changed = [_in_database(definition, before, after) for definition in _columns(table)]
        catalog.update(tx, table, {"columns": [definition.record() for definition in changed]})


def _in_database(definition: TableColumn, before: str, after: str) -> TableColumn:
    name = sequences.sequence_of(definition.default)
    if name is None or name.database != before:
        return definition
    return replace(definition, default=f"{replace(name, database=after).written}.NEXTVAL")


def _columns(table: SnowflakeObject) -> list[TableColumn]:
    return [column.from_record(record) for record in table["columns"]]
