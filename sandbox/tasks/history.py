"""Table functions over runs: TASK_HISTORY, TASK_DEPENDENTS, CURRENT_TASK_GRAPHS, COMPLETE_TASK_GRAPHS.

Knows their documented arguments, columns and limits (sql-reference/functions/task_history and neighbours); must not
change anything.
"""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

from sandbox import errors
from sandbox.errors import SnowflakeError
from sandbox.objects import access, catalog
from sandbox.result import Result, columns
from sandbox.session import Scope
from sandbox.statement import Reader
from sandbox.tasks import graph as graphs
from sandbox.tasks import scheduler
from sandbox.tasks.machine import State

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Mapping

    from sandbox.engine import Call, World
    from sandbox.objects.catalog import SnowflakeObject

_TASK_HISTORY = columns(
    "QUERY_ID NAME DATABASE_NAME SCHEMA_NAME QUERY_TEXT CONDITION_TEXT STATE ERROR_CODE# ERROR_MESSAGE SCHEDULED_TIME@"
    " QUERY_START_TIME@ NEXT_SCHEDULED_TIME@ COMPLETED_TIME@ ROOT_TASK_ID GRAPH_VERSION# RUN_ID# RETURN_VALUE"
    " SCHEDULED_FROM ATTEMPT_NUMBER# CONFIG QUERY_HASH QUERY_HASH_VERSION# QUERY_PARAMETERIZED_HASH"
    " QUERY_PARAMETERIZED_HASH_VERSION# GRAPH_RUN_GROUP_ID# BACKFILL_INFO SPCS_JOB_ID"
)
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
_DEFAULT_LIMIT, _MOST_HISTORY, _DEFAULT_GRAPHS, _MOST_GRAPHS = 100, 10_000, 1000, 10_000
_HISTORY_DAYS, _COMPLETE_MINUTES, _AHEAD_DAYS = 7, 60, 8
# States of the store without a row in the history, and the word for one that has another name there.
_HIDDEN = (State.WAITING, State.SUSPENDED)
_ENDED = "('SUCCEEDED', 'FAILED', 'CANCELLED', 'SKIPPED')"


def register(world: World) -> None:
    """Add the table functions; they are reached as INFORMATION_SCHEMA.X, with or without a database before it."""
    world.table_functions |= {
        "INFORMATION_SCHEMA.TASK_HISTORY": task_history,
        "INFORMATION_SCHEMA.TASK_DEPENDENTS": task_dependents,
        "INFORMATION_SCHEMA.CURRENT_TASK_GRAPHS": current_task_graphs,
        "INFORMATION_SCHEMA.COMPLETE_TASK_GRAPHS": complete_task_graphs,
    }


class _Arguments:
    """Arguments by name, or by position in the documented order; unknown names are refused."""

    def __init__(self, function: str, order: str, given: tuple[Any, ...], named: Mapping[str, Any]) -> None:
        names = order.split()
        unknown = sorted(set(named) - set(names))
        if unknown or len(given) > len(names):
            raise SnowflakeError(
                1044,
                "42P13",
                f"SQL compilation error:\nInvalid argument [{', '.join(unknown) or given[-1]}] for function {function}.",
            )
        self._values = {**dict(zip(names, given, strict=False)), **named}

    def text(self, name: str) -> str | None:
        value = self._values.get(name)
        return None if value is None else str(value)

    def flag(self, name: str) -> bool:
        return str(self._values.get(name, False)).lower() in ("true", "1")

    def limit(self, default: int, most: int) -> int:
        value = int(self._values.get("RESULT_LIMIT") or default)
        if not 1 <= value <= most:
            raise errors.invalid_value(str(value), "RESULT_LIMIT")
        return value

    def instant(self, name: str) -> datetime | None:
        value = self._values.get(name)
        if value is None:
            return None
        try:
            read = value if isinstance(value, datetime) else datetime.fromisoformat(_iso(str(value)))
        except ValueError as error:
            raise SnowflakeError(100035, "22007", f"Timestamp '{value}' is not recognized") from error
        return read if read.tzinfo else read.replace(tzinfo=UTC)


