"""Pictures of a graph: Mermaid for pull requests, text for terminals, SVG for browsers.

Knows the looks of tasks, edges and states. Must not know where states come from: they are passed by task name, as in
Snowflake's task history (SUCCEEDED, FAILED, EXECUTING, SCHEDULED, SKIPPED, CANCELLED) or in job services (DONE,
RUNNING, PENDING). A task without a state is drawn in a neutral colour. Of a graph with too many jobs, groups of jobs
are drawn (see `grouping`), each with the number of its jobs in every state.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from jobgraph.config.topology import topological
from jobgraph.drawing.grouping import AUTO, clusters
from jobgraph.drawing.looks import CANCELLED, DONE, FAILED, LOOKS, NEUTRAL, RUNNING, SKIPPED, WAITING, StateStyle
from jobgraph.drawing.mermaid import MermaidArrow, MermaidBox, flowchart
from jobgraph.drawing.svg import Box, Drawing, drawing_of

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from jobgraph.config.model import Graph, Job
    from jobgraph.drawing.grouping import Cluster


# a finalizer that follows more tasks than this is drawn behind all of them, without an arrow from each
MOST_ENDS = 5
# the most jobs of a group or a graph that are named because they need attention
MOST_NAMED = 20
# the state that a group shows: the first of these that one of its jobs has
_WORST_FIRST = (FAILED, CANCELLED, RUNNING, WAITING, SKIPPED, DONE)


@dataclass(frozen=True)
class _Task:
    """A task to draw, or a group of `jobs`; `note` is the small second line."""

    name: str
    note: str
    after: tuple[str, ...]
    shape: str = "job"
    jobs: tuple[str, ...] = ()


def _tasks(graph: Graph, way: str, states: Mapping[str, str] | None) -> list[_Task]:
    """Return the root, the jobs or their groups in topological order, and the finalizer if there is one."""
    # the schedule of a run's graph is not always known
    unscheduled = "on demand" if states is None else ""
    root = _Task(graph.root_task, str(graph.schedule) if graph.schedule else unscheduled, (), "root")
    groups = clusters(graph, way)
    if groups is None:
        jobs = [_task(job, (root.name,)) for job in topological(graph)]
    else:
        jobs = [_group(group, (root.name,)) for group in groups]
    return [root, *jobs, *_finalizer(graph, root, jobs)]


def _finalizer(graph: Graph, root: _Task, jobs: list[_Task]) -> list[_Task]:
    """Return the finalizer, which follows all jobs that no other job follows."""
    if graph.finalizer_task not in graph.task_names:
        return []
    followed = {name for task in jobs for name in task.after}
    last = tuple(task.name for task in jobs if task.name not in followed) or (root.name,)
    return [_Task(graph.finalizer_task, "finalizer", last, "finalizer")]


def _task(job: Job, otherwise: tuple[str, ...]) -> _Task:
    retries = f"{job.retries} retr{'y' if job.retries == 1 else 'ies'}" if job.retries else ""
    return _Task(job.name, _listed(job.compute_pool, retries), tuple(dict.fromkeys(job.after)) or otherwise)


def _listed(*parts: str) -> str:
    """Return the non-empty parts, joined by commas."""
    return ", ".join(filter(None, parts))


def _group(group: Cluster, otherwise: tuple[str, ...]) -> _Task:
    if len(group.jobs) == 1:
        return replace(_task(group.jobs[0], ()), after=group.after or otherwise)
    pools = group.pools
    on_pools = f" on {pools[0]}" if pools[0] else ""
    note = f"{len(group.jobs)} jobs{on_pools}" + (f" and {len(pools) - 1} more" if len(pools) > 1 else "")
    names = tuple(job.name for job in group.jobs)
    return _Task(group.name, note, group.after or otherwise, "group", names)


def _look(states: Mapping[str, str] | None, task: _Task) -> StateStyle:
    looks = {LOOKS.get((states or {}).get(name, ""), NEUTRAL) for name in task.jobs or (task.name,)}
    return next((look for look in _WORST_FIRST if look in looks), NEUTRAL)


def _state(states: Mapping[str, str] | None, task: _Task) -> str:
    """Return a task's state; for a group, the number of its jobs by state, states that need attention first."""
    if not task.jobs:
        return (states or {}).get(task.name, "")
    return ", ".join(f"{count} {state}" for state, count in _counts(states, task).items())


def _counts(states: Mapping[str, str] | None, task: _Task) -> dict[str, int]:
    """Return the number of a group's jobs by state, states that need attention first."""
    counts = Counter(state for name in task.jobs if (state := (states or {}).get(name, "")))
    order = {state: place for place, look in enumerate(_WORST_FIRST) for state in counts if LOOKS.get(state) is look}
    return dict(sorted(counts.items(), key=lambda item: order.get(item[0], len(order))))


def mermaid(graph: Graph, states: Mapping[str, str] | None = None, way: str = AUTO) -> str:
    """Return a Mermaid flowchart. Dotted lines join the finalizer to the jobs at the end of the graph.

    `way` is the way of grouping jobs (see `grouping.clusters`).
    """
    tasks = _tasks(graph, way, states)
    ids = {task.name: f"group_{number}" if task.jobs else task.name for number, task in enumerate(tasks)}
    boxes = [_mermaid_box(ids[task.name], task, states) for task in tasks]
    arrows = [
        MermaidArrow(ids[before], ids[task.name], dotted=task.shape == "finalizer")
        for task in tasks
        for before in task.after
    ]
    return flowchart(boxes, arrows)


