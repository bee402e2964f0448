"""Compute: slots of warehouses, nodes of compute pools, and metering."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from snowflake_sandbox.compute import metering, needs, pools, usage, warehouses

if TYPE_CHECKING:
    from snowflake_sandbox.call import Call, World

TABLES = usage.TABLES


def register(world: World) -> None:
    """Add warehouses, pools, their metering and CURRENT_WAREHOUSE to the world."""
    world.functions["CURRENT_WAREHOUSE"] = _current_warehouse
    metering.register(world)
    world.parts["warehouses"] = warehouses.Warehouses(world)
    world.parts["pools"] = pools.Pools(world)


def _current_warehouse(call: Call, _arguments: tuple[Any, ...]) -> str | None:
    warehouse = needs.active(call.world, call.session)
    return None if warehouse is None else warehouse.name.name
