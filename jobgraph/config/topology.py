"""The topology of a graph of jobs: its edges, a topological order, and the ancestors of a job.

Knows the `after` of jobs. Must not know which edges are allowed (see `rules`), nor how they are drawn or deployed.
"""

from __future__ import annotations

from graphlib import TopologicalSorter
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

    from jobgraph.config.model import Graph, Job

# docs.snowflake.com/en/user-guide/tasks-graphs, "limits": the root counts; the finalizer is not mentioned.
MOST_TASKS = 1000
MOST_PREDECESSORS = 100
MOST_CHILDREN = 100


def edges(graph: Graph) -> dict[str, tuple[str, ...]]:
    """Return the predecessors of each task among the graph's jobs, without unknown ones and the task itself."""
    names = {job.name for job in graph.jobs}
    return {job.name: tuple(p for p in dict.fromkeys(job.after) if p in names and p != job.name) for job in graph.jobs}


def topological(graph: Graph) -> tuple[Job, ...]:
    """Return the jobs in an order in which each follows its predecessors. The order is always the same.

    Raises:
        graphlib.CycleError: if there is a cycle.
    """
    by_name = {job.name: job for job in graph.jobs}
    return tuple(by_name[name] for name in TopologicalSorter(edges(graph)).static_order())


def ancestors(before: Mapping[str, tuple[str, ...]], name: str) -> set[str]:
    """Return the direct and indirect predecessors of a task; `before` has the edges."""
    reached: set[str] = set()
    todo = list(before[name])
    while todo:
        if (before_it := todo.pop()) not in reached:
            reached.add(before_it)
            todo += before[before_it]
    return reached
