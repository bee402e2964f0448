"""Graphs as a schema has them: those that are deployed, and those that only the records of their runs speak of.

Pure. A graph's name is the one in the job configuration; history of an earlier version has only the root task's. Must
not know where rows come from.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from jobgraph.account.queries import Tables
from jobgraph.runs import deployed as deployed_graphs

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from jobgraph.runs.deployed import Deployed
    from jobgraph.runs.task_runs import TaskRun


@dataclass(frozen=True)
class GraphRecord:
    """A graph: as deployed, or None if it no longer is; `root_tasks` are its roots, the present one first."""

    key: str
    root_tasks: tuple[str, ...]
    deployed: Deployed | None = None
    tables: Tables = field(default_factory=Tables)

    @property
    def root_task(self) -> str:
        """The root that it has, or had last."""
        return self.root_tasks[0]

    @property
    def job_names(self) -> tuple[str, ...]:
        """The names of the jobs that are deployed."""
        return self.deployed.job_names if self.deployed else ()


def of_deployed(graph: Deployed) -> GraphRecord:
    """Return a deployed graph, of which no other root is known yet."""
    return GraphRecord(graph.key, (graph.root_task,), graph, graph.tables)


def graph_of(row: TaskRun, deployed: Iterable[Deployed]) -> str:
    """Return the name of the graph whose run a recorded row is of."""
    present = (graph.key for graph in deployed if graph.root_task == row.root_task)
    return row.graph or next(present, row.root_task)


def graphs(deployed: Sequence[Deployed], recorded: Iterable[TaskRun]) -> tuple[GraphRecord, ...]:
    """Return the graphs of a schema, deployed ones first.

    Args:
        deployed: those that are there.
        recorded: rows of roots in history, newest first.
    """
    records = {graph.key: of_deployed(graph) for graph in deployed}
    tables = deployed[0].tables if deployed else Tables()
    for row in recorded:
        key = graph_of(row, deployed)
        record = records.setdefault(key, GraphRecord(key, (row.root_task,), tables=tables))
        if row.root_task not in record.root_tasks:
            records[key] = replace(record, root_tasks=(*record.root_tasks, row.root_task))
    return tuple(records.values())


def named(records: Iterable[GraphRecord], name: str) -> GraphRecord | None:
    """Return the graph with that name or that root task, whatever the case; None if there is none."""
    records = list(records)
    present = deployed_graphs.named((record.deployed for record in records if record.deployed), name)
    if present is not None:
        return next(record for record in records if record.deployed is present)
    folded = name.casefold()
    by_key = (record for record in records if record.key.casefold() == folded)
    by_root = (record for record in records if folded in {root.casefold() for root in record.root_tasks})
    return next(by_key, None) or next(by_root, None)
