"""Tasks that an interrupted deploy made and the engine's state does not know: dropped before they are made again.

Knows the engine's hooks. Must not know what a graph's tasks are. An engine that was killed between a CREATE and the
note of it would otherwise fail for ever with "already exists".
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import pulumi

from jobgraph.deploy.root_changes import left_overs
from jobgraph.plan import sql

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from jobgraph.components.part import Scope
    from jobgraph.plan.planning import GraphPlan
    from jobgraph.plan.task_rows import Row


def dropping_left_overs(graphs: Sequence[GraphPlan], present: Mapping[str, Row], scope: Scope) -> pulumi.ResourceHook:
    """Return what is to happen before a task is created: it is dropped if it is there and was made for its graph.

    The engine calls it only for what its state does not have, and for what it has just dropped to make it anew. It is
    one hook for all tasks and deploys: the engine writes its whole state anew for each task whose hooks have changed.
    """
    orphans = left_overs(graphs, present)

    def drop(arguments: pulumi.ResourceHookArgs) -> None:
        name = scope.local(arguments.name)
        if name in orphans:
            with scope.login.connected() as ask:
                ask(sql.drop_task(orphans[name]))

    return pulumi.ResourceHook(scope.hook("drop a task that an interrupted deploy left"), drop)
