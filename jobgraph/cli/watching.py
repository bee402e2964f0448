"""Following a graph run until it ends.

Knows when to ask and when to stop. Must not know how a run is shown, nor the clock of this machine: time and sleeping
are handed in, so that tests need not wait.
"""

from __future__ import annotations

import time
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import TYPE_CHECKING, Any, Protocol

from jobgraph.account import queries
from jobgraph.errors import TimedOutError
from jobgraph.runs import graph_run
from jobgraph.runs.attempts import instant

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from datetime import datetime

    from jobgraph.account.client import Client
    from jobgraph.runs.deployed import Deployed
    from jobgraph.runs.graph_run import Run, TaskRun

# Seconds between two polls: short while a person watches a short run, longer for a run of hours.
_FIRST_PAUSE = 0.35
_LONGEST_PAUSE = 5.0
_SHORT_RUN = 120.0
# Attempts of running jobs are read less often than task states: they matter only to the display.
_ATTEMPTS_EVERY = 2.0
# A new run is in TASK_HISTORY at once on the sandbox and within a few seconds on an account. A manual run that was
# already waiting is taken for ours only after this, see `runs.new_run`.
_WAITING_RUN_AFTER = 10.0
# How far before the server's present instant a run scheduled just now may be dated.
_SLACK = timedelta(seconds=2)


class Clock(Protocol):
    """Time as the commands need it, in seconds."""

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
class Asked:
    """What was known just before EXECUTE TASK: where to look for the new run, and which runs are not it."""

    since: datetime
    known: frozenset[str]
    waiting: frozenset[str]


class Watch:
    """The means of following one graph; the time that `timeout` limits (seconds; None: for ever) starts now."""

    def __init__(self, client: Client, graph: Deployed, clock: Clock, timeout: float | None = None) -> None:
        self._client = client
        self._graph = graph
        self._clock = clock
        self._timeout = timeout
        self._began = clock.monotonic()
        self._attempts: list[dict[str, Any]] = []
        self._attempts_at: float | None = None
        self._ended: frozenset[tuple[str, int]] = frozenset()

    def execute(self) -> Asked:
        """Start the graph."""
        since = self._server_now() - _SLACK
        root = self._graph.root_task
        before = self._root_history(since - timedelta(hours=1))
        waiting = frozenset(row.run_id for row in before if row.manual and row.state == "SCHEDULED")
        self._client.rows(queries.execute(self._client.place, root))
        return Asked(since, graph_run.started_runs(before, root), waiting)

    def find(self, asked: Asked, patience: float | None = None) -> str | None:
        """Wait until the run that `execute` asked for shows; its id, or None after `patience` seconds.

        Raises:
            TimedOutError: if the watch's own time is over.
        """
        began = self._clock.monotonic()
        while True:
            elapsed = self._clock.monotonic() - began
            waiting = asked.waiting if elapsed < _WAITING_RUN_AFTER else frozenset()
            earliest = asked.since if waiting == asked.waiting else asked.since - timedelta(hours=1)
            run_id = graph_run.new_run(self._root_history(earliest), self._graph.root_task, asked.known, waiting)
            if run_id is not None or (patience is not None and elapsed >= patience):
                return run_id
            self._rest("the run to be scheduled")

    def follow(self, run_id: str, since: datetime, show: Callable[[Run], None], after_attempt: int = 0) -> Run:
        """Show the run at every poll until it has ended; the ended run.

        Args:
            run_id: the run's GRAPH_RUN_GROUP_ID.
            since: an instant at or before the run's scheduled time.
            show: called with the run as it is.
            after_attempt: attempts of the whole run up to this one are over already (see RETRY LAST).

        Raises:
            TimedOutError: if the watch's time is over; the run goes on.
        """
        while True:
            run = self._look(run_id, since, after_attempt)
            show(run)
            if run.ended:
                return run
            self._rest(f"run {run_id} to end")

    def _look(self, run_id: str, since: datetime, after_attempt: int) -> Run:
        statement = queries.task_history(self._client.place, self._graph.root_id, since - _SLACK)
        rows = self._client.rows(statement)
        history = tuple(row for row in graph_run.task_runs(rows) if row.run_id == run_id)
        now = instant(rows[0]["NOW"]) if rows else None
        run = graph_run.assemble(self._graph, run_id, history, self._attempts_of(run_id, history), now)
        if max((row.attempt for row in history), default=0) <= after_attempt:
            return replace(run, ended=False, state=graph_run.PENDING)
        return run

    def _attempts_of(self, run_id: str, history: Sequence[TaskRun]) -> list[dict[str, Any]]:
        """Return the run's attempts, read anew if a task has ended since, or if some time has passed.

        A task's history must never be younger than its job's attempts: it would look as if it had none.
        """
        now = self._clock.monotonic()
        ended = frozenset((row.name, row.attempt) for row in history if row.ended)
        if self._attempts_at is None or ended != self._ended or now - self._attempts_at >= _ATTEMPTS_EVERY:
            self._attempts = self._client.rows(queries.attempts(self._client.place, self._graph.tables, run_id))
            self._attempts_at = now
            self._ended = ended
        return self._attempts

    def _root_history(self, since: datetime) -> tuple[TaskRun, ...]:
        graph = self._graph
        statement = queries.task_history(self._client.place, graph.root_id, since, task=graph.root_task)
        return graph_run.task_runs(self._client.rows(statement))

    def _server_now(self) -> datetime:
        found = instant(self._client.rows(queries.now())[0]["NOW"])
        if found is None:
            raise RuntimeError("CURRENT_TIMESTAMP() gave no value")
        return found

    def _rest(self, what: str) -> None:
        elapsed = self._clock.monotonic() - self._began
        if self._timeout is not None and elapsed >= self._timeout:
            raise TimedOutError(
                f"Waited {self._timeout:g} s for {what}; it goes on",
                remedy="`jobgraph wait` waits on, `jobgraph status` shows it, `jobgraph cancel` stops it.",
            )
        left = self._timeout - elapsed if self._timeout is not None else pause(elapsed)
        self._clock.sleep(max(0.0, min(pause(elapsed), left)))