def _iso(text: str) -> str:
    """Snowflake's output form `2026-01-02 03:04:05.678 +0100` (or `Z`) as ISO text."""
    head, _, zone = text.strip().rpartition(" ")
    if head and ":" not in zone and (zone[:1] in "+-" or zone in ("Z", "UTC")):
        return head + ("+00:00" if zone in ("Z", "UTC") else f"{zone[:3]}:{zone[3:]}")
    return text


def task_history(call: Call, given: tuple[Any, ...], named: Mapping[str, Any]) -> Result:
    """TASK_HISTORY(…): task runs of the last 7 days, those that execute and those scheduled within 8 days.

    Raises:
        SnowflakeError: 001008 for a RESULT_LIMIT above 10,000; a start that is more than 7 days ago.
    """
    arguments = _Arguments(
        "TASK_HISTORY",
        "SCHEDULED_TIME_RANGE_START SCHEDULED_TIME_RANGE_END RESULT_LIMIT TASK_NAME ERROR_ONLY ROOT_TASK_ID"
        " DATABASE_NAME SCHEMA_NAME",
        given,
        named,
    )
    limit = arguments.limit(_DEFAULT_LIMIT, _MOST_HISTORY)
    start, end = arguments.instant("SCHEDULED_TIME_RANGE_START"), arguments.instant("SCHEDULED_TIME_RANGE_END")
    earliest = call.now - timedelta(days=_HISTORY_DAYS)
    rows = _runs(call, max(start or earliest, earliest), end, arguments)
    found = [_history_row(call, row) for row in rows]
    if not arguments.flag("ERROR_ONLY"):
        found = [*_scheduled(call, start, end, arguments), *found]
    return Result(_TASK_HISTORY, found[:limit])


def _runs(call: Call, start: datetime, end: datetime | None, arguments: _Arguments) -> list[sqlite3.Row]:
    """Rows of the history, newest first, as far as the session may see them."""
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
        wanted = arguments.text(name)
        if wanted is not None:
            conditions.append(f"{column} = ? COLLATE NOCASE")
            values.append(wanted)
    if arguments.flag("ERROR_ONLY"):
        conditions.append("task_run.state IN ('FAILED', 'CANCELLED')")
    with call.world.store.transaction() as tx:
        rows = tx.rows(
            "SELECT task_run.*, graph_run.root_id, graph_run.root_uuid, graph_run.version, graph_run.group_id,"
            " graph_run.attempt, graph_run.owner, graph_run.scheduled_from, graph_run.original_time, graph_run.config"
            " FROM task_run JOIN graph_run ON graph_run.id = task_run.graph_run_id"
            f" WHERE {' AND '.join(conditions)} ORDER BY task_run.scheduled_time DESC, task_run.rowid DESC",
            *values,
        )
    seen = _Visible(call)
    wanted = (arguments.text("DATABASE_NAME"), arguments.text("SCHEMA_NAME"))
    return [row for row in rows if seen.may_see(row) and _is_in(call, row, *wanted)]


class _Visible:
    """Whose runs a session sees: its roles' own, those of tasks it has privileges on, all with MONITOR EXECUTION."""

    def __init__(self, call: Call) -> None:
        self._call = call
        self._roles = access.session_roles(call.world, call.session)
        self._all = access.sees_everything(self._roles) or access.has_on_account(
            call.world, call.session.role, "MONITOR EXECUTION"
        )
        self._known: dict[int, bool] = {}

    def may_see(self, row: sqlite3.Row) -> bool:
        return self._all or row["owner"] in self._roles or self.may_see_root(row["root_id"])

    def may_see_root(self, root_id: int) -> bool:
        if root_id not in self._known:
            with self._call.world.store.transaction() as tx:
                root = catalog.by_id(tx, root_id)
            self._known[root_id] = root is not None and bool(access.visible(self._call, [root]))
        return self._all or self._known[root_id]


