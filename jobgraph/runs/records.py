"""The graphs of a schema: those that are deployed, and those of which only records of runs remain.

Pure. A graph's name is its name in the job configuration; history of an earlier version has only the root task's name.
Must not know where rows come from.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from jobgraph.account.queries import Tables
from jobgraph.runs import deployed as deployed_graphs

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from jobgraph.runs.deployed import Deployed, Task
    from jobgraph.runs.task_runs import TaskRun


@dataclass(frozen=True)
class GraphRecord:
    """A graph. `deployed` is None if it is no longer deployed; `root_tasks` are its roots, the present one first.

    `nameless_roots` are the roots whose rows belong to this graph even if, written by an earlier version, they do not
    name a graph.
    """

    key: str
    root_tasks: tuple[str, ...]
    deployed: Deployed | None = None
    tables: Tables = field(default_factory=Tables)
    nameless_roots: frozenset[str] = frozenset()

    def has(self, row: TaskRun) -> bool:
        """Whether a row of history belongs to a run of this graph; another graph may have had a root of that name."""
        return row.graph == self.key if row.graph else row.root_task in self.nameless_roots

    @property
    def root_task(self) -> str:
        """The name of its present root, or of its last one."""
        return self.root_tasks[0]

    @property
    def jobs(self) -> tuple[Task, ...]:
        """Its deployed jobs, predecessors first."""
        return self.deployed.jobs if self.deployed else ()

    @property
    def job_names(self) -> tuple[str, ...]:
        """The names of its deployed jobs."""
        return self.deployed.job_names if self.deployed else ()


def of_deployed(graph: Deployed) -> GraphRecord:
    """Return the record of a deployed graph that has no other known roots yet."""
    return GraphRecord(graph.key, (graph.root_task,), graph, graph.tables, frozenset({graph.root_task}))


def graphs(deployed: Sequence[Deployed], recorded: Iterable[TaskRun]) -> tuple[GraphRecord, ...]:
    """Return the graphs of a schema, deployed ones first.

    Args:
        deployed: the deployed graphs.
        recorded: rows of roots in history, newest first.
    """
    rows = list(recorded)
    records = {graph.key: of_deployed(graph) for graph in deployed}
    tables = deployed[0].tables if deployed else Tables()
    for row in rows:
        key = row.graph or _owner(row.root_task, deployed, rows)
        record = records.setdefault(key, GraphRecord(key, (row.root_task,), tables=tables))
        roots = dict.fromkeys([*record.root_tasks, row.root_task])
        nameless = {row.root_task} if key == _owner(row.root_task, deployed, rows) else set()
        records[key] = replace(
            record, root_tasks=tuple(roots), nameless_roots=frozenset(record.nameless_roots | nameless)
        )
    return tuple(records.values())


def joined(listed: Sequence[GraphRecord], others: Iterable[GraphRecord]) -> tuple[GraphRecord, ...]:
    """Return the listed graphs, then those others whose names are not among them.

    Nameless rows of a root that has a listed graph stay with that graph.
    """
    keys = {record.key for record in listed}
    owned = frozenset(root for record in listed for root in record.nameless_roots)
    added = (record for record in others if record.key not in keys)
    return (*listed, *(replace(record, nameless_roots=record.nameless_roots - owned) for record in added))


def _owner(root_task: str, deployed: Iterable[Deployed], recorded: Iterable[TaskRun]) -> str:
    """Return the graph to which nameless rows of a root belong: its present graph, otherwise its only recorded one."""
    present = next((graph.key for graph in deployed if graph.root_task == root_task), "")
    names = {row.graph for row in recorded if row.root_task == root_task and row.graph}
    return present or (names.pop() if len(names) == 1 else root_task)


def named(records: Iterable[GraphRecord], name: str) -> GraphRecord | None:
    """Return the graph with that name, else the one with that root task, ignoring case; None if there is none.

    Keys may differ by case only, so the very key comes before others.
    """
    records = list(records)
    if exactly := next((record for record in records if record.key == name), None):
        return exactly
    present = deployed_graphs.named((record.deployed for record in records if record.deployed), name)
    if present is not None:
        return next(record for record in records if record.deployed is present)
    folded = name.casefold()
    by_key = (record for record in records if record.key.casefold() == folded)
    by_root = (record for record in records if folded in {root.casefold() for root in record.root_tasks})
    return next(by_key, None) or next(by_root, None)
