"""Pictures of a graph: Mermaid text for pull requests, lines for a terminal, SVG for a browser.

Knows how tasks, edges and states look. Must not know where states come from: they are given by task name, in the
words of Snowflake's task history (SUCCEEDED, FAILED, EXECUTING, SCHEDULED, SKIPPED, CANCELLED) or of job services
(DONE, RUNNING, PENDING). A task without a state is drawn neutral.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from jobgraph.rules import topological
from jobgraph.vectors import Box, Drawing, drawing_of

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from jobgraph.model import Graph, Job


@dataclass(frozen=True)
class Look:
    """How a state is shown: fill and border colour, and one sign for a terminal."""

    fill: str
    border: str
    sign: str


NEUTRAL = Look("#f6f8fa", "#8c959f", "·")
DONE = Look("#dafbe1", "#1a7f37", "✓")
FAILED = Look("#ffebe9", "#cf222e", "✗")
RUNNING = Look("#ddf4ff", "#0969da", "▶")
WAITING = Look("#fff8c5", "#9a6700", "…")
SKIPPED = Look("#eaeef2", "#6e7781", "↷")

LOOKS: dict[str, Look] = {
    "SUCCEEDED": DONE,
    "DONE": DONE,
    "FAILED": FAILED,
    "FAILED_AND_AUTO_SUSPENDED": FAILED,
    "INTERNAL_ERROR": FAILED,
    "EXECUTING": RUNNING,
    "RUNNING": RUNNING,
    "SCHEDULED": WAITING,
    "PENDING": WAITING,
    "SKIPPED": SKIPPED,
    "CANCELLED": SKIPPED,
    "CANCELLING": SKIPPED,
}


@dataclass(frozen=True)
class _Task:
    """A task to be drawn; `note` is the small second line."""

    name: str
    note: str
    after: tuple[str, ...]
    shape: str = "job"


def _tasks(graph: Graph) -> list[_Task]:
    """Return root, jobs in topological order, and the finalizer, which follows the jobs that nothing follows."""
    root = _Task(graph.root_task, str(graph.schedule) if graph.schedule else "on demand", (), "root")
    jobs = [_Task(job.name, _note(job), tuple(dict.fromkeys(job.after)) or (root.name,)) for job in topological(graph)]
    followed = {name for task in jobs for name in task.after}
    last = tuple(task.name for task in jobs if task.name not in followed) or (root.name,)
    return [root, *jobs, _Task(graph.finalizer_task, "finalizer", last, "finalizer")]


def _note(job: Job) -> str:
    note = job.compute_pool
    if job.retries:
        note += f", {job.retries} retr{'y' if job.retries == 1 else 'ies'}"
    return note


def _look(states: Mapping[str, str] | None, name: str) -> Look:
    return LOOKS.get((states or {}).get(name, ""), NEUTRAL)


def mermaid(graph: Graph, states: Mapping[str, str] | None = None) -> str:
    """Return a Mermaid flowchart; the finalizer is tied by a dotted line to the jobs that end the graph."""
    shapes = {"root": '([" ', "job": '["', "finalizer": '{{"'}
    ends = {"root": ' "])', "job": '"]', "finalizer": '"}}'}
    lines = ["flowchart LR"]
    tasks = _tasks(graph)
    for task in tasks:
        state = (states or {}).get(task.name, "")
        label = f"{task.name}<br/><small>{task.note}{f' · {state}' if state else ''}</small>"
        lines.append(f"  {task.name}{shapes[task.shape]}{label}{ends[task.shape]}")
    for task in tasks:
        arrow = "-.->" if task.shape == "finalizer" else "-->"
        lines += [f"  {name} {arrow} {task.name}" for name in task.after]
    for task in tasks:
        look = _look(states, task.name)
        if look is not NEUTRAL:
            lines.append(f"  style {task.name} fill:{look.fill},stroke:{look.border}")
    return "\n".join(lines) + "\n"


def text(graph: Graph, states: Mapping[str, str] | None = None) -> str:
    """Return the graph as a tree of lines: a task stands below the last of its predecessors, the others are named."""
    tasks = _tasks(graph)
    children: dict[str, list[_Task]] = {task.name: [] for task in tasks}
    place = {task.name: number for number, task in enumerate(tasks)}
    for task in tasks[1:-1]:
        children[max(task.after, key=place.__getitem__)].append(task)
    lines = list(_branch(tasks[0], children, "", ""))
    lines.append((f"└─ {tasks[-1].name}", "finalizer, after all", tasks[-1].name))
    width = max(len(tree) for tree, _, _ in lines)
    return "".join(f"{_line(tree, width, note, name, states)}\n" for tree, note, name in lines)


def _line(tree: str, width: int, note: str, name: str, states: Mapping[str, str] | None) -> str:
    state = (states or {}).get(name)
    sign = f"{_look(states, name).sign} " if states is not None else ""
    shown = f"{state:<10} " if state else (" " * 11 if states is not None else "")
    return f"{sign}{tree:<{width}}  {shown}{note}".rstrip()


def _branch(task: _Task, children: Mapping[str, list[_Task]], lead: str, below: str) -> Iterator[tuple[str, str, str]]:
    """Yield (tree and name, note, name) of a task and of all that stands below it. Iterative: chains may be long."""
    stack = [(task, lead, below)]
    while stack:
        current, lead, below = stack.pop()
        others = f", after {', '.join(current.after)}" if len(current.after) > 1 else ""
        yield f"{lead}{current.name}", current.note + others, current.name
        under = children[current.name]
        for number, child in reversed(list(enumerate(under))):
            # the finalizer comes below the root's last child, so that one is not the end of the root's line
            last = number == len(under) - 1 and current.shape != "root"
            stack.append((child, below + ("└─ " if last else "├─ "), below + ("   " if last else "│  ")))


def svg(graph: Graph, states: Mapping[str, str] | None = None) -> str:
    """Return the graph as an SVG document, from left to right, coloured by state."""
    boxes = []
    for task in _tasks(graph):
        look, state = _look(states, task.name), (states or {}).get(task.name, "")
        note = f"{look.sign} {state} · {task.note}" if state else task.note
        boxes.append(Box(task.name, note, task.after, look.fill, look.border, task.shape))
    return drawing_of(Drawing(graph.key, graph.comment, tuple(boxes)))
