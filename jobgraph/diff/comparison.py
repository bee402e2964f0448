"""Compares two job configurations: graphs and jobs that are added, removed or changed, value by value.

Compares the values as written in the file. Must not know any key except those of edges and names, nor where the two
come from, nor how a difference is shown (see `rendering`).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from jobgraph.config.graph_values import options_in_file
from jobgraph.config.job_values import job_in_file
from jobgraph.config.leaves import leaves
from jobgraph.names import content_hash

if TYPE_CHECKING:
    from collections.abc import Iterator

    from jobgraph.config.model import Config, Graph, Job
    from jobgraph.errors import Problem

ADDED = "added"
REMOVED = "removed"
CHANGED = "changed"

Edge = tuple[str, str]


@dataclass(frozen=True)
class ValueChange:
    """A field that differs: its dotted name, such as `env.LEVEL`, and both values; None if it is absent."""

    field: str
    old: Any
    new: Any


@dataclass(frozen=True)
class JobChange:
    """A job in both configurations, by task name, with its changed fields and its added and removed predecessors."""

    name: str
    fields: tuple[ValueChange, ...]
    after_added: tuple[str, ...] = ()
    after_removed: tuple[str, ...] = ()


@dataclass(frozen=True)
class GraphDifference:
    """The differences in a graph. `old` and `new` are the graph in both configurations; None where it is absent."""

    key: str
    old: Graph | None
    new: Graph | None
    fields: tuple[ValueChange, ...] = ()
    added: tuple[Job, ...] = ()
    removed: tuple[Job, ...] = ()
    changed: tuple[JobChange, ...] = ()

    @property
    def status(self) -> str:
        """The status of the whole graph: `added`, `removed` or `changed`."""
        if self.old is None:
            return ADDED
        return REMOVED if self.new is None else CHANGED

    @property
    def job_status(self) -> dict[str, str]:
        """The statuses of the jobs that differ, by task name: `added`, `removed` or `changed`."""
        return (
            {job.name: ADDED for job in self.added}
            | {job.name: REMOVED for job in self.removed}
            | {job.name: CHANGED for job in self.changed}
        )


def compared(old: Config, new: Config) -> tuple[GraphDifference, ...]:
    """Return the differences by graph, in the order of `new`, without graphs that are the same.

    The order of graphs, jobs and predecessors in the file is ignored.
    """
    before = {graph.key.upper(): graph for graph in old.graphs}
    after = {graph.key.upper(): graph for graph in new.graphs}
    pairs = [(before.get(key), after.get(key)) for key in after | before]
    return tuple(difference for pair in pairs if (difference := _graph(*pair)) is not None)


def _graph(old: Graph | None, new: Graph | None) -> GraphDifference | None:
    key = (new or old).key  # type: ignore[union-attr]  # at least one of the two exists
    before = {job.name: job for job in old.jobs} if old else {}
    after = {job.name: job for job in new.jobs} if new else {}
    difference = GraphDifference(
        key=key,
        old=old,
        new=new,
        fields=tuple(_changes(_options(old), _options(new))) if old and new else (),
        added=tuple(job for name, job in after.items() if name not in before),
        removed=tuple(job for name, job in before.items() if name not in after),
        changed=tuple(change for name in after if name in before and (change := _job(before[name], after[name]))),
    )
    same = old and new and not (difference.fields or difference.added or difference.removed or difference.changed)
    return None if same else difference


def _job(old: Job, new: Job) -> JobChange | None:
    change = JobChange(
        new.name,
        tuple(_changes(_values(old), _values(new))),
        tuple(name for name in dict.fromkeys(new.after) if name not in old.after),
        tuple(name for name in dict.fromkeys(old.after) if name not in new.after),
    )
    return change if change.fields or change.after_added or change.after_removed else None


def _changes(before: dict[str, Any], after: dict[str, Any]) -> Iterator[ValueChange]:
    for name in after | before:
        if before.get(name) != after.get(name):
            yield ValueChange(name, before.get(name), after.get(name))


def _options(graph: Graph) -> dict[str, Any]:
    schedule = {"schedule": str(graph.schedule)} if graph.schedule else {}
    return leaves({**options_in_file(graph), **schedule})


def _values(job: Job) -> dict[str, Any]:
    values = job_in_file(job)
    files = job.payload.files if job.payload else {}
    content = {f"payload.files.{name}": f"content {content_hash(text)}" for name, text in files.items()}
    return {**leaves({name: value for name, value in values.items() if name != "after"}), **content}


def new_warnings(old: Config, new: Config) -> tuple[Problem, ...]:
    """Return the warnings that only the new configuration has. Their positions in the files are ignored."""
    old_warnings = {(problem.rule, problem.path, problem.issue) for problem in old.warnings}
    return tuple(problem for problem in new.warnings if (problem.rule, problem.path, problem.issue) not in old_warnings)


def task_edges(graph: Graph | None) -> dict[Edge, None]:
    """Return the edges between the tasks of a graph, from the root on, in the file's order; none for None."""
    if graph is None:
        return {}
    return {(before, job.name): None for job in graph.jobs for before in job.after or (graph.root_task,)}
