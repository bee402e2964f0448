"""Writes summaries of previews: lines for terminals, Markdown for pull requests, and JSON.

Knows these formats. Must not know how a summary is computed (see `engine_preview`), nor where it goes. Scripts rely on
the keys of the JSON format: add some, but never rename one.
"""

from __future__ import annotations

from html import escape
from typing import TYPE_CHECKING, Any

from jobgraph import markdown
from jobgraph.cost.rendering import change_as_json, change_as_markdown, change_as_text
from jobgraph.diff.elements import elements, side_by_side
from jobgraph.drawing.changes import change_picture, change_sign
from jobgraph.preview.changes import CHANGED, CREATED, DELETED, IMPORTED, REPLACED

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from jobgraph.preview.changes import Field, GraphSummary, ObjectChange, Summary

_ACTIONS = (CREATED, CHANGED, REPLACED, DELETED, IMPORTED)
_CHECKED = "a staged file, or a root that failed too often: `pulumi refresh --preview-only` without --json names it"
_LOOSELY = "only case or white space"
# from this many objects with the same change on, they are shown together, and at most this many by name
_FEWEST_ALIKE = 3
_MOST_NAMED = 10


def _title(summary: Summary) -> str:
    if summary.errors:
        return "The preview failed"
    if summary.is_empty:
        return "No drift" if summary.drift else "Nothing changes"
    changes = [change for graph in summary.graphs for change in graph.changes]
    counts = [(action, sum(change.action == action for change in changes)) for action in _ACTIONS]
    tasks = ", ".join(f"{count} {action}" for action, count in counts if count)
    around = len(summary.around)
    parts = [f"tasks: {tasks}" if tasks else "", f"{around} other object{'s' * (around != 1)}" if around else ""]
    notes = sum(len(graph.notes) for graph in summary.graphs)
    parts.append(f"{notes} repair{'s' * (notes != 1)} in Snowflake" if notes else "")
    parts.append(f"{summary.steps} step{'s' * (summary.steps != 1)} of the deploy itself" if summary.steps else "")
    parts.append(f"{summary.unnamed} seen only by checks ({_CHECKED})" if summary.unnamed else "")
    start = "Changed outside Pulumi" if summary.drift else "Changes"
    return f"{start}: {'; '.join(part for part in parts if part) or 'objects leave the stack but stay in Snowflake'}"


def _heading(summary: Summary) -> str:
    return "Lost outside Pulumi" if summary.drift else "Destructive"


def as_text(summary: Summary) -> str:
    """Return the summary as lines, destructive changes first."""
    return "".join(f"{line}\n" for line in _text_lines(summary))


def _text_lines(summary: Summary) -> Iterator[str]:
    yield _title(summary)
    yield from (f"  error: {message}" for message in summary.errors)
    if summary.dangers:
        yield from ("", f"{_heading(summary)}:")
        yield from (f"  ! {danger.event}: {danger.loss}" for danger in summary.dangers)
    for graph in summary.graphs:
        yield from ("", f"Graph {graph.key}:")
        yield from (f"  > {note}" for note in graph.notes)
        yield from _text_changes(graph.changes)
    if summary.around:
        yield from ("", "Around the graphs:")
        yield from _text_changes(summary.around)
    if summary.retained:
        yield from ("", "No longer in the stack, but not dropped (drop it by hand if you do not need it):")
        yield from (f"  {change.kind} {change.name}" for change in summary.retained)
    if summary.warnings:
        yield from ("", "Warnings:")
        yield from (f"  {line}" for warning in summary.warnings for line in warning.splitlines())
    if summary.cost is not None and not summary.cost.is_empty:
        yield from ("", *change_as_text(summary.cost).splitlines())
    if summary.cost_unknown and not summary.is_empty:
        yield from ("", f"Cost: {summary.cost_unknown}")


def _text_changes(changes: Sequence[ObjectChange]) -> Iterator[str]:
    for same in _alike(changes):
        change, names = same[0], _in_a_row([change.name for change in same])
        kind = "" if change.graph else f"{change.kind} "
        about = f": {change.about}" if change.about else ""
        yield f"  {change_sign(change.action)} {kind}{names} ({_action(same)}){about}"
        for field in change.fields:
            for name, old, new, note in _sides(field):
                values = new if change.action == CREATED else f"{old} -> {new}"
                yield f"      {name}: {values}{f'  ({note})' if note else ''}"


def _sides(field: Field) -> Iterator[tuple[str, str, str, str]]:
    """Yield the name, both values and a note for each element in which a field differs."""
    note = _LOOSELY if field.loosely_same else ""
    for name, old, new in elements(field.name, field.old, field.new):
        before, after = side_by_side(old, new)
        yield name, before, after, note


