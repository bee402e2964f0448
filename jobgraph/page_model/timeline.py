"""The timeline of a run: when each job queued, waited for a node, ran and was retried.

Pure. Knows runs. Must not know how wide the line is drawn. The pieces of a job touch each other and end where its task
did, so that nothing of a run's time is lost.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING

from jobgraph.runs import graph_run

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from datetime import datetime

    from jobgraph.runs.attempts import Attempt
    from jobgraph.runs.graph_run import GraphRun, JobRun

QUEUE = "queue"
NODE = "node wait"
RUNNING = "run"
FAILED_RUN = "failed attempt"
CANCELLED_RUN = "cancelled attempt"
RETRY = "before a retry"
BETWEEN = "before a retry of the graph"
AFTER = "recording"
WORDS = {
    QUEUE: "its task waited to be started",
    NODE: "waited for a node and its image",
    RUNNING: "its containers ran",
    FAILED_RUN: "an attempt that failed",
    CANCELLED_RUN: "an attempt that was cancelled",
    BETWEEN: "waited for a retry of the graph",
    RETRY: "pause, and node of the next attempt",
    AFTER: "outcome and logs were recorded",
}
_KINDS = {graph_run.DONE: RUNNING, graph_run.CANCELLED: CANCELLED_RUN}


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
    """The bars of a run in order of their start; `seconds` is the length of the line.

    `pauses`: begin and end, in seconds, of the time between two attempts of the graph.
    """

    bars: tuple[Bar, ...]
    seconds: float
    pauses: tuple[tuple[float, float], ...] = ()

    @property
    def critical_seconds(self) -> float:
        """Seconds in which jobs of the critical path ran or waited, without pauses, as in a run's `duration`."""
        pieces = [piece for bar in self.bars if bar.critical for piece in bar.pieces]
        paused = (
            max(0.0, min(piece.end, end) - max(piece.start, start)) for piece in pieces for start, end in self.pauses
        )
        return sum(piece.seconds for piece in pieces) - sum(paused)


def timeline(run: GraphRun) -> Timeline:
    """Return the timeline of a run; of a run under way, up to now."""
    if run.started is None:
        return Timeline(tuple(Bar(job, ()) for job in run.jobs), 0.0)
    # a retry may have begun with the root
    began = min([run.started, *(start for job in run.jobs for start, _ in job.earlier)])
    lasted = (run.started - began).total_seconds() + max(run.duration or 0.0, run.elapsed or 0.0)
    ends = [end for job in run.jobs for _, end in _spans(job) if end]
    seconds = max([lasted, *((end - began).total_seconds() for end in ends)])
    jobs = {job.name: job for job in run.jobs}
    critical = critical_path(run)
    after = {task.name: task.after for task in run.shape.jobs}
    bars = [
        Bar(job, tuple(_pieces(job, _ready(after[job.name], jobs, began), began, seconds)), name in critical)
        for name, job in jobs.items()
    ]
    pauses = tuple(
        ((end - began).total_seconds(), (start - began).total_seconds()) for (_, end), (start, _) in pairwise(run.spans)
    )
    by_start = sorted(bars, key=lambda bar: bar.pieces[0].start if bar.pieces else seconds)
    return Timeline(tuple(by_start), seconds, pauses)


def critical_path(run: GraphRun) -> tuple[str, ...]:
    """Return the jobs without which the run would have ended earlier, in order.

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


def _spans(job: JobRun) -> tuple[tuple[datetime, datetime | None], ...]:
    """Return when a job's task began and ended, once for each attempt of the graph in which it did."""
    return (*job.earlier, (job.started, job.completed)) if job.started else job.earlier


def _pieces(job: JobRun, ready: datetime, began: datetime, now: float) -> Iterator[Piece]:
    """Yield the pieces of a job, each from where the one before it ended; clocks differ, so none runs backwards."""
    spans, tries = _spans(job), job.tries
    # a predecessor may have run again, too
    at = (min([ready, *(start for start, _ in job.earlier)]) - began).total_seconds()
    for place, (start, ended) in enumerate(spans):
        following = spans[place + 1][0] if place + 1 < len(spans) else None
        own = tuple(attempt for attempt in tries if following is None or _is_before(attempt, following))
        tries = tries[len(own) :]
        until = ended or following
        end = (until - began).total_seconds() if until else now
        at = min(at, end)
        marks = _marks(own, began, start)
        if start == job.started:
            marks = [*marks, *_present_marks(job, marks, began, now)]
        for kind, until_mark, attempt in marks:
            kind = BETWEEN if kind == QUEUE and place else kind  # noqa: PLW2901  # the same mark, after a retry
            mark = min(max(until_mark, at), end)
            if mark > at or attempt is not None:
                yield Piece(kind, at, mark, attempt)
            at = mark
        if end > at:
            yield Piece(AFTER if until else RUNNING, at, end)
            at = end


def _is_before(attempt: Attempt, instant: datetime) -> bool:
    began = attempt.started or attempt.completed
    return began is None or began < instant


def _marks(tries: Sequence[Attempt], began: datetime, start: datetime) -> list[tuple[str, float, int | None]]:
    """Return what ends when: the queue, then before each attempt the wait for it, and the attempt itself."""
    at = (start - began).total_seconds()
    marks: list[tuple[str, float, int | None]] = [(QUEUE, at, None)]
    for place, attempt in enumerate(tries):
        wait = RETRY if place else NODE
        marks.append((wait, _seconds(attempt.started, began, at), None))
        at = _seconds(attempt.completed, began, at)
        marks.append((_KINDS.get(attempt.state, FAILED_RUN), at, attempt.number))
    return marks


def _present_marks(
    job: JobRun, marks: Sequence[tuple[str, float, int | None]], began: datetime, now: float
) -> Iterator[tuple[str, float, int | None]]:
    """Yield the present wait for a node, or the present attempt, which is not recorded yet."""
    wait, at = RETRY if len(marks) > 1 else NODE, marks[-1][1]
    if job.waited is not None:
        yield wait, now, None
    elif job.service is not None and job.service.created is not None:
        yield wait, _seconds(job.service.created, began, at), None
        yield RUNNING, now, job.service.attempt


def _seconds(instant: datetime | None, began: datetime, otherwise: float) -> float:
    return (instant - began).total_seconds() if instant else otherwise