def _mermaid_box(name: str, task: _Task, states: Mapping[str, str] | None) -> MermaidBox:
    state, look = _state(states, task), _look(states, task)
    small = " · ".join(filter(None, (task.note, state)))
    label = task.name + (f"<br/><small>{small}</small>" if small else "")
    style = f"fill:{look.fill},stroke:{look.border}" if look is not NEUTRAL else ""
    return MermaidBox(name, label, task.shape, style)


def text(graph: Graph, states: Mapping[str, str] | None = None, way: str = AUTO) -> str:
    """Return the graph as a tree of lines. A task is below the last of its predecessors; its line names the others.

    Below a graph drawn in groups are the names of the failed and the running jobs.
    """
    tasks = _tasks(graph, way, states)
    children: dict[str, list[_Task]] = {task.name: [] for task in tasks}
    place = {task.name: number for number, task in enumerate(tasks)}
    end = [task for task in tasks if task.shape == "finalizer"]
    for task in tasks[1 : len(tasks) - len(end)]:
        children[max(task.after, key=place.__getitem__)].append(task)
    lines = list(_branch(tasks[0], children, last=not end))
    lines += [(f"└─ {task.name}", "finalizer, after all", task) for task in end]
    width = max(len(tree) for tree, _, _ in lines)
    wide = max(10, *(len(_state(states, task)) for task in tasks))
    drawn = "".join(
        f"{tree:<{width}}  {note}".rstrip() + "\n"
        if states is None
        else f"{_look(states, task).sign} {tree:<{width}}  {_state(states, task):<{wide}} {note}".rstrip() + "\n"
        for tree, note, task in lines
    )
    return drawn + "".join(f"{line}\n" for line in _to_look_at(tasks, states))


def _branch(root: _Task, children: Mapping[str, list[_Task]], *, last: bool) -> Iterator[tuple[str, str, _Task]]:
    """Yield (tree and name, note, task) of all tasks below a root. Iterative, because chains may be long.

    With `last`, nothing follows the root's last child, so the root's line ends there.
    """
    stack = [(root, "", "")]
    while stack:
        current, lead, below = stack.pop()
        yield f"{lead}{current.name}", _listed(current.note, _other_predecessors(current)), current
        under = children[current.name]
        for number, child in reversed(list(enumerate(under))):
            ends = number == len(under) - 1 and (last or current is not root)
            stack.append((child, below + ("└─ " if ends else "├─ "), below + ("   " if ends else "│  ")))


def _other_predecessors(task: _Task) -> str:
    """Return the names of several predecessors; if there are too many, the first ones and the total."""
    if len(task.after) <= 1:
        return ""
    remainder = f" and {len(task.after) - MOST_ENDS} more" if len(task.after) > MOST_ENDS else ""
    return f"after {', '.join(task.after[:MOST_ENDS])}{remainder}"


def _to_look_at(tasks: list[_Task], states: Mapping[str, str] | None) -> Iterator[str]:
    """Yield lines that name the failed and the running jobs inside groups."""
    inside = [name for task in tasks for name in task.jobs]
    for look, word in ((FAILED, "failed"), (RUNNING, "running")):
        names = [name for name in inside if LOOKS.get((states or {}).get(name, "")) is look]
        if names:
            remainder = f" and {len(names) - MOST_NAMED} more" if len(names) > MOST_NAMED else ""
            yield f"{look.sign} {word}: {', '.join(names[:MOST_NAMED])}{remainder}"


def svg(graph: Graph, states: Mapping[str, str] | None = None, way: str = AUTO) -> str:
    """Return the graph as an SVG document, from left to right, coloured by state."""
    tasks = _tasks(graph, way, states)
    words = tuple(_legend(graph, states or {}))
    remark = graph.comment
    if any(task.jobs for task in tasks):
        count = sum(task.shape in {"job", "group"} for task in tasks)
        remark = f"{len(graph.jobs)} jobs in {count} groups" + (f" · {remark}" if remark else "")
    return drawing_of(Drawing(graph.key, remark, tuple(_box(task, states) for task in tasks), words))


def _legend(graph: Graph, states: Mapping[str, str]) -> Iterator[tuple[str, str, str]]:
    """Yield the fill, border and states of each look; states that look alike (SUCCEEDED, DONE) share an entry."""
    drawn_states = sorted({state for name in graph.task_names if (state := states.get(name, ""))})
    for look in _WORST_FIRST[::-1]:
        words = [state for state in drawn_states if LOOKS.get(state) is look]
        if words:
            yield look.fill, look.border, ", ".join(words)


def _box(task: _Task, states: Mapping[str, str] | None) -> Box:
    look, state = _look(states, task), _state(states, task)
    if task.jobs:
        counts = _counts(states, task)
        parts = [(LOOKS[state].border, counts[state]) for state in counts if state in LOOKS]
        neutral = len(task.jobs) - sum(count for _, count in parts)
        strip = (*parts, (NEUTRAL.border, neutral)) if parts and neutral else tuple(parts)
        signs = " · ".join(f"{count} {LOOKS[state].sign}" for state, count in counts.items() if state in LOOKS)
        note = f"{len(task.jobs)} jobs: {signs}" if signs else task.note
        return Box(task.name, note, task.after, look.fill, look.border, task.shape, strip)
    after_all = task.shape == "finalizer" and len(task.after) > MOST_ENDS
    note = " · ".join(part for part in (f"{look.sign} {state}" if state else "", task.note) if part)
    after = () if after_all else task.after
    return Box(task.name, note, after, look.fill, look.border, task.shape, after_all=after_all)
