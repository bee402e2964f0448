"""Results of earlier statements by query id: RESULT_SCAN, and the SYSTEM$ functions that wait and cancel.

Knows the Queries part of a world; must not know how statements run.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from snowflake_sandbox import errors
from snowflake_sandbox.access import access
from snowflake_sandbox.data.function_arguments import counted

if TYPE_CHECKING:
    from collections.abc import Mapping

    from snowflake_sandbox.call import Call, World
    from snowflake_sandbox.queries.running import Queries, Query
    from snowflake_sandbox.result import Result
    from snowflake_sandbox.session import Session


def register(world: World) -> None:
    """Add the functions of this module."""
    world.table_functions["RESULT_SCAN"] = _result_scan
    world.functions |= {
        "SYSTEM$WAIT": _wait,
        "SYSTEM$CANCEL_QUERY": _cancel_query,
        "SYSTEM$CANCEL_ALL_QUERIES": _cancel_all_queries,
    }


# sql-reference/functions/system_wait
_UNITS = {"DAYS": 86_400, "HOURS": 3_600, "MINUTES": 60, "SECONDS": 1, "MILLISECONDS": 0.001}


def _wait(call: Call, arguments: tuple[Any, ...]) -> str:
    """SYSTEM$WAIT(amount [, unit]); a cancelled statement stops waiting."""
    amount, unit = (*counted(arguments, 1, 2, "SYSTEM$WAIT"), "SECONDS")[:2]
    if str(unit).upper() not in _UNITS:
        raise errors.invalid_value(str(unit), "time unit")
    if call.cancelled.wait(float(amount) * _UNITS[str(unit).upper()]):
        raise errors.cancelled()
    return f"waited {amount} {str(unit).lower()}"


def _queries(call: Call) -> Queries:
    queries: Queries = call.world.parts["queries"]
    return queries


def _find(call: Call, query_id: str) -> Query:
    query = _queries(call).find(query_id)
    if query is None or query.session.principal != call.session.principal:
        raise errors.SnowflakeError(709, "02000", f"Statement {query_id} not found")
    return query


def _may_operate(call: Call, session: Session) -> bool:
    """Whether the caller may cancel another session's statements: of its own user, or with OPERATE on the warehouse."""
    if session.principal == call.session.principal or call.session.role == "ACCOUNTADMIN":
        return True
    return access.has_on_warehouse(call.world, call.session, session.warehouse, "OPERATE")


def _result_scan(call: Call, arguments: tuple[Any, ...], _by_name: Mapping[str, Any]) -> Result:
    query_id = arguments[0] if arguments and arguments[0] else ""
    alert = call.session.alert
    if alert is not None and alert.condition is not None and query_id == alert.condition_query_id:
        return alert.condition
    query = _find(call, str(query_id))
    if not query.future.done():
        raise errors.SnowflakeError(709, "02000", f"Statement {query_id} is still running")
    return query.future.result()


def _cancel_query(call: Call, arguments: tuple[Any, ...]) -> str:
    (query_id,) = counted(arguments, 1, 1, "SYSTEM$CANCEL_QUERY")
    query = _find(call, str(query_id))
    if query.future.done():
        return "Identified SQL statement is not currently executing."
    _queries(call).abort(query)
    return f"query [{query.id}] terminated."


def _cancel_all_queries(call: Call, arguments: tuple[Any, ...]) -> str:
    (session_id,) = counted(arguments, 1, 1, "SYSTEM$CANCEL_ALL_QUERIES")
    cancelled = 0
    for query in _queries(call).running():
        if str(query.session.id) != str(session_id) or query.id == call.query_id:
            continue
        if not _may_operate(call, query.session):
            raise errors.insufficient_privileges("session", str(session_id))
        _queries(call).abort(query)
        cancelled += 1
    return f"{cancelled} cancelled."
