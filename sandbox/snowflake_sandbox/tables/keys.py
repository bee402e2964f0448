"""SHOW PRIMARY, UNIQUE, IMPORTED and EXPORTED KEYS: the constraints of tables, which are not enforced.

Knows the constraints of the catalog's tables; must not know how a table is created.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from snowflake_sandbox.access import access
from snowflake_sandbox.catalog import catalog
from snowflake_sandbox.result import SHOW, Result, columns
from snowflake_sandbox.session import ObjectScope
from snowflake_sandbox.statements.reader import ObjectName
from snowflake_sandbox.statements.showing import listed, read_listing
from snowflake_sandbox.tables import constraints

if TYPE_CHECKING:
    from collections.abc import Iterator

    from snowflake_sandbox.call import Call, World
    from snowflake_sandbox.catalog.catalog import SnowflakeObject
    from snowflake_sandbox.tables.constraints import Key

_KEYS = columns(
    "created_on@ database_name schema_name table_name column_name key_sequence# constraint_name rely comment"
)
_IMPORTED = columns(
    "created_on@ pk_database_name pk_schema_name pk_table_name pk_column_name fk_database_name fk_schema_name"
    " fk_table_name fk_column_name key_sequence# update_rule delete_rule fk_name pk_name deferrability rely comment"
)
# Documented columns (sql-reference/info-schema/table_constraints, referential_constraints).
_CONSTRAINTS = columns(
    "CONSTRAINT_CATALOG CONSTRAINT_SCHEMA CONSTRAINT_NAME TABLE_CATALOG TABLE_SCHEMA TABLE_NAME CONSTRAINT_TYPE"
    " IS_DEFERRABLE INITIALLY_DEFERRED ENFORCED COMMENT CREATED@ LAST_ALTERED@ RELY"
)
_REFERENTIAL = columns(
    "CONSTRAINT_CATALOG CONSTRAINT_SCHEMA CONSTRAINT_NAME UNIQUE_CONSTRAINT_CATALOG UNIQUE_CONSTRAINT_SCHEMA"
    " UNIQUE_CONSTRAINT_NAME MATCH_OPTION UPDATE_RULE DELETE_RULE COMMENT CREATED@ LAST_ALTERED@"
)


def register(world: World) -> None:
    """Add the statements and views of this module."""
    world.information_schema |= {
        "TABLE_CONSTRAINTS": _table_constraints,
        "REFERENTIAL_CONSTRAINTS": _referential_constraints,
    }
    world.statements |= {
        "SHOW PRIMARY KEYS": lambda call: _show_keys(call, constraints.PRIMARY),
        "SHOW UNIQUE KEYS": lambda call: _show_keys(call, constraints.UNIQUE),
        "SHOW IMPORTED KEYS": _show_imported_keys,
        "SHOW EXPORTED KEYS": _show_exported_keys,
    }


def _tables(call: Call) -> list[SnowflakeObject]:
    """Return the tables of `[IN [TABLE] <name> | IN SCHEMA … | IN DATABASE … | IN ACCOUNT]`."""
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


def _show_keys(call: Call, kind: str) -> Result:
    rows = [
        (
            *(table.created_on, table.name.database, table.name.schema, table.name.name),
            *(name, place, key.shown_name(table, number), str(key.rely).lower(), None),
        )
        for table in _tables(call)
        for number, key in enumerate(constraints.of_table(table))
        if key.kind == kind
        for place, name in enumerate(key.columns, 1)
    ]
    return Result(_KEYS, rows, SHOW)


def _show_imported_keys(call: Call) -> Result:
    rows = [row for table in _tables(call) for row in _references(call, table)]
    return Result(_IMPORTED, rows, SHOW)


def _show_exported_keys(call: Call) -> Result:
    """Return the foreign keys of any table that reference these tables."""
    names = {_parts(table) for table in _tables(call)}
    with call.world.store.reading() as tx:
        tables = access.visible(call, catalog.listing(tx, "TABLE"))
    rows = [row for table in tables for row in _references(call, table) if row[1:4] in names]
    return Result(_IMPORTED, rows, SHOW)


def _keys_of(call: Call, database: str) -> Iterator[tuple[SnowflakeObject, Key, str]]:
    """Yield the keys of a database's tables, with their names."""
    with call.world.store.reading() as tx:
        tables = access.visible(call, catalog.listing(tx, "TABLE", database))
    for table in tables:
        for number, key in enumerate(constraints.of_table(table)):
            yield table, key, key.shown_name(table, number)


def _table_constraints(call: Call, database: str) -> Result:
    rows = [
        (
            *(*_parts(table)[:2], name, *_parts(table), key.kind, "NO", "YES", "NO", None),
            *(table.created_on, table.created_on, "YES" if key.rely else "NO"),
        )
        for table, key, name in _keys_of(call, database)
    ]
    return Result(_CONSTRAINTS, rows)


def _referential_constraints(call: Call, database: str) -> Result:
    rows: list[tuple[Any, ...]] = []
    for table, key, name in _keys_of(call, database):
        if key.table is not None:
            referred, of_key, _ = _referred(call, table, key)
            place = (*_parts(table)[:2], name, referred.database, referred.schema, of_key)
            rules = ("FULL", key.update_rule, key.delete_rule, None)
            rows.append((*place, *rules, table.created_on, table.created_on))
    return Result(_REFERENTIAL, rows)


def _parts(table: SnowflakeObject) -> tuple[Any, ...]:
    return (table.name.database, table.name.schema, table.name.name)


def _references(call: Call, table: SnowflakeObject) -> list[tuple[Any, ...]]:
    rows: list[tuple[Any, ...]] = []
    for number, key in enumerate(constraints.of_table(table)):
        if key.table is None:
            continue
        name, of_key, referenced = _referred(call, table, key)
        rows += [
            (
                *(table.created_on, name.database, name.schema, name.name, target, *_parts(table), column, place),
                *(key.update_rule, key.delete_rule, key.shown_name(table, number), of_key, "NOT DEFERRABLE"),
                *(str(key.rely).lower(), None),
            )
            for place, (column, target) in enumerate(zip(key.columns, referenced, strict=False), 1)
        ]
    return rows


def _referred(call: Call, table: SnowflakeObject, key: Key) -> tuple[ObjectName, str | None, tuple[str, ...]]:
    """Return the table that a foreign key references, the name of that table's key, and the referenced columns."""
    database, schema, written = key.table or (None, None, "")
    name = ObjectName(written, schema or table.name.schema, database or table.name.database)
    with call.world.store.reading() as tx:
        referred = catalog.find(tx, "TABLE", name)
    for number, candidate in enumerate(constraints.of_table(referred) if referred is not None else ()):
        is_meant = candidate.columns == key.referenced if key.referenced else candidate.kind == constraints.PRIMARY
        if referred is not None and is_meant and candidate.kind != constraints.FOREIGN:
            return name, candidate.shown_name(referred, number), candidate.columns
    return name, None, key.referenced
