"""Notifications: integrations, the procedures that send, and delivery to files or to a receiver on this machine."""

from __future__ import annotations

from typing import TYPE_CHECKING

from snowflake_sandbox.notifications import constructors, delivery, history, integration, queue, sending

if TYPE_CHECKING:
    from snowflake_sandbox.call import World

TABLES = queue.TABLES


def register(world: World) -> None:
    """Add the kind, the functions and procedures, and the delivery to the world."""
    world.kinds[integration.KIND.name] = integration.KIND
    for part in (constructors, sending, history):
        part.register(world)
    world.parts["notifications"] = delivery.Delivery(world)
