"""Comments on the columns of tables and views: COMMENT ON COLUMN, ALTER VIEW … ALTER COLUMN … COMMENT.

Knows to which object a column belongs; must not know the other forms of ALTER (table_alter.py).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from snowflake_sandbox import errors
from snowflake_sandbox.access import access
from snowflake_sandbox.catalog import catalog
from snowflake_sandbox.result import Result, status
from snowflake_sandbox.session import ObjectScope
from snowflake_sandbox.statements.reader import ObjectName

if TYPE_CHECKING:
    from snowflake_sandbox.call import Call, World
    from snowflake_sandbox.catalog.catalog import SnowflakeObject


def register(world: World) -> None:
    """Add the statements of this module."""
    world.statements |= {
        "COMMENT ON COLUMN": lambda call: _on_column(call, if_exists=False),
        "COMMENT IF EXISTS ON COLUMN": lambda call: _on_column(call, if_exists=True),
    }


def _on_column(call: Call, *, if_exists: bool) -> Result:
    """COMMENT [IF EXISTS] ON COLUMN <table>.<column> IS '<text>'."""
    reader = call.reader
    parts = [reader.identifier()]
    while reader.accept("."):
        parts.append(reader.identifier())
    if len(parts) < len(("table", "column")):
        raise reader.unexpected()
    *names, column_name = parts
    name = call.session.resolve(ObjectName(names[-1], *reversed(names[:-1])), ObjectScope.SCHEMA, "COMMENT")
    reader.expect("IS")
    text = reader.string()
    reader.end()
    with call.world.store.reading() as tx:
        relation = catalog.find(tx, "TABLE", name) or catalog.find(tx, "VIEW", name)
    if relation is None and not if_exists:
        raise errors.does_not_exist("Table", name.qualified)
    if relation is not None:
        access.require(call, "OWNERSHIP", relation)
        set_comment(call, relation, column_name, text)
    return status()


def set_comment(call: Call, relation: SnowflakeObject, column_name: str, text: str) -> None:
    """Change the comment on a column.

    Raises:
        SnowflakeError: 000904 if there is no such column.
    """
    records = [dict(record) for record in relation["columns"]]
    matching = [record for record in records if record["name"] == column_name]
    if not matching:
        raise errors.SnowflakeError(904, "42000", f"SQL compilation error:\ncolumn '{column_name}' does not exist")
    matching[0]["comment"] = text
    with call.world.store.transaction() as tx:
        catalog.update(tx, relation, {"columns": records})


def alter_view_columns(call: Call, view: SnowflakeObject) -> Result | None:
    """ALTER VIEW … ALTER | MODIFY [COLUMN] <name> COMMENT '<text>' | UNSET COMMENT [, …]."""
    reader = call.reader
    access.require(call, "OWNERSHIP", view)
    while True:
        reader.accept("COLUMN")
        column_name = reader.identifier()
        if reader.accept("UNSET COMMENT"):
            text = ""
        else:
            reader.expect("COMMENT")
            text = reader.string()
        with call.world.store.reading() as tx:
            now = catalog.by_id(tx, view.id) or view
        set_comment(call, now, column_name, text)
        if not reader.accept(","):
            return None
