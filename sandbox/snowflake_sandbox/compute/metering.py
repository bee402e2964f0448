"""Metering as Snowflake shows it: the metering views of ACCOUNT_USAGE and the functions of INFORMATION_SCHEMA.

Knows the documented columns (the pages of these names in sql-reference/account-usage and sql-reference/functions). The
hours come from the recorded states (usage.py, meter.py). They are shown at once, including the current hour; in an
account they appear up to three hours later.
"""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any

from snowflake_sandbox import errors
from snowflake_sandbox.access import access
from snowflake_sandbox.compute import usage
from snowflake_sandbox.compute.meter import HOUR, hourly
from snowflake_sandbox.data.function_arguments import Arguments
from snowflake_sandbox.result import Result, ResultColumn, columns

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime

    from snowflake_sandbox.call import Call, World

_VIEW = "SNOWFLAKE.ACCOUNT_USAGE"
# The minimum time that is charged for each start.
_SHORTEST = {
    "WAREHOUSE": timedelta(minutes=1),
    "COMPUTE POOL": timedelta(minutes=5),
    "TASK": timedelta(),
    "ALERT": timedelta(),
}


def _columns(specification: str) -> tuple[ResultColumn, ...]:
    """Return columns as `columns` does; `%` is a number with decimal places."""
    return tuple(
        ResultColumn(word.rstrip("%"), "real") if word.endswith("%") else columns(word)[0]
        for word in specification.split()
    )


_WAREHOUSES = _columns(
    "START_TIME@ END_TIME@ WAREHOUSE_ID# WAREHOUSE_NAME CREDITS_USED% CREDITS_USED_COMPUTE%"
    " CREDITS_USED_CLOUD_SERVICES% CREDITS_ATTRIBUTED_COMPUTE_QUERIES%"
)
_WAREHOUSE_FUNCTION = _columns(
    "START_TIME@ END_TIME@ WAREHOUSE_NAME CREDITS_USED% CREDITS_USED_COMPUTE% CREDITS_USED_CLOUD_SERVICES%"
)
_POOLS = _columns(
    "START_TIME@ END_TIME@ COMPUTE_POOL_NAME COMPUTE_POOL_ID# IS_EXCLUSIVE? APPLICATION_NAME APPLICATION_ID#"
    " CREDITS_USED%"
)
_TASKS = _columns(
    "START_TIME@ END_TIME@ CREDITS_USED% TASK_ID# TASK_NAME SCHEMA_ID# SCHEMA_NAME DATABASE_ID# DATABASE_NAME"
    " INSTANCE_ID#"
)
_TASK_FUNCTION = _columns("START_TIME@ END_TIME@ TASK_NAME CREDITS_USED%")
_ALERTS = _columns(
    "START_TIME@ END_TIME@ CREDITS_USED ALERT_ID# ALERT_NAME SCHEMA_ID# SCHEMA_NAME DATABASE_ID# DATABASE_NAME"
)
_ALERT_FUNCTION = _columns("START_TIME@ END_TIME@ ALERT_NAME CREDITS_USED%")
_BY_RUN = ("TASK", "ALERT")
# The range of a function called without one, the last day; and the earliest time that it can show.
_DEFAULT_RANGE = timedelta(days=1)


def register(world: World) -> None:
    """Add the views and functions to the world."""
    views = {
        "WAREHOUSE_METERING_HISTORY": _warehouses,
        "SNOWPARK_CONTAINER_SERVICES_HISTORY": _pools,
        "SERVERLESS_TASK_HISTORY": _tasks,
        "SERVERLESS_ALERT_HISTORY": _alerts,
    }
    world.system_tables |= {f"{_VIEW}.{name}": _for_viewers_of_usage(name, view) for name, view in views.items()}
    world.table_functions |= {
        "INFORMATION_SCHEMA.WAREHOUSE_METERING_HISTORY": _warehouse_function,
        "INFORMATION_SCHEMA.SERVERLESS_TASK_HISTORY": _task_function,
        "INFORMATION_SCHEMA.SERVERLESS_ALERT_HISTORY": _alert_function,
    }


def hours(call: Call, kind: str) -> list[tuple[datetime, int, str, float]]:
    """Return the hours of all warehouses, pools, serverless tasks or alerts: start, id, name, credits; oldest first."""
    with call.world.store.reading() as tx:
        spans = usage.spans(tx, kind, call.now)
    rows = []
    for (object_id, name), times in spans.items():
        # Runs of a task may overlap: each is charged separately.
        parts = [[span] for span in times] if kind in _BY_RUN else [times]
        credits_: dict[datetime, float] = {}
        for part in parts:
            for hour, value in hourly(part, _SHORTEST[kind]).items():
                credits_[hour] = credits_.get(hour, 0.0) + value
        rows += [(hour, object_id, name, value) for hour, value in credits_.items()]
    return sorted(rows)


