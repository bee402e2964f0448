"""Tasks that a killed deploy created, and that the engine's state does not have: which may be dropped, and by whom.

Pure. Knows rows of SHOW TASKS, plans, and the names in the engine's state. Must not know who reads that state.

A task that the file still plans is dropped right before it is created again (`left_overs`). A task that it does not
plan any more, because the file was put back, would stay for ever: nothing asks the engine to delete it (`orphans`). In
a graph, it would be a difference from the plan that no deploy ends. A root would be resumed by the step that the killed
deploy began with, and run on its schedule.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from jobgraph.plan.conditions import is_root_body
from jobgraph.plan.observations import unscheduled_root
from jobgraph.plan.task_rows import definition, finalized_root, predecessors, root_of

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Mapping, Sequence

    from jobgraph.plan.planning import GraphPlan, TaskPlan
    from jobgraph.plan.task_rows import Row

    Reading = Callable[[], "Recorded"]

_OPENING = "-opening"
_TASK = "snowflake:index/task:Task"
# The revert of a graph's opening (jobgraph.plan.planning).
_GRAPH = re.compile(r"/\* graph (?P<key>.+), content \w+ \*/")


@dataclass(frozen=True)
class Recorded:
    """What the engine's state has; empty if that is not known.

    tasks: the tasks. begun: the roots that have a first step. graphs: the keys of their graphs. unscheduled: the roots
    that were started when their last deploy began, which was to remove their schedule.
    """

    tasks: frozenset[str] = frozenset()
    begun: frozenset[str] = frozenset()
    graphs: frozenset[str] = frozenset()
    unscheduled: frozenset[str] = frozenset()


def recorded(resources: Mapping[str, tuple[str, Mapping[str, Any]]]) -> Recorded:
    """Return what a state has; `resources`: type and outputs of each resource, by its name inside the JobGraph."""
    openings = {
        name.removesuffix(_OPENING): (match["key"], str(outputs.get("query") or ""))
        for name, (_, outputs) in resources.items()
        if name.endswith(_OPENING) and (match := _GRAPH.search(str(outputs.get("revert") or "")))
    }
    return Recorded(
        tasks=frozenset(name for name, (kind, _) in resources.items() if kind == _TASK),
        begun=frozenset(openings),
        graphs=frozenset(key for key, _ in openings.values()),
        unscheduled=frozenset(root for root, (_, query) in openings.items() if unscheduled_root(query) == root),
    )


def left_overs(graphs: Sequence[GraphPlan], present: Mapping[str, Row], reading: Reading) -> dict[str, str]:
    """Return the planned tasks that exist and that a deploy may drop and create again: name -> full name.

    A task may have been left by a deploy that planned it for another graph, of this file or of the one that was killed;
    the state has that one's first step. `reading` is called only if a task was created for a graph that is not planned.
    """
    followed = _followed(present)
    own = {graph.key for graph in graphs}

    def is_left(task: TaskPlan, row: Row) -> bool:
        key = definition(row).get("graph")
        if key is not None:
            return key in own or key in reading().graphs
        if predecessors(row) or (row["state"] != "suspended" and task.name in followed):
            # The provider may resume a root right after its CREATE, if it replaces a root that a refresh recorded as
            # started. A started root with successors is a graph at work, perhaps another stack's.
            return False
        if any(task is graph.root and _is_root_of(row, graph) for graph in graphs):
            return True
        return is_root_body(str(row.get("definition") or "")) and task.name in reading().begun

    return {
        task.name: task.full_name
        for graph in graphs
        for task in graph.all_tasks
        if (row := present.get(task.name)) is not None and is_left(task, row)
    }


def orphans(graphs: Sequence[GraphPlan], present: Mapping[str, Row], reading: Reading) -> dict[str, str]:
    """Return the tasks that this stack created, that its state does not have and its file does not plan: name -> root.

    Only tasks below a root of this stack count, or such a root itself. `reading` is called only if a task that a deploy
    created is not planned.
    """
    planned = {task.name for graph in graphs for task in graph.all_tasks}
    roots = {graph.root.name for graph in graphs}
    deployed = [
        (name, row)
        for name, row in sorted(present.items())
        if name not in planned and ("graph" in definition(row) or is_root_body(str(row.get("definition") or "")))
    ]
    if not deployed:
        return {}
    state = reading()
    return {
        name: root
        for name, row in deployed
        for root in [root_of(name, present)]
        if name not in state.tasks
        and root in roots | state.begun
        and (name in state.begun or definition(row).get("graph") in state.graphs)
    }


def _is_root_of(row: Row, graph: GraphPlan) -> bool:
    """Whether a task is the root that a deploy of this graph creates. Roots share one body, so the comment decides."""
    return row.get("definition") == graph.root.sql and row.get("comment") == graph.root.comment


def _followed(present: Mapping[str, Row]) -> Collection[str]:
    return {name for row in present.values() for name in (*predecessors(row), finalized_root(row)) if name}
