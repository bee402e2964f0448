"""What the nodes of a graph's runs cost, by the rates: for each job, and for attempts that failed or were cancelled.

Pure. Knows attempts and rates. Must not know what Snowflake has charged: idle nodes and warehouses are in the bill, and
not in here (`jobgraph cost --since DATE`).
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from jobgraph.cost.rates import Rate
    from jobgraph.runs.attempts import Attempt
    from jobgraph.runs.graph_run import GraphRun

_SECONDS_AN_HOUR = 3600.0


@dataclass(frozen=True)
class JobCost:
    """Credits of a job's nodes; `lost` are those of attempts that failed or were cancelled.

    `unrated`: attempts on an instance family without a rate.
    """

    job: str
    attempts: int
    hours: float
    credits: float
    lost: float
    unrated: int = 0


@dataclass(frozen=True)
class Costs:
    """The jobs of some runs, the most expensive first; `runs` are the credits of each, oldest first."""

    jobs: tuple[JobCost, ...]
    runs: tuple[tuple[GraphRun, float], ...]

    @property
    def credits(self) -> float:
        """Credits of all jobs."""
        return sum(job.credits for job in self.jobs)

    @property
    def lost(self) -> float:
        """Credits that went into attempts that failed or were cancelled."""
        return sum(job.lost for job in self.jobs)

    @property
    def unrated(self) -> int:
        """Attempts on instance families without a rate."""
        return sum(job.unrated for job in self.jobs)


def costs(history: Iterable[GraphRun], rates: Mapping[str, Rate]) -> Costs:
    """Return the cost of a graph's runs, given newest first; a rate that is a range counts with its upper end."""
    runs = _with_families(list(history)[::-1])
    attempts: dict[str, list[Attempt]] = {}
    for run in runs:
        for job in run.jobs:
            attempts.setdefault(job.name, []).extend(job.tries)
    jobs = (_job(name, tries, rates) for name, tries in attempts.items())
    per_run = tuple((run, sum(_credits(attempt, rates) for job in run.jobs for attempt in job.tries)) for run in runs)
    return Costs(tuple(sorted(jobs, key=lambda job: (-job.credits, job.job))), per_run)


def _with_families(runs: Sequence[GraphRun]) -> list[GraphRun]:
    """Return the runs with the family of each attempt's nodes, also of recovered attempts that do not say it.

    It is then that of the job as it was deployed, or of other attempts on the pool.
    """
    tries = [attempt for run in runs for job in run.jobs for attempt in job.tries]
    families = {attempt.compute_pool: attempt.node_family for attempt in tries if attempt.node_family}
    for run in runs:
        definitions = (task.definition for task in run.shape.jobs)
        families |= {d["compute_pool"]: d["instance_family"] for d in definitions if d.get("instance_family")}

    def completed(attempt: Attempt) -> Attempt:
        return replace(attempt, node_family=attempt.node_family or families.get(attempt.compute_pool, ""))

    return [
        replace(run, jobs=tuple(replace(job, tries=tuple(map(completed, job.tries))) for job in run.jobs))
        for run in runs
    ]


def _job(name: str, tries: Sequence[Attempt], rates: Mapping[str, Rate]) -> JobCost:
    return JobCost(
        job=name,
        attempts=len(tries),
        hours=sum(map(_hours, tries)),
        credits=sum(_credits(attempt, rates) for attempt in tries),
        lost=sum(_credits(attempt, rates) for attempt in tries if attempt.state != "DONE"),
        unrated=sum(attempt.node_family not in rates for attempt in tries if attempt.duration),
    )


def _hours(attempt: Attempt) -> float:
    return (attempt.duration or 0.0) * attempt.replicas / _SECONDS_AN_HOUR


def _credits(attempt: Attempt, rates: Mapping[str, Rate]) -> float:
    rate = rates.get(attempt.node_family)
    return _hours(attempt) * rate.high if rate else 0.0
