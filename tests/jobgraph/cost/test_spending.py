"""What runs did cost, by job, graph, run, attempt and week."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jobgraph.cost import spending_report
from jobgraph.cost.allocation import Metered
from jobgraph.cost.deployment import CostedGraph, Deployment, Warehouse
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


def root(run: str, start: int, end: int) -> EndedAttempt:
    begins, ends = (START + timedelta(minutes=minutes) for minutes in (start, end))
    return EndedAttempt("nightly", "NIGHTLY_ROOT", run, 1, "", "", "", begins, ends, serverless="NIGHTLY_ROOT")


def test_a_root_task_is_charged_to_its_runs_and_the_alert_to_nobody() -> None:
    metered = {("serverless", "NIGHTLY_ROOT"): hour(0.3), ("alert", "WATCH_GRAPHS"): hour(0.2)}
    result = spending([*ATTEMPTS, root("1", 0, 1), root("2", 10, 12)], metered, DEPLOYMENT, published())
    by_run = {spent.key[1]: spent for spent in grouped(result, "run")}
    assert {run: spent.serverless for run, spent in by_run.items()} == pytest.approx({"1": 0.1, "2": 0.2})
    assert {run: spent.attempts for run, spent in by_run.items()} == {"1": 3, "2": 1}
    assert (result.charged, result.idle) == pytest.approx((0.5, 0.2))
    (proposal,) = (words for credits_, words in savings(result, published()) if credits_ == pytest.approx(0.2))
    assert "`alert_minutes`" in proposal
    told = spending_report.as_text(result, "job", [], published(), "7d")
    assert "idle, the alert on late runs, or used by others" in told
    (graph,) = spending_report.as_json(result, "graph", [], published())["groups"]
    assert graph["serverless"] == pytest.approx(0.3)


def test_finalizers_are_named_among_the_idle_uses_of_a_warehouse_that_was_charged() -> None:
    """Their seconds are in no history, so they cannot be given to their graphs."""
    graph = CostedGraph("nightly", "NIGHTLY_ROOT", None, (), closed_on="W")
    metered = {("pool", "P"): hour(0.11), ("warehouse", "W"): hour(0.9)}
    for closed_on, bill, is_named in (("W", metered, True), ("V", metered, False), (None, metered, False)):
        closed = replace(DEPLOYMENT, graphs=(replace(graph, closed_on=closed_on),))
        result = spending(ATTEMPTS, bill, closed, published())
        told = spending_report.as_text(result, "job", [], published(), "7d")
        assert ("for no job that ended: idle, finalizers, or used by others\n" in told) is is_named
        told_json = spending_report.as_json(result, "job", [], published())["resources"]
        assert {each["name"]: each["runs_finalizers"] for each in told_json} == {"P": False, "W": is_named}
    uncharged = spending(ATTEMPTS, {("pool", "P"): hour(0.11)}, replace(DEPLOYMENT, graphs=(graph,)), published())
    assert "finalizers" not in spending_report.as_text(uncharged, "job", [], published(), "7d")


def test_a_root_task_that_is_not_metered_is_priced_as_the_smallest() -> None:
    result = spending([root("1", 0, 60)], {}, DEPLOYMENT, published())
    assert result.estimated == pytest.approx(0.9)


def test_equal_costs_are_in_the_order_of_their_names_and_idle_resources_the_most_idle_first() -> None:
    same = [attempt("B", "1", 0, 30), attempt("A", "1", 0, 30), attempt("C", "1", 0, 40)]
    result = spending(same, {("pool", "P"): hour(0.5), ("pool", "Q"): hour(0.9)}, DEPLOYMENT, published())
    assert [spent.name for spent in grouped(result, "job")] == ["nightly C", "nightly A", "nightly B"]
    assert [(each.name, each.charged) for each in result.resources] == [("Q", 0.9), ("P", 0.5), ("W", 0)]
    assert [each.idle for each in result.resources] == pytest.approx([0.9, 0.5 - 100 / 60 * 0.11, 0])


def test_each_resource_is_charged_at_its_own_rate() -> None:
    houses = {"W": Warehouse("W", "LARGE")}
    pools = {"P": Pool("P", "CPU_X64_L")}
    rates = published()
    unknown = replace(attempt("A", "1", 0, 60), family="NO_SUCH_FAMILY", warehouse="")
    result = spending([unknown], {}, Deployment((), pools, houses), rates)
    assert result.estimated == pytest.approx(rates.families["CPU_X64_L"].high)
    waiting = replace(attempt("A", "1", 0, 60), pool="")
    result = spending([waiting], {}, Deployment((), pools, houses), rates)
    assert result.estimated == pytest.approx(8.0)
    assert result.attempts[0][1].attempts == 0, "what had no node is no attempt of a job"


def test_smaller_nodes_are_the_next_in_the_same_series() -> None:
    def proposals(family: str) -> list[tuple[float, str]]:
        ended = replace(attempt("A", "1", 0, 60), family=family, warehouse="")
        return savings(spending([ended], {("pool", "P"): hour(9.0)}, DEPLOYMENT, published()), published())[1:]

    rates = published().families
    (smaller,) = proposals("CPU_X64_L")
    assert smaller[1] == "pool P of CPU_X64_SL instead of CPU_X64_L, if its jobs fit and take no longer"
    assert smaller[0] == pytest.approx(rates["CPU_X64_L"].high - rates["CPU_X64_SL"].high)
    assert proposals("CPU_X64_XS") == [], "nothing is smaller"
    assert proposals("NO_SUCH_FAMILY") == []


def test_nothing_is_saved_where_nothing_was_charged() -> None:
    assert savings(spending(ATTEMPTS, {}, DEPLOYMENT, published()), published()) == []
    serverless = spending([], {("serverless", "ROOT"): hour(0.5)}, DEPLOYMENT, published())
    assert serverless.idle == 0.5
    assert savings(serverless, published()) == [], "a serverless task is charged for what it runs"


def test_what_all_jobs_of_a_pool_or_warehouse_could_save_is_added_up() -> None:
    result = spending(ATTEMPTS, {("pool", "P"): hour(0.088), ("warehouse", "W"): hour(0.8)}, DEPLOYMENT, published())
    direct, smaller = savings(result, published())
    assert direct[0] == pytest.approx(0.8)
    assert direct[1].startswith("`runner: direct` for the jobs whose tasks wait on warehouse W")
    assert smaller[0] == pytest.approx(0.088 * (1 - 0.06 / 0.11))
    assert smaller[1].startswith("pool P of CPU_X64_XS instead of CPU_X64_S")


minutes = st.integers(0, 170)
uses = st.lists(
    st.builds(
        lambda job, start, length, pool, waits, serverless: EndedAttempt(
            *("nightly", job, "1", 1, pool, "CPU_X64_S", "W" if waits else ""),
            START + timedelta(minutes=start),
            START + timedelta(minutes=start + length),
            serverless=serverless,
        ),
        *(st.sampled_from("AB"), minutes, minutes, st.sampled_from(["P", ""])),
        *(st.booleans(), st.sampled_from(["ROOT", "OTHER_ROOT", ""])),
    ),
    max_size=6,
)
resources = st.sampled_from(
    [("pool", "P"), ("warehouse", "W"), ("serverless", "ROOT"), ("serverless", "OTHER_ROOT"), ("alert", "WATCH")]
)
bills = st.dictionaries(
    resources,
    st.lists(st.floats(0, 9), max_size=3).map(
        lambda credits_: [
            Metered(START + timedelta(hours=number), START + timedelta(hours=number + 1), each)
            for number, each in enumerate(credits_)
        ]
    ),
)


@given(uses, bills, st.sampled_from(["job", "graph", "run", "attempt", "week"]))
def test_the_groups_and_what_is_idle_are_the_bill(
    attempts: list[EndedAttempt], metered: dict[tuple[str, str], list[Metered]], group: str
) -> None:
    result = spending(attempts, metered, DEPLOYMENT, published())
    bill = sum(hour.credits for hours in metered.values() for hour in hours)
    groups = sum(spent.nodes + spent.waiting + spent.serverless for spent in grouped(result, group))
    assert result.charged == pytest.approx(bill, abs=1e-9)
    assert groups + result.idle == pytest.approx(bill, abs=1e-9)
