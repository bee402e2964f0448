"""A picture of a graph's changes: additions are green, removals red, changes yellow.

Knows how changes look, and how many tasks are readable. Must not know where the changes come from: they are passed by
task, with the statuses of a diff or a preview.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING

from jobgraph.drawing.looks import DONE, FAILED, RUNNING, WAITING, StateStyle
from jobgraph.drawing.mermaid import MermaidArrow, MermaidBox, flowchart

if TYPE_CHECKING:
    from collections.abc import Sequence

# a picture of more tasks shows only the changed ones and their neighbours
MOST_DRAWN = 60
_SIGNS = {"added": "+", "created": "+", "changed": "~", "replaced": "±", "removed": "-", "deleted": "-"}
_SIGNS |= {"imported": "="}
_LOOKS: dict[str, StateStyle] = {"+": DONE, "=": DONE, "~": WAITING, "±": RUNNING, "-": FAILED}
_DASHES = ",stroke-dasharray:5 4"
_STROKE = ",stroke-width:2px"


@dataclass(frozen=True)
class DrawnTask:
    """A task after the change, or before it if it is removed; `status` is empty if it does not change.

    `after` are its predecessors after the change, `before` its present ones. A finalizer follows the last jobs.
    """

    name: str
    after: tuple[str, ...] = ()
    before: tuple[str, ...] = ()
    status: str = ""
    finalizer: bool = False


def change_sign(status: str) -> str:
    """Return the sign of a change: `+`, `-`, `~`, `±` or `=`."""
    return _SIGNS[status]


def change_picture(tasks: Sequence[DrawnTask]) -> str:
    """Return a Mermaid flowchart of a graph before and after a change; of a large graph, only the parts near changes.

    A remark counts the tasks and arrows that are not drawn.
    """
    edges = _edges(tasks)
    drawn = _drawn(tasks, edges)
    names = {task.name for task in drawn}
    boxes = [_box(task) for task in drawn]
    arrows = [arrow for arrow in edges if arrow.start in names and arrow.end in names]
    return flowchart(boxes, arrows, _remarks(tasks, names, len(edges) - len(arrows)))


def _box(task: DrawnTask) -> MermaidBox:
    shape = "finalizer" if task.finalizer else "job"
    if not task.status:
        return MermaidBox(task.name, task.name if task.finalizer else "", shape)
    mark = _SIGNS[task.status]
    look = _LOOKS[mark]
    style = f"fill:{look.fill},stroke:{look.border}{_STROKE}{_DASHES if mark == '-' else ''}"
    return MermaidBox(task.name, f"{mark} {task.name}", shape, style)


def _edges(tasks: Sequence[DrawnTask]) -> list[MermaidArrow]:
    edges = []
    for task in tasks:
        if not task.finalizer:
            edges += [_edge(name, task) for name in dict.fromkeys([*task.after, *task.before])]
    followed = {edge.start for edge in edges}
    last = [task for task in tasks if not task.finalizer and task.name not in followed]
    for finalizer in (task for task in tasks if task.finalizer):
        edges += [MermaidArrow(task.name, finalizer.name, dotted=True) for task in last]
    return edges


def _edge(start: str, task: DrawnTask) -> MermaidArrow:
    stays = start in task.after and start in task.before
    removed = start not in task.after
    style = "" if stays else f"stroke:{_LOOKS['-' if removed else '+'].border},stroke-width:2px"
    return MermaidArrow(start, task.name, dotted=removed, style=style)


def _drawn(tasks: Sequence[DrawnTask], edges: Sequence[MermaidArrow]) -> list[DrawnTask]:
    """Return the tasks to draw: all or, of a large graph, those that change and their neighbours."""
    if len(tasks) <= MOST_DRAWN:
        return list(tasks)
    changed = {task.name for task in tasks if task.status}
    changed |= {name for edge in edges if edge.style for name in (edge.start, edge.end)}
    near = {name for edge in edges if {edge.start, edge.end} & changed for name in (edge.start, edge.end)}
    first = [task for task in tasks if task.name in changed][: 2 * MOST_DRAWN]
    room = 2 * MOST_DRAWN - len(first)
    names = {task.name for task in first}
    names |= {task.name for task in [t for t in tasks if t.name in near - changed and not t.finalizer][:room]}
    return [task for task in tasks if task.name in names]


def _remarks(tasks: Sequence[DrawnTask], names: set[str], arrows: int) -> list[str]:
    hidden = Counter(task.status or "not changed" for task in tasks if task.name not in names)
    if not hidden:
        return []
    counts = ", ".join(f"{count} {status}" for status, count in sorted(hidden.items()))
    remark = f"{sum(hidden.values())} more tasks are not drawn ({counts})"
    return [remark + (f", nor {arrows} arrow{'s' * (arrows > 1)} from or to them" if arrows else "")]
