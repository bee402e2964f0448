"""What runs have cost, as lines for a terminal and as plain values for JSON.

Knows these formats. Must not know how credits are divided. Scripts rely on the keys of the JSON format: add keys, never
rename them.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from jobgraph.cost import wording
from jobgraph.cost.spending import KEYS, grouped
from jobgraph.cost.usage import ALERT

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from jobgraph.cost.budgeting import BudgetUse
    from jobgraph.cost.rates import Rates
    from jobgraph.cost.spending import Spending, Spent

_MOST_SAVINGS = 3
_MOST_ROWS = 50


def as_text(result: Spending, group: str, savings: Sequence[tuple[float, str]], rates: Rates, since: str) -> str:
    """Return what runs have cost as lines: the most expensive first, then idle cost, then possible savings."""
    return "".join(f"{line}\n" for line in _lines(result, group, savings, rates, since))


def _lines(
    result: Spending, group: str, savings: Sequence[tuple[float, str]], rates: Rates, since: str
) -> Iterator[str]:
    price = rates.credit_price
    if result.charged:
        yield f"Last {since}: {wording.number(result.charged)} credits charged, {wording.money(result.charged, price)}"
        share = result.idle / result.charged
        yield (
            f"  of these {wording.number(result.idle)} ({share:.0%}) for no job that ended: "
            f"{', '.join(_idle_uses(result))}, or used by others"
        )
    else:
        yield f"Last {since}: nothing was metered that this role can see"
    if result.estimated:
        yield f"  and {wording.number(result.estimated)} by the rates for time that is not metered, or not yet"
    rows = grouped(result, group)
    yield ""
    yield from wording.table([(*KEYS[group], *_HEADS), *map(_cells, rows[:_MOST_ROWS])])
    if len(rows) > _MOST_ROWS:
        yield f"  and {len(rows) - _MOST_ROWS} more; --format json has all"
    if result.charged:
        resources = [(r.kind, r.name, wording.number(r.charged), wording.number(r.idle)) for r in result.resources]
        yield from ("", *wording.table([("", "", "credits charged", "idle"), *resources]))
    if savings:
        yield from ("", "What would save most:")
        yield from (
            f"  {wording.at_most(credits_)} credits: {proposal}" for credits_, proposal in savings[:_MOST_SAVINGS]
        )


def _idle_uses(result: Spending) -> Iterator[str]:
    """Yield what the idle credits may have been charged for, apart from use by others."""
    yield "idle"
    charged = [resource for resource in result.resources if resource.charged]
    if any(resource.runs_finalizers for resource in charged):
        yield "finalizers"
    if any(resource.kind == ALERT for resource in charged):
        yield "the alert on late runs"


_HEADS = ("attempts", "credits", "nodes", "waiting", "serverless", "not metered")


def _cells(spent: Spent) -> tuple[str, ...]:
    amounts = (spent.credits, spent.nodes, spent.waiting, spent.serverless, spent.estimated)
    return (*spent.key, str(spent.attempts or ""), *map(wording.number, amounts))


def as_json(result: Spending, group: str, savings: Sequence[tuple[float, str]], rates: Rates) -> dict[str, Any]:
    """Return what runs have cost as plain values."""
    return {
        "credits_charged": result.charged,
        "credits_idle": result.idle,
        "credits_not_metered": result.estimated,
        "credit_price": rates.credit_price,
        "by": group,
        "groups": [
            {
                "name": spent.name,
                **dict(zip(KEYS[group], spent.key, strict=True)),
                "attempts": spent.attempts,
                "credits": spent.credits,
                "nodes": spent.nodes,
                "waiting": spent.waiting,
                "serverless": spent.serverless,
                "not_metered": spent.estimated,
            }
            for spent in grouped(result, group)
        ],
        "resources": [
            {
                "kind": each.kind,
                "name": each.name,
                "credits_charged": each.charged,
                "credits_idle": each.idle,
                "runs_finalizers": each.runs_finalizers,
            }
            for each in result.resources
        ],
        "savings": [{"credits_at_most": credits_, "what": proposal} for credits_, proposal in savings],
    }


def budget_json(use: BudgetUse | None) -> dict[str, Any] | None:
    """Return a budget and its use in the current month as plain values; None if there is no budget."""
    if use is None:
        return None
    return {
        "used": use.used,
        "limit": use.limit,
        "exceeded": use.is_exceeded,
        "suspended_warehouse": use.suspended or None,
    }
