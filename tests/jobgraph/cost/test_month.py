"""From the seconds of a run to the credits of a month: how many runs, at which rate, and what is up all the time."""

from __future__ import annotations

from dataclasses import replace

import pytest

from jobgraph.config.schedules import IntervalSchedule
from jobgraph.cost.deployment import CostedGraph, Deployment, Warehouse
from jobgraph.cost.estimate import STANDING, CostLine, estimate
from jobgraph.cost.frequency import HOURS_A_MONTH
from jobgraph.cost.history import Times, history
from jobgraph.cost.ranges import Range
from jobgraph.cost.usage import CLOSE, IDLE, JOB, POOL, SERVERLESS, WAIT, WAREHOUSE
from jobgraph.settings import Pool
from tests.jobgraph.cost.test_estimate import RATES, deployed, job, line, past

XS, RATE = "CPU_X64_XS", 0.06
HISTORY = {("ROOT", "A"): past(600, 660, 30)}


def near(amount: Range | None, low: float, high: float, usual: float | None) -> None:
    assert amount is not None
    assert (amount.low, amount.high) == pytest.approx((low, high))
    assert amount.usual == (None if usual is None else pytest.approx(usual))


def test_a_run_that_takes_longer_than_its_schedule_leaves_lets_starts_pass() -> None:
    """43,830 starts a month; runs of 11 minutes to 11.5, so every eleventh or twelfth start finds no run under way."""
    often = deployed(job("A"), minutes=1)
    near(estimate(often, RATES, HISTORY).graphs[0].runs, 43_830 / 12, 43_830, 43_830 / 11)
    near(estimate(often, RATES).graphs[0].runs, 43_830 / 15, 43_830, 43_830)
    overlapping = replace(often, graphs=(replace(often.graphs[0], may_overlap=True),))
    near(estimate(overlapping, RATES, HISTORY).graphs[0].runs, 43_830, 43_830, 43_830)


def test_a_line_has_the_seconds_and_credits_of_a_run_and_the_credits_of_a_month() -> None:
    result = estimate(deployed(job("A")), RATES, HISTORY)
    assert [
        (each.kind, each.on, each.charged, each.name, each.seconds, each.source, each.runs_in_history)
        for each in result.lines
    ] == [
        (JOB, "P", POOL, "A", Range(570, 630, 600), "history", 9),
        (IDLE, "P", POOL, "", None, "", 0),
        (WAIT, "W", WAREHOUSE, "", None, "", 0),
    ]
    near(line(result, JOB).credits_a_run, 570 * RATE / 3600, 630 * RATE / 3600, 600 * RATE / 3600)
    near(line(result, JOB).credits, *(730.5 * seconds * RATE / 3600 for seconds in (570, 630, 600)))
    (graph,) = result.graphs
    assert (graph.key, graph.is_stated, graph.run_seconds) == ("g", False, Range(630, 690, 660))
    near(
        graph.credits_a_run,
        *((work + 300) * RATE / 3600 + wait / 3600 for work, wait in ((570, 690), (630, 810), (600, 720))),
    )


def test_usual_amounts_are_by_the_highest_rate_and_bounds_each_by_their_own() -> None:
    result = estimate(deployed(job("A"), pool=Pool("P", "GEN_X64_G2_4", 1, 1, 300)), RATES, HISTORY)
    near(line(result, JOB).credits_a_run, 570 * 0.172 / 3600, 630 * 0.184 / 3600, 600 * 0.184 / 3600)


def test_a_serverless_task_is_charged_at_a_share_of_the_smallest_warehouse() -> None:
    rates = replace(RATES.overridden({"XSMALL": 2.0, "SMALL": 9.0}, None), serverless=0.5)
    result = estimate(deployed(job("A", house=None)), rates, HISTORY)
    assert (line(result, WAIT).charged, line(result, WAIT).on) == (SERVERLESS, "A")
    near(line(result, WAIT).credits_a_run, 630 / 3600, 690 / 3600, 660 / 3600)


