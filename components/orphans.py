"""Drop tasks that an interrupted deploy created but the engine's state does not record, before creating them again.

Knows the engine's hooks. Must not know what a graph's tasks are. If the engine is killed after a CREATE but before it
saves its state, every later deploy would otherwise fail with "already exists".
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import pulumi

from jobgraph.deploy.left_overs import left_overs
from jobgraph.plan import sql

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from jobgraph.components.part import Scope
    from jobgraph.deploy.left_overs import Reading
    from jobgraph.plan.planning import GraphPlan
    from jobgraph.plan.task_rows import Row


def dropping_left_overs(
    graphs: Sequence[GraphPlan], present: Mapping[str, Row], reading: Reading, scope: Scope
) -> pulumi.ResourceHook:
    """Return the hook that runs before a task is created. It drops the task if that exists and was made for its graph.

    The engine calls the hook only for tasks that its state does not have, or that it has just dropped to replace them.
    All tasks and deploys share one hook, because the engine rewrites its whole state for each task whose hooks changed.
    """
    orphans = left_overs(graphs, present, reading)

    def drop(arguments: pulumi.ResourceHookArgs) -> None:
        name = scope.local(arguments.name)
        if name in orphans:
            with scope.login.connected() as ask:
                ask(sql.drop_task(orphans[name]))

    return pulumi.ResourceHook(scope.hook("drop a task that an interrupted deploy left"), drop)
