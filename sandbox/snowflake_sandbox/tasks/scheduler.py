"""The task scheduler: starts graph runs when they are due or requested, and advances them with each event.

Knows threads, the clock and the order of writing and acting: an event is applied to the run in the store in one
transaction and in memory, and only then are statements started or interrupted. After a kill at any moment, the store
thus has every EXECUTING task, which runs again with the same run ids; nothing is started twice or forgotten. Must not
know SQL statements. machine.py has the rules of a run.
"""

from __future__ import annotations

import threading
from collections import deque
from contextlib import suppress
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

from snowflake_sandbox import due_work
from snowflake_sandbox.catalog import catalog
from snowflake_sandbox.store import Transaction, insist
from snowflake_sandbox.tasks import graph as graphs
from snowflake_sandbox.tasks import machine, retries, runs, schedule
from snowflake_sandbox.tasks.machine import (
    Begin,
    Event,
    Happening,
    Interrupt,
    Report,
    RunEnded,
    Start,
    TaskState,
    TimePassed,
)
from snowflake_sandbox.tasks.runs import ActiveRun, Moment, Outcome, RunRequest
from snowflake_sandbox.tasks.statements import TaskStatement, Work

if TYPE_CHECKING:
    from snowflake_sandbox.call import World
    from snowflake_sandbox.catalog.catalog import SnowflakeObject
    from snowflake_sandbox.store import Transaction

TABLES = """
CREATE TABLE IF NOT EXISTS task_due (root_id INTEGER PRIMARY KEY, due TEXT NOT NULL);
CREATE INDEX IF NOT EXISTS task_due_by_instant ON task_due (due);
CREATE TRIGGER IF NOT EXISTS task_dues_go AFTER DELETE ON object WHEN OLD.kind = 'TASK' BEGIN
    DELETE FROM task_due WHERE root_id = OLD.id;
END;
"""
# A run whose scheduled time passed while the sandbox was not running is made up for if it is no older than this.
_LATE = timedelta(minutes=5)
# The longest sleep, because the clock of a suspended machine may jump.
_LONGEST_SLEEP = timedelta(minutes=1)
_STOP_IN_SECONDS = 10.0
TIMED_OUT_CODE = 630

_CANCELLED = Outcome(604, "SQL execution canceled")


