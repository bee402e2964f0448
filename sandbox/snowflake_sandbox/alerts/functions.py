"""EXECUTE ALERT, and the functions with which an alert's condition and action read the properties of their alert."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from sqlglot import exp

from snowflake_sandbox import errors
from snowflake_sandbox.access import access
from snowflake_sandbox.catalog import catalog
from snowflake_sandbox.data import execution
from snowflake_sandbox.data.function_arguments import counted
from snowflake_sandbox.errors import SnowflakeError
from snowflake_sandbox.result import Result, status
from snowflake_sandbox.session import ObjectScope

if TYPE_CHECKING:
    from datetime import datetime

    from snowflake_sandbox.call import Call, World
    from snowflake_sandbox.session import AlertContext


def register(world: World) -> None:
    """Add the statement and the functions to the world."""
    world.statements["EXECUTE ALERT"] = _execute
    world.functions |= {
        "SYSTEM$GET_ALERT_CONFIG": _config,
        "SNOWFLAKE.ALERT.GET_CONDITION_QUERY_UUID": _condition_query_id,
        "SNOWFLAKE.ALERT.SCHEDULED_TIME": _scheduled_time,
        "SNOWFLAKE.ALERT.LAST_SUCCESSFUL_SCHEDULED_TIME": _last_successful_scheduled_time,
    }


def _execute(call: Call) -> Result:
    """EXECUTE ALERT <name> (sql-reference/sql/execute-alert)."""
    name = call.session.resolve(call.reader.object_name(), ObjectScope.SCHEMA, "EXECUTE ALERT")
    call.reader.end()
    with call.world.store.reading() as tx:
        alert = catalog.get(tx, "ALERT", name)
    access.require(call, "OPERATE", alert)
    access.require_on_account(call, "EXECUTE ALERT")
    if alert["schedule"] is None:
        raise errors.not_supported("EXECUTE ALERT of an alert on new data")
    call.world.parts["alerts"].execute(alert)
    return status(f"Alert {name.name} is scheduled to run immediately.")


def _alert(call: Call, function: str) -> AlertContext:
    if call.session.alert is None:
        raise SnowflakeError(91092, "55000", f"Function {function} must be called from within an alert.")  # guess
    return call.session.alert


def _config(call: Call, arguments: tuple[Any, ...]) -> Any:
    """SYSTEM$GET_ALERT_CONFIG([path]): the configuration as text, or the value at a path in it."""
    path = counted(arguments, 0, 1, "SYSTEM$GET_ALERT_CONFIG")
    config = _alert(call, "SYSTEM$GET_ALERT_CONFIG").config
    if config is None or not path:
        return config
    if not path[0]:
        raise errors.invalid_value(str(path[0]), "SYSTEM$GET_ALERT_CONFIG")
    return execution.evaluate(call, f"GET_PATH(PARSE_JSON({_literal(config)}), {_literal(str(path[0]))})::VARCHAR")


def _literal(text: str) -> str:
    return exp.Literal.string(text).sql("snowflake")


def _scheduled_time(call: Call, arguments: tuple[Any, ...]) -> datetime:
    counted(arguments, 0, 0, "SCHEDULED_TIME")
    return _alert(call, "SCHEDULED_TIME").scheduled


def _last_successful_scheduled_time(call: Call, arguments: tuple[Any, ...]) -> datetime | None:
    counted(arguments, 0, 0, "LAST_SUCCESSFUL_SCHEDULED_TIME")
    return _alert(call, "LAST_SUCCESSFUL_SCHEDULED_TIME").last_success


def _condition_query_id(call: Call, arguments: tuple[Any, ...]) -> str:
    counted(arguments, 0, 0, "GET_CONDITION_QUERY_UUID")
    return _alert(call, "GET_CONDITION_QUERY_UUID").condition_query_id
