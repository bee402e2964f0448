"""Graphs that are wider than the warehouse on which their tasks wait, and how much longer their runs take for it.

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
    """Jobs of a graph that may run at the same time but outnumber the warehouse's slots.

    `rounds` and `fewest_rounds`: the duration of a run with these slots and with enough slots, in multiples of a job's
    duration if all jobs take equally long.
    """

    graph: str
    warehouse: Warehouse
    jobs: tuple[str, ...]
    rounds: int
    fewest_rounds: int

    @property
    def sentence(self) -> str:
        """The problem, as a sentence."""
        house = self.warehouse
        clusters = f" on {house.clusters} clusters" if house.clusters > 1 else ""
        return (
            f"{len(self.jobs)} jobs of graph {self.graph} may run at the same time, but their tasks wait on warehouse "
            f"{house.name}, which runs {house.slots} statements at a time{clusters}: the rest queue. If all jobs took "
            f"equally long, a run would take as long as {self.rounds} of them instead of {self.fewest_rounds}; queries "
            "of the containers on that warehouse queue as well"
        )

    @property
    def remedy(self) -> str:
        """What to do about it."""
        if not self.warehouse.is_own:
            return (
                f"give jobs `{_DIRECT}`, so that their tasks wait on no warehouse, or others: `warehouse`; or raise"
                " MAX_CONCURRENCY_LEVEL or MAX_CLUSTER_COUNT of that warehouse"
            )
        return (
            f"give jobs `{_DIRECT}`, so that their tasks wait on no warehouse, or set `warehouse_max_concurrency: "
            f"{-(-len(self.jobs) // self.warehouse.clusters)}` in the stack's settings (a waiting task needs next to "
            "nothing of a warehouse), or `warehouse_max_clusters`"
        )


def crowds(costed: Deployment) -> tuple[Crowd, ...]:
    """Return the graphs that are wider than their warehouses."""
    return tuple(crowd for graph in costed.graphs for crowd in _crowds(graph, costed))


def crowd_problems(config: Config, settings: Settings) -> tuple[Problem, ...]:
    """Return the graphs of a configuration that are wider than their warehouses, as warnings at the graphs' jobs."""
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
        if len(waiting) > costed.warehouse(name).slots:
            equal = dict.fromkeys(before, 1.0)
            rounds, fewest = run_seconds(before, equal, lanes(graph, costed)), run_seconds(before, equal)
            yield Crowd(graph.key, costed.warehouse(name), tuple(waiting), round(rounds), round(fewest))
