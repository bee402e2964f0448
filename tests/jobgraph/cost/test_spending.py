"""What runs did cost, by job, graph, run, attempt and week."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from jobgraph.cost.allocation import Metered
from jobgraph.cost.deployment import Deployment, Warehouse
from jobgraph.cost.rates import published
from jobgraph.cost.spending import EndedAttempt, Spending, grouped, savings, spending
from jobgraph.settings import Pool

START = datetime(2026, 11, 2, tzinfo=UTC)
DEPLOYMENT = Deployment((), {"P": Pool("P", "CPU_X64_S")}, {"W": Warehouse("W")})


def attempt(job: str, run: str, start: int, end: int, number: int = 1) -> EndedAttempt:
    begins, ends = (START + timedelta(minutes=minutes) for minutes in (start, end))
    return EndedAttempt("nightly", job, run, number, "P", "CPU_X64_S", "W", begins, ends)


def hour(credits_: float) -> list[Metered]:
    return [Metered(START, START + timedelta(hours=1), credits_)]


ATTEMPTS = [
    attempt("A", "1", 0, 30),
    attempt("B", "1", 30, 36),
    attempt("B", "1", 36, 48, 2),
    attempt("A", "2", 6 * 1440, 6 * 1440 + 60),
]


@pytest.fixture
def result() -> Spending:
    metered = {("pool", "P"): hour(0.11), ("warehouse", "W"): hour(0.9)}
    return spending(ATTEMPTS, metered, DEPLOYMENT, published())


def test_all_of_the_bill_is_somebodys_or_idle(result: Spending) -> None:
    allocated = sum(spent.nodes + spent.waiting for _, spent in result.attempts)
    assert result.charged == pytest.approx(1.01)
    assert allocated + result.idle == pytest.approx(result.charged)
    assert result.idle == pytest.approx(0.11 * 12 / 60 + 0.1)
    assert [resource.name for resource in result.resources] == ["W", "P"]


@pytest.mark.parametrize(
    ("group", "expected"),
    [
        ("job", {"nightly A": 0.5 * 1.11 + 1.11, "nightly B": 0.3 * 1.11}),
        ("graph", {"nightly": 0.8 * 1.11 + 1.11}),
        ("run", {"nightly 1": 0.8 * 1.11, "nightly 2": 1.11}),
        ("week", {"2026-W45": 0.8 * 1.11 + 1.11}),
        ("attempt", {"nightly 1 B 2": 0.2 * 1.11, "nightly 2 A 1": 1.11}),
    ],
)
def test_it_adds_up_by_anything(result: Spending, group: str, expected: dict[str, float]) -> None:
    credits_ = {spent.name: spent.credits for spent in grouped(result, group)}
    assert {name: credits_[name] for name in expected} == pytest.approx(expected)
    assert list(credits_.values()) == sorted(credits_.values(), reverse=True)
    assert sum(spent.attempts for spent in grouped(result, group)) == len(ATTEMPTS)


def test_what_is_not_metered_is_priced_by_the_rates(result: Spending) -> None:
    assert result.estimated == pytest.approx(1.11)
    unmetered = spending(ATTEMPTS, {}, DEPLOYMENT, published())
    assert (unmetered.charged, unmetered.idle) == (0.0, 0.0)
    assert unmetered.estimated == pytest.approx(1.8 * 1.11)


def test_what_would_save_most(result: Spending) -> None:
    proposals = savings(result, published())
    assert [round(credits_, 3) for credits_, _ in proposals] == [0.8, 0.1, 0.04, 0.022]
    assert "`runner: direct` for the jobs whose tasks wait on warehouse W" in proposals[0][1]
    assert "`warehouse_auto_suspend`" in proposals[1][1]
    assert "pool P of CPU_X64_XS instead of CPU_X64_S" in proposals[2][1]
    assert "`auto_suspend_secs` of pool P" in proposals[3][1]


def test_each_replica_has_a_node_and_all_of_them_one_slot() -> None:
    three = replace(attempt("A", "1", 0, 30), replicas=3)
    result = spending([three], {("pool", "P"): hour(1.0), ("warehouse", "W"): hour(1.0)}, DEPLOYMENT, published())
    ((_, spent),) = result.attempts
    assert (spent.nodes, spent.waiting) == pytest.approx((3 * 0.5 * 0.11, 0.5))


def test_a_node_of_no_known_family_costs_what_its_pool_does() -> None:
    unknown = replace(attempt("A", "1", 0, 60), family="")
    assert spending([unknown], {}, DEPLOYMENT, published()).attempts[0][1].estimated == pytest.approx(1.11)
