"""Compute: slots of warehouses, nodes of pools, and the meter."""

from __future__ import annotations

from typing import TYPE_CHECKING

from snowflake_sandbox.compute import usage, warehouses

if TYPE_CHECKING:
    from snowflake_sandbox.call import World

TABLES = usage.TABLES


def register(world: World) -> None:
    """Add the warehouses."""
    world.parts["warehouses"] = warehouses.Warehouses(world)