def _alike(changes: Sequence[ObjectChange]) -> Iterator[list[ObjectChange]]:
    """Yield the changes one by one, but many objects with the same change together."""
    groups: dict[str, list[ObjectChange]] = {}
    for change in changes:
        groups.setdefault(repr((change.kind, change.action, change.fields, change.about)), []).append(change)
    for same in groups.values():
        if len(same) >= _FEWEST_ALIKE:
            yield same
        else:
            yield from ([change] for change in same)


def _in_a_row(names: Sequence[str]) -> str:
    """Return the names in a row; if there are too many, the first ones and the total."""
    remainder = f" and {len(names) - _MOST_NAMED} more" if len(names) > _MOST_NAMED else ""
    return ", ".join(names[:_MOST_NAMED]) + remainder


def _action(same: Sequence[ObjectChange]) -> str:
    if len(same) == 1:
        return same[0].action
    return f"{len(same)} {same[0].action}{' alike' if same[0].fields else ''}"


def as_markdown(summary: Summary) -> str:
    """Return the summary for a pull request comment: destructive changes first, then each graph with a picture."""
    return markdown.comment(_markdown_lines(summary), "jobgraph preview-summary preview.json")


def _markdown_lines(summary: Summary) -> Iterator[str]:
    yield f"### {_title(summary)}"
    for message in summary.errors:
        yield from ("", f"<pre>{escape(message)}</pre>")
    if summary.dangers:
        yield from ("", "> [!CAUTION]", f"> **{_heading(summary)}**", ">")
        yield from (
            f"> - {markdown.code(danger.event)}: {markdown.sentence(danger.loss)}" for danger in summary.dangers
        )
    if summary.cost is not None and not summary.cost.is_empty:
        yield from ("", *change_as_markdown(summary.cost).splitlines())
    if summary.cost_unknown and not summary.is_empty:
        yield from ("", f"Cost: {markdown.sentence(summary.cost_unknown)}")
    for graph in summary.graphs:
        yield from ("", f"#### Graph {markdown.code(graph.key)}", "")
        yield from (f"- {markdown.sentence(note)}" for note in graph.notes)
        if graph.changes:
            yield from (*[""] * bool(graph.notes), *_table("Job", graph.changes), "")
            yield from ("```mermaid", summary_picture(graph).rstrip(), "```")
    if summary.around:
        yield from ("", "#### Around the graphs", "", *_table("Object", summary.around))
    if summary.retained:
        yield from ("", "#### No longer in the stack, but not dropped", "")
        yield from (f"- {change.kind} {markdown.code(change.name)}" for change in summary.retained)
    if summary.warnings:
        yield from ("", "#### Warnings", "")
        yield from (f"- {markdown.code(' '.join(warning.split()))}" for warning in summary.warnings)


def _table(head: str, changes: Sequence[ObjectChange]) -> list[str]:
    rows = [row for same in _alike(changes) for row in _rows(same)]
    return markdown.table_lines((head, "", "Field", "From", "To"), rows)


def _rows(same: Sequence[ObjectChange]) -> Iterator[Sequence[str]]:
    change = same[0]
    names = _in_a_row([markdown.code(alike.name) for alike in same])
    start = (names if change.graph else f"{change.kind} {names}", _action(same))
    if change.about or not change.fields:
        yield (*start, "", markdown.code(change.about), "")
    for field in change.fields:
        for name, old, new, note in _sides(field):
            before = "" if change.action == CREATED else markdown.code(old)
            yield (*start, markdown.sentence(name), before, markdown.code(new) + (f" *({note})*" if note else ""))


def summary_picture(graph: GraphSummary) -> str:
    """Return a Mermaid flowchart: additions are green, removals red, changes yellow. Large graphs show only these."""
    return change_picture(graph.tasks)


def as_json(summary: Summary) -> dict[str, Any]:
    """Return the summary as plain values."""
    return {
        "drift": summary.drift,
        "errors": list(summary.errors),
        "destructive": [{"what": danger.event, "loss": danger.loss} for danger in summary.dangers],
        "graphs": [
            {
                "graph": graph.key,
                "tasks": [_change_json(change) for change in graph.changes],
                "notes": list(graph.notes),
                "mermaid": summary_picture(graph),
            }
            for graph in summary.graphs
        ],
        "others": [_change_json(change) for change in summary.around],
        "kept": [_change_json(change) for change in summary.retained],
        "seen_by_looking": summary.unnamed,
        "warnings": list(summary.warnings),
        "cost": None if summary.cost is None else change_as_json(summary.cost),
    }


def _change_json(change: ObjectChange) -> dict[str, Any]:
    return {
        "name": change.name,
        "kind": change.kind,
        "action": change.action,
        "about": change.about or None,
        "fields": [
            {"field": field.name, "old": field.old, "new": field.new, "only_case_or_white_space": field.loosely_same}
            for field in change.fields
        ],
    }
