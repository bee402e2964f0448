"""Summaries of previews as people and tools read them: lines for a terminal, Markdown for a pull request, plain values.

Knows these forms. Must not know how a summary is found (see `previewing`), nor where it goes. Keys of the JSON form are
promised to scripts: add, never rename.
"""

from __future__ import annotations

import json
from dataclasses import asdict
from html import escape
from typing import TYPE_CHECKING, Any

from jobgraph.diff.rendering import MOST_DRAWN
from jobgraph.drawing.pictures import DONE, FAILED, RUNNING, WAITING
from jobgraph.names import is_plain
from jobgraph.preview.changes import CHANGED, CREATED, DELETED, IMPORTED, REPLACED

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from jobgraph.preview.changes import Change, Field, GraphSummary, Node, Summary

LONGEST_VALUE = 200
_BEFORE_DIFFERENCE = 40
_SIGNS = {CREATED: "+", CHANGED: "~", REPLACED: "±", DELETED: "-", IMPORTED: "="}
_LOOKS = {CREATED: DONE, CHANGED: WAITING, REPLACED: RUNNING, DELETED: FAILED, IMPORTED: DONE}
_LOOKED = "a staged file, or a root that failed too often: `pulumi refresh --preview-only` without --json names it"
_LOOSELY = "only case or white space"
# so many objects that are changed alike are told together, and so many of them by name
_FEWEST_ALIKE = 3
_MOST_NAMED = 10
# of one table; whoever wants more reads the preview itself
_MOST_ROWS = 150
# GitHub takes comments of 65,536 characters
LONGEST_COMMENT = 60_000


def values(field: Field) -> tuple[str, str]:
    """Return both values of a field, each on one line; long ones are cut around the first difference."""
    old, new = _text(field.old), _text(field.new)
    if max(len(old), len(new)) <= LONGEST_VALUE:
        return old, new
    same = next((place for place, pair in enumerate(zip(old, new, strict=False)) if pair[0] != pair[1]), 0)
    start = max(0, same - _BEFORE_DIFFERENCE)
    return _cut(old, start), _cut(new, start)


def _text(value: Any) -> str:
    if value is None:
        return "none"
    if isinstance(value, list) and value and all(isinstance(one, str) and is_plain(one) for one in value):
        return ", ".join(value)
    return value if isinstance(value, str) and value.isprintable() else json.dumps(value, ensure_ascii=False)


def _cut(text: str, start: int) -> str:
    cut = text[start : start + LONGEST_VALUE]
    return f"{'…' if start else ''}{cut}{'…' if start + LONGEST_VALUE < len(text) else ''}"


def _title(summary: Summary) -> str:
    if summary.errors:
        return "The preview failed"
    if summary.is_empty:
        return "No drift" if summary.drift else "Nothing changes"
    changes = [change for graph in summary.graphs for change in graph.changes]
    counts = [(action, sum(change.action == action for change in changes)) for action in _SIGNS]
    tasks = ", ".join(f"{count} {action}" for action, count in counts if count)
    others = len(summary.others)
    parts = [f"tasks: {tasks}" if tasks else "", f"{others} other object{'s' * (others != 1)}" if others else ""]
    parts.append(f"{summary.unnamed} seen by looking ({_LOOKED})" if summary.unnamed else "")
    start = "Changed behind the program" if summary.drift else "What changes"
    return f"{start}: {'; '.join(part for part in parts if part) or 'what stays is given up'}"


def _heading(summary: Summary) -> str:
    return "Lost behind the program" if summary.drift else "Destructive"


def as_text(summary: Summary) -> str:
    """Return the summary as lines, what is destructive first."""
    return "".join(f"{line}\n" for line in _text_lines(summary))


def _text_lines(summary: Summary) -> Iterator[str]:
    yield _title(summary)
    yield from (f"  error: {message}" for message in summary.errors)
    if summary.dangers:
        yield from ("", f"{_heading(summary)}:")
        yield from (f"  ! {danger.what}: {danger.loss}" for danger in summary.dangers)
    for graph in summary.graphs:
        yield from ("", f"Graph {graph.key}:")
        yield from _text_changes(graph.changes)
    if summary.others:
        yield from ("", "Around the graphs:")
        yield from _text_changes(summary.others)
    if summary.kept:
        yield from ("", "Kept, though the stack gives it up (drop it by hand if it is to go):")
        yield from (f"  {change.kind} {change.name}" for change in summary.kept)


def _text_changes(changes: Sequence[Change]) -> Iterator[str]:
    for same in _alike(changes):
        change, names = same[0], _named([one.name for one in same])
        kind = "" if change.graph else f"{change.kind} "
        about = f": {change.about}" if change.about else ""
        yield f"  {_SIGNS[change.action]} {kind}{names} ({_action(same)}){about}"
        for field in change.fields:
            old, new = values(field)
            note = f"  ({_LOOSELY})" if field.loosely_same else ""
            yield f"      {field.name}: {old} -> {new}{note}"


def _alike(changes: Sequence[Change]) -> Iterator[list[Change]]:
    """Yield the changes, one by one; but many objects that are changed alike together."""
    groups: dict[str, list[Change]] = {}
    for change in changes:
        groups.setdefault(repr((change.kind, change.action, change.fields, change.about)), []).append(change)
    for same in groups.values():
        if len(same) >= _FEWEST_ALIKE:
            yield same
        else:
            yield from ([change] for change in same)


def _named(names: Sequence[str]) -> str:
    """Return names in a row; of very many, the first ones and their count."""
    more = f" and {len(names) - _MOST_NAMED} more" if len(names) > _MOST_NAMED else ""
    return ", ".join(names[:_MOST_NAMED]) + more


