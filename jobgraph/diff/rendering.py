"""Differences between two job configurations, in words: for a terminal, as plain values, and for a pull request.

Knows how changes are written and drawn. Must not know how they are found (see `comparing`), nor where the text goes.
Keys of the JSON form are promised to scripts: add, never rename.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from jobgraph.diff.comparison import ADDED, CHANGED, REMOVED, edges, plain

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from jobgraph.config.model import Graph, Job
    from jobgraph.diff.comparison import Change, Edge, GraphDifference, JobChange

NOTHING = "No difference: both say the same.\n"
# a picture with more tasks than these shows only what is different and its neighbours
MOST_DRAWN = 60
LONGEST_VALUE = 200

_SIGNS = {ADDED: "+", REMOVED: "-", CHANGED: "~"}
_STYLES = {
    ADDED: "fill:#dafbe1,stroke:#1a7f37,stroke-width:2px",
    REMOVED: "fill:#ffebe9,stroke:#cf222e,stroke-width:2px,stroke-dasharray:5 4",
    CHANGED: "fill:#fff8c5,stroke:#9a6700,stroke-width:2px",
}
_EDGE_STYLES = {ADDED: "stroke:#1a7f37,stroke-width:3px", REMOVED: "stroke:#cf222e,stroke-width:2px"}


def as_text(differences: Sequence[GraphDifference]) -> str:
    """Return the differences as lines: `+` came, `-` went, `~` changed."""
    if not differences:
        return NOTHING
    return "\n".join("".join(f"{line}\n" for line in _graph_lines(one)) for one in differences)


def _graph_lines(difference: GraphDifference) -> Iterator[str]:
    yield f"{_SIGNS[difference.status]} graph {difference.key}{_summary(difference)}"
    for change in difference.fields:
        yield f"    {_change(change)}"
    for job in difference.added:
        yield f"  + {job.name}  {_said(job)}"
    for job in difference.removed:
        yield f"  - {job.name}  {_said(job)}"
    for job_change in difference.changed:
        yield f"  ~ {job_change.name}"
        for change in job_change.fields:
            yield f"      {_change(change)}"
        yield from (f"      + after {name}" for name in job_change.after_added)
        yield from (f"      - after {name}" for name in job_change.after_removed)


def _summary(difference: GraphDifference) -> str:
    counts = (
        (len(difference.added), "added"),
        (len(difference.removed), "removed"),
        (len(difference.changed), "changed"),
    )
    said = [f"{count} job{'s' if count > 1 else ''} {word}" for count, word in counts if count]
    return f": {', '.join(said)}" if said else ""


def _said(job: Job) -> str:
    after = f", after {', '.join(job.after)}" if job.after else ""
    return f"{job.image or (job.payload.path if job.payload else '')} on {job.compute_pool}{after}"


def _change(change: Change) -> str:
    return f"{change.field}: {value(change.old)} -> {value(change.new)}"


def value(given: Any) -> str:
    """Return a value on one line; a long one is cut."""
    if given is None:
        return "none"
    text = given if isinstance(given, str) and given and given.isprintable() else json.dumps(given, ensure_ascii=False)
    return text if len(text) <= LONGEST_VALUE else f"{text[:LONGEST_VALUE]}..."


def as_json(differences: Sequence[GraphDifference]) -> dict[str, Any]:
    """Return the differences as plain values."""
    return {"different": bool(differences), "graphs": [_graph_json(one) for one in differences]}


def _graph_json(difference: GraphDifference) -> dict[str, Any]:
    old, new = edges(difference.old), edges(difference.new)
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


def _change_json(change: Change) -> dict[str, Any]:
    return {"field": change.field, "old": plain(change.old), "new": plain(change.new)}


def as_markdown(differences: Sequence[GraphDifference]) -> str:
    """Return the differences for a pull request: a marked-up Mermaid picture and a table for each graph."""
    if not differences:
        return NOTHING
    return "\n".join("".join(f"{line}\n" for line in _graph_markdown(one)) for one in differences)


def _graph_markdown(difference: GraphDifference) -> Iterator[str]:
    yield f"### Graph `{difference.key}` {difference.status}{_summary(difference)}"
    yield ""
    yield from ("```mermaid", picture(difference).rstrip(), "```", "")
    yield from ("| | Job | Field | Before | After |", "| --- | --- | --- | --- | --- |")
    for change in difference.fields:
        yield _row("~", "*graph*", change.field, change.old, change.new)
    for job in difference.added:
        yield f"| + | `{job.name}` | | | {_cell(_said(job))} |"
    for job in difference.removed:
        yield f"| - | `{job.name}` | | {_cell(_said(job))} | |"
    for job_change in difference.changed:
        yield from _job_rows(job_change)


def _job_rows(change: JobChange) -> Iterator[str]:
    name = f"`{change.name}`"
    for field in change.fields:
        yield _row("~", name, field.field, field.old, field.new)
    for before in change.after_removed:
        yield f"| ~ | {name} | after | {_cell(before)} | |"
    for before in change.after_added:
        yield f"| ~ | {name} | after | | {_cell(before)} |"


def _row(sign: str, name: str, field: str, old: Any, new: Any) -> str:
    return f"| {sign} | {name} | {field} | {_cell(value(old))} | {_cell(value(new))} |"


def _cell(text: str) -> str:
    """Return a text as code in a cell of a table: a bar would end the cell, a backtick the code."""
    fence = "``" if "`" in text else "`"
    shown = text.replace("|", "\\|").replace("\n", " ")
    return f"{fence} {shown} {fence}" if fence == "``" else f"`{shown}`"


def picture(difference: GraphDifference) -> str:
    """Return a Mermaid flowchart of both graphs in one: what came is green, what went red, what changed yellow."""
    old, new = edges(difference.old), edges(difference.new)
    status = {edge: _edge_status(edge, old, new) for edge in new | old}
    marked = difference.job_status
    names = _drawn(difference, status, marked)
    shown = [edge for edge in status if edge[0] in names and edge[1] in names]
    lines = ["flowchart LR"]
    lines += [f'  {name}["{_SIGNS[marked[name]]} {name}"]' if name in marked else f"  {name}" for name in names]
    for start, end in shown:
        lines.append(f"  {start} {'-.->' if status[start, end] == REMOVED else '-->'} {end}")
    lines += [f"  style {name} {_STYLES[marked[name]]}" for name in names if name in marked]
    for kind, style in _EDGE_STYLES.items():
        numbers = [str(number) for number, edge in enumerate(shown) if status[edge] == kind]
        if numbers:
            lines.append(f"  linkStyle {','.join(numbers)} {style}")
    hidden = len({name for edge in status for name in edge}) - len(names)
    if hidden:
        lines.append(f'  more(["{hidden} more, not changed"])')
    return "\n".join(lines) + "\n"


def _edge_status(edge: Edge, old: dict[Edge, None], new: dict[Edge, None]) -> str:
    if edge in old and edge in new:
        return ""
    return ADDED if edge in new else REMOVED


def _drawn(difference: GraphDifference, status: dict[Edge, str], marked: dict[str, str]) -> list[str]:
    """Return the tasks to be drawn: all, or of very many those that are different and what they are joined to."""
    names = list(dict.fromkeys([*_names(difference.new), *_names(difference.old)]))
    if len(names) <= MOST_DRAWN:
        return names
    near = set(marked) | {name for edge in status if status[edge] for name in edge}
    near |= {name for edge in status if edge[0] in marked or edge[1] in marked for name in edge}
    return [name for name in names if name in near][: 2 * MOST_DRAWN]


def _names(graph: Graph | None) -> tuple[str, ...]:
    return (graph.root_task, *(job.name for job in graph.jobs)) if graph else ()
