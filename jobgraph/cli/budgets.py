"""Reading the budget of a stack from the account: its limit, its use, and whether the warehouse is suspended.

Knows the statements that read it. Must not know how it is reported (jobgraph.cost.budgeting).
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING

from jobgraph.account import queries
from jobgraph.cli import costing
from jobgraph.cli.stacks import stacks_of
from jobgraph.cost.budgeting import BudgetUse
from jobgraph.cost.usage import POOL, WAREHOUSE
from jobgraph.plan.budgets import has_suspended, monitor_name, show_monitor
from jobgraph.runs.attempts import instant

if TYPE_CHECKING:
    from pathlib import Path

    from jobgraph.account.client import Client
    from jobgraph.settings import Settings


def of_place(client: Client, project: Path) -> BudgetUse | None:
    """Return the budget of the stack that deploys into the connection's schema; None if it has none."""
    stacks = stacks_of(project)
    for name in stacks.names:
        settings = stacks.settings(name)
        if settings is not None and (settings.database, settings.schema) == (
            client.place.database,
            client.place.schema,
        ):
            return use(client, settings)
    return None


def use(client: Client, settings: Settings) -> BudgetUse | None:
    """Return how much of the budget the stack's own pools and warehouse have used in this calendar month, in UTC.

    None if there is no budget.
    """
    if settings.budget is None:
        return None
    now = instant(client.rows(queries.now())[0]["NOW"]) or datetime.now(tz=UTC)
    month = now.astimezone(UTC).replace(day=1, hour=0, minute=0, second=0, microsecond=0)
    pools = [pool.name for pool in settings.pools if not pool.existing]
    warehouses = [] if "warehouse" in settings.existing else [settings.warehouse]
    hours = costing.metered(client, {POOL: pools, WAREHOUSE: warehouses}, month)
    used = None if hours is None else sum(hour.credits for charged in hours.values() for hour in charged)
    return BudgetUse(settings.budget.credits_per_month, used, _suspended(client, settings))


def _suspended(client: Client, settings: Settings) -> str:
    """Return the warehouse that the budget's monitor has suspended; empty if it has not, or if that cannot be read."""
    monitor = monitor_name(settings)
    rows = client.rows(queries.Statement(show_monitor(monitor))) if monitor else []
    suspends = any(row["name"] == monitor and has_suspended(row) for row in rows)
    return settings.warehouse if suspends else ""