class Scheduler:
    """All graph runs. One of the sandbox's parts."""

    def __init__(self, world: World) -> None:
        self._world = world
        self._lock = threading.RLock()
        self._active: dict[int, ActiveRun] = {}
        self._statements: dict[str, TaskStatement] = {}
        self._unstarted: deque[TaskStatement] = deque()
        self._wake = threading.Event()
        self._stopping = threading.Event()
        # The latest time that the loop has seen.
        self._latest = datetime.min.replace(tzinfo=UTC)
        self._thread = threading.Thread(target=self._loop, name="task scheduler", daemon=True)

    # --- life --------------------------------------------------------------------------------------------------------

    def start(self) -> None:
        """Continue the runs that had not ended, then watch the clock."""
        self._recover()
        self._thread.start()

    def stop(self) -> None:
        """Start no more runs and interrupt running statements; they run again at the next start."""
        self._stopping.set()
        self._wake.set()
        with self._lock:
            statements = list(self._statements.values())
        for statement in statements:
            statement.interrupt(silent=True)
        for statement in statements:
            statement.join(_STOP_IN_SECONDS)
        if self._thread.is_alive():
            self._thread.join()

    def wake(self) -> None:
        """Check the clock again, because a schedule was changed. Safe inside a transaction."""
        self._wake.set()

    def _recover(self) -> None:
        with self._world.store.reading() as tx:
            unfinished = runs.unfinished(tx)
        for active in unfinished:
            with self._lock:
                self._active[active.id] = active
                executing = [name for name, task in active.run.tasks.items() if task.state is TaskState.EXECUTING]
                for name in executing:
                    self._prepare_statement(active, name)
        self._start_threads()

    def _loop(self) -> None:
        due_work.repeat(self._look, "tasks", world=self._world, wake=self._wake, stopping=self._stopping)

    def _look(self) -> datetime:
        """Start and time out what is due; return the time until which nothing else will be due."""
        now = self._world.clock.now()
        if now < self._latest:
            self._count_from(now)
        self._latest = now
        self._fire(now)
        self._time_out(now)
        due = self._next_instant()
        longest = now + _LONGEST_SLEEP
        return longest if due is None else min(due, longest)

    def _count_from(self, now: datetime) -> None:
        """Recompute all due times, because the clock was set back and schedules must not wait for the old times."""
        with self._lock, self._world.store.transaction() as tx:
            for row in tx.rows("SELECT root_id FROM task_due"):
                root = catalog.by_id(tx, row["root_id"])
                if root is not None:
                    set_due(tx, root, now)

    def _next_instant(self) -> datetime | None:
        with self._world.store.reading() as tx:
            row = tx.row("SELECT MIN(due) AS due FROM task_due")
        instants = [datetime.fromisoformat(row["due"])] if row is not None and row["due"] else []
        with self._lock:
            deadlines = [machine.next_deadline(active.graph, active.run) for active in self._active.values()]
        return min([*instants, *(deadline for deadline in deadlines if deadline is not None)], default=None)

    # --- starting runs -----------------------------------------------------------------------------------------------

    def _fire(self, now: datetime) -> None:
        with self._world.store.reading() as tx:
            rows = tx.rows("SELECT * FROM task_due WHERE due <= ? ORDER BY due", now.isoformat())
        for row in rows:
            self._fire_one(row["root_id"], datetime.fromisoformat(row["due"]), now)

    def _fire_one(self, root_id: int, due: datetime, now: datetime) -> None:
        with self._lock:
            with self._world.store.transaction() as tx:
                root = catalog.by_id(tx, root_id)
                if root is None or not tx.changed(
                    "DELETE FROM task_due WHERE root_id = ? AND due = ?", root_id, due.isoformat()
                ):
                    return
                set_due(tx, root, now)
                # If a run is still going when the next one is due, Snowflake skips the next one.
                if now - due > _LATE or (runs.is_running(tx, root_id) and not may_overlap(root)):
                    return
                active, step = self._new_run(tx, root, RunRequest("SCHEDULE", due), now)
            self._adopt(active, step)
        self._start_threads()

    def execute_task(self, root: SnowflakeObject, config: str | None) -> None:
        """EXECUTE TASK: start a run now, or after the present run; a later request replaces a waiting one."""
        now = self._world.clock.now()
        with self._lock:
            with self._world.store.transaction() as tx:
                if runs.is_running(tx, root.id) and not may_overlap(root):
                    tx.run("INSERT OR REPLACE INTO waiting_run VALUES (?, ?, ?)", root.id, config, now.isoformat())
                    return
                active, step = self._new_run(tx, root, self._manual(root, config, now), now)
            self._adopt(active, step)
        self._start_threads()

    def retry_last(self, root: SnowflakeObject, group_id: int | None = None) -> None:
        """EXECUTE TASK … RETRY LAST: rerun what failed in the last run.

        Raises:
            SnowflakeError: there is no run to retry, or the graph has changed since.
        """
        now = self._world.clock.now()
        with self._lock:
            with self._world.store.transaction() as tx:
                last = retries.retriable(tx, root, group_id, now)
                active = runs.create_retry(tx, last, "MANUAL RETRY", self._moment(now))
                step = machine.step(active.graph, active.run, Begin(), now)
                runs.write(tx, active, step, Outcome(), self._moment(now))
            self._adopt(active, step)
        self._start_threads()

    def _moment(self, now: datetime) -> Moment:
        return Moment(now, self._world.new_id)

    def _manual(self, root: SnowflakeObject, config: str | None, now: datetime) -> RunRequest:
        merged = graphs.merged_config({"config": root["config"]}, config)
        return RunRequest("EXECUTE_TASK", now, merged)

    def _new_run(
        self, tx: Transaction, root: SnowflakeObject, request: RunRequest, now: datetime
    ) -> tuple[ActiveRun, machine.RunStep]:
        active = runs.create(tx, root, request, self._moment(now))
        step = machine.step(active.graph, active.run, Begin(), now)
        runs.write(tx, active, step, Outcome(), self._moment(now))
        return active, step

    def _adopt(self, active: ActiveRun, step: machine.RunStep) -> None:
        """Add a run, whose first step has been written to the store, and perform the actions of that step."""
        active.run = step.run
        self._active[active.id] = active
        self._act(active, step)
        self._wake.set()

    # --- moving runs -------------------------------------------------------------------------------------------------

    def _apply(self, run_id: int, event: Event, outcome: Outcome) -> bool:
        """Apply an event to a run: store first, then memory, then actions. Return False if it changed nothing."""
        now = self._world.clock.now()
        with self._lock:
            active = self._active.get(run_id)
            if active is None or self._stopping.is_set():
                return False
            step = machine.step(active.graph, active.run, event, now)
            if not step.changes:
                return False
            followed: list[tuple[ActiveRun, machine.RunStep]] = []
            with self._world.store.transaction() as tx:
                runs.write(tx, active, step, outcome, self._moment(now))
                for action in step.actions:
                    if isinstance(action, RunEnded):
                        followed += self._complete(tx, active, action.state, now)
            active.run = step.run
            self._act(active, step)
            for following, first in followed:
                self._adopt(following, first)
        self._start_threads()
        self._wake.set()  # a task that has just begun may have the next deadline
        return True

    def _act(self, active: ActiveRun, step: machine.RunStep) -> None:
        for action in step.actions:
            if isinstance(action, Start):
                self._prepare_statement(active, action.task)
            elif isinstance(action, Interrupt):
                statement = self._statements.get(active.task_run_ids[action.task])
                if statement is not None:
                    statement.interrupt()
            else:
                self._active.pop(active.id, None)

    def _prepare_statement(self, active: ActiveRun, name: str) -> None:
        task_run_id = active.task_run_ids[name]
        work = Work(
            task=dict(active.graph.task(name).payload),
            database=active.frozen["database"],
            schema=active.frozen["schema"],
            task_run_id=task_run_id,
            query_id=active.query_ids[name],
        )

        def report(happening: Happening, outcome: Outcome) -> None:
            self._statements.pop(task_run_id, None)
            insist(lambda: self._apply(active.id, Report(name, happening), outcome), self._stopping.is_set)

        statement = TaskStatement(self._world, work, report)
        self._statements[task_run_id] = statement
        self._unstarted.append(statement)

    def _start_threads(self) -> None:
        """Start what was prepared; without the lock, because a thread of a busy process takes long to start."""
        while self._unstarted:
            with suppress(IndexError):  # another thread took the last one
                self._unstarted.popleft().start()

    def _time_out(self, now: datetime) -> None:
        with self._lock:
            active = list(self._active.values())
        for run in active:
            deadline = machine.next_deadline(run.graph, run.run)
            if deadline is not None and deadline <= now:
                text = "Task timed out: it reached its USER_TASK_TIMEOUT_MS and was canceled."
                self._apply(run.id, TimePassed(), Outcome(TIMED_OUT_CODE, text))

    def cancel(self, task_uuid: str) -> int:
        """Cancel the executing runs of one task; return how many there were."""
        with self._lock:
            executing = [
                (run.id, name)
                for run in self._active.values()
                for name, task in run.run.tasks.items()
                if task.state is TaskState.EXECUTING and run.graph.task(name).payload["uuid"] == task_uuid
            ]
        return sum(self._apply(run_id, Report(name, Happening.CANCEL), _CANCELLED) for run_id, name in executing)

    # --- after the end -----------------------------------------------------------------------------------------------

    def _complete(
        self, tx: Transaction, active: ActiveRun, state: TaskState, now: datetime
    ) -> list[tuple[ActiveRun, machine.RunStep]]:
        """Write the consequences of a run's end, in the transaction that ends it: suspension, retry, a waiting run."""
        root = catalog.by_id(tx, active.root_id)
        counts = runs.count_failures(tx, active)
        if root is None:
            return []
        suspended = self._suspend_after_failures(tx, root, active, counts, now)
        if machine.wants_retry(active.graph, state, active.attempt) and not suspended:
            row = runs.last_run(tx, root)
            assert row is not None  # noqa: S101  # it is the run that just ended
            again = runs.create_retry(tx, row, "AUTOMATIC RETRY", self._moment(now))
            step = machine.step(again.graph, again.run, Begin(), now)
            runs.write(tx, again, step, Outcome(), self._moment(now))
            return [(again, step)]
        waiting = tx.row("SELECT * FROM waiting_run WHERE root_id = ?", root.id)
        if waiting is None:
            return []
        tx.run("DELETE FROM waiting_run WHERE root_id = ?", root.id)
        if not graphs.is_runnable(tx, root):  # the graph was changed meanwhile
            return []
        request = replace(
            self._manual(root, waiting["config"], now), scheduled=datetime.fromisoformat(waiting["requested"])
        )
        return [self._new_run(tx, root, request, now)]

    def _suspend_after_failures(
        self, tx: Transaction, root: SnowflakeObject, active: ActiveRun, counts: dict[str, int], now: datetime
    ) -> bool:
        """Apply SUSPEND_TASK_AFTER_NUM_FAILURES: set on the root for any task, set on a child for that child only."""
        if not counts:
            return False
        limit = int(graphs.parameter(tx, root, "SUSPEND_TASK_AFTER_NUM_FAILURES"))
        too_often = [name for name, count in counts.items() if limit and count >= limit]
        for_the_root = bool(too_often)
        for task in graphs.members(tx, root):
            own = task.parameters.get("SUSPEND_TASK_AFTER_NUM_FAILURES")
            if task.id != root.id and own and 0 < int(own) <= counts.get(task.name.name, 0):
                too_often.append(task.name.name)
                suspend(tx, task, now, "SUSPENDED_DUE_TO_ERRORS")
        if for_the_root:
            suspend(tx, root, now, "SUSPENDED_DUE_TO_ERRORS")
        for name in too_often:
            tx.run("UPDATE task_run SET auto_suspended = 1 WHERE id = ?", active.task_run_ids[name])
        return for_the_root


