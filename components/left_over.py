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
    from collections.abc import Mapping

    from jobgraph.planning import GraphPlan
    from jobgraph.task_rows import Row


def dropping_left_overs(graph: GraphPlan, present: Mapping[str, Row]) -> dict[str, pulumi.ResourceHook]:
    """Return what is to happen before a task is created, for those that are there and were made for this graph.

    The engine calls it only for what its state does not have, and for what it has just dropped to make it anew.
    """
    found: dict[str, pulumi.ResourceHook] = {}
    for task in (graph.root, *graph.members):
        row = present.get(task.name)
        if row is None:
            continue
        if left_over_root(row, graph) if task is graph.root else left_over(row, graph.key):
            found[task.name] = _dropping(task.full_name)
    return found


def _dropping(full_name: str) -> pulumi.ResourceHook:
    def drop(_arguments: pulumi.ResourceHookArgs) -> None:
        with connected() as ask:
            ask(f"DROP TASK IF EXISTS {full_name}")

    return pulumi.ResourceHook(f"drop {full_name}", drop)
