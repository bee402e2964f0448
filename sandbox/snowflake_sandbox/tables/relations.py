"""SHOW OBJECTS: tables and views in one list.

Knows its columns (sql-reference/sql/show-objects), whose values are those of SHOW TABLES and SHOW VIEWS.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from snowflake_sandbox.result import SHOW, Result, columns
from snowflake_sandbox.session import ObjectScope
from snowflake_sandbox.statements.showing import listed, read_listing

if TYPE_CHECKING:
    from snowflake_sandbox.call import Call, World
    from snowflake_sandbox.catalog.catalog import SnowflakeObject

_COLUMNS = columns(
    "created_on@ name database_name schema_name kind comment cluster_by rows# bytes# owner retention_time"
    " owner_role_type budget is_hybrid is_dynamic is_iceberg"
)
_TERSE = columns("created_on@ name kind database_name schema_name")


def register(world: World) -> None:
    """Add the statements of this module."""
    world.statements |= {"SHOW OBJECTS": _show, "SHOW TERSE OBJECTS": _show_terse}


def _show(call: Call) -> Result:
    return Result(_COLUMNS, [_row(call, relation) for relation in _relations(call)], SHOW)


def _show_terse(call: Call) -> Result:
    rows = [
        (relation.created_on, relation.name.name, relation.kind, relation.name.database, relation.name.schema)
        for relation in _relations(call)
    ]
    return Result(_TERSE, rows, SHOW)


def _relations(call: Call) -> list[SnowflakeObject]:
    listing = read_listing(call, ObjectScope.SCHEMA)
    relations = [item for kind in ("TABLE", "VIEW") for item in listed(call, call.world.kinds[kind], listing)]
    relations.sort(key=lambda item: (item.name.database or "", item.name.schema or "", item.name.name))
    return relations[: listing.limit]


def _row(call: Call, relation: SnowflakeObject) -> tuple[Any, ...]:
    kind = call.world.kinds[relation.kind]
    cells = dict(zip((column.name for column in kind.show), kind.show_row(call, relation), strict=True))
    # A view has no rows and no retention time (guess); a transient table has the kind TABLE here.
    cells = {"cluster_by": "", "rows": None, "bytes": None, "retention_time": "", **cells, "kind": relation.kind}
    cells |= {"budget": None, "is_hybrid": "N", "is_dynamic": "N", "is_iceberg": "N"}
    return tuple(cells[column.name] for column in _COLUMNS)