def may_overlap(root: SnowflakeObject) -> bool:
    """Whether a new run of a graph may start while another one is under way."""
    return bool(root["allow_overlapping_execution"]) or root["overlap_policy"] == "ALLOW_ALL_OVERLAP"


def set_due(tx: Transaction, root: SnowflakeObject, now: datetime) -> None:
    """Write when a root is next due: never, unless it is started and has a schedule."""
    tx.run("DELETE FROM task_due WHERE root_id = ?", root.id)
    due = due_after(root, now)
    if due is not None:
        tx.run("INSERT INTO task_due VALUES (?, ?)", root.id, due.isoformat())


def due_after(root: SnowflakeObject, now: datetime) -> datetime | None:
    """Return when a root is next due after `now`; None if never."""
    if root["state"] != "started" or not root["schedule"] or root["after"] or root["finalize"]:
        return None
    resumed = datetime.fromisoformat(root["resumed_on"]) if root["resumed_on"] else now
    return schedule.next_due(schedule.parse(root["schedule"]), resumed, now)


def suspend(tx: Transaction, task: SnowflakeObject, now: datetime, reason: str) -> None:
    """Suspend a task: no more scheduled runs start, and a run under way is not affected."""
    changed = {"state": "suspended", "last_suspended_on": now.isoformat(), "last_suspended_reason": reason}
    set_due(tx, catalog.update(tx, task, changed), now)
