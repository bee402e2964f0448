"""Following a graph run until it ends.

Knows when to poll and when to stop. Must not know how a run is shown. The clock is a parameter, so that tests need not
wait.
"""

from __future__ import annotations

import time
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import TYPE_CHECKING, Any, Protocol

from jobgraph.account import queries
from jobgraph.account.client import BusyWarehouseError
from jobgraph.account.run_records import SLACK, RunRecords, RunRows
from jobgraph.errors import TimedOutError
from jobgraph.runs import graph_run, records, shapes, task_runs, unclosed
from jobgraph.runs.attempts import instant
from jobgraph.runs.graph_run import Progress

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import datetime

    from jobgraph.account.client import Client
    from jobgraph.account.queries import Statement
    from jobgraph.runs.deployed import Deployed
    from jobgraph.runs.graph_run import GraphRun
    from jobgraph.runs.records import GraphRecord
    from jobgraph.runs.services import JobService
    from jobgraph.runs.task_runs import TaskRun

# Seconds between two polls: short while a person watches a short run, longer for a run of hours.
_FIRST_PAUSE = 0.35
_SHORTEST_PAUSE = 0.001
_LONGEST_PAUSE = 5.0
_SHORT_RUN = 120.0
# Attempts and services of running jobs are read less often than task states: they matter only to the display.
_ATTEMPTS_EVERY = 2.0
# A new run is in TASK_HISTORY at once in the sandbox, and within a few seconds in an account. Only after this time does
# a manual run that was already waiting count as ours; see `task_runs.new_run`.
_WAITING_RUN_AFTER = 10.0


class Clock(Protocol):
    """The clock that the commands use, in seconds."""

    def monotonic(self) -> float:
        """Seconds that never go back."""

    def sleep(self, seconds: float) -> None:
        """Return after that many seconds."""


class SystemClock:
    """The machine's clock."""

    def monotonic(self) -> float:
        """Seconds that never go back."""
        return time.monotonic()

    def sleep(self, seconds: float) -> None:
        """Return after that many seconds."""
        time.sleep(seconds)


def pause(elapsed: float) -> float:
    """Return the seconds to wait before the next poll of a run watched for `elapsed` seconds."""
    return _FIRST_PAUSE if elapsed < _SHORT_RUN else min(_LONGEST_PAUSE, elapsed / _SHORT_RUN)


@dataclass(frozen=True)
class RunsBefore:
    """The state just before EXECUTE TASK: the time, and the runs that existed already."""

    requested_at: datetime
    before: frozenset[str]
    waiting: frozenset[str]

    @property
    def since(self) -> datetime:
        """Where to look for the new run."""
        return self.requested_at - SLACK


def queued(key: str) -> str:
    """Return the remedy for a run that was requested and has not begun."""
    return (
        f"If another run is in progress, this one begins after it. `jobgraph status {key}` shows which is in progress,"
        f" `jobgraph cancel {key}` cancels that one, `jobgraph cancel {key} --all` both."
    )


class Launch:
    """Starts a run of a deployed graph and finds its id."""

    def __init__(self, client: Client, graph: Deployed, clock: Clock, timeout: float | None = None) -> None:
        self._client = client
        self._graph = graph
        self._patience = Patience(clock, timeout, graph.key)
        self._clock = clock

    def execute(self, statement: Statement) -> RunsBefore:
        """Start the graph with an EXECUTE TASK statement."""
        requested_at = self._server_now()
        root = self._graph.root_task
        before = self._root_history(requested_at - SLACK - timedelta(hours=1))
        waiting = frozenset(row.run_id for row in before if row.manual and row.state == task_runs.SCHEDULED)
        self._client.rows(statement)
        return RunsBefore(requested_at, task_runs.started_runs(before, root), waiting)

    def find(self, request: RunsBefore, patience: float | None = None) -> str | None:
        """Wait until the run that `execute` requested is visible. Return its id, or None after `patience` seconds.

        Raises:
            TimedOutError: if the command's timeout has passed.
        """
        began = self._clock.monotonic()
        while True:
            elapsed = self._clock.monotonic() - began
            waiting = request.waiting if elapsed < _WAITING_RUN_AFTER else frozenset()
            earliest = request.since if waiting == request.waiting else request.since - timedelta(hours=1)
            run_id = None
            with suppress(BusyWarehouseError):
                history = self._root_history(earliest)
                run_id = task_runs.new_run(history, self._graph.root_task, request.before, waiting)
            if run_id is not None or (patience is not None and elapsed >= patience):
                return run_id
            self._patience.pause_for("the run to be scheduled", queued(self._graph.key))

    def rows(self, run_id: str, request: RunsBefore) -> RunRows:
        """Return the rows of the new run, which has the shape of the deployed graph."""
        shape = shapes.of_deployed(self._graph)
        return RunRows(run_id, shape, root_id=self._graph.root_id, since=request.since - SLACK, repeatable=True)

    def _root_history(self, since: datetime) -> tuple[TaskRun, ...]:
        graph = self._graph
        statement = queries.task_history(self._client.place, root_id=graph.root_id, since=since, task=graph.root_task)
        return task_runs.read(self._client.rows(statement))

    def _server_now(self) -> datetime:
        now = instant(self._client.rows(queries.now())[0]["NOW"])
        if now is None:
            raise RuntimeError("CURRENT_TIMESTAMP() gave no value")
        return now

    def watch(self) -> Watch:
        """Return a watch for a run of the graph, limited to the remaining time."""
        return Watch(self._client, records.of_deployed(self._graph), self._clock, self._patience)


