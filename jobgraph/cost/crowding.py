"""Graphs whose waiting tasks can take all slots of their warehouse: their runs take longer, or stand still.

Knows slots of warehouses. Must not know what a warehouse costs.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from jobgraph.cost.concurrency import run_seconds, widest
from jobgraph.cost.deployment import deployment
from jobgraph.cost.usage import lanes
from jobgraph.errors import WARNING, Mark, Problem

if TYPE_CHECKING:
    from collections.abc import Iterator

    from jobgraph.config.model import Config
    from jobgraph.cost.deployment import CostedGraph, Deployment, Warehouse
    from jobgraph.settings import Settings


_DIRECT = "runner: direct"


@dataclass(frozen=True)
class Crowd:
    """Jobs of a graph that may run at the same time and whose tasks can take all slots of their warehouse.

    `rounds` and `fewest_rounds`: the duration of a run with these slots and with enough slots, in multiples of a job's
    duration if all jobs take equally long. `querying`: how many of the jobs have containers whose queries run on the
    same warehouse.
    """

    graph: str
    warehouse: Warehouse
    jobs: tuple[str, ...]
    rounds: int
    fewest_rounds: int
    querying: int

    @property
    def sentence(self) -> str:
        """The problem, as a sentence."""
        house, count = self.warehouse, len(self.jobs)
        clusters = f" on {house.clusters} clusters" if house.clusters > 1 else ""
        start = f"{count} jobs of graph {self.graph} may run at the same time, "
        if count > house.slots:
            start += (
                f"but their tasks wait on warehouse {house.name}, which runs {house.slots} statements at a time"
                f"{clusters}: the rest queue. If all jobs took equally long, a run would take as long as {self.rounds} "
                f"of them instead of {self.fewest_rounds}"
            )
            end = "queue as well"
        else:
            start += f"and their waiting tasks take all {house.slots} slots of warehouse {house.name}{clusters}"
            end = "queue"
        if not self.is_blocking:
            return start
        return (
            f"{start}. Queries that their containers send to that warehouse {end}: a run whose jobs wait for such "
            "queries stands still until they time out"
        )

    @property
    def is_blocking(self) -> bool:
        """Whether tasks that wait for containers can keep those containers' queries from ever running."""
        return self.querying > 0

    @property
    def remedy(self) -> str:
        """What to do about it."""
        queries = ", give their containers another one: `warehouse: {query: NAME}`" * self.is_blocking
        if not self.warehouse.is_own:
            return (
                f"give jobs `{_DIRECT}`, so that their tasks wait on no warehouse, or another `warehouse`{queries}; or"
                " raise MAX_CONCURRENCY_LEVEL or MAX_CLUSTER_COUNT of that warehouse"
            )
        needed = len(self.jobs) + self.is_blocking
        return (
            f"give jobs `{_DIRECT}`, so that their tasks wait on no warehouse{queries}, or set "
            f"`warehouse_max_concurrency: {-(-needed // self.warehouse.clusters)}` in the stack's settings (a waiting "
            "task needs next to nothing of a warehouse), or `warehouse_max_clusters`"
        )


def crowds(costed: Deployment) -> tuple[Crowd, ...]:
    """Return the graphs whose tasks can take all slots of a warehouse and need more, for themselves or for queries."""
    return tuple(crowd for graph in costed.graphs for crowd in _crowds(graph, costed))


def crowd_problems(config: Config, settings: Settings) -> tuple[Problem, ...]:
    """Return the crowds of a configuration as warnings at the graphs' jobs."""
    return tuple(_problem(config, crowd) for crowd in crowds(deployment(config, settings)))


def _problem(config: Config, crowd: Crowd) -> Problem:
    marks = config.graph(crowd.graph).marks
    mark = next((marks[key] for key in ("jobs", "") if key in marks), Mark(config.file, 1, 1))
    at = f"graphs.{crowd.graph}.jobs"
    return Problem(mark, "warehouse-slots", at, crowd.sentence, crowd.remedy, severity=WARNING)


def _crowds(graph: CostedGraph, costed: Deployment) -> Iterator[Crowd]:
    before = graph.before
    for name in dict.fromkeys(job.warehouse for job in graph.jobs if job.warehouse is not None):
        jobs = widest(before, {job.name: int(job.warehouse == name) for job in graph.jobs})
        waiting = [job.name for job in graph.jobs if job.name in jobs and job.warehouse == name]
        querying = sum(job.name in waiting and job.query_warehouse == name for job in graph.jobs)
        if len(waiting) + bool(querying) > costed.warehouse(name).slots:
            equal = dict.fromkeys(before, 1.0)
            rounds, fewest = run_seconds(before, equal, lanes(graph, costed)), run_seconds(before, equal)
            yield Crowd(graph.key, costed.warehouse(name), tuple(waiting), round(rounds), round(fewest), querying)
