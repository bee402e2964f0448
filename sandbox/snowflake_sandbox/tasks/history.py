"""TASK_HISTORY, and what all table functions about runs share: visibility and times.

Knows the documented arguments, columns and limits (sql-reference/functions/task_history); must not change anything.
"""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from itertools import count, islice
from typing import TYPE_CHECKING, Any

from snowflake_sandbox.access import access
from snowflake_sandbox.catalog import catalog
from snowflake_sandbox.data.function_arguments import Arguments
from snowflake_sandbox.result import Result, columns
from snowflake_sandbox.tasks import scheduler
from snowflake_sandbox.tasks.machine import TaskState

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Iterator, Mapping

    from snowflake_sandbox.call import Call, World
    from snowflake_sandbox.catalog.catalog import SnowflakeObject

_TASK_HISTORY = columns(
    "QUERY_ID NAME DATABASE_NAME SCHEMA_NAME QUERY_TEXT CONDITION_TEXT STATE ERROR_CODE# ERROR_MESSAGE SCHEDULED_TIME@"
    " QUERY_START_TIME@ NEXT_SCHEDULED_TIME@ COMPLETED_TIME@ ROOT_TASK_ID GRAPH_VERSION# RUN_ID# RETURN_VALUE"
    " SCHEDULED_FROM ATTEMPT_NUMBER# CONFIG QUERY_HASH QUERY_HASH_VERSION# QUERY_PARAMETERIZED_HASH"
    " QUERY_PARAMETERIZED_HASH_VERSION# GRAPH_RUN_GROUP_ID# BACKFILL_INFO SPCS_JOB_ID#"
)
_DEFAULT_LIMIT, _MOST = 100, 10_000
_KEPT = timedelta(days=7)
# How far ahead scheduled runs are shown.
AHEAD = timedelta(days=8)
# Stored states that have no row in the history, and the name of a state that is different there.
_HIDDEN = (TaskState.WAITING, TaskState.SUSPENDED)


# How many rows are read at a time.
_AT_ONCE = 1000
_QUERY = (
    "SELECT task_run.*, graph_run.root_id, graph_run.root_uuid, graph_run.version, graph_run.group_id,"
    " graph_run.attempt, graph_run.owner, graph_run.scheduled_from, graph_run.original_time, graph_run.config"
    " FROM task_run JOIN graph_run ON graph_run.id = task_run.graph_run_id"
)


def register(world: World) -> None:
    """Add the table function; it is called as INFORMATION_SCHEMA.X, with or without a database name in front."""
    world.table_functions["INFORMATION_SCHEMA.TASK_HISTORY"] = task_history


def task_history(call: Call, positional: tuple[Any, ...], by_name: Mapping[str, Any]) -> Result:
    """TASK_HISTORY(…): task runs of the last 7 days, those executing now, and those scheduled within 8 days.

    Raises:
        SnowflakeError: 001008 for a RESULT_LIMIT above 10,000, or for a start more than 7 days ago.
    """
    arguments = Arguments(
        "TASK_HISTORY",
        "SCHEDULED_TIME_RANGE_START SCHEDULED_TIME_RANGE_END RESULT_LIMIT TASK_NAME ERROR_ONLY ROOT_TASK_ID"
        " DATABASE_NAME SCHEMA_NAME",
        positional,
        by_name,
    )
    limit = arguments.limit(_DEFAULT_LIMIT, _MOST)
    start, end = arguments.instant("SCHEDULED_TIME_RANGE_START"), arguments.instant("SCHEDULED_TIME_RANGE_END")
    earliest = call.now - _KEPT
    reading = Reading(call)
    rows = _runs(reading, max(start or earliest, earliest), end, arguments)
    task_runs = [_history_row(reading, row) for row in islice(rows, limit)]
    if not arguments.flag("ERROR_ONLY"):
        with call.world.store.reading():  # one turn for all roots (store.py)
            task_runs = [*_scheduled(call, start, end, arguments), *task_runs]
    return Result(_TASK_HISTORY, task_runs[:limit])