def _action(same: Sequence[Change]) -> str:
    if len(same) == 1:
        return same[0].action
    return f"{len(same)} {same[0].action}{' alike' if same[0].fields else ''}"


def as_markdown(summary: Summary) -> str:
    """Return the summary for a comment of a pull request: what is destructive first, then each graph with a picture."""
    text = "".join(f"{line}\n" for line in _markdown_lines(summary))
    if len(text) <= LONGEST_COMMENT:
        return text
    kept = text[: text.rindex("\n", 0, LONGEST_COMMENT) + 1]
    fence = "```\n" if kept.count("```") % 2 else ""
    return f"{kept}{fence}\nThe rest is left out: a comment may not be longer.\n"


def _markdown_lines(summary: Summary) -> Iterator[str]:
    yield f"### {_title(summary)}"
    for message in summary.errors:
        yield from ("", f"<pre>{escape(message)}</pre>")
    if summary.dangers:
        yield from ("", "> [!CAUTION]", f"> **{_heading(summary)}**", ">")
        yield from (f"> - {_code(danger.what)}: {escape(danger.loss)}" for danger in summary.dangers)
    for graph in summary.graphs:
        yield from ("", f"#### Graph {_code(graph.key)}", "", *_table("Job", graph.changes), "")
        yield from ("```mermaid", picture(graph).rstrip(), "```")
    if summary.others:
        yield from ("", "#### Around the graphs", "", *_table("Object", summary.others))
    if summary.kept:
        yield from ("", "#### Kept, though the stack gives it up", "")
        yield from (f"- {change.kind} {_code(change.name)}" for change in summary.kept)


def _table(what: str, changes: Sequence[Change]) -> Iterator[str]:
    yield f"| {what} | | Field | From | To |"
    yield "| --- | --- | --- | --- | --- |"
    rows = [row for same in _alike(changes) for row in _rows(same)]
    yield from rows[:_MOST_ROWS]
    if len(rows) > _MOST_ROWS:
        yield f"| and {len(rows) - _MOST_ROWS} more rows | | | | |"


def _rows(same: Sequence[Change]) -> Iterator[str]:
    change = same[0]
    names = _named([_code(one.name) for one in same])
    start = f"| {names if change.graph else f'{change.kind} {names}'} | {_action(same)} |"
    if not change.fields:
        yield f"{start} | | {_code(change.about)} |"
    for field in change.fields:
        old, new = values(field)
        note = f" *({_LOOSELY})*" if field.loosely_same else ""
        yield f"{start} {escape(field.name)} | {_code(old)} | {_code(new)}{note} |"


def _code(text: str) -> str:
    """Return a text as code in a cell: nothing in it ends the cell or is Markdown or HTML."""
    return f"<code>{escape(text, quote=False).replace('|', '&#124;').replace('`', '&#96;')}</code>" if text else ""


def picture(graph: GraphSummary) -> str:
    """Return a Mermaid flowchart: green comes, red goes, yellow changes. Of a large graph, only what is near these."""
    nodes = _drawn(graph.nodes)
    names = {node.name for node in nodes}
    lines = ["flowchart LR"]
    for node in nodes:
        note = f"<br/><small>{node.action}</small>" if node.action else ""
        lines.append(f'  {node.name}["{node.name}{note}"]')
    edges = [(before, node) for node in nodes for before in sorted({*node.after, *node.before}) if before in names]
    for before, node in edges:
        lines.append(f"  {before} {'-->' if before in node.after else '-.->'} {node.name}")
    lines += [f"  {node.finalizes} -.-> {node.name}" for node in nodes if node.finalizes in names]
    for node in nodes:
        if node.action in _LOOKS:
            look = _LOOKS[node.action]
            dashes = ",stroke-dasharray:5 4" if node.action == DELETED else ""
            lines.append(f"  style {node.name} fill:{look.fill},stroke:{look.border},stroke-width:2px{dashes}")
    came = [str(place) for place, (before, node) in enumerate(edges) if before not in node.before]
    went = [str(place) for place, (before, node) in enumerate(edges) if before not in node.after]
    for places, look in ((came, _LOOKS[CREATED]), (went, _LOOKS[DELETED])):
        if places:
            lines.append(f"  linkStyle {','.join(places)} stroke:{look.border},stroke-width:2px")
    return "\n".join(lines) + "\n"


def _drawn(nodes: tuple[Node, ...]) -> list[Node]:
    if len(nodes) <= MOST_DRAWN:
        return list(nodes)
    marked = {node.name for node in nodes if node.action}
    near = marked | {name for node in nodes if node.name in marked for name in (*node.after, *node.before)}
    near |= {node.name for node in nodes if marked & {*node.after, *node.before}}
    return [node for node in nodes if node.name in near][: 2 * MOST_DRAWN]


def as_json(summary: Summary) -> dict[str, Any]:
    """Return the summary as plain values."""
    return {
        "drift": summary.drift,
        "errors": list(summary.errors),
        "destructive": [asdict(danger) for danger in summary.dangers],
        "graphs": [
            {"graph": graph.key, "tasks": [_change_json(change) for change in graph.changes], "mermaid": picture(graph)}
            for graph in summary.graphs
        ],
        "others": [_change_json(change) for change in summary.others],
        "kept": [_change_json(change) for change in summary.kept],
        "seen_by_looking": summary.unnamed,
    }


def _change_json(change: Change) -> dict[str, Any]:
    return {
        "name": change.name,
        "kind": change.kind,
        "action": change.action,
        "about": change.about or None,
        "fields": [
            {"field": one.name, "old": one.old, "new": one.new, "only_case_or_white_space": one.loosely_same}
            for one in change.fields
        ],
    }
