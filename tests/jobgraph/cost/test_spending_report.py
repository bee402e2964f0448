"""The report of what runs have cost: as text for people, as JSON for scripts."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from jobgraph.cost.budgeting import BudgetUse
from jobgraph.cost.rates import published
from jobgraph.cost.spending import ChargedResource, EndedAttempt, Spending, Spent
from jobgraph.cost.spending_report import as_json, as_text, budget_json

START = datetime(2026, 11, 2, tzinfo=UTC)
RATES = replace(published(), credit_price=2.0)
POOL, HOUSE = ChargedResource("pool", "P", 3.0, 0.5), ChargedResource("warehouse", "W", 1.0, 0.5)


def spent(job: str, nodes: float, waiting: float = 0.0, estimated: float = 0.0) -> tuple[EndedAttempt, Spent]:
    ended = EndedAttempt("g", job, "7", 1, "P", "CPU_X64_S", "W", START, START + timedelta(hours=1))
    return ended, Spent(("g", "7", job, "1"), nodes, waiting, 0.0, estimated)


def test_the_charge_its_idle_share_the_groups_and_the_resources() -> None:
    result = Spending((spent("B", 0.5, 0.25), spent("A", 2.0, 0.25)), (POOL, HOUSE))
    assert as_text(result, "job", [], RATES, "7d") == (
        "Last 7d: 4 credits charged, $8.00\n"
        "  of these 1 (25%) for no job that ended: idle, or used by others\n"
        "\n"
        "  graph  job  attempts  credits  nodes  waiting  serverless  not metered\n"
        "  g      A    1         2.25     2      0.25     0           0\n"
        "  g      B    1         0.75     0.5    0.25     0           0\n"
        "\n"
        "                credits charged  idle\n"
        "  pool       P  3                0.5\n"
        "  warehouse  W  1                0.5\n"
    )


def test_without_a_charge_the_rates_are_all_there_is() -> None:
    result = Spending((spent("A", 0.0, estimated=0.75),), (replace(POOL, charged=0.0, idle=0.0),))
    assert as_text(result, "run", [], RATES, "24h") == (
        "Last 24h: nothing was metered that this role can see\n"
        "  and 0.75 by the rates for time that is not metered, or not yet\n"
        "\n"
        "  graph  run  attempts  credits  nodes  waiting  serverless  not metered\n"
        "  g      7    1         0.75     0      0        0           0.75\n"
    )


@pytest.mark.parametrize(("count", "rows", "last"), [(50, 50, ""), (51, 50, "  and 1 more; --format json has all")])
def test_the_text_has_fifty_groups_and_the_json_has_all(count: int, rows: int, last: str) -> None:
    result = Spending(tuple(spent(f"J{number:02}", 100.0 - number) for number in range(count)), ())
    lines = as_text(result, "job", [], RATES, "7d").splitlines()
    assert sum(line.startswith("  g      J") for line in lines) == rows
    assert last in ("", lines[-1])
    assert ("more;" in lines[-1]) == bool(last)
    assert len(as_json(result, "job", [], RATES)["groups"]) == count


def test_the_text_has_the_three_largest_savings() -> None:
    savings = [(4.0, "this"), (0.0625, "that"), (0.0001, "a little"), (0.00001, "next to nothing")]
    text = as_text(Spending((), (POOL,)), "job", savings, RATES, "7d")
    assert text.endswith(
        "\n\nWhat would save most:\n"
        "  at most 4 credits: this\n"
        "  at most 0.0625 credits: that\n"
        "  less than 0.001 credits: a little\n"
    )
    assert [each["what"] for each in as_json(Spending((), (POOL,)), "job", savings, RATES)["savings"]] == [
        "this",
        "that",
        "a little",
        "next to nothing",
    ]
    assert "What would save" not in as_text(Spending((), (POOL,)), "job", [], RATES, "7d")


def test_json_has_every_amount_of_groups_and_resources() -> None:
    """Scripts rely on these keys."""
    result = Spending((spent("A", 2.0, 0.25, 0.125),), (POOL, replace(HOUSE, runs_finalizers=True)))
    assert as_json(result, "job", [(0.5, "shorter")], RATES) == {
        "credits_charged": 4.0,
        "credits_idle": 1.0,
        "credits_not_metered": 0.125,
        "credit_price": 2.0,
        "by": "job",
        "groups": [
            {
                "name": "g A",
                "graph": "g",
                "job": "A",
                "attempts": 1,
                "credits": 2.375,
                "nodes": 2.0,
                "waiting": 0.25,
                "serverless": 0.0,
                "not_metered": 0.125,
            }
        ],
        "resources": [
            {"kind": "pool", "name": "P", "credits_charged": 3.0, "credits_idle": 0.5, "runs_finalizers": False},
            {"kind": "warehouse", "name": "W", "credits_charged": 1.0, "credits_idle": 0.5, "runs_finalizers": True},
        ],
        "savings": [{"credits_at_most": 0.5, "what": "shorter"}],
    }


@pytest.mark.parametrize(
    ("use", "expected"),
    [
        (None, None),
        (BudgetUse(5.0, 5.0), {"used": 5.0, "limit": 5.0, "exceeded": False, "suspended_warehouse": None}),
        (BudgetUse(5.0, 5.1, "W"), {"used": 5.1, "limit": 5.0, "exceeded": True, "suspended_warehouse": "W"}),
        (BudgetUse(5.0, None), {"used": None, "limit": 5.0, "exceeded": False, "suspended_warehouse": None}),
    ],
)
def test_a_budget_as_json(use: BudgetUse | None, expected: dict[str, object] | None) -> None:
    assert budget_json(use) == expected
