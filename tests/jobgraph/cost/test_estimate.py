"""The estimate: in order, additive, and around what an independent simulation charges."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import pytest
from hypothesis import Phase, given, settings
from hypothesis import strategies as st

from jobgraph.config.schedules import Cron, IntervalSchedule
from jobgraph.cost import wording
from jobgraph.cost.deployment import CostedGraph, CostedJob, Deployment, Warehouse
from jobgraph.cost.estimate import STANDING, estimate
from jobgraph.cost.frequency import HOURS_A_MONTH, SECONDS_A_MONTH, runs_a_month, shortest_pause
from jobgraph.cost.history import Times, history
from jobgraph.cost.ranges import Range
from jobgraph.cost.rates import published
from jobgraph.cost.usage import CLOSE, IDLE, JOB, WAIT
from jobgraph.settings import Pool
from tests import tiers
from tests.jobgraph.cost.month import charged

if TYPE_CHECKING:
    from random import Random

    from hypothesis.strategies import DrawFn

    from jobgraph.cost.estimate import CostLine, Estimate
    from jobgraph.cost.history import History

RATES = published()


def job(
    name: str, pool: str = "P", *after: str, seconds: int = 600, replicas: int = 1, house: str | None = "W"
) -> CostedJob:
    return CostedJob(name, pool, after, seconds, seconds + 300, replicas, warehouse=house)


def deployed(*jobs: CostedJob, minutes: int | None = 60, pool: Pool | None = None, tail: int = 60) -> Deployment:
    schedule = None if minutes is None else IntervalSchedule(minutes, "MINUTES")
    graph = CostedGraph("g", "ROOT", schedule, jobs)
    pool = pool or Pool("P", "CPU_X64_XS", 1, 4, 300)
    return Deployment((graph,), {pool.name: pool}, {"W": Warehouse("W", auto_suspend=tail)})


def past(seconds: float, wait: float, spread: float = 0.0) -> Times:
    return Times(9, Range(seconds - spread, seconds + spread, seconds), Range(wait - spread, wait + spread, wait))


def line(result: Estimate, kind: str) -> CostLine:
    (only,) = (line for line in result.lines if line.kind == kind)
    return only


def test_a_job_alone_by_hand() -> None:
    """Of every hour: ten minutes of a node, five idle ones; a warehouse for eleven minutes and its minute."""
    result = estimate(deployed(job("A")), RATES, {("ROOT", "A"): past(600, 660)})
    assert result.graphs[0].runs == Range(730.5, 730.5, 730.5)
    work = line(result, JOB).credits
    assert work is not None
    assert (work.low, work.usual, work.high) == pytest.approx((7.305, 7.305, 7.305))
    idle = line(result, IDLE).credits
    assert idle is not None
    assert idle.usual == pytest.approx(730.5 * 300 / 3600 * 0.06)
    assert idle.low == pytest.approx(730.5 * 300 / 3600 * 0.06)
    wait = line(result, WAIT).credits
    assert wait is not None
    assert wait.usual == pytest.approx(730.5 * 720 / 3600)
    assert result.credits.usual == pytest.approx(730.5 * (900 * 0.06 + 720) / 3600)


def test_without_history_the_time_limit_is_the_bound_and_there_is_no_usual_amount() -> None:
    result = estimate(deployed(job("A")), RATES)
    work = line(result, JOB).credits
    assert work is not None
    assert (work.low, work.usual) == (0.0, None)
    assert work.high == pytest.approx(730.5 * 600 / 3600 * 0.06)
    assert result.credits.usual is None
    assert result.credits.low > 0, "the pool's minimum and the warehouse's are charged for every run"


def test_a_graph_without_a_schedule_is_not_counted_unless_somebody_says_how_often_it_runs() -> None:
    deployment = deployed(job("A"), minutes=None)
    times: History = {("ROOT", "A"): past(600, 660)}
    unknown = estimate(deployment, RATES, times)
    assert (unknown.uncounted, unknown.graphs[0].credits, unknown.credits) == (("g",), None, Range(0.0, 0.0, 0.0))
    assert unknown.graphs[0].credits_a_run.usual == pytest.approx((900 * 0.06 + 720) / 3600)
    assert all(line.credits is None and line.credits_a_run for line in unknown.lines)
    stated = estimate(deployment, RATES, times, {"G": 10})
    assert (stated.uncounted, stated.graphs[0].is_stated) == ((), True)
    assert stated.credits.usual == pytest.approx(10 * (900 * 0.06 + 720) / 3600)


def test_what_never_suspends_is_up_all_month_and_counted_once() -> None:
    pool = Pool("P", "CPU_X64_XS", 2, 4, 0)
    result = estimate(deployed(job("A"), pool=pool, tail=0), RATES, {("ROOT", "A"): past(600, 660)})
    assert {line.kind for line in result.lines} == {JOB, STANDING}
    assert result.credits.usual == pytest.approx(HOURS_A_MONTH * (2 * 0.06 + 1))


def test_nothing_costs_more_than_being_up_all_month() -> None:
    jobs = [job(f"J{number}", seconds=86_400) for number in range(20)]
    result = estimate(deployed(*jobs, minutes=1), RATES)
    assert result.credits.high == pytest.approx(HOURS_A_MONTH * (4 * 0.06 + 1))
    assert result.graphs[0].credits == result.credits


def test_a_serverless_task_costs_for_as_long_as_it_waits() -> None:
    result = estimate(deployed(job("A", house=None)), RATES, {("ROOT", "A"): past(600, 660)})
    wait = line(result, WAIT)
    assert wait.charged == "serverless"
    assert wait.credits is not None
    assert wait.credits.usual == pytest.approx(730.5 * 660 / 3600 * 0.9)


def test_nobody_waits_for_a_direct_job_but_a_warehouse_is_awake_for_the_finalizer() -> None:
    deployment = deployed(replace(job("A", house=None), is_direct=True))
    result = estimate(deployment, RATES, {("ROOT", "A"): past(600, 600)})
    assert {line.kind for line in result.lines} == {JOB, IDLE}
    closed = replace(deployment, graphs=(replace(deployment.graphs[0], closed_on="W"),))
    waking = line(estimate(closed, RATES, {("ROOT", "A"): past(600, 600)}), CLOSE)
    assert (waking.on, waking.credits_a_run) == ("W", Range(60 / 3600, 120 / 3600, 60 / 3600))


def test_the_finalizer_of_a_graph_whose_tasks_wait_is_in_the_time_that_they_wait() -> None:
    deployment = deployed(job("A"))
    closed = replace(deployment, graphs=(replace(deployment.graphs[0], closed_on="W"),))
    assert [line.kind for line in estimate(closed, RATES).lines] == [
        line.kind for line in estimate(deployment, RATES).lines
    ]


def test_rates_of_the_stack_come_first() -> None:
    rates = RATES.overridden({"CPU_X64_XS": 0.6, "XSMALL": 2.0}, 2.5)
    old, new = (estimate(deployed(job("A")), each, {("ROOT", "A"): past(600, 660)}) for each in (RATES, rates))
    for kind, factor in ((JOB, 10), (IDLE, 10), (WAIT, 2)):
        before, after = line(old, kind).credits, line(new, kind).credits
        assert before is not None
        assert after is not None
        assert after.high == pytest.approx(before.high * factor)
    assert (new.rates.credit_price, new.rates.own) == (2.5, frozenset({"CPU_X64_XS", "XSMALL"}))


def test_what_nobody_is_sure_of_is_a_range_of_rates() -> None:
    result = estimate(
        deployed(job("A"), pool=Pool("P", "GEN_X64_G2_4", 1, 1, 300)), RATES, {("ROOT", "A"): past(600, 660)}
    )
    work = line(result, JOB).credits
    assert work is not None
    assert (work.low, work.usual, work.high) == pytest.approx((121.75 * 0.172, 121.75 * 0.184, 121.75 * 0.184))


@pytest.mark.parametrize(
    ("schedule", "runs"),
    [
        (IntervalSchedule(59, "MINUTES"), 742.88),
        (Cron("0 2 * * *", "UTC"), 30.4375),
        (Cron("0 0 1 * *", "Asia/Tokyo"), 1.0),
    ],
)
def test_runs_of_a_month(schedule: IntervalSchedule | Cron, runs: float) -> None:
    assert runs_a_month(schedule) == pytest.approx(runs, abs=0.01)


def test_the_shortest_pause_of_a_schedule() -> None:
    assert shortest_pause(Cron("0 2 * * *", "UTC")) == 86_400
    assert shortest_pause(Cron("0 2,3 * * *", "UTC")) == 3600
    assert shortest_pause(IntervalSchedule(2, "HOURS")) == 7200


@st.composite
def deployments(draw: DrawFn) -> tuple[Deployment, History]:
    """One or two graphs on one or two pools and warehouses, with history of all jobs; times are whole minutes."""
    pools = {
        name: Pool(
            name,
            "CPU_X64_XS",
            low := draw(st.integers(1, 2)),
            low + draw(st.integers(0, 2)),
            draw(st.integers(1, 15)) * 60,
        )
        for name in ("P", "Q")
    }
    keys = draw(st.sampled_from(["g", "gh"]))
    # graphs are taken not to queue for one another: where there are two, there are slots for all
    houses = {
        name: Warehouse(
            name, auto_suspend=draw(st.integers(1, 5)) * 60, concurrency=draw(st.integers(1, 3)) if keys == "g" else 8
        )
        for name in ("W", "V")
    }
    graphs = []
    times: History = {}
    for key in keys:
        jobs: list[CostedJob] = []
        for number in range(draw(st.integers(1, 4))):
            after = draw(st.lists(st.sampled_from([each.name for each in jobs]), unique=True)) if jobs else []
            pool, house = draw(st.sampled_from("PQ")), draw(st.sampled_from(["W", "V", None]))
            # however short a job is, its node is up for it
            low = draw(st.integers(1, 12)) * 60
            more, waits, longer = (draw(st.integers(0, 12)) * 60 for _ in range(3))
            seconds = Range(low, low + more, low + more / 2)
            wait = Range(low + waits, low + more + waits + longer, low + more / 2 + waits + longer / 2)
            name = f"{key}{number}".upper()
            times[key.upper(), name] = Times(5, seconds, wait)
            replicas = draw(st.integers(1, pools[pool].max_nodes))
            drawn = CostedJob(name, pool, tuple(after), 9999, 9999, replicas, 1, house, is_direct=house is None)
            jobs.append(drawn)
        pause, closed_on = IntervalSchedule(draw(st.integers(3, 90)), "MINUTES"), draw(st.sampled_from(["W", None]))
        graphs.append(CostedGraph(key, key.upper(), pause, tuple(jobs), closed_on=closed_on))
    return Deployment(tuple(graphs), pools, houses), times


@settings(max_examples=tiers.examples(40), deadline=None, phases=[Phase.explicit, Phase.reuse, Phase.generate])
@given(deployments(), st.integers(1, 3), st.randoms(use_true_random=False))
def test_what_a_simulation_charges_is_within_the_range(
    generated: tuple[Deployment, History], per_node: int, random: Random
) -> None:
    deployment, times = generated
    pauses = {
        graph.key: int(graph.schedule.number)
        for graph in deployment.graphs
        if isinstance(graph.schedule, IntervalSchedule)
    }
    minutes = 40 * max(pauses.values())

    def lengths(graph: CostedGraph) -> dict[str, tuple[int, int]]:
        drawn = {}
        for each in graph.jobs:
            known = times[graph.root_task, each.name]
            seconds = random.randint(int(known.seconds.low), int(known.seconds.high)) // 60
            longest = max(seconds, int(known.wait.high) // 60)
            shortest = max(seconds, -(-int(known.wait.low) // 60))
            drawn[each.name] = (max(1, random.randint(shortest, longest)), seconds)
        return drawn

    meters = charged(deployment, minutes, pauses, lengths, per_node)
    result = estimate(deployment, RATES, times)
    months = minutes * 60 / SECONDS_A_MONTH
    for kind in ("pool", "warehouse"):
        for name in sorted({line.on for line in result.lines if line.charged == kind}):
            rate = 0.06 if kind == "pool" else 1.0
            credits_ = meters[kind, name] / 60 * rate
            lines = [line.credits for line in result.lines if (line.charged, line.on) == (kind, name)]
            low, high = (sum(getattr(each, side) for each in lines if each is not None) for side in ("low", "high"))
            # runs that began in time end after it, with what they idle
            slack = sum(
                line.credits_a_run.high
                for line in result.lines
                if (line.charged, line.on) == (kind, name) and line.credits_a_run is not None
            )
            assert low * months - slack <= credits_ <= high * months + slack


@settings(max_examples=tiers.examples(100), deadline=None)
@given(deployments(), st.booleans())
def test_amounts_are_in_order_and_add_up(generated: tuple[Deployment, History], has_history: bool) -> None:  # noqa: FBT001  # as hypothesis gives it
    deployment, times = generated
    result = estimate(deployment, RATES, times if has_history else {})
    amounts = [line.credits for line in result.lines if line.credits is not None]
    for amount in [*amounts, result.credits, *(graph.credits_a_run for graph in result.graphs)]:
        assert 0 <= amount.low <= amount.high
        assert (amount.usual is not None) == has_history
        assert amount.usual is None or amount.low <= amount.usual <= amount.high
    assert result.credits.low <= sum(amount.low for amount in amounts) + 1e-9
    assert result.credits.high <= sum(amount.high for amount in amounts) + 1e-9
    most = max(amount.high for amount in amounts)
    assert result.credits.high >= min(most, HOURS_A_MONTH) - 1e-9


def test_a_pool_that_never_gets_to_suspend_is_up_all_month_and_no_more() -> None:
    pool = Pool("P", "CPU_X64_XS", 1, 1, 3600)
    result = estimate(deployed(job("A"), minutes=15, pool=pool), RATES, {("ROOT", "A"): past(60, 120)})
    work, idle = line(result, JOB).credits, line(result, IDLE).credits
    assert work is not None
    assert idle is not None
    assert (work.usual or 0) + (idle.usual or 0) == pytest.approx(HOURS_A_MONTH * 0.06)
    assert idle.usual == pytest.approx(HOURS_A_MONTH * 0.06 * 14 / 15)


def test_few_runs_tell_what_is_usual_and_no_bounds() -> None:
    """The median of one run is no certain amount."""
    few, enough = (
        line(estimate(deployed(job("A")), RATES, {("ROOT", "A"): replace(past(300, 360), runs=runs)}), JOB)
        for runs in (4, 5)
    )
    assert (few.seconds, enough.seconds) == (Range(0, 600, 300), Range(300, 300, 300))
    assert (few.has_few_runs, enough.has_few_runs) == (True, False)
    assert (wording.minutes(few), wording.minutes(enough)) == ("5 (of 4 runs only)", "5 (median of 5 runs)")
    longer = {("ROOT", "A"): replace(past(900, 960), runs=1)}
    assert line(estimate(deployed(job("A")), RATES, longer), JOB).seconds == Range(0, 900, 900), "a lower limit since"


def test_tasks_that_need_two_clusters_keep_two_awake() -> None:
    jobs = (job("A"), job("B"))
    times = {("ROOT", name): past(600, 660) for name in ("A", "B")}
    graph = deployed(*jobs).graphs[0]
    house = Warehouse("W", concurrency=1, clusters=3)
    result = estimate(Deployment((graph,), deployed(*jobs).pools, {"W": house}), RATES, times)
    wait = line(result, WAIT).credits
    assert wait is not None
    assert wait.usual == pytest.approx(730.5 * 720 / 3600 * 2)


def test_a_task_takes_no_less_than_the_containers_that_it_waits_for() -> None:
    row = {"ROOT_TASK_NAME": "R", "TASK_NAME": "A", "RUNS": 4, "LOW": 10, "USUAL": 20, "HIGH": 30}
    shorter = {**row, "LOW": 5, "USUAL": 6, "HIGH": 7}
    times = history([row, {**row, "TASK_NAME": "B"}], [shorter])
    assert times["R", "A"] == Times(4, Range(10, 30, 20), Range(10, 30, 20))
    assert times["R", "B"] == Times(4, Range(10, 30, 20), Range(10, 30, 20))
    assert history([{**row, "USUAL": None}], []) == {}