def _runs(reading: Reading, start: datetime, end: datetime | None, arguments: Arguments) -> Iterator[sqlite3.Row]:
    """Yield the history rows that the session may see, newest first. They are read lazily.

    A run of a large graph, or a week of a busy one, has thousands of rows, and usually only a hundred are needed.
    Reading all of them would delay every other statement.
    """
    conditions = [
        "task_run.scheduled_time >= ?",
        "NOT task_run.carried",
        f"task_run.state NOT IN ({', '.join('?' * len(_HIDDEN))})",
    ]
    values: list[Any] = [start.astimezone(UTC).isoformat(), *_HIDDEN]
    if end is not None:
        conditions.append("task_run.scheduled_time <= ?")
        values.append(end.astimezone(UTC).isoformat())
    for column, name in (("task_run.name", "TASK_NAME"), ("graph_run.root_uuid", "ROOT_TASK_ID")):
        value = arguments.text(name)
        if value is not None:
            conditions.append(f"{column} = ? COLLATE NOCASE")
            values.append(value)
    if arguments.flag("ERROR_ONLY"):
        conditions.append("task_run.state IN ('FAILED', 'CANCELLED')")
    place = (arguments.text("DATABASE_NAME"), arguments.text("SCHEMA_NAME"))
    query = f"{_QUERY} WHERE {' AND '.join(conditions)} ORDER BY task_run.scheduled_time DESC, task_run.rowid DESC"
    for offset in count(0, _AT_ONCE):
        with reading.call.world.store.reading() as tx:
            rows = tx.rows(f"{query} LIMIT {_AT_ONCE} OFFSET {offset}", *values)
        yield from (row for row in rows if reading.may_see(row) and _is_in(reading, row, *place))
        if len(rows) < _AT_ONCE:
            return


class Reading:
    """One call's view of the runs: what its session may see, and the definitions parsed so far.

    A session sees the runs that its roles own, the runs of tasks on which it has privileges, and, with MONITOR
    EXECUTION, all runs.
    """

    def __init__(self, call: Call) -> None:
        self.call = call
        with call.world.store.reading():
            self._roles = access.session_roles(call.world, call.session)
            self._all = access.sees_everything(self._roles) or access.has_on_account(
                call.world, call.session.role, "MONITOR EXECUTION"
            )
        self._known: dict[int, bool] = {}
        self._definitions: dict[tuple[str, int], dict[str, Any]] = {}

    def may_see(self, row: sqlite3.Row) -> bool:
        """Whether the session may see a run."""
        return self._all or row["owner"] in self._roles or self.may_see_root(row["root_id"])

    def may_see_root(self, root_id: int) -> bool:
        """Whether the session may see the runs of a root."""
        if root_id not in self._known:
            with self.call.world.store.reading() as tx:
                root = catalog.by_id(tx, root_id)
                self._known[root_id] = root is not None and bool(access.visible(self.call, [root]))
        return self._all or self._known[root_id]

    def definition(self, row: sqlite3.Row) -> dict[str, Any]:
        """Return the frozen definitions of a run, plus tasks by name in `by_name`; cached, as many rows share them."""
        key = (row["root_uuid"], row["version"])
        if key not in self._definitions:
            with self.call.world.store.reading() as tx:
                version = tx.row("SELECT definition FROM graph_version WHERE root_uuid = ? AND version = ?", *key)
            frozen = json.loads(version["definition"]) if version is not None else {"tasks": []}
            frozen["by_name"] = {task["name"]: task for task in frozen["tasks"]}
            self._definitions[key] = frozen
        return self._definitions[key]


def _is_in(reading: Reading, row: sqlite3.Row, database: str | None, schema: str | None) -> bool:
    frozen = reading.definition(row)
    return (database is None or frozen["database"] == database) and (schema is None or frozen["schema"] == schema)


