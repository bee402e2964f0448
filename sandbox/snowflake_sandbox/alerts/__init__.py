"""Alerts: the kind of object, their evaluation and its history."""

from __future__ import annotations

from typing import TYPE_CHECKING

from snowflake_sandbox.alerts import alert, functions, history, runner

if TYPE_CHECKING:
    from snowflake_sandbox.call import World

TABLES = history.TABLES


def register(world: World) -> None:
    """Add the kind, EXECUTE ALERT, the functions and the runner to the world."""
    world.kinds[alert.KIND.name] = alert.KIND
    for part in (functions, history):
        part.register(world)
    alerts = runner.AlertRunner(world)
    world.parts["alerts"] = alerts
    world.changed = alerts.rows_changed
