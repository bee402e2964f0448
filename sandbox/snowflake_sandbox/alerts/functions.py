"""EXECUTE ALERT, and the functions by which an alert's condition and action learn of their alert."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from snowflake_sandbox.access import access
from snowflake_sandbox.catalog import catalog
from snowflake_sandbox.data.function_arguments import counted
from snowflake_sandbox.errors import SnowflakeError
from snowflake_sandbox.result import Result, status
from snowflake_sandbox.session import ObjectScope

if TYPE_CHECKING:
    from snowflake_sandbox.call import Call, World
    from snowflake_sandbox.session import AlertContext


def register(world: World) -> None:
    """Add the statement and the functions."""
    world.statements["EXECUTE ALERT"] = _execute
    world.functions |= {
        "SYSTEM$GET_ALERT_CONFIG": _config,
        "SNOWFLAKE.ALERT.GET_CONDITION_QUERY_UUID": _condition_query_id,
    }


def _execute(call: Call) -> Result:
    """EXECUTE ALERT <name> (sql-reference/sql/execute-alert)."""
    name = call.session.resolve(call.reader.object_name(), ObjectScope.SCHEMA, "EXECUTE ALERT")
    call.reader.end()
    with call.world.store.reading() as tx:
        alert = catalog.get(tx, "ALERT", name)
    access.require(call, "OPERATE", alert)
    call.world.parts["alerts"].execute(alert)
    return status(f"Alert {name.name} is scheduled to run immediately.")


def _alert(call: Call, function: str) -> AlertContext:
    if call.session.alert is None:
        raise SnowflakeError(91092, "55000", f"Function {function} must be called from within an alert.")  # guess
    return call.session.alert


def _config(call: Call, arguments: tuple[Any, ...]) -> str | None:
    counted(arguments, 0, 0, "SYSTEM$GET_ALERT_CONFIG")
    return _alert(call, "SYSTEM$GET_ALERT_CONFIG").config


def _condition_query_id(call: Call, arguments: tuple[Any, ...]) -> str:
    counted(arguments, 0, 0, "GET_CONDITION_QUERY_UUID")
    return _alert(call, "GET_CONDITION_QUERY_UUID").condition_query_id
