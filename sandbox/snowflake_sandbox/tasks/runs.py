"""Graph runs in the store: written with every transition and its event row, read back after a restart.

Knows the SQLite tables of runs; must not know threads, statements nor what a transition means (machine.py). Every
function uses the caller's transaction, so that a transition, its event row and its consequences are written together or
not at all.
"""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import TYPE_CHECKING, Any

from snowflake_sandbox.store import Snapshot, Transaction, to_json
from snowflake_sandbox.tasks import graph as graphs
from snowflake_sandbox.tasks import machine
from snowflake_sandbox.tasks.machine import Change, Graph, GraphRun, RunStep, TaskRun, TaskState

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Callable

    from snowflake_sandbox.catalog.catalog import SnowflakeObject
    from snowflake_sandbox.store import Snapshot, Transaction

TABLES = """
CREATE TABLE IF NOT EXISTS graph_version (
    root_uuid TEXT NOT NULL,
    version INTEGER NOT NULL,
    digest TEXT NOT NULL,
    definition TEXT NOT NULL,
    PRIMARY KEY (root_uuid, version)
) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS graph_run (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    root_id INTEGER NOT NULL,
    root_uuid TEXT NOT NULL,
    version INTEGER NOT NULL,
    group_id INTEGER NOT NULL,
    attempt INTEGER NOT NULL,
    owner TEXT NOT NULL,
    state TEXT NOT NULL,
    scheduled_from TEXT NOT NULL,
    original_time TEXT NOT NULL,
    scheduled_time TEXT NOT NULL,
    started TEXT,
    completed TEXT,
    config TEXT,
    UNIQUE (group_id, attempt)
);
CREATE INDEX IF NOT EXISTS graph_run_by_root ON graph_run (root_uuid, id);
CREATE INDEX IF NOT EXISTS graph_run_by_state ON graph_run (state);
CREATE INDEX IF NOT EXISTS graph_run_by_completion ON graph_run (completed);
CREATE TABLE IF NOT EXISTS task_run (
    id TEXT PRIMARY KEY,
    graph_run_id INTEGER NOT NULL REFERENCES graph_run (id),
    name TEXT NOT NULL,
    state TEXT NOT NULL,
    carried INTEGER NOT NULL,
    auto_suspended INTEGER NOT NULL DEFAULT 0,
    query_id TEXT,
    scheduled_time TEXT,
    started TEXT,
    completed TEXT,
    error_code INTEGER,
    error_message TEXT,
    return_value TEXT,
    spcs_job_id TEXT,
    UNIQUE (graph_run_id, name)
);
CREATE INDEX IF NOT EXISTS task_run_by_time ON task_run (scheduled_time);
CREATE TABLE IF NOT EXISTS task_event (
    id INTEGER PRIMARY KEY,
    graph_run_id INTEGER NOT NULL,
    task TEXT NOT NULL,
    happening TEXT NOT NULL,
    old_state TEXT NOT NULL,
    new_state TEXT NOT NULL,
    at TEXT NOT NULL
);
CREATE TABLE IF NOT EXISTS waiting_run (
    root_id INTEGER PRIMARY KEY,
    config TEXT,
    requested TEXT NOT NULL
);
CREATE TABLE IF NOT EXISTS task_failures (uuid TEXT PRIMARY KEY, count INTEGER NOT NULL) WITHOUT ROWID;
CREATE TRIGGER IF NOT EXISTS waiting_runs_go AFTER DELETE ON object WHEN OLD.kind = 'TASK' BEGIN
    DELETE FROM waiting_run WHERE root_id = OLD.id;
END;
"""


@dataclass(frozen=True)
class Outcome:
    """What the end of a statement adds to its task run."""

    error_code: int | None = None
    error_message: str | None = None


@dataclass
class ActiveRun:
    """One attempt that has not ended, as kept by the scheduler.

    Attributes:
        id: key of graph_run.
        frozen: definitions as JSON values; `graph` has the same for the state machine.
        task_run_ids: task name -> key of task_run.
        query_ids: task name -> id of its statement, once the task is EXECUTING.
    """

    id: int
    root_id: int
    root_uuid: str
    group_id: int
    attempt: int
    original_time: datetime
    config: str | None
    frozen: dict[str, Any]
    graph: Graph
    run: GraphRun
    task_run_ids: dict[str, str] = field(default_factory=dict)
    query_ids: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class RunRequest:
    """A request to start a run.

    Attributes:
        scheduled_from: SCHEDULE, EXECUTE_TASK, MANUAL RETRY or AUTOMATIC RETRY (as in TASK_HISTORY).
        scheduled: the time for which it was scheduled.
        config: merged configuration, JSON text.
    """

    scheduled_from: str
    scheduled: datetime
    config: str | None = None