# Definitions are large and many rows share one, hence parsed once per version and call.
def _definition(call: Call, row: sqlite3.Row) -> dict[str, Any]:
    cache: dict[tuple[str, int], dict[str, Any]] = call.__dict__.setdefault("_definitions", {})
    key = (row["root_uuid"], row["version"])
    if key not in cache:
        with call.world.store.transaction() as tx:
            found = tx.row("SELECT definition FROM graph_version WHERE root_uuid = ? AND version = ?", *key)
        frozen = json.loads(found["definition"]) if found is not None else {"tasks": []}
        frozen["by_name"] = {task["name"]: task for task in frozen["tasks"]}
        cache[key] = frozen
    return cache[key]


def _is_in(call: Call, row: sqlite3.Row, database: str | None, schema: str | None) -> bool:
    frozen = _definition(call, row)
    return (database is None or frozen["database"] == database) and (schema is None or frozen["schema"] == schema)


def _history_row(call: Call, row: sqlite3.Row) -> tuple[Any, ...]:
    frozen = _definition(call, row)
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
        _instant(row["scheduled_time"]),
        _instant(row["started"]),
        _next_due(call, row) if row["name"] == frozen["root"] else None,
        _instant(row["completed"]),
        row["root_uuid"],
        row["version"],
        _milliseconds(row["original_time"]),
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
        row["spcs_job_id"],
    )


def _shown_state(row: sqlite3.Row) -> str:
    if row["auto_suspended"]:
        return "FAILED_AND_AUTO_SUSPENDED"
    return "SKIPPED" if row["state"] == State.CONDITION_FALSE else str(row["state"])


def _instant(text: str | None) -> datetime | None:
    return None if text is None else datetime.fromisoformat(text)


def _milliseconds(text: str) -> int:
    return int(datetime.fromisoformat(text).timestamp() * 1000)


def _next_due(call: Call, row: sqlite3.Row) -> datetime | None:
    with call.world.store.transaction() as tx:
        root = catalog.by_id(tx, row["root_id"])
    scheduled = _instant(row["scheduled_time"])
    return scheduler.due_after(root, scheduled) if root is not None and scheduled is not None else None


def _scheduled(
    call: Call, start: datetime | None, end: datetime | None, arguments: _Arguments
) -> list[tuple[Any, ...]]:
    """Rows in state SCHEDULED: the next run of every started root, and runs that wait for the present one to end."""
    found = []
    latest = end or call.now + timedelta(days=_AHEAD_DAYS)
    for root, instant, scheduled_from, config in _upcoming(call):
        matches = (
            (start is None or instant >= start)
            and instant <= latest
            and arguments.text("TASK_NAME") in (None, root.name.name)
            and arguments.text("ROOT_TASK_ID") in (None, root["uuid"])
            and arguments.text("DATABASE_NAME") in (None, root.name.database)
            and arguments.text("SCHEMA_NAME") in (None, root.name.schema)
        )
        if matches:
            found.append(_scheduled_row(root, instant, scheduled_from, config))
    return found


def _upcoming(call: Call) -> list[tuple[SnowflakeObject, datetime, str, str | None]]:
    with call.world.store.transaction() as tx:
        due = [(row["root_id"], row["due"], "SCHEDULE", None) for row in tx.rows("SELECT * FROM task_due")]
        due += [
            (row["root_id"], row["requested"], "EXECUTE_TASK", row["config"])
            for row in tx.rows("SELECT * FROM waiting_run")
        ]
        roots = {number: catalog.by_id(tx, number) for number, *_ in due}
    seen = _Visible(call)
    found = [
        (root, datetime.fromisoformat(instant), scheduled_from, config)
        for number, instant, scheduled_from, config in due
        if (root := roots[number]) is not None and seen.may_see_root(number)
    ]
    return sorted(found, key=lambda one: one[1], reverse=True)


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


def task_dependents(call: Call, given: tuple[Any, ...], named: Mapping[str, Any]) -> Result:
    """TASK_DEPENDENTS(TASK_NAME, RECURSIVE = TRUE): the task, then its dependents, with the columns of SHOW TASKS."""
    arguments = _Arguments("TASK_DEPENDENTS", "TASK_NAME RECURSIVE", given, {"RECURSIVE": True, **named})
    written = Reader(arguments.text("TASK_NAME") or "").object_name()
    name = call.session.resolve(written, Scope.SCHEMA, "SELECT")
    with call.world.store.transaction() as tx:
        task = catalog.get(tx, "TASK", name)
        found = graphs.members(tx, task) if arguments.flag("RECURSIVE") else [task, *graphs.children_of(tx, task)]
    declared = call.world.kinds["TASK"]
    return Result(_DEPENDENTS, [declared.show_row(call, one) for one in access.visible(call, found)])


