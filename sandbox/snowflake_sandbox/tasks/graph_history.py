"""Table functions about graphs: TASK_DEPENDENTS, CURRENT_TASK_GRAPHS, COMPLETE_TASK_GRAPHS.

Knows their documented arguments, columns and limits (sql-reference/functions/current_task_graphs and neighbours); must
not change anything.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from itertools import count, islice
from typing import TYPE_CHECKING, Any

from snowflake_sandbox.access import access
from snowflake_sandbox.catalog import catalog
from snowflake_sandbox.data.function_arguments import Arguments
from snowflake_sandbox.result import Result, columns
from snowflake_sandbox.session import ObjectScope
from snowflake_sandbox.statements.reader import Reader
from snowflake_sandbox.tasks import graph as graphs
from snowflake_sandbox.tasks import showing
from snowflake_sandbox.tasks.history import AHEAD, Reading, instant_of, milliseconds, next_due, upcoming

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Iterator, Mapping

    from snowflake_sandbox.call import Call, World
    from snowflake_sandbox.catalog.catalog import SnowflakeObject

_GRAPHS = (
    "ROOT_TASK_NAME DATABASE_NAME SCHEMA_NAME STATE SCHEDULED_FROM FIRST_ERROR_TASK_NAME FIRST_ERROR_CODE#"
    " FIRST_ERROR_MESSAGE SCHEDULED_TIME@ QUERY_START_TIME@ NEXT_SCHEDULED_TIME@ {}ROOT_TASK_ID GRAPH_VERSION# RUN_ID#"
    " ATTEMPT_NUMBER# CONFIG GRAPH_RUN_GROUP_ID# BACKFILL_INFO"
)
_COMPLETE_GRAPHS = columns(_GRAPHS.format("COMPLETED_TIME@ "))
_CURRENT_GRAPHS = columns(_GRAPHS.format(""))
_DEPENDENTS = columns(
    "CREATED_ON@ NAME ID DATABASE_NAME SCHEMA_NAME OWNER COMMENT WAREHOUSE SCHEDULE PREDECESSORS STATE DEFINITION"
    " CONDITION ALLOW_OVERLAPPING_EXECUTION ERROR_INTEGRATION LAST_COMMITTED_ON LAST_SUSPENDED_ON OWNER_ROLE_TYPE"
    " CONFIG BUDGET TASK_RELATIONS LAST_SUSPENDED_REASON TARGET_COMPLETION_INTERVAL"
)
_DEFAULT_LIMIT, _MOST = 1000, 10_000
_COMPLETE = timedelta(minutes=60)
_ENDED = "('SUCCEEDED', 'FAILED', 'CANCELLED', 'SKIPPED')"


def register(world: World) -> None:
    """Add the table functions; they are called as INFORMATION_SCHEMA.X, with or without a database name in front."""
    world.table_functions |= {
        "INFORMATION_SCHEMA.TASK_DEPENDENTS": task_dependents,
        "INFORMATION_SCHEMA.CURRENT_TASK_GRAPHS": current_task_graphs,
        "INFORMATION_SCHEMA.COMPLETE_TASK_GRAPHS": complete_task_graphs,
    }


def task_dependents(call: Call, positional: tuple[Any, ...], by_name: Mapping[str, Any]) -> Result:
    """TASK_DEPENDENTS(TASK_NAME, RECURSIVE = TRUE): the task, then its dependents, with the documented columns.

    The finalizer is not included: the quickstart drops all of these tasks, and then the finalizer.
    """
    arguments = Arguments("TASK_DEPENDENTS", "TASK_NAME RECURSIVE", positional, {"RECURSIVE": True, **by_name})
    written = Reader(arguments.text("TASK_NAME") or "").object_name()
    name = call.session.resolve(written, ObjectScope.SCHEMA, "SELECT")
    with call.world.store.reading() as tx:
        task = catalog.get(tx, "TASK", name)
        members = graphs.members(tx, task) if arguments.flag("RECURSIVE") else [task, *graphs.children_of(tx, task)]
    tasks = [member for member in members if not member["finalize"] or member.id == task.id]
    names = [column.name for column in showing.SHOWN]
    tasks_shown = [dict(zip(names, showing.show_row(call, task), strict=True)) for task in access.visible(call, tasks)]
    return Result(_DEPENDENTS, [tuple(row[column.name.lower()] for column in _DEPENDENTS) for row in tasks_shown])


_GRAPH_QUERY = (
    "SELECT graph_run.*, (SELECT MIN(started) FROM task_run WHERE graph_run_id = graph_run.id) AS first_started,"
    " failed.name AS error_task, failed.error_code, failed.error_message FROM graph_run LEFT JOIN task_run AS failed"
    " ON failed.id = (SELECT id FROM task_run WHERE graph_run_id = graph_run.id AND state IN ('FAILED', 'CANCELLED')"
    " ORDER BY completed LIMIT 1) WHERE {} ORDER BY graph_run.scheduled_time DESC, graph_run.id DESC LIMIT ? OFFSET ?"
)
# How many runs are read at a time.
_AT_ONCE = 1000
# The plus sign keeps SQLite from reading all runs in these states when only those of the last hour are needed.
_LATELY = "+graph_run.state IN {} AND graph_run.completed >= ?"


def complete_task_graphs(call: Call, positional: tuple[Any, ...], by_name: Mapping[str, Any]) -> Result:
    """COMPLETE_TASK_GRAPHS(RESULT_LIMIT, ROOT_TASK_NAME, ERROR_ONLY): graph runs that ended in the last 60 minutes."""
    arguments = Arguments("COMPLETE_TASK_GRAPHS", "RESULT_LIMIT ROOT_TASK_NAME ERROR_ONLY", positional, by_name)
    reading = Reading(call)
    states = "('FAILED', 'CANCELLED')" if arguments.flag("ERROR_ONLY") else _ENDED
    since = (call.now - _COMPLETE).isoformat()
    rows = _graph_rows(reading, _LATELY.format(states), since, arguments)
    limit = arguments.limit(_DEFAULT_LIMIT, _MOST)
    return Result(_COMPLETE_GRAPHS, [_graph_row(reading, row, completed=True) for row in islice(rows, limit)])


def current_task_graphs(call: Call, positional: tuple[Any, ...], by_name: Mapping[str, Any]) -> Result:
    """CURRENT_TASK_GRAPHS(RESULT_LIMIT, ROOT_TASK_NAME): graph runs that are executing or scheduled within 8 days."""
    arguments = Arguments("CURRENT_TASK_GRAPHS", "RESULT_LIMIT ROOT_TASK_NAME", positional, by_name)
    reading = Reading(call)
    rows = _graph_rows(reading, "graph_run.state IN ('WAITING', 'EXECUTING') AND graph_run.id >= ?", 0, arguments)
    root_name = arguments.text("ROOT_TASK_NAME")
    latest = call.now + AHEAD
    graph_runs = [
        _upcoming_graph_row(*run)
        for run in upcoming(call)
        if run[1] <= latest and root_name in (None, run[0].name.name)
    ]
    graph_runs += [_graph_row(reading, row, completed=False) for row in rows]
    return Result(_CURRENT_GRAPHS, graph_runs[: arguments.limit(_DEFAULT_LIMIT, _MOST)])


def _graph_rows(reading: Reading, condition: str, value: Any, arguments: Arguments) -> Iterator[sqlite3.Row]:
    """Yield the graph runs that the session may see, newest first. They are read lazily."""
    root_name = arguments.text("ROOT_TASK_NAME")
    for offset in count(0, _AT_ONCE):
        with reading.call.world.store.reading() as tx:
            rows = tx.rows(_GRAPH_QUERY.format(condition), value, _AT_ONCE, offset)
        yield from (
            row for row in rows if reading.may_see(row) and root_name in (None, reading.definition(row)["root"])
        )
        if len(rows) < _AT_ONCE:
            return


def _graph_row(reading: Reading, row: sqlite3.Row, *, completed: bool) -> tuple[Any, ...]:
    frozen = reading.definition(row)
    return (
        frozen["root"],
        frozen["database"],
        frozen["schema"],
        row["state"],
        row["scheduled_from"],
        row["error_task"],
        row["error_code"],
        row["error_message"],
        instant_of(row["scheduled_time"]),
        instant_of(row["first_started"]),
        next_due(reading.call, row),
        *((instant_of(row["completed"]),) if completed else ()),
        row["root_uuid"],
        row["version"],
        milliseconds(row["original_time"]),
        row["attempt"],
        row["config"],
        row["group_id"],
        None,
    )


def _upcoming_graph_row(
    root: SnowflakeObject, instant: datetime, scheduled_from: str, config: str | None
) -> tuple[Any, ...]:
    values: dict[str, Any] = {
        "ROOT_TASK_NAME": root.name.name,
        "DATABASE_NAME": root.name.database,
        "SCHEMA_NAME": root.name.schema,
        "STATE": "SCHEDULED",
        "SCHEDULED_FROM": scheduled_from,
        "SCHEDULED_TIME": instant,
        "ROOT_TASK_ID": root["uuid"],
        "RUN_ID": int(instant.timestamp() * 1000),
        "ATTEMPT_NUMBER": 1,
        "CONFIG": config or root["config"],
    }
    return tuple(values.get(column.name) for column in _CURRENT_GRAPHS)
