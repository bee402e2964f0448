"""Writes the differences between two job configurations: for terminals, as JSON, and for pull requests.

Knows how changes are written and drawn. Must not know how they are found (see `comparison`), nor where the text goes.
Scripts rely on the keys of the JSON form: add some, but never rename one.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from jobgraph import markdown
from jobgraph.diff.comparison import ADDED, CHANGED, REMOVED, task_edges
from jobgraph.diff.elements import elements, side_by_side
from jobgraph.drawing.changes import DrawnTask, change_picture

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from jobgraph.config.model import Graph, Job
    from jobgraph.diff.comparison import GraphDifference, ValueChange
    from jobgraph.errors import Problem

NOTHING = "No difference: both configurations are the same.\n"
_SIGNS = {ADDED: "+", REMOVED: "-", CHANGED: "~"}


def as_text(differences: Sequence[GraphDifference], warnings: Sequence[Problem] = ()) -> str:
    """Return the differences as lines (`+` added, `-` removed, `~` changed), then the new warnings."""
    if not differences and not warnings:
        return NOTHING
    parts = ["".join(f"{line}\n" for line in _graph_lines(difference)) for difference in differences]
    parts += ["New warnings:\n" + "".join(f"{problem}\n" for problem in warnings)] if warnings else []
    return "\n".join(parts)


def _graph_lines(difference: GraphDifference) -> Iterator[str]:
    yield f"{_SIGNS[difference.status]} graph {difference.key}{_summary(difference)}"
    for change in difference.fields:
        yield from (f"    {line}" for line in _lines_of(change))
    for job in difference.added:
        yield f"  + {job.name}  {_described(job)}"
    for job in difference.removed:
        yield f"  - {job.name}  {_described(job)}"
    for job_change in difference.changed:
        yield f"  ~ {job_change.name}"
        for change in job_change.fields:
            yield from (f"      {line}" for line in _lines_of(change))
        yield from (f"      + after {name}" for name in job_change.after_added)
        yield from (f"      - after {name}" for name in job_change.after_removed)


def _summary(difference: GraphDifference) -> str:
    counts = (
        (len(difference.added), "added"),
        (len(difference.removed), "removed"),
        (len(difference.changed), "changed"),
    )
    parts = [f"{count} job{'s' if count > 1 else ''} {word}" for count, word in counts if count]
    return f": {', '.join(parts)}" if parts else ""


def _described(job: Job) -> str:
    after = f", after {', '.join(job.after)}" if job.after else ""
    return f"{job.image or (job.payload.path if job.payload else '')} on {job.compute_pool}{after}"


def _lines_of(change: ValueChange) -> Iterator[str]:
    for name, old, new in elements(change.field, change.old, change.new):
        before, after = side_by_side(old, new)
        yield f"{name}: {before} -> {after}"


def as_json(differences: Sequence[GraphDifference], warnings: Sequence[Problem] = ()) -> dict[str, Any]:
    """Return the differences as plain values."""
    return {
        "different": bool(differences),
        "graphs": [_graph_json(difference) for difference in differences],
        "warnings": [{"rule": problem.rule, "path": problem.path, "what": problem.issue} for problem in warnings],
    }


def _graph_json(difference: GraphDifference) -> dict[str, Any]:
    old, new = task_edges(difference.old), task_edges(difference.new)
    return {
        "graph": difference.key,
        "status": difference.status,
        "fields": [_change_json(change) for change in difference.fields],
        "jobs_added": [job.name for job in difference.added],
        "jobs_removed": [job.name for job in difference.removed],
        "jobs_changed": [
            {
                "job": change.name,
                "fields": [_change_json(field) for field in change.fields],
                "after_added": list(change.after_added),
                "after_removed": list(change.after_removed),
            }
            for change in difference.changed
        ],
        "edges_added": [list(edge) for edge in new if edge not in old],
        "edges_removed": [list(edge) for edge in old if edge not in new],
    }


def _change_json(change: ValueChange) -> dict[str, Any]:
    return {"field": change.field, "old": change.old, "new": change.new}


def as_markdown(differences: Sequence[GraphDifference], warnings: Sequence[Problem] = ()) -> str:
    """Return the differences for a pull request comment: a picture and a table for each graph."""
    if not differences and not warnings:
        return NOTHING
    return markdown.comment(_markdown_lines(differences, warnings), "jobgraph diff OLD NEW")


def _markdown_lines(differences: Sequence[GraphDifference], warnings: Sequence[Problem]) -> Iterator[str]:
    for number, difference in enumerate(differences):
        yield from ("",) * bool(number)
        yield f"### Graph `{difference.key}` {difference.status}{_summary(difference)}"
        yield from ("", "```mermaid", difference_picture(difference).rstrip(), "```", "")
        yield from markdown.table_lines(("", "Job", "Field", "Before", "After"), list(_rows(difference)))
    if warnings:
        yield from ("", "#### New warnings", "")
        yield from (
            f"- {markdown.code(problem.path)}: {markdown.sentence(problem.issue)} [{problem.rule}]"
            for problem in warnings
        )


def _rows(difference: GraphDifference) -> Iterator[Sequence[str]]:
    for change in difference.fields:
        yield from _rows_of(change, "*graph*")
    for job in difference.added:
        yield ("+", f"`{job.name}`", "", "", markdown.code(_described(job)))
    for job in difference.removed:
        yield ("-", f"`{job.name}`", "", markdown.code(_described(job)), "")
    for job_change in difference.changed:
        name = f"`{job_change.name}`"
        for change in job_change.fields:
            yield from _rows_of(change, name)
        yield from (("~", name, "after", markdown.code(before), "") for before in job_change.after_removed)
        yield from (("~", name, "after", "", markdown.code(before)) for before in job_change.after_added)


def _rows_of(change: ValueChange, name: str) -> Iterator[Sequence[str]]:
    for field, old, new in elements(change.field, change.old, change.new):
        before, after = side_by_side(old, new)
        yield ("~", name, markdown.sentence(field), markdown.code(before), markdown.code(after))


def difference_picture(difference: GraphDifference) -> str:
    """Return a Mermaid flowchart of both graphs: additions are green, removals red, changes yellow."""
    old, new = _followed(difference.old), _followed(difference.new)
    status = difference.job_status
    tasks = [DrawnTask(name, new.get(name, ()), old.get(name, ()), status.get(name, "")) for name in new | old]
    return change_picture([*tasks, *_finalizers(difference)])


def _followed(graph: Graph | None) -> dict[str, tuple[str, ...]]:
    """Return the predecessors of each task except the finalizer; the root has none."""
    if graph is None:
        return {}
    jobs = {job.name: tuple(dict.fromkeys(job.after)) or (graph.root_task,) for job in graph.jobs}
    return {graph.root_task: (), **jobs}


def _finalizers(difference: GraphDifference) -> Iterator[DrawnTask]:
    old, new = (
        graph.finalizer_task if graph and graph.finalizer else None for graph in (difference.old, difference.new)
    )
    for name in dict.fromkeys(name for name in (new, old) if name):
        status = "" if old == new or None in (difference.old, difference.new) else ADDED if name == new else REMOVED
        yield DrawnTask(name, status=status, finalizer=True)
