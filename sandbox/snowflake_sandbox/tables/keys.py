"""SHOW PRIMARY, UNIQUE and IMPORTED KEYS: the constraints that tables keep and nobody enforces.

Knows the constraints of the catalog's tables; must not know how a table is made.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from snowflake_sandbox.access import access
from snowflake_sandbox.catalog import catalog
from snowflake_sandbox.result import SHOW, Result, columns
from snowflake_sandbox.session import ObjectScope
from snowflake_sandbox.statements.showing import listed, read_listing

if TYPE_CHECKING:
    from collections.abc import Callable

    from snowflake_sandbox.call import Call, World
    from snowflake_sandbox.catalog.catalog import SnowflakeObject

_KEYS = columns(
    "created_on@ database_name schema_name table_name column_name key_sequence# constraint_name rely comment"
)
_IMPORTED = columns(
    "created_on@ pk_database_name pk_schema_name pk_table_name pk_column_name fk_database_name fk_schema_name"
    " fk_table_name fk_column_name key_sequence# update_rule delete_rule fk_name pk_name deferrability rely comment"
)


def register(world: World) -> None:
    """Add the statements of this file."""
    world.statements |= {
        "SHOW PRIMARY KEYS": lambda call: _show_keys(call, "primary_key", "SYS_PK"),
        "SHOW UNIQUE KEYS": lambda call: _show_keys(call, "unique_key", "SYS_UK"),
        "SHOW IMPORTED KEYS": _show_imported_keys,
    }


def _tables(call: Call) -> list[SnowflakeObject]:
    """The tables of `[IN [TABLE] <name> | IN SCHEMA … | IN DATABASE … | IN ACCOUNT]`."""
    reader = call.reader
    kind = call.world.kinds["TABLE"]
    words = (reader.peek(), reader.peek(1))
    if words[0] != "IN" or words[1] in ("SCHEMA", "DATABASE", "ACCOUNT"):
        return listed(call, kind, read_listing(call, ObjectScope.SCHEMA))
    reader.expect("IN")
    reader.accept("TABLE")
    name = call.session.resolve(reader.object_name(), ObjectScope.SCHEMA, "SHOW")
    reader.end()
    with call.world.store.reading() as tx:
        table = catalog.get(tx, "TABLE", name)
    access.require(call, ("SELECT", "REFERENCES"), table)
    return [table]


def _show_keys(call: Call, key: str, prefix: str) -> Result:
    rows: list[tuple[Any, ...]] = []
    for table in _tables(call):
        names = [column["name"] for column in table["columns"] if column[key]]
        rows += [
            (
                table.created_on,
                table.name.database,
                table.name.schema,
                table.name.name,
                name,
                number,
                f"{prefix}_{table.id}",
                "false",
                None,
            )
            for number, name in enumerate(names, 1)
        ]
    return Result(_KEYS, rows, SHOW)


def _show_imported_keys(call: Call) -> Result:
    rows: list[tuple[Any, ...]] = []
    for table in _tables(call):
        for number, key in enumerate(table["foreign_keys"] or []):
            rows += _imported(table, key, key["name"] or f"SYS_FK_{table.id}_{number}", _primary_key(call, table))
    return Result(_IMPORTED, rows, SHOW)


def _primary_key(call: Call, table: SnowflakeObject) -> Callable[[list[str | None]], list[str]]:
    """The columns of another table's primary key, which a foreign key means that names none."""

    def names(parts: list[str | None]) -> list[str]:
        database, schema, name = parts[0] or table.name.database, parts[1] or table.name.schema, parts[2]
        with call.world.store.reading() as tx:
            tables = catalog.listing(tx, "TABLE", database, schema)
        columns_of = [column for item in tables if item.name.name == name for column in item["columns"]]
        return [column["name"] for column in columns_of if column["primary_key"]]

    return names


def _imported(
    table: SnowflakeObject, key: dict[str, Any], name: str, primary_key: Callable[[list[str | None]], list[str]]
) -> list[tuple[Any, ...]]:
    database, schema, other = key["table"]
    referenced = key["referenced"] or primary_key(key["table"])
    return [
        (
            table.created_on,
            database or table.name.database,
            schema or table.name.schema,
            other,
            target,
            table.name.database,
            table.name.schema,
            table.name.name,
            column,
            number,
            "NO ACTION",
            "NO ACTION",
            name,
            None,
            "NOT DEFERRABLE",
            "false",
            None,
        )
        for number, (column, target) in enumerate(zip(key["columns"], referenced, strict=False), 1)
    ]