@dataclass(frozen=True)
class Moment:
    """The time at which something is written, and the source of new ids."""

    now: datetime
    new_id: Callable[[], str]


def version_of(tx: Transaction, root: SnowflakeObject) -> tuple[int, dict[str, Any]]:
    """Return number and definitions of a graph's present version: a new number if it changed since the last run."""
    frozen = graphs.freeze(tx, root)
    text = to_json(frozen)
    digest = hashlib.sha256(text.encode()).hexdigest()
    last = tx.row("SELECT version, digest FROM graph_version WHERE root_uuid = ? ORDER BY version DESC", root["uuid"])
    if last is not None and last["digest"] == digest:
        return last["version"], frozen
    version = last["version"] + 1 if last is not None else 1
    tx.run("INSERT INTO graph_version VALUES (?, ?, ?, ?)", root["uuid"], version, digest, text)
    return version, frozen


def create(tx: Transaction, root: SnowflakeObject, request: RunRequest, moment: Moment) -> ActiveRun:
    """Write the first attempt of a new graph run, with all tasks waiting."""
    version, frozen = version_of(tx, root)
    graph = graphs.thaw(frozen)
    active = ActiveRun(
        id=0,
        root_id=root.id,
        root_uuid=root["uuid"],
        group_id=_new_group(tx, moment.now),
        attempt=1,
        original_time=request.scheduled,
        config=request.config if request.config is not None else frozen["config"],
        frozen=frozen,
        graph=graph,
        run=machine.new_run(graph),
    )
    return _insert(tx, active, (root.owner, version), request, moment)


def create_retry(tx: Transaction, last: sqlite3.Row, scheduled_from: str, moment: Moment) -> ActiveRun:
    """Write the next attempt after the graph_run row `last`, with the same definitions."""
    before = load(tx, last)
    active = replace(
        before,
        attempt=before.attempt + 1,
        run=machine.retry_of(before.graph, before.run),
        task_run_ids={},
        query_ids={},
    )
    request = RunRequest(scheduled_from, moment.now, active.config)
    retry = _insert(tx, active, (last["owner"], last["version"]), request, moment)
    # Return values of tasks that do not run again remain readable for their dependents.
    tx.run(
        "UPDATE task_run SET return_value = (SELECT earlier.return_value FROM task_run AS earlier"
        " WHERE earlier.graph_run_id = ? AND earlier.name = task_run.name) WHERE graph_run_id = ? AND carried",
        before.id,
        retry.id,
    )
    return retry


def _new_group(tx: Snapshot, now: datetime) -> int:
    # Documented as a number. It must be unique, because services and history rows are named after it.
    row = tx.row("SELECT MAX(group_id) FROM graph_run")
    last = row[0] if row is not None and row[0] is not None else 0
    return max(int(now.timestamp() * 1000), last + 1)


def _insert(
    tx: Transaction, active: ActiveRun, origin: tuple[str, int], request: RunRequest, moment: Moment
) -> ActiveRun:
    owner, version = origin
    run_id = tx.run(
        "INSERT INTO graph_run (root_id, root_uuid, version, group_id, attempt, owner, state, scheduled_from,"
        " original_time, scheduled_time, config) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
        active.root_id,
        active.root_uuid,
        version,
        active.group_id,
        active.attempt,
        owner,
        active.run.state,
        request.scheduled_from,
        active.original_time.isoformat(),
        request.scheduled.isoformat(),
        active.config,
    )
    ids = {name: moment.new_id() for name in active.run.tasks}
    # In one statement, because a busy process yields the processor between two, and a graph may have a thousand tasks.
    rows = [
        (ids[name], name, task.state, task.state is not TaskState.WAITING) for name, task in active.run.tasks.items()
    ]
    tx.run(
        "INSERT INTO task_run (id, graph_run_id, name, state, carried)"
        " SELECT value ->> 0, ?, value ->> 1, value ->> 2, value ->> 3 FROM json_each(?) ORDER BY key",
        run_id,
        json.dumps(rows),
    )
    return replace(active, id=run_id, task_run_ids=ids)