def _history_row(reading: Reading, row: sqlite3.Row) -> tuple[Any, ...]:
    frozen = reading.definition(row)
    task = frozen["by_name"][row["name"]]
    return (
        row["query_id"],
        row["name"],
        frozen["database"],
        frozen["schema"],
        task["definition"],
        task["condition"],
        _shown_state(row),
        row["error_code"],
        row["error_message"],
        instant_of(row["scheduled_time"]),
        instant_of(row["started"]),
        next_due(reading.call, row) if row["name"] == frozen["root"] else None,
        instant_of(row["completed"]),
        row["root_uuid"],
        row["version"],
        milliseconds(row["original_time"]),
        row["return_value"],
        row["scheduled_from"],
        row["attempt"],
        row["config"],
        None,
        None,
        None,
        None,
        row["group_id"],
        None,
        None if row["spcs_job_id"] is None else int(row["spcs_job_id"]),
    )


def _shown_state(row: sqlite3.Row) -> str:
    if row["auto_suspended"]:
        return "FAILED_AND_AUTO_SUSPENDED"
    return "SKIPPED" if row["state"] == TaskState.CONDITION_FALSE else str(row["state"])


def instant_of(text: str | None) -> datetime | None:
    """Return a time from its text in the store."""
    return None if text is None else datetime.fromisoformat(text)


def milliseconds(text: str) -> int:
    """Return the same time in milliseconds, as in RUN_ID."""
    return int(datetime.fromisoformat(text).timestamp() * 1000)


def next_due(call: Call, row: sqlite3.Row) -> datetime | None:
    """Return when the root was or is next due after a run; None if never."""
    with call.world.store.reading() as tx:
        root = catalog.by_id(tx, row["root_id"])
    scheduled = instant_of(row["scheduled_time"])
    return scheduler.due_after(root, scheduled) if root is not None and scheduled is not None else None


def _scheduled(call: Call, start: datetime | None, end: datetime | None, arguments: Arguments) -> list[tuple[Any, ...]]:
    """Return the rows in state SCHEDULED: the next run of each started root, and runs waiting for the present one."""
    scheduled_rows = []
    latest = end or call.now + AHEAD
    for root, instant, scheduled_from, config in upcoming(call):
        matches = (
            (start is None or instant >= start)
            and instant <= latest
            and arguments.text("TASK_NAME") in (None, root.name.name)
            and arguments.text("ROOT_TASK_ID") in (None, root["uuid"])
            and arguments.text("DATABASE_NAME") in (None, root.name.database)
            and arguments.text("SCHEMA_NAME") in (None, root.name.schema)
        )
        if matches:
            scheduled_rows.append(_scheduled_row(root, instant, scheduled_from, config))
    return scheduled_rows


def upcoming(call: Call) -> list[tuple[SnowflakeObject, datetime, str, str | None]]:
    """Return (root, time, SCHEDULED_FROM, configuration) of each future run that the session may see, latest first."""
    with call.world.store.reading() as tx:
        due = [(row["root_id"], row["due"], "SCHEDULE", None) for row in tx.rows("SELECT * FROM task_due")]
        due += [
            (row["root_id"], row["requested"], "EXECUTE_TASK", row["config"])
            for row in tx.rows("SELECT * FROM waiting_run")
        ]
        roots = {number: catalog.by_id(tx, number) for number, *_ in due}
    reading = Reading(call)
    runs = [
        (root, datetime.fromisoformat(instant), scheduled_from, config)
        for number, instant, scheduled_from, config in due
        if (root := roots[number]) is not None and reading.may_see_root(number)
    ]
    return sorted(runs, key=lambda run: run[1], reverse=True)


def _scheduled_row(
    root: SnowflakeObject, instant: datetime, scheduled_from: str, config: str | None
) -> tuple[Any, ...]:
    values: dict[str, Any] = {
        "NAME": root.name.name,
        "DATABASE_NAME": root.name.database,
        "SCHEMA_NAME": root.name.schema,
        "QUERY_TEXT": root["definition"],
        "CONDITION_TEXT": root["condition"],
        "STATE": "SCHEDULED",
        "SCHEDULED_TIME": instant,
        "ROOT_TASK_ID": root["uuid"],
        "RUN_ID": int(instant.timestamp() * 1000),
        "SCHEDULED_FROM": scheduled_from,
        "ATTEMPT_NUMBER": 1,
        "CONFIG": config or root["config"],
    }
    return tuple(values.get(column.name) for column in _TASK_HISTORY)