def test_a_warehouse_is_charged_by_its_size() -> None:
    deployment = replace(deployed(job("A")), warehouses={"W": Warehouse("W", "MEDIUM")})
    near(line(estimate(deployment, RATES, HISTORY), WAIT).credits_a_run, 4 * 690 / 3600, 4 * 810 / 3600, 4 * 720 / 3600)


def test_a_pool_that_never_suspends_is_up_all_month_less_the_work_on_it() -> None:
    pool = Pool("P", "GEN_X64_G2_4", 2, 4, 0)
    result = estimate(deployed(job("A"), pool=pool), RATES, HISTORY)
    assert [each.kind for each in result.lines] == [JOB, WAIT, STANDING]
    work, hours = line(result, JOB).credits, 2 * HOURS_A_MONTH
    assert work is not None
    assert work.usual is not None
    assert result.standing == (CostLine(STANDING, "P", POOL, credits=result.standing[0].credits),)
    near(result.standing[0].credits, hours * 0.172 - work.high, hours * 0.184 - work.low, hours * 0.184 - work.usual)
    near(
        estimate(deployed(job("A"), pool=pool), RATES).standing[0].credits,
        hours * 0.172 - 730.5 / 6 * 0.184,
        hours * 0.184,
        None,
    )


def test_only_the_work_on_the_pool_itself_is_taken_off() -> None:
    never = Pool("P", XS, 1, 4, 0)
    jobs = (job("A"), job("B", "Q", house=None))
    deployment = replace(deployed(*jobs, pool=never), pools={"P": never, "Q": Pool("Q", XS)})
    times = {**HISTORY, ("ROOT", "B"): past(900, 900)}
    result = estimate(deployment, RATES, times)
    near(result.standing[0].credits, *(RATE * (HOURS_A_MONTH - 730.5 * work / 3600) for work in (630, 570, 600)))


def test_more_work_than_the_fewest_nodes_do_leaves_nothing_to_idle() -> None:
    jobs = [job(name, seconds=7200) for name in "ABC"]
    history = {("ROOT", name): past(3000, 3000, 60) for name in "ABC"}
    result = estimate(deployed(*jobs, pool=Pool("P", XS, 1, 4, 0)), RATES, history)
    near(result.standing[0].credits, 0, RATE * HOURS_A_MONTH * (1 - 2940 / 3600), 0)


def test_a_warehouse_that_never_suspends_has_one_cluster_up_and_at_most_all() -> None:
    deployment = replace(deployed(job("A")), warehouses={"W": Warehouse("W", "SMALL", 0, clusters=3)})
    result = estimate(deployment, RATES, HISTORY)
    assert result.standing == (
        CostLine(STANDING, "W", WAREHOUSE, credits=Range(2 * HOURS_A_MONTH, 6 * HOURS_A_MONTH, 2 * HOURS_A_MONTH)),
    )
    assert WAIT not in {each.kind for each in result.lines}
    direct = replace(job("A", house=None), is_direct=True)
    closed = replace(deployment, graphs=(replace(deployment.graphs[0], jobs=(direct,), closed_on="W"),))
    assert CLOSE not in {each.kind for each in estimate(closed, RATES, HISTORY).lines}


def test_what_others_keep_up_is_theirs() -> None:
    pool = Pool("P", XS, 1, 4, 0, existing=True)
    deployment = replace(deployed(job("A"), pool=pool), warehouses={"W": Warehouse("W", auto_suspend=0, is_own=False)})
    assert estimate(deployment, RATES, HISTORY).standing == ()


def test_standing_lines_are_pools_then_warehouses_by_name() -> None:
    pools = {name: Pool(name, XS, 1, 1, 0) for name in ("Q", "P")}
    houses = {name: Warehouse(name, auto_suspend=0) for name in ("W", "V")}
    assert [each.on for each in estimate(Deployment((), pools, houses), RATES).standing] == ["P", "Q", "V", "W"]


