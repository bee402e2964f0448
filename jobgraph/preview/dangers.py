"""The destructive changes of a preview, which lose data or stop jobs. The worst come first.

Knows what is lost with an object of each kind. Must not know the format of a preview, nor how dangers are written.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from jobgraph.preview.changes import DELETED, REPLACED, SUPERSEDED, Danger

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Mapping, Sequence

    from jobgraph.preview.changes import Field, GraphSummary, ObjectChange

# kind -> the loss when such an object is deleted; the worst first
_LOSSES = {
    "Database": "everything in it is lost",
    "Schema": "everything in it is lost",
    "Table": "all its rows are lost",
    "StageInternal": "all its files are lost",
    "ImageRepository": "all its images are lost",
    "ComputePool": "jobs that run on it are cancelled, those of other graphs too",
    "Warehouse": "statements that run on it are cancelled",
    "AccountRole": "all its grants are lost, and tasks that it owns stop",
}
_ORDER = (*_LOSSES, "ProcedurePython", "Task")
_WORDS = {"StageInternal": "stage", "AccountRole": "role", "ProcedurePython": "procedure"}
# the step that delays the deletion of a pool as long as runs need it (jobgraph.components.runner)
_GUARD = "compute pool {}-needed"
_EXECUTE = "Execute"
_TABLE, _POOL, _TASK, _PROCEDURE = "Table", "ComputePool", "Task", "ProcedurePython"


def dangers(
    graphs: Sequence[GraphSummary], changes: Sequence[ObjectChange], running: Mapping[str, int]
) -> Iterator[Danger]:
    """Yield the destructive changes; `running` is the number of jobs that run on each pool now, if known."""
    ranked = sorted(changes, key=lambda change: _ORDER.index(change.kind) if change.kind in _ORDER else len(_ORDER))
    whole = {graph.key for graph in graphs if graph.tasks and all(task.status == DELETED for task in graph.tasks)}
    guarded = {change.name for change in changes if change.kind == _EXECUTE}
    for change in ranked:
        if change.kind == _POOL and change.action == DELETED and _GUARD.format(change.name) in guarded:
            loss = "not while runs of this stack's graphs are in progress; other jobs that run on it are cancelled"
            yield Danger(f"{_kind(change)} {change.name} is deleted", loss + _running(change, running))
        elif change.kind != _TASK:
            yield from _of_object(change, running)
    history = "" if _loses_history(ranked) else "; its history stays"
    for graph in graphs:
        if graph.key in whole:
            tasks = _tasks(len(graph.tasks)) + ", so it never runs again"
            yield Danger(f"graph {graph.key} is deleted", tasks + history)
    for change in ranked:
        if change.kind == _TASK and change.action == DELETED and change.graph not in whole:
            yield Danger(f"task {change.name} is deleted", f"graph {change.graph} loses it{history}")


def _tasks(count: int) -> str:
    return "its only task is dropped" if count == 1 else f"its {count} tasks are dropped"


def _loses_history(changes: Collection[ObjectChange]) -> bool:
    return any(change.kind == _TABLE and change.action in {DELETED, REPLACED} for change in changes)


def _of_object(change: ObjectChange, running: Mapping[str, int]) -> Iterator[Danger]:
    event = f"{_kind(change)} {change.name} is {change.action}"
    if change.action in {DELETED, REPLACED} and change.kind in _LOSSES:
        yield Danger(event, _LOSSES[change.kind] + _running(change, running))
    elif change.action == DELETED and change.kind == _PROCEDURE and change.about != SUPERSEDED:
        yield Danger(event, "runs in progress that call it later fail")
    else:
        for field in change.fields:
            yield from _of_field(change, field, running)


def _of_field(change: ObjectChange, field: Field, running: Mapping[str, int]) -> Iterator[Danger]:
    if change.kind == _POOL and field.name == "max nodes" and _less(field):
        event = f"{_kind(change)} {change.name} shrinks from {field.old} to {field.new} nodes"
        yield Danger(event, "jobs on the removed nodes may fail" + _running(change, running))
    if change.kind == _TABLE and field.name.startswith("columns.") and field.new is None:
        yield Danger(f"table {change.name} loses column {field.name.partition('.')[2]}", "the values in it are lost")


def _less(field: Field) -> bool:
    return isinstance(field.old, int | float) and isinstance(field.new, int | float) and field.new < field.old


def _running(change: ObjectChange, running: Mapping[str, int]) -> str:
    if change.kind != _POOL or change.name not in running:
        return ""
    count = running[change.name]
    return f"; {count} job{'' if count == 1 else 's'} run{'s' if count == 1 else ''} on it now"


def _kind(change: ObjectChange) -> str:
    """Return `ComputePool` as `compute pool`."""
    spaced = "".join(f" {letter.lower()}" if letter.isupper() else letter for letter in change.kind)
    return _WORDS.get(change.kind, spaced.strip())
