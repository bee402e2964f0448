"""What a stack's budget is in Snowflake: a budget over its pools and warehouse, and a monitor that suspends the latter.

Knows the statements (user-guide/budgets, user-guide/resource-monitors). Must not know who sends them. Each is a step
with a way back, as the provider has no budget; what a step sets is set anew when it changes.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from jobgraph.names import quoted
from jobgraph.plan import sql

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from jobgraph.settings import Settings

# of the budget: told before it is used up
_TOLD_AT = 80


@dataclass(frozen=True)
class BudgetStep:
    """A statement and its way back; `name` is the step's own."""

    name: str
    execute: str
    revert: str


def monitor_name(settings: Settings) -> str | None:
    """Return the name of the monitor of the stack's warehouse; None if there is none. A warehouse has one at most."""
    watched = settings.budget is not None and settings.budget.suspend and "warehouse" not in settings.existing
    return f"{settings.warehouse}_MONITOR" if watched else None


def show_monitor(name: str) -> str:
    """Return the statement that shows a monitor to who may see it: its quota, and what its warehouses have used."""
    pattern = name.replace("_", "\\_")  # a `_` alone stands for any letter
    return f"SHOW RESOURCE MONITORS LIKE {sql.literal(pattern)}"


def has_suspended(row: Mapping[str, Any]) -> bool:
    """Whether a monitor, as SHOW shows it, has suspended its warehouses: at the least of its percents."""
    percents = [float(text.strip(" %")) for text in str(row.get("suspend_at") or "").split(",") if text.strip(" %")]
    quota, used = row["credit_quota"], float(row["used_credits"])
    return bool(quota and percents) and used >= float(quota) * min(percents) / 100


def monitor_steps(settings: Settings) -> Iterator[BudgetStep]:
    """Yield what makes the monitor, then what sets its quota: a monitor that is made anew watches nothing."""
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
    """Yield what makes Snowflake's budget, then what it is: its limit, whom it tells, and what it watches."""
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
    # no method takes addresses away, so a budget that is to tell nobody is muted
    muted = "FALSE" if budget.notify else "TRUE"
    yield BudgetStep(f"{name}-mute", f"CALL {full_name}!SET_NOTIFICATION_MUTE_FLAG({muted})", gone)
    watched = [("COMPUTE_POOL", pool.name) for pool in settings.pools if not pool.existing]
    if "warehouse" not in settings.existing:
        watched.append(("WAREHOUSE", settings.warehouse))
    for kind, resource in watched:
        # a pool that is dropped leaves the budget by itself
        yield BudgetStep(f"{name}-{resource}", _added(full_name, kind, resource), sql.nothing(f"{resource} goes"))


def _added(budget: str, kind: str, resource: str) -> str:
    reference = f"SYSTEM$REFERENCE('{kind}', {sql.literal(quoted(resource))}, 'SESSION', 'APPLYBUDGET')"
    return f"CALL {budget}!ADD_RESOURCE(SELECT {reference})"