class Patience:
    """The pauses of a command, and its timeout in seconds from now; None means no limit."""

    def __init__(self, clock: Clock, timeout: float | None, key: str) -> None:
        self._clock = clock
        self._timeout = timeout
        self._key = key
        self._began = clock.monotonic()

    def pause_for(self, awaited: str, remedy: str = "") -> None:
        """Pause until the next poll.

        Args:
            awaited: the awaited event, for the error.
            remedy: replaces the usual advice, which is for a run in progress.

        Raises:
            TimedOutError: if the timeout has passed; the run goes on.
        """
        elapsed = self._clock.monotonic() - self._began
        if self._timeout is not None and elapsed >= self._timeout:
            raise TimedOutError(
                f"Waited {self._timeout:g} s for {awaited}; it goes on",
                remedy=remedy
                or f"`jobgraph wait {self._key}` waits on, `jobgraph status {self._key}` shows it,"
                f" `jobgraph cancel {self._key}` stops it.",
            )
        remaining = self._timeout - elapsed if self._timeout is not None else pause(elapsed)
        self._clock.sleep(max(_SHORTEST_PAUSE, min(pause(elapsed), remaining)))


class Watch:
    """The means of following one run of a graph."""

    def __init__(self, client: Client, graph: GraphRecord, clock: Clock, patience: Patience) -> None:
        self._records = RunRecords(client, graph)
        self._clock = clock
        self._patience = patience
        self._attempts: list[dict[str, Any]] = []
        self._services: dict[str, JobService] = {}
        self._attempts_at: float | None = None
        self._ended: frozenset[tuple[str, int]] = frozenset()

    def follow(self, rows: RunRows, show: Callable[[GraphRun], None], attempt: int = 1) -> GraphRun:
        """Show the run at every poll until it has ended. Return the ended run.

        Args:
            rows: the rows of the run.
            show: called with the run in its present state.
            attempt: the attempt of the whole run to follow; after RETRY LAST, its rows appear a little later.

        Raises:
            TimedOutError: if the command's timeout has passed; the run goes on.
        """
        while True:
            # the run's own jobs may take all slots of the warehouse for a while
            with suppress(BusyWarehouseError):
                # a run may be retried when TASK_HISTORY no longer covers it; all its data are in history then
                is_old = rows.now is None and rows.rows and rows.attempt < attempt
                rows = self._records.rows(rows.run_id) if is_old else self._records.refreshed(rows)
                run = self._assembled(rows, attempt)
                show(run)
                if run.ended:
                    return run
            self._patience.pause_for(f"run {rows.run_id} to end")

    def _assembled(self, rows: RunRows, attempt: int) -> GraphRun:
        self._look_at_attempts(rows)
        progress = Progress(
            now=rows.now,
            attempt=attempt,
            closed=rows.now is None and bool(rows.rows),
            superseded=rows.superseded,
            repeatable=rows.repeatable,
            services=self._services,
        )
        run = graph_run.assemble(rows.shape, rows.run_id, rows.rows, self._attempts, progress)
        if rows.of_attempts:
            return unclosed.as_known(run)
        if rows.rows and rows.attempt < attempt:
            return replace(run, ended=False, state=graph_run.PENDING)
        return run

    def _look_at_attempts(self, rows: RunRows) -> None:
        """Read the run's attempts and services again if a task has ended since, or if some time has passed.

        The attempts must be read after the task states: otherwise an ended task could seem to have had no attempt.
        """
        now = self._clock.monotonic()
        ended = frozenset((row.name, row.attempt) for row in rows.rows if row.ended)
        if self._attempts_at is None or ended != self._ended or now - self._attempts_at >= _ATTEMPTS_EVERY:
            self._services = self._records.services(rows)
            self._attempts = self._records.attempts(rows)
            self._attempts_at = now
            self._ended = ended