def test_a_graph_of_which_nobody_knows_how_often_it_runs_has_lines_of_a_run_only() -> None:
    result = estimate(deployed(job("A"), minutes=None, pool=Pool("P", XS, 1, 4, 0)), RATES, HISTORY)
    assert [(each.kind, each.credits) for each in result.graphs[0].lines] == [(JOB, None), (IDLE, None), (WAIT, None)]
    assert (result.uncounted, result.graphs[0].runs) == (("g",), None)
    near(result.credits, *[RATE * HOURS_A_MONTH] * 3)


@pytest.mark.parametrize(
    ("tail", "shortest", "times"),
    [(300, 300, 1), (100, 300, 3), (600, 300, 1), (60, 300, 5)],
)
def test_a_pool_that_suspends_before_its_minimum_is_charged_for_it_again_and_again(
    tail: int, shortest: int, times: int
) -> None:
    """A node that is up for a minute and started anew after that is charged five minutes each time."""
    jobs = [job(f"J{number}", seconds=86_400) for number in range(60)]
    rates = replace(RATES, shortest_node=shortest)
    result = estimate(deployed(*jobs, minutes=1, pool=Pool("P", XS, 1, 4, tail)), rates)
    total = sum(each.credits.high for each in result.lines if each.on == "P" and each.credits is not None)
    assert total > 4 * times * HOURS_A_MONTH * RATE
    assert result.credits.high == pytest.approx(4 * times * HOURS_A_MONTH * RATE + HOURS_A_MONTH)


def test_a_warehouse_costs_at_most_all_its_clusters_at_its_rate() -> None:
    jobs = [job(f"J{number}", seconds=86_400) for number in range(20)]
    small = {"W": Warehouse("W", "SMALL", 20, clusters=2)}
    result = estimate(replace(deployed(*jobs, minutes=1), warehouses=small), RATES)
    credits_ = line(result, WAIT).credits
    assert credits_ is not None
    assert credits_.high == 2 * 2 * 3 * HOURS_A_MONTH
    assert (result.capped, estimate(deployed(job("A")), RATES).capped) == (("P",), ())
    two = Deployment(
        tuple(CostedGraph(key, key, IntervalSchedule(1, "MINUTES"), tuple(jobs)) for key in ("g", "h")),
        {"P": Pool("P", XS, 1, 4, 300)},
        small,
    )
    assert estimate(two, RATES).capped == ("P", "W")
    assert estimate(two, RATES).credits.high == pytest.approx(4 * HOURS_A_MONTH * RATE + 12 * HOURS_A_MONTH)


def test_times_of_history_are_by_root_task_and_task() -> None:
    row = {"ROOT_TASK_NAME": "R", "TASK_NAME": "A", "RUNS": 4, "LOW": 10, "USUAL": 20, "HIGH": 30}
    longer = {**row, "LOW": "11", "USUAL": "25", "HIGH": "90", "RUNS": 7}
    assert history([row], [longer]) == {("R", "A"): Times(4, Range(10, 30, 20), Range(11, 90, 25))}
    mixed = history([row], [{**longer, "LOW": 5, "HIGH": 28}])
    assert mixed["R", "A"].wait == Range(10, 30, 25), "each bound by itself is at least that of the containers"
    assert history([row], [{**longer, "ROOT_TASK_NAME": "S"}])["R", "A"].wait == Range(10, 30, 20)
    assert history([row], [{**longer, "USUAL": None}])["R", "A"].wait == Range(10, 30, 20)
    assert history([{**row, "USUAL": None}, {**row, "TASK_NAME": "B"}], []).keys() == {("R", "B")}
    assert [Times(runs, Range(1, 1), Range(1, 1)).is_thin for runs in (4, 5)] == [True, False]
