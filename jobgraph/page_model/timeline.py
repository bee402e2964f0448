"""A run on a line of time: for each job how long it queued, waited for a node, ran and was tried again.

Pure. Knows runs. Must not know how wide the line is drawn. The pieces of a job touch each other and end where its task
did, so that nothing of a run's time is lost.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from datetime import datetime

    from jobgraph.runs.graph_run import GraphRun, JobRun

QUEUE = "queue"
NODE = "node wait"
RUNNING = "run"
FAILED_RUN = "failed attempt"
RETRY = "before a retry"
AFTER = "recording"
WORDS = {
    QUEUE: "its task waited to be started",
    NODE: "waited for a node and its image",
    RUNNING: "its containers ran",
    FAILED_RUN: "an attempt that failed",
    RETRY: "pause, and node of the next attempt",
    AFTER: "outcome and logs were recorded",
}


@dataclass(frozen=True)
class Piece:
    """A part of a job's time: seconds from the start of the run; `attempt` of a piece in which containers ran."""

    kind: str
    start: float
    end: float
    attempt: int | None = None

    @property
    def seconds(self) -> float:
        """How long it took."""
        return self.end - self.start


@dataclass(frozen=True)
class Bar:
    """A job and the pieces of its time; none if it did not start. `critical`: the run could not end before it."""

    job: JobRun
    pieces: tuple[Piece, ...]
    critical: bool = False


@dataclass(frozen=True)
class Timeline:
    """The bars of a run in order of their start; `seconds` is the length of the line."""

    bars: tuple[Bar, ...]
    seconds: float

    @property
    def critical_seconds(self) -> float:
        """Seconds in which jobs of the critical path ran or waited."""
        return sum(piece.seconds for bar in self.bars if bar.critical for piece in bar.pieces)


def timeline(run: GraphRun) -> Timeline:
    """Return the timeline of a run; of a run under way, up to now."""
    if run.started is None:
        return Timeline(tuple(Bar(job, ()) for job in run.jobs), 0.0)
    ends = [job.completed for job in run.jobs if job.completed]
    seconds = max([run.duration or 0.0, *((end - run.started).total_seconds() for end in ends)])
    jobs = {job.name: job for job in run.jobs}
    critical = critical_path(run)
    after = {task.name: task.after for task in run.shape.jobs}
    bars = [
        Bar(
            job, tuple(_pieces(job, _ready(after[job.name], jobs, run.started), run.started, seconds)), name in critical
        )
        for name, job in jobs.items()
    ]
    return Timeline(tuple(sorted(bars, key=lambda bar: bar.pieces[0].start if bar.pieces else seconds)), seconds)


def critical_path(run: GraphRun) -> tuple[str, ...]:
    """Return the jobs without which the run would have ended earlier, the first one first.

    From the job that ended last, always to the one before it that ended last. Empty if no job has ended.
    """
    ended = {job.name: job.completed for job in run.jobs if job.completed and job.started}
    after = {task.name: task.after for task in run.shape.jobs}
    path: list[str] = []
    candidates = list(ended)
    while candidates:
        last = max(candidates, key=lambda name: (ended[name], name))
        path.append(last)
        candidates = [name for name in after[last] if name in ended and name not in path]
    return tuple(reversed(path))


def _ready(after: tuple[str, ...], jobs: Mapping[str, JobRun], began: datetime) -> datetime:
    """Return when a job could have started: its predecessors had ended, or the run had begun."""
    return max([began, *(end for name in after if name in jobs and (end := jobs[name].completed))])


def _pieces(job: JobRun, ready: datetime, began: datetime, now: float) -> Iterator[Piece]:
    """Yield the pieces of a job, each from where the one before it ended; clocks differ, so none runs backwards."""
    if job.started is None:
        return
    end = (job.completed - began).total_seconds() if job.completed else now
    at = min((ready - began).total_seconds(), end)
    for kind, until, attempt in _marks(job, began, now):
        until = min(max(until, at), end)  # noqa: PLW2901  # the same mark, in order
        if until > at or attempt is not None:
            yield Piece(kind, at, until, attempt)
        at = until
    if end > at:
        yield Piece(AFTER if job.completed else RUNNING, at, end)


def _marks(job: JobRun, began: datetime, now: float) -> Iterator[tuple[str, float, int | None]]:
    """Yield what ends when: the queue, then before each attempt the wait for it, and the attempt itself."""

    def seconds(instant: datetime | None, otherwise: float) -> float:
        return (instant - began).total_seconds() if instant else otherwise

    start = seconds(job.started, 0.0)
    yield QUEUE, start, None
    wait, at = NODE, start
    for attempt in job.tries:
        yield wait, seconds(attempt.started, at), None
        at = seconds(attempt.completed, at)
        yield RUNNING if attempt.state == "DONE" else FAILED_RUN, at, attempt.number
        wait = RETRY
    if job.waited is not None:
        yield wait, now, None
    elif job.service is not None and job.service.created is not None:
        yield wait, seconds(job.service.created, at), None
        yield RUNNING, now, job.service.attempt
