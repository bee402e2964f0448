"""Tasks: the object kind, graph runs, their schedule and their history."""

from __future__ import annotations

from typing import TYPE_CHECKING

from snowflake_sandbox.tasks import functions, graph, graph_history, history, runs, scheduler, task

if TYPE_CHECKING:
    from snowflake_sandbox.call import World

TABLES = graph.TABLES + runs.TABLES + scheduler.TABLES


def register(world: World) -> None:
    """Add the kind, EXECUTE TASK, the functions and the scheduler."""
    world.kinds[task.DECLARATION.name] = task.DECLARATION
    functions.register(world)
    history.register(world)
    graph_history.register(world)
    world.parts["tasks"] = scheduler.Scheduler(world)
