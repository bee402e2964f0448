"""QUERY_HISTORY: recent statements, with tag, role and end of each.

Knows the documented columns (sql-reference/functions/query_history); must not know how statements run, nor how many
are stored (query_records.py).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from snowflake_sandbox.access import access
from snowflake_sandbox.data.function_arguments import Arguments, whole
from snowflake_sandbox.parameters import session_text
from snowflake_sandbox.queries.query_records import QueryRecord
from snowflake_sandbox.result import Result, columns

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from contextlib import AbstractContextManager
    from datetime import datetime

    from snowflake_sandbox.call import Call, World
    from snowflake_sandbox.session import Session

_COLUMNS = columns(
    "QUERY_ID QUERY_TEXT DATABASE_NAME SCHEMA_NAME QUERY_TYPE SESSION_ID# USER_NAME ROLE_NAME WAREHOUSE_NAME"
    " WAREHOUSE_SIZE WAREHOUSE_TYPE CLUSTER_NUMBER# QUERY_TAG EXECUTION_STATUS ERROR_CODE ERROR_MESSAGE START_TIME@"
    " END_TIME@ TOTAL_ELAPSED_TIME# ROWS_PRODUCED# EXECUTION_TIME# QUEUED_PROVISIONING_TIME# QUEUED_REPAIR_TIME#"
    " QUEUED_OVERLOAD_TIME#"
)
_DEFAULT_LIMIT, _MAX_LIMIT = 100, 10_000


def recording(call: Call) -> AbstractContextManager[QueryRecord]:
    """Record a statement while it runs and when it has ended; the caller sets `rows`."""
    session = call.session
    record = QueryRecord(
        call.query_id,
        call.text,
        session.database,
        session.schema,
        session.id,
        session.user,
        session.role,
        session.warehouse,
        str(call.parameters.get("QUERY_TAG") or session_text(session, "QUERY_TAG")),
        session.principal,
        call.now,
    )
    return call.world.query_records.recording(record, call.world.clock)


def may_see(world: World, session: Session, owner: Session) -> bool:
    """Whether a session may see another one's statements: if it has the same user, the other's role, or sees all."""
    role_names = access.session_roles(world, session)
    return access.sees_everything(role_names) or owner.principal == session.principal or owner.role in role_names


def register(world: World) -> None:
    """Add the table functions to the world; queries call them with INFORMATION_SCHEMA before the name."""
    world.table_functions |= {
        "INFORMATION_SCHEMA.QUERY_HISTORY": _query_history,
        "INFORMATION_SCHEMA.QUERY_HISTORY_BY_SESSION": _by_session,
    }


def _query_history(call: Call, positional: tuple[Any, ...], by_name: Mapping[str, Any]) -> Result:
    """QUERY_HISTORY([END_TIME_RANGE_START] [, END_TIME_RANGE_END] [, RESULT_LIMIT]), newest first."""
    order = "END_TIME_RANGE_START END_TIME_RANGE_END RESULT_LIMIT INCLUDE_CLIENT_GENERATED_STATEMENT"
    return _matching(call, Arguments("QUERY_HISTORY", order, positional, by_name), lambda _record: True)


def _by_session(call: Call, positional: tuple[Any, ...], by_name: Mapping[str, Any]) -> Result:
    """QUERY_HISTORY_BY_SESSION([SESSION_ID] …): by default the session's own statements."""
    order = "SESSION_ID END_TIME_RANGE_START END_TIME_RANGE_END RESULT_LIMIT INCLUDE_CLIENT_GENERATED_STATEMENT"
    arguments = Arguments("QUERY_HISTORY_BY_SESSION", order, positional, by_name)
    session_id = whole(arguments.text("SESSION_ID") or call.session.id, "SESSION_ID")
    return _matching(call, arguments, lambda record: record.session == session_id)


def _matching(call: Call, arguments: Arguments, matches: Callable[[QueryRecord], bool]) -> Result:
    start, end = arguments.instant("END_TIME_RANGE_START"), arguments.instant("END_TIME_RANGE_END")
    roles = access.session_roles(call.world, call.session)
    rows = [
        _row(record, call.now)
        for record in call.world.query_records.newest_first()
        if matches(record)
        and (access.sees_everything(roles) or record.principal == call.session.principal or record.role in roles)
        and (start is None or (record.end or call.now) >= start)
        and (end is None or (record.end or call.now) <= end)
    ]
    return Result(_COLUMNS, rows[: arguments.limit(_DEFAULT_LIMIT, _MAX_LIMIT)])


def _row(record: QueryRecord, now: datetime) -> tuple[Any, ...]:
    elapsed = None if record.end is None else int((record.end - record.start).total_seconds() * 1000)
    provisioning, queued = record.queued_times(now)
    ended = "SUCCESS" if record.error is None else "FAILED_WITH_ERROR"
    return (
        record.query_id,
        record.text,
        record.database,
        record.schema,
        _type(record.text),
        record.session,
        record.user,
        record.role,
        record.warehouse,
        record.warehouse_size,
        record.warehouse_type,
        None if record.warehouse_size is None else 1,
        record.tag,
        ended if record.end is not None else "RUNNING" if record.queued_since is None else "QUEUED",
        None if record.error is None else str(record.error.errno),
        None if record.error is None else record.error.message,
        record.start,
        record.end,
        elapsed,
        record.rows,
        None if elapsed is None else elapsed - provisioning - queued,
        provisioning,
        0,
        queued,
    )


def _type(text: str) -> str:
    """Return the type of a statement: its first word, or two if the first alone says little."""
    words = text.upper().split(maxsplit=2)[:2]
    if words[:1] in (["WITH"], ["("]):
        return "SELECT"
    if words[:1] == ["INSERT"] and words[1:] in (["ALL"], ["FIRST"]):
        return "MULTI_TABLE_INSERT"
    return "_".join(words) if words[:1] in (["CREATE"], ["ALTER"], ["DROP"], ["EXECUTE"]) else "".join(words[:1])
