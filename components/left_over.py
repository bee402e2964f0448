"""Tasks that an interrupted deploy made and the engine's state does not know: dropped before they are made again.

Knows the engine's hooks. Must not know what a graph's tasks are. An engine that was killed between a CREATE and the
note of it would otherwise fail for ever with "already exists".
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import pulumi

from components.connection import connected
from jobgraph.changing import left_over, left_over_root

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from jobgraph.planning import GraphPlan, TaskPlan
    from jobgraph.task_rows import Row


def dropping_left_overs(graphs: Sequence[GraphPlan], present: Mapping[str, Row]) -> pulumi.ResourceHook:
    """Return what is to happen before a task is created: it is dropped if it is there and was made for its graph.

    The engine calls it only for what its state does not have, and for what it has just dropped to make it anew. It is
    one hook for all tasks and deploys: the engine writes its whole state anew for each task whose hooks have changed.
    """
    left = {
        task.name: task.full_name
        for graph in graphs
        for task in (graph.root, *graph.members)
        if task.name in present and _is_left_over(graph, task, present[task.name])
    }

    def drop(arguments: pulumi.ResourceHookArgs) -> None:
        if arguments.name in left:
            with connected() as ask:
                ask(f"DROP TASK IF EXISTS {left[arguments.name]}")

    return pulumi.ResourceHook("drop a task that an interrupted deploy left", drop)


def _is_left_over(graph: GraphPlan, task: TaskPlan, row: Row) -> bool:
    return left_over_root(row, graph) if task is graph.root else left_over(row, graph.key)