def load(tx: Snapshot, row: sqlite3.Row) -> ActiveRun:
    """Return a run from its stored rows."""
    definition = tx.row(
        "SELECT definition FROM graph_version WHERE root_uuid = ? AND version = ?", row["root_uuid"], row["version"]
    )
    assert definition is not None  # noqa: S101  # a run is written with its version, in one transaction
    frozen = json.loads(definition["definition"])
    graph = graphs.thaw(frozen)
    listed = tx.rows("SELECT * FROM task_run WHERE graph_run_id = ?", row["id"])
    tasks = {task["name"]: TaskRun(TaskState(task["state"]), _instant(task["started"])) for task in listed}
    return ActiveRun(
        id=row["id"],
        root_id=row["root_id"],
        root_uuid=row["root_uuid"],
        group_id=row["group_id"],
        attempt=row["attempt"],
        original_time=datetime.fromisoformat(row["original_time"]),
        config=row["config"],
        frozen=frozen,
        graph=graph,
        run=machine.restore(graph, TaskState(row["state"]), _instant(row["started"]), tasks),
        task_run_ids={task["name"]: task["id"] for task in listed},
        query_ids={task["name"]: task["query_id"] for task in listed if task["query_id"]},
    )


def unfinished(tx: Snapshot) -> list[ActiveRun]:
    """Return all runs that had not ended when the process ended."""
    rows = tx.rows("SELECT * FROM graph_run WHERE state IN ('WAITING', 'EXECUTING') ORDER BY id")
    return [load(tx, row) for row in rows]


def last_run(tx: Snapshot, root: SnowflakeObject) -> sqlite3.Row | None:
    """Return the graph_run row of a root's latest attempt; None if there is none."""
    return tx.row("SELECT * FROM graph_run WHERE root_uuid = ? ORDER BY id DESC LIMIT 1", root["uuid"])


def is_running(tx: Snapshot, root_id: int) -> bool:
    """Whether the graph has a run that has not ended."""
    return (
        tx.row("SELECT 1 FROM graph_run WHERE root_id = ? AND state IN ('WAITING', 'EXECUTING')", root_id) is not None
    )


def write(tx: Transaction, active: ActiveRun, step: RunStep, outcome: Outcome, moment: Moment) -> None:
    """Write a step: every transition with its event row, and the state of the run; EXECUTING tasks get query ids."""
    instant = moment.now.isoformat()
    for change in step.changes:
        tx.run(
            "INSERT INTO task_event (graph_run_id, task, happening, old_state, new_state, at)"
            " VALUES (?, ?, ?, ?, ?, ?)",
            active.id,
            change.task,
            change.happening,
            change.old,
            change.new,
            instant,
        )
        if change.new is TaskState.EXECUTING:
            active.query_ids[change.task] = moment.new_id()
        _write_task(tx, active, change, outcome, instant)
    ended = step.run.state not in (TaskState.WAITING, TaskState.EXECUTING)
    tx.run(
        "UPDATE graph_run SET state = ?, started = ?, completed = ? WHERE id = ?",
        step.run.state,
        step.run.started.isoformat() if step.run.started else None,
        instant if ended else None,
        active.id,
    )


def _write_task(tx: Transaction, active: ActiveRun, change: Change, outcome: Outcome, instant: str) -> None:
    task_run_id, state = active.task_run_ids[change.task], change.new
    if state is TaskState.EXECUTING:
        tx.run(
            "UPDATE task_run SET state = ?, query_id = ?, scheduled_time = ?, started = ? WHERE id = ?",
            state,
            active.query_ids[change.task],
            instant,
            instant,
            task_run_id,
        )
        return
    failed = state in (TaskState.FAILED, TaskState.CANCELLED, TaskState.CONDITION_FALSE)
    tx.run(
        "UPDATE task_run SET state = ?, scheduled_time = COALESCE(scheduled_time, ?), completed = ?, error_code = ?,"
        " error_message = ? WHERE id = ?",
        state,
        instant,
        instant,
        outcome.error_code if failed else None,
        outcome.error_message if failed else None,
        task_run_id,
    )


def count_failures(tx: Transaction, active: ActiveRun) -> dict[str, int]:
    """Update the consecutive failures of the tasks of an ended attempt; return the new counts by task name."""
    failures: dict[str, int] = {}
    succeeded: list[str] = []
    rows = tx.rows("SELECT name, state FROM task_run WHERE graph_run_id = ? AND NOT carried", active.id)
    for row in rows:
        uuid = str(active.graph.task(row["name"]).payload["uuid"])
        if row["state"] == TaskState.SUCCEEDED:
            succeeded.append(uuid)
        elif row["state"] == TaskState.FAILED:
            tx.run(
                "INSERT INTO task_failures VALUES (?, 1) ON CONFLICT (uuid) DO UPDATE SET count = count + 1",
                uuid,
            )
            counted = tx.row("SELECT count FROM task_failures WHERE uuid = ?", uuid)
            failures[row["name"]] = counted["count"] if counted is not None else 0
    tx.run("DELETE FROM task_failures WHERE uuid IN (SELECT value FROM json_each(?))", json.dumps(succeeded))
    return failures


def _instant(text: str | None) -> datetime | None:
    return None if text is None else datetime.fromisoformat(text)