_GRAPH_QUERY = (
    "SELECT graph_run.*, (SELECT MIN(started) FROM task_run WHERE graph_run_id = graph_run.id) AS first_started,"
    " failed.name AS error_task, failed.error_code, failed.error_message FROM graph_run LEFT JOIN task_run AS failed"
    " ON failed.id = (SELECT id FROM task_run WHERE graph_run_id = graph_run.id AND state IN ('FAILED', 'CANCELLED')"
    " ORDER BY completed LIMIT 1) WHERE {} ORDER BY graph_run.scheduled_time DESC, graph_run.id DESC"
)


def complete_task_graphs(call: Call, given: tuple[Any, ...], named: Mapping[str, Any]) -> Result:
    """COMPLETE_TASK_GRAPHS(RESULT_LIMIT, ROOT_TASK_NAME, ERROR_ONLY): graph runs that ended in the last 60 minutes."""
    arguments = _Arguments("COMPLETE_TASK_GRAPHS", "RESULT_LIMIT ROOT_TASK_NAME ERROR_ONLY", given, named)
    states = "('FAILED', 'CANCELLED')" if arguments.flag("ERROR_ONLY") else _ENDED
    since = (call.now - timedelta(minutes=_COMPLETE_MINUTES)).isoformat()
    rows = _graph_rows(call, f"graph_run.state IN {states} AND graph_run.completed >= ?", since, arguments)
    found = [_graph_row(call, row, completed=True) for row in rows]
    return Result(_COMPLETE_GRAPHS, found[: arguments.limit(_DEFAULT_GRAPHS, _MOST_GRAPHS)])


def current_task_graphs(call: Call, given: tuple[Any, ...], named: Mapping[str, Any]) -> Result:
    """CURRENT_TASK_GRAPHS(RESULT_LIMIT, ROOT_TASK_NAME): graph runs that execute or are scheduled within 8 days."""
    arguments = _Arguments("CURRENT_TASK_GRAPHS", "RESULT_LIMIT ROOT_TASK_NAME", given, named)
    rows = _graph_rows(call, "graph_run.state IN ('WAITING', 'EXECUTING') AND graph_run.id >= ?", 0, arguments)
    wanted = arguments.text("ROOT_TASK_NAME")
    latest = call.now + timedelta(days=_AHEAD_DAYS)
    found = [
        _upcoming_graph_row(*one) for one in _upcoming(call) if one[1] <= latest and wanted in (None, one[0].name.name)
    ]
    found += [_graph_row(call, row, completed=False) for row in rows]
    return Result(_CURRENT_GRAPHS, found[: arguments.limit(_DEFAULT_GRAPHS, _MOST_GRAPHS)])


def _graph_rows(call: Call, condition: str, value: Any, arguments: _Arguments) -> list[sqlite3.Row]:
    with call.world.store.transaction() as tx:
        rows = tx.rows(_GRAPH_QUERY.format(condition), value)
    seen, wanted = _Visible(call), arguments.text("ROOT_TASK_NAME")
    return [row for row in rows if seen.may_see(row) and wanted in (None, _definition(call, row)["root"])]


def _graph_row(call: Call, row: sqlite3.Row, *, completed: bool) -> tuple[Any, ...]:
    frozen = _definition(call, row)
    return (
        frozen["root"],
        frozen["database"],
        frozen["schema"],
        row["state"],
        row["scheduled_from"],
        row["error_task"],
        row["error_code"],
        row["error_message"],
        _instant(row["scheduled_time"]),
        _instant(row["first_started"]),
        _next_due(call, row),
        *((_instant(row["completed"]),) if completed else ()),
        row["root_uuid"],
        row["version"],
        _milliseconds(row["original_time"]),
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
