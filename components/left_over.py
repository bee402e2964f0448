"""Tasks that an interrupted deploy made and the engine's state does not know: dropped before they are made again.

Knows the engine's hooks. Must not know what a graph's tasks are. An engine that was killed between a CREATE and the
note of it would otherwise fail for ever with "already exists".
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import pulumi

from jobgraph.changing import left_over, left_over_root

if TYPE_CHECKING:
    from collections.abc import Mapping

    from jobgraph.planning import GraphPlan
    from jobgraph.task_rows import Row


def dropping_left_overs(graph: GraphPlan, present: Mapping[str, Row]) -> dict[str, pulumi.ResourceHookBinding]:
    """Return what is to happen before a task is created, for those that are there and were made for this graph.

    The engine calls it only for what its state does not have, and for what it has just dropped to make it anew.
    """
    found: dict[str, pulumi.ResourceHookBinding] = {}
    for task in (graph.root, *graph.members):
        row = present.get(task.name)
        if row is None:
            continue
        if left_over_root(row, graph) if task is graph.root else left_over(row, graph.key):
            found[task.name] = pulumi.ResourceHookBinding(before_create=[_dropping(task.full_name)])
    return found


def _dropping(full_name: str) -> pulumi.ResourceHook:
    def drop(_arguments: pulumi.ResourceHookArgs) -> None:
        # loaded only here: it takes a second, and few deploys need it
        from jobgraph.cli.client import Choice, connect  # noqa: PLC0415  # see above
        from jobgraph.cli.queries import Statement  # noqa: PLC0415  # see above

        client = connect(Choice(environment=os.environ))
        try:
            client.rows(Statement(f"DROP TASK IF EXISTS {full_name}"))
        finally:
            client.close()

    return pulumi.ResourceHook(f"drop {full_name}", drop)
