"""What is different between two job configurations: graphs and jobs added, removed and changed, field by field.

Knows the model's shape, and no field of it by name but those that are the graph's edges and names. Must not know where
the two come from, nor how a difference is shown (see `differences`).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields, is_dataclass
from typing import TYPE_CHECKING, Any

from jobgraph.config.schedules import Cron, Interval
from jobgraph.config.timing import duration_text
from jobgraph.names import content_hash

if TYPE_CHECKING:
    from collections.abc import Iterator

    from jobgraph.config.model import Config, Graph, Job

ADDED = "added"
REMOVED = "removed"
CHANGED = "changed"

# these are compared as names and edges
_NOT_FIELDS = {"key", "name", "after", "jobs"}
_FILES = "payload.files."
_SECONDS = {"timeout", "backoff", "longest_backoff", "max_elapsed"}

Edge = tuple[str, str]


@dataclass(frozen=True)
class Change:
    """A field that is not the same: its dotted name, as `env.LEVEL`, and both values; `None`: it is not there."""

    field: str
    old: Any
    new: Any


@dataclass(frozen=True)
class JobChange:
    """A job that stands in both, by task name: changed fields, predecessors that came and that went."""

    name: str
    fields: tuple[Change, ...]
    after_added: tuple[str, ...] = ()
    after_removed: tuple[str, ...] = ()


@dataclass(frozen=True)
class GraphDifference:
    """What is different in a graph. `old` and `new` are the graph in either; `None` in one that does not have it."""

    key: str
    old: Graph | None
    new: Graph | None
    fields: tuple[Change, ...] = ()
    added: tuple[Job, ...] = ()
    removed: tuple[Job, ...] = ()
    changed: tuple[JobChange, ...] = ()

    @property
    def status(self) -> str:
        """`added`, `removed` or `changed`, the graph as a whole."""
        if self.old is None:
            return ADDED
        return REMOVED if self.new is None else CHANGED

    @property
    def job_status(self) -> dict[str, str]:
        """The jobs that are not the same, by task name: `added`, `removed` or `changed`."""
        return (
            {job.name: ADDED for job in self.added}
            | {job.name: REMOVED for job in self.removed}
            | {job.name: CHANGED for job in self.changed}
        )


def compared(old: Config, new: Config) -> tuple[GraphDifference, ...]:
    """Return what is different, graph by graph in the order of `new`; nothing for those that are the same.

    The order of jobs, of predecessors and of graphs in the file makes no difference.
    """
    before = {graph.key.upper(): graph for graph in old.graphs}
    after = {graph.key.upper(): graph for graph in new.graphs}
    pairs = [(before.get(key), after.get(key)) for key in after | before]
    return tuple(found for pair in pairs if (found := _graph(*pair)) is not None)


def _graph(old: Graph | None, new: Graph | None) -> GraphDifference | None:
    key = (new or old).key  # type: ignore[union-attr]  # one of the two is there
    before = {job.name: job for job in old.jobs} if old else {}
    after = {job.name: job for job in new.jobs} if new else {}
    found = GraphDifference(
        key=key,
        old=old,
        new=new,
        fields=tuple(_changes(old, new)) if old and new else (),
        added=tuple(job for name, job in after.items() if name not in before),
        removed=tuple(job for name, job in before.items() if name not in after),
        changed=tuple(change for name in after if name in before and (change := _job(before[name], after[name]))),
    )
    same = old and new and not (found.fields or found.added or found.removed or found.changed)
    return None if same else found


def _job(old: Job, new: Job) -> JobChange | None:
    found = JobChange(
        new.name,
        tuple(_changes(old, new)),
        tuple(name for name in dict.fromkeys(new.after) if name not in old.after),
        tuple(name for name in dict.fromkeys(old.after) if name not in new.after),
    )
    return found if found.fields or found.after_added or found.after_removed else None


def _changes(old: object, new: object) -> Iterator[Change]:
    before, after = dict(_leaves("", old)), dict(_leaves("", new))
    for name in after | before:
        if before.get(name) != after.get(name):
            yield Change(name, before.get(name), after.get(name))


def _leaves(path: str, value: Any) -> Iterator[tuple[str, Any]]:
    """Yield the single values that something consists of, by their dotted names; lists are one value each."""
    if isinstance(value, Interval | Cron):
        yield path, str(value)
    elif is_dataclass(value):
        inner = {f.name: getattr(value, f.name) for f in fields(value) if f.compare and f.name not in _NOT_FIELDS}
        yield from _inside(path, inner)
    elif isinstance(value, Mapping):
        yield from _inside(path, value)
    elif path.startswith(_FILES):
        yield path, f"content {content_hash(value)}"
    elif isinstance(value, int) and path.rpartition(".")[2] in _SECONDS:
        yield path, duration_text(value)
    else:
        yield path, plain(value)


def _inside(path: str, values: Mapping[str, Any]) -> Iterator[tuple[str, Any]]:
    for name, value in values.items():
        yield from _leaves(f"{path}.{name}" if path else str(name), value)


def plain(value: Any) -> Any:
    """Return a value as JSON has it: tuples as lists, dataclasses as mappings of what they say."""
    if is_dataclass(value):
        return {f.name: plain(inner) for f in fields(value) if (inner := getattr(value, f.name)) not in (None, ())}
    if isinstance(value, list | tuple):
        return [plain(item) for item in value]
    return value


def edges(graph: Graph | None) -> dict[Edge, None]:
    """Return the edges between the tasks of a graph, from the root on, in the file's order; none of no graph."""
    if graph is None:
        return {}
    return {(before, job.name): None for job in graph.jobs for before in job.after or (graph.root_task,)}
