"""One job in all runs of its graph: how long it took, on which nodes, and why it failed.

Pure. Knows runs. Must not know how a course is drawn.
"""

from __future__ import annotations

import statistics
from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING

from jobgraph.page_model import looks

if TYPE_CHECKING:
    from collections.abc import Iterable

    from jobgraph.runs.attempts import Attempt
    from jobgraph.runs.graph_run import GraphRun, JobRun

_SECONDS_AN_HOUR = 3600.0


@dataclass(frozen=True)
class Point:
    """The job in one run; `pool_seconds` are those of all its attempts, replicas counted."""

    run: GraphRun
    job: JobRun
    pool_seconds: float


@dataclass(frozen=True)
class JobHistory:
    """The course of a job, oldest first. `usual` is the median of the runs in which it was done, in seconds.

    `causes` counts the attempts that failed by what they failed of, the most frequent first.
    """

    name: str
    points: tuple[Point, ...]
    usual: float | None
    causes: tuple[tuple[str, int], ...]

    @property
    def done(self) -> int:
        """In how many runs it was done."""
        return sum(looks.look(point.job.state).tone == looks.GOOD for point in self.points)

    @property
    def attempts(self) -> int:
        """How many attempts it took altogether."""
        return sum(len(point.job.tries) for point in self.points)

    @property
    def longest(self) -> float:
        """The seconds of its longest run, at least a moment."""
        return max([1.0, *(point.job.duration or 0.0 for point in self.points)])

    @property
    def node_hours(self) -> float:
        """Hours of nodes, those of attempts that failed included."""
        return sum(point.pool_seconds for point in self.points) / _SECONDS_AN_HOUR


def job_history(history: Iterable[GraphRun], name: str) -> JobHistory:
    """Return the history of a job from runs of its graph, given newest first; runs without the job are left out."""
    points = [
        Point(run, job, sum(map(_pool_seconds, job.tries))) for run in history if (job := run.job(name)) is not None
    ][::-1]
    good = [
        point.job.duration
        for point in points
        if looks.look(point.job.state).tone == looks.GOOD and point.job.duration is not None
    ]
    causes = Counter(_cause(attempt) for point in points for attempt in point.job.tries if attempt.state != "DONE")
    return JobHistory(name, tuple(points), statistics.median(good) if good else None, tuple(causes.most_common()))


def _pool_seconds(attempt: Attempt) -> float:
    return (attempt.duration or 0.0) * attempt.replicas


def _cause(attempt: Attempt) -> str:
    return attempt.reason_label or attempt.state
