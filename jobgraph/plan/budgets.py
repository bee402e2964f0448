"""A stack's budget in Snowflake: a budget over its pools and warehouse, and a monitor that suspends the warehouse.

Knows the statements (user-guide/budgets, user-guide/resource-monitors). Must not know who sends them. Each statement is
a step with a revert, because the provider has no budget resource. A step is sent again when its text changes.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from jobgraph.names import quoted, shortened
from jobgraph.plan import sql

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from jobgraph.settings import Settings

# percent of the budget at which to notify, before it is used up
_TOLD_AT = 80


@dataclass(frozen=True)
class BudgetStep:
    """A statement and its revert; `name` is the step's name."""

    name: str
    execute: str
    revert: str


def monitor_name(settings: Settings) -> str | None:
    """Return the name of the warehouse's monitor; None if the stack has none. A warehouse has at most one monitor."""
    watched = settings.budget is not None and settings.budget.suspend and "warehouse" not in settings.existing
    return shortened(f"{settings.warehouse}_MONITOR") if watched else None


def show_monitor(name: str) -> str:
    """Return the statement that shows a monitor, if the role may see it: its quota and its warehouses' use so far."""
    pattern = name.replace("_", "\\_")  # an unescaped `_` matches any character
    return f"SHOW RESOURCE MONITORS LIKE {sql.literal(pattern)}"


def has_suspended(row: Mapping[str, Any]) -> bool:
    """Whether a monitor, given its row of SHOW, has suspended its warehouses: its lowest percentage is reached."""
    percents = [float(text.strip(" %")) for text in str(row.get("suspend_at") or "").split(",") if text.strip(" %")]
    quota, used = row["credit_quota"], float(row["used_credits"])
    return bool(quota and percents) and used >= float(quota) * min(percents) / 100


def monitor_steps(settings: Settings) -> Iterator[BudgetStep]:
    """Yield the step that creates the monitor and the step that sets its quota.

    They are separate so that a new quota does not replace the monitor: a new monitor is assigned to no warehouse.
    """
    name, budget = monitor_name(settings), settings.budget
    if name is None or budget is None:
        return
    triggers = f"ON {_TOLD_AT} PERCENT DO NOTIFY ON 100 PERCENT DO SUSPEND"
    yield BudgetStep(
        name,
        f"CREATE RESOURCE MONITOR IF NOT EXISTS {quoted(name)} WITH TRIGGERS {triggers}",
        f"DROP RESOURCE MONITOR IF EXISTS {quoted(name)}",
    )
    quota = f"ALTER RESOURCE MONITOR {quoted(name)} SET CREDIT_QUOTA = {budget.credits_per_month}"
    yield BudgetStep(f"{name}-quota", quota, sql.nothing(f"{name} goes, or gets another quota"))


def budget_steps(settings: Settings) -> Iterator[BudgetStep]:
    """Yield the step that creates Snowflake's budget, then steps for its limit, its recipients and its resources."""
    budget, name = settings.budget, settings.budget_name
    if budget is None:
        return
    full_name = settings.qualified(name)
    yield BudgetStep(
        name,
        f"CREATE SNOWFLAKE.CORE.BUDGET IF NOT EXISTS {full_name} ()",
        f"DROP SNOWFLAKE.CORE.BUDGET IF EXISTS {full_name}",
    )
    gone = sql.nothing(f"{name} goes, or is settled anew")
    yield BudgetStep(f"{name}-limit", f"CALL {full_name}!SET_SPENDING_LIMIT({budget.credits_per_month})", gone)
    if budget.notify:
        addresses = sql.literal(", ".join(budget.notify))
        yield BudgetStep(f"{name}-notify", f"CALL {full_name}!SET_EMAIL_NOTIFICATIONS({addresses})", gone)
    # no method removes addresses, so a budget without recipients is muted
    muted = "FALSE" if budget.notify else "TRUE"
    yield BudgetStep(f"{name}-mute", f"CALL {full_name}!SET_NOTIFICATION_MUTE_FLAG({muted})", gone)
    watched = [("COMPUTE_POOL", pool.name) for pool in settings.pools if not pool.existing]
    if "warehouse" not in settings.existing:
        watched.append(("WAREHOUSE", settings.warehouse))
    for kind, resource in watched:
        # a dropped pool leaves the budget by itself
        yield BudgetStep(f"{name}-{resource}", _added(full_name, kind, resource), sql.nothing(f"{resource} goes"))


def _added(budget: str, kind: str, resource: str) -> str:
    reference = f"SYSTEM$REFERENCE('{kind}', {sql.literal(quoted(resource))}, 'SESSION', 'APPLYBUDGET')"
    return f"CALL {budget}!ADD_RESOURCE(SELECT {reference})"