def _for_viewers_of_usage(name: str, view: Any) -> Any:
    def guarded(call: Call) -> Result:
        if not access.has_database_role(call.world, call.session, "SNOWFLAKE.USAGE_VIEWER"):
            raise errors.does_not_exist("Object", f"{_VIEW}.{name}")
        result: Result = view(call)
        return result

    return guarded


def _warehouses(call: Call) -> Result:
    rows = [
        (hour, hour + HOUR, object_id, name, credits_, credits_, 0.0, None)
        for hour, object_id, name, credits_ in hours(call, "WAREHOUSE")
    ]
    return Result(_WAREHOUSES, rows)


def _pools(call: Call) -> Result:
    rows = [
        (hour, hour + HOUR, name, object_id, False, None, None, credits_)
        for hour, object_id, name, credits_ in hours(call, "COMPUTE POOL")
    ]
    return Result(_POOLS, rows)


def _tasks(call: Call) -> Result:
    rows = []
    for hour, object_id, name, credits_ in hours(call, "TASK"):
        database, schema, task = name.split(".", 2)
        rows.append((hour, hour + HOUR, credits_, object_id, task, None, schema, None, database, None))
    return Result(_TASKS, rows)


def _alerts(call: Call) -> Result:
    """Return the rows of SERVERLESS_ALERT_HISTORY in ACCOUNT_USAGE, where CREDITS_USED is text."""
    rows = []
    for hour, object_id, name, credits_ in hours(call, "ALERT"):
        database, schema, alert = name.split(".", 2)
        rows.append((hour, hour + HOUR, str(credits_), object_id, alert, None, schema, None, database))
    return Result(_ALERTS, rows)


def _in_range(call: Call, arguments: Arguments, which: str, kind: str) -> list[tuple[datetime, str, float]]:
    """Return the hours in the range of a function's arguments, only those of one warehouse or task if it is named."""
    start = arguments.instant("DATE_RANGE_START") or call.now - _DEFAULT_RANGE
    end, name = arguments.instant("DATE_RANGE_END") or call.now, arguments.text(which)
    return [
        (hour, label, credits_)
        for hour, _, label, credits_ in hours(call, kind)
        if start < hour + HOUR and hour < end and name in (None, label, label.rpartition(".")[2])
    ]


def _warehouse_function(call: Call, positional: tuple[Any, ...], by_name: Mapping[str, Any]) -> Result:
    """WAREHOUSE_METERING_HISTORY(DATE_RANGE_START [, DATE_RANGE_END] [, WAREHOUSE_NAME]); requires MONITOR USAGE."""
    _require_monitor_usage(call)
    order = "DATE_RANGE_START DATE_RANGE_END WAREHOUSE_NAME"
    arguments = Arguments("WAREHOUSE_METERING_HISTORY", order, positional, by_name)
    listed = _in_range(call, arguments, "WAREHOUSE_NAME", "WAREHOUSE")
    return Result(_WAREHOUSE_FUNCTION, [(hour, hour + HOUR, name, used, used, 0.0) for hour, name, used in listed])


def _task_function(call: Call, positional: tuple[Any, ...], by_name: Mapping[str, Any]) -> Result:
    """SERVERLESS_TASK_HISTORY([DATE_RANGE_START] [, DATE_RANGE_END] [, TASK_NAME]); requires MONITOR USAGE."""
    return Result(_TASK_FUNCTION, _serverless(call, "TASK", positional, by_name))


def _alert_function(call: Call, positional: tuple[Any, ...], by_name: Mapping[str, Any]) -> Result:
    """SERVERLESS_ALERT_HISTORY([DATE_RANGE_START] [, DATE_RANGE_END] [, ALERT_NAME]); requires MONITOR USAGE."""
    return Result(_ALERT_FUNCTION, _serverless(call, "ALERT", positional, by_name))


def _serverless(
    call: Call, kind: str, positional: tuple[Any, ...], by_name: Mapping[str, Any]
) -> list[tuple[Any, ...]]:
    """Return the hours of the serverless objects of a kind: start, end, name, credits."""
    _require_monitor_usage(call)
    order = f"DATE_RANGE_START DATE_RANGE_END {kind}_NAME"
    arguments = Arguments(f"SERVERLESS_{kind}_HISTORY", order, positional, by_name)
    listed = _in_range(call, arguments, f"{kind}_NAME", kind)
    return [(hour, hour + HOUR, name.rpartition(".")[2], used) for hour, name, used in listed]


def _require_monitor_usage(call: Call) -> None:
    access.require_on_account(call, "MONITOR USAGE")
