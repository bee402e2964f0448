"""The credits that a resource monitor's warehouses have used in a month, and whether they may still be resumed.

Knows user-guide/resource-monitors. Must not know how a monitor is declared (objects/resource_monitor.py).
"""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

from snowflake_sandbox import errors
from snowflake_sandbox.catalog import catalog
from snowflake_sandbox.compute import meter, usage
from snowflake_sandbox.statements.reader import ObjectName

if TYPE_CHECKING:
    from datetime import datetime

    from snowflake_sandbox.catalog.catalog import SnowflakeObject
    from snowflake_sandbox.store import Snapshot

_SHORTEST = timedelta(minutes=1)


def used(tx: Snapshot, name: str, now: datetime) -> float:
    """Return the credits that the warehouses of a monitor have used in the current month."""
    month = now.replace(day=1, hour=0, minute=0, second=0, microsecond=0)
    warehouses = {item.id for item in catalog.listing(tx, "WAREHOUSE") if item["resource_monitor"] == name}
    spans = usage.spans(tx, "WAREHOUSE", now)
    return sum(
        credits_
        for (object_id, _), times in spans.items()
        if object_id in warehouses
        for hour, credits_ in meter.hourly(times, _SHORTEST).items()
        if hour >= month
    )


def refusal(tx: Snapshot, warehouse: SnowflakeObject, now: datetime) -> errors.SnowflakeError | None:
    """Return the error if a warehouse's monitor has reached a SUSPEND threshold; None if the warehouse may be used."""
    name = warehouse["resource_monitor"]
    monitor = catalog.find(tx, "RESOURCE MONITOR", ObjectName(name)) if name else None
    if monitor is None or not monitor["credit_quota"]:
        return None
    reached = [percent for percent, action in monitor["triggers"] or () if action == "SUSPEND"]
    if not reached or used(tx, name, now) < monitor["credit_quota"] * min(reached) / 100:
        return None
    return errors.invalid_state(
        f"Warehouse '{warehouse.name.name}' cannot be resumed because resource monitor '{name}' has exceeded its"
        " quota.",
        90073,
        "22000",
    )
