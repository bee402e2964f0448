"""The rows of the table that an alert on new data watches, read with the privileges of the alert's owner.

Knows sessions and the data plane; must not know when they are read. Snowflake looks for new rows without a warehouse.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from snowflake_sandbox.alerts import new_data
from snowflake_sandbox.call import Call
from snowflake_sandbox.catalog import catalog
from snowflake_sandbox.data import execution
from snowflake_sandbox.errors import SnowflakeError
from snowflake_sandbox.protocol import logins
from snowflake_sandbox.session import ObjectScope
from snowflake_sandbox.statements.reader import Reader

if TYPE_CHECKING:
    from snowflake_sandbox.call import World
    from snowflake_sandbox.catalog.catalog import SnowflakeObject
    from snowflake_sandbox.result import Result
    from snowflake_sandbox.session import Session

USER = "SYSTEM"


def open_session(world: World, alert: SnowflakeObject) -> Session:
    """Open a session in which an alert is evaluated: in the alert's schema, with its owner as role."""
    return logins.open_session(
        world,
        USER,
        alert.owner,
        warehouse=alert["warehouse"],
        database=alert.name.database,
        schema=alert.name.schema,
    )


def read(world: World, alert: SnowflakeObject) -> Result:
    """Return the current rows of an alert's table.

    Raises:
        SnowflakeError: if the table does not exist, has no change tracking, or is not readable by the alert's owner.
    """
    session = open_session(world, alert)
    session.serverless = True
    source = new_data.source(alert["condition"])
    text = f"SELECT * FROM {source}"
    call = Call(world, session, Reader(text), world.new_id(), text, {})
    try:
        result = execution.execute(call)
        _require_change_tracking(call, source)
    finally:
        logins.close_session(world, session)
    if result.arrow is None:
        return result
    cells = zip(*(column.to_pylist() for column in result.arrow.columns), strict=True)
    return replace(result, arrow=None, rows=list(cells))


def _require_change_tracking(call: Call, source: str) -> None:
    """Check that changes of the table are tracked; those of Snowflake's own tables, such as events, are (guess)."""
    name = call.session.resolve(Reader(source).object_name(), ObjectScope.SCHEMA, "SELECT")
    with call.world.store.reading() as tx:
        table = catalog.find(tx, "TABLE", name) or catalog.find(tx, "VIEW", name)
    if table is not None and not table["change_tracking"]:
        raise SnowflakeError(
            2026,  # a guess, like the text
            "02000",
            "SQL compilation error:\nChange tracking is not enabled or has been missing for the time range requested"
            f" on table '{name.name}'.",
        )
