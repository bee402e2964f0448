"""NOTIFICATION_HISTORY: the attempts to send a notification, and how each went.

Knows the documented arguments, columns and limits (sql-reference/functions/notification_history); must not change any
data.
"""

from __future__ import annotations

import json
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

from snowflake_sandbox import errors
from snowflake_sandbox.access import access
from snowflake_sandbox.catalog import catalog
from snowflake_sandbox.data.function_arguments import Arguments
from snowflake_sandbox.notifications import queue
from snowflake_sandbox.result import Result, ResultColumn, columns

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Mapping

    from snowflake_sandbox.call import Call, World

_COLUMNS = (
    *columns("CREATED@ PROCESSED@ MESSAGE_SOURCE INTEGRATION_NAME STATUS ERROR_MESSAGE ID ATTEMPT#"),
    ResultColumn("MESSAGE_SOURCE_INFO", "object"),
)
_DEFAULT_LIMIT, _MAX_LIMIT = 100, 10_000
_DEFAULT_RANGE, _LONGEST_RANGE = timedelta(hours=24), timedelta(days=14)


def register(world: World) -> None:
    """Add the table function to the world; queries call it as INFORMATION_SCHEMA.NOTIFICATION_HISTORY."""
    world.table_functions["INFORMATION_SCHEMA.NOTIFICATION_HISTORY"] = notification_history


def notification_history(call: Call, positional: tuple[Any, ...], by_name: Mapping[str, Any]) -> Result:
    """NOTIFICATION_HISTORY([START_TIME] [, END_TIME] [, INTEGRATION_NAME] [, RESULT_LIMIT]), newest first.

    Raises:
        SnowflakeError: 001008 for a range of more than 14 days or a RESULT_LIMIT above 10,000.
    """
    arguments = Arguments(
        "NOTIFICATION_HISTORY", "START_TIME END_TIME INTEGRATION_NAME RESULT_LIMIT", positional, by_name
    )
    limit = arguments.limit(_DEFAULT_LIMIT, _MAX_LIMIT)
    end = arguments.instant("END_TIME") or call.now
    start = arguments.instant("START_TIME") or end - _DEFAULT_RANGE
    if end - start > _LONGEST_RANGE:
        raise errors.invalid_value(str(start), "START_TIME")
    name = (arguments.text("INTEGRATION_NAME") or "").upper()
    with call.world.store.reading() as tx:
        rows = queue.attempts(tx, start, end)
    visible: dict[int, bool] = {}
    selected = [
        _row(row)
        for row in rows
        if (not name or row["integration"] == name) and _may_see(call, row["integration_id"], visible)
    ]
    return Result(_COLUMNS, selected[:limit])


def _may_see(call: Call, integration_id: int, visible: dict[int, bool]) -> bool:
    """Whether the session may use the integration; only ACCOUNTADMIN sees the rows of a dropped one."""
    if integration_id not in visible:
        with call.world.store.reading() as tx:
            integration = catalog.by_id(tx, integration_id)
        is_administrator = "ACCOUNTADMIN" in access.session_roles(call.world, call.session)
        visible[integration_id] = is_administrator or (
            integration is not None and access.has(call.world, call.session, integration, "USAGE")
        )
    return visible[integration_id]


def _row(row: sqlite3.Row) -> tuple[Any, ...]:
    return (
        datetime.fromisoformat(row["created"]),
        datetime.fromisoformat(row["processed"]) if row["processed"] else None,
        "STORED_PROCEDURE",
        row["integration"],
        row["status"],
        row["error"],
        row["id"],
        row["attempt"],
        json.dumps({"query_id": row["query_id"]}),
    )
