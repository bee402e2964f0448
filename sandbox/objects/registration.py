"""The kinds of objects that are only kept and shown: everything but tasks, services and running procedures."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sandbox.objects import database, role, schema, user, warehouse

if TYPE_CHECKING:
    from sandbox.engine import World


def register(world: World) -> None:
    """Add this folder's kinds and statements."""
    for kind in (role.KIND, user.KIND, warehouse.KIND, database.KIND, schema.KIND):
        world.kinds[kind.name] = kind
