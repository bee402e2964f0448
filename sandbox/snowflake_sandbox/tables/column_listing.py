"""SHOW COLUMNS (sql-reference/sql/show-columns) of a table or view, a schema, a database or the account.

Knows the rows; must not know how columns are defined (column.py).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from snowflake_sandbox.access import access
from snowflake_sandbox.catalog import catalog
from snowflake_sandbox.result import SHOW, Result, ResultColumn, columns
from snowflake_sandbox.session import ObjectScope
from snowflake_sandbox.statements.showing import listed, read_listing
from snowflake_sandbox.tables import column

if TYPE_CHECKING:
    from snowflake_sandbox.call import Call, World
    from snowflake_sandbox.catalog.catalog import SnowflakeObject

_NAMES = columns(
    "table_name schema_name column_name data_type null default kind expression comment database_name autoincrement"
    " schema_evolution_record"
)
_SHOW_COLUMNS = (*_NAMES[:4], ResultColumn("null?"), *_NAMES[5:])


def register(world: World) -> None:
    """Add the statement to the world."""
    world.statements["SHOW COLUMNS"] = _show_columns


def _show_columns(call: Call) -> Result:
    """SHOW COLUMNS [LIKE 'x'] [IN [TABLE | VIEW] <name> | IN SCHEMA … | IN DATABASE … | IN ACCOUNT]."""
    reader = call.reader
    pattern = catalog.like_pattern(reader.string() if reader.accept("LIKE") else None)
    rows = [
        _row(relation, definition)
        for relation in _relations(call)
        for definition in (column.from_record(record) for record in relation["columns"])
        if pattern is None or pattern.fullmatch(definition.name)
    ]
    return Result(_SHOW_COLUMNS, rows, SHOW)


def _relations(call: Call) -> list[SnowflakeObject]:
    reader = call.reader
    if reader.at_end or reader.peek(1) in ("SCHEMA", "DATABASE", "ACCOUNT"):
        listing = read_listing(call, ObjectScope.SCHEMA)
        relations = [item for kind in ("TABLE", "VIEW") for item in listed(call, call.world.kinds[kind], listing)]
        return sorted(relations, key=lambda item: item.name.quoted)
    reader.expect("IN")
    kind = "VIEW" if reader.accept("VIEW") else "TABLE"
    if kind == "TABLE":
        reader.accept("TABLE")
    name = call.session.resolve(reader.object_name(), call.world.kinds[kind].scope, "SHOW COLUMNS")
    reader.end()
    with call.world.store.reading() as tx:
        relation = catalog.get(tx, kind, name)
    access.require(call, ("SELECT", "REFERENCES"), relation)
    return [relation]


def _row(relation: SnowflakeObject, definition: column.TableColumn) -> tuple[Any, ...]:
    return (
        relation.name.name,
        relation.name.schema,
        definition.name,
        definition.json_type,
        "true" if definition.nullable else "NOT_NULL",
        "" if definition.identity else definition.shown_default or "",
        "COLUMN",
        "",
        definition.comment,
        relation.name.database,
        definition.shown_default if definition.identity else "",
        None,
    )
