"""What an estimate says that it assumes: each sentence where it matters, and nowhere else."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from jobgraph.config.schedules import IntervalSchedule
from jobgraph.cost.assumptions import assumptions, names
from jobgraph.cost.deployment import CostedGraph, CostedJob, Deployment, Warehouse
from jobgraph.cost.estimate import estimate
from jobgraph.settings import Pool
from tests.jobgraph.cost.test_estimate import RATES, deployed, job, past

if TYPE_CHECKING:
    from jobgraph.cost.rates import Rates


def told(deployment: Deployment, rates: Rates = RATES, stated: dict[str, float] | None = None) -> list[str]:
    return list(assumptions(estimate(deployment, rates, {}, stated or {}), deployment))


def among(sentences: list[str], *parts: str) -> bool:
    return any(all(part in sentence for part in parts) for sentence in sentences)


def test_whose_rates_and_whose_price() -> None:
    listed = told(deployed(job("A")))
    assert listed[0] == f"Rates as of {RATES.effective}: {RATES.source}."
    assert listed[1] == "A credit costs $3.00 (list price, Enterprise, US; set `credit_price`)."
    assert listed[2] == "A month has 730.5 hours."
    own = told(deployed(job("A")), RATES.overridden({"XSMALL": 2.0, "CPU_X64_XS": 0.07}, 2.5))
    assert own[0].startswith(f"Rates as of {RATES.effective}; the stack's own for CPU_X64_XS, XSMALL: ")
    assert own[1] == "A credit costs $2.50 (the stack's `credit_price`)."


def test_families_whose_rates_differ() -> None:
    pools = [Pool("P", "GEN_X64_G2_2"), Pool("Q", "GEN_ARM_G1_2"), Pool("R", "CPU_X64_XS")]
    jobs = [job(pool.name, pool.name) for pool in pools]
    deployment = replace(deployed(*jobs), pools={pool.name: pool for pool in pools})
    assert "Rates of GEN_ARM_G1_2, GEN_X64_G2_2 differ between clouds or sources: usual amounts have the highest." in (
        told(deployment)
    )
    assert not among(told(deployed(job("A"))), "differ between")


def test_how_often_a_graph_runs() -> None:
    unknown = told(deployed(job("A"), minutes=None))
    assert among(unknown, "Graph g has no schedule", "`runs_per_month: {g: 20}`")
    assert "Graph g is run 20 times a month, as `runs_per_month` states." in told(
        deployed(job("A"), minutes=None), stated={"G": 20}
    )
    assert among(told(deployed(job("A"), minutes=1)), "Runs of graph g do not overlap", "down to 2922 a month.")
    assert not among(told(deployed(job("A"), minutes=1440)), "do not overlap")
    overlapping = deployed(job("A"))
    overlapping = replace(overlapping, graphs=(replace(overlapping.graphs[0], may_overlap=True),))
    assert "Runs of graph g may overlap: the lowest amounts are nothing." in told(overlapping)


def test_where_times_come_from() -> None:
    without, deployment = told(deployed(job("A"), job("B"))), deployed(job("A"))
    assert among(without, "No history of A, B: at most the `timeout`")
    assert not among(without, "Times from history")
    unread = list(assumptions(estimate(deployed(job("A"), job("B")), RATES), deployed(job("A"), job("B"))))
    assert among(unread, "History was not read (`--history` reads it), so for A, B: at most the `timeout`")
    assert not among(unread, "No history")
    known = assumptions(estimate(deployment, RATES, {("ROOT", "A"): past(60, 90)}), deployment)
    assert among(list(known), "Times from history are the median")
    assert not among(list(known), "No history")
    assert not among(list(known), "Fewer than 5 runs")
    few = assumptions(estimate(deployment, RATES, {("ROOT", "A"): replace(past(60, 90), runs=1)}), deployment)
    assert among(list(few), "Fewer than 5 runs in history of A (1): usual amounts rest on these alone")
    conditional = replace(job("A"), is_conditional=True)
    assert "A may be skipped (`when`): the lowest amount is nothing." in told(deployed(conditional, job("B")))


def test_what_compute_costs_besides_the_jobs() -> None:
    listed = told(deployed(job("A")))
    assert among(listed, "Usual amounts give each replica its own node")
    assert among(listed, "A pool idles for `auto_suspend_secs`")
    assert among(listed, "W is awake as long as a task waits", "at most 60 seconds of the finalizer")
    assert listed[-1].startswith("Left out, as it depends on what the jobs do: ")
    serverless = told(deployed(job("A", house=None)))
    assert not among(serverless, "is awake as long as")
    empty = Deployment()
    assert not among(told(empty), "Left out")
    assert not among(told(empty), "Usual amounts give each replica")


def test_what_is_not_the_stacks_own_and_what_nobody_knows() -> None:
    deployment = deployed(job("A"), pool=Pool("P", "CPU_X64_XS", existing=True))
    deployment = replace(deployment, warehouses={"W": Warehouse("W", is_own=False)})
    listed = told(deployment)
    assert among(listed, "This stack does not create P, W")
    assert not among(listed, "taken for XSMALL")
    alone = told(replace(deployment, warehouses={"W": Warehouse("W")}))
    assert among(alone, "This stack does not create P: ", "others keep it running")
    listed = told(replace(deployment, warehouses={}))
    assert "W: taken for XSMALL, one cluster, suspended after 60 seconds." in listed
    assert not among(told(deployed(job("A"))), "This stack does not create")


def test_what_graphs_share_is_said_to_be_divided_among_them() -> None:
    """A deploy that only adds a graph makes another one cheaper at least: the reviewer is told why."""
    alone = deployed(job("A"))
    other = replace(alone.graphs[0], key="h", root_task="H")
    both = replace(alone, graphs=(*alone.graphs, other))
    lowest = [estimate(deployment, RATES).graphs[0].credits_a_run.low for deployment in (alone, both)]
    assert lowest[1] < lowest[0]
    assert among(told(both), "Graphs that use P, W share their idle time", "changes the lowest amounts of the others")
    assert not among(told(alone), "idle time: the lowest")
    apart = replace(other, jobs=(replace(other.jobs[0], pool="Q", warehouse="V"),))
    houses = {"V": Warehouse("V"), "W": Warehouse("W")}
    pools = {"P": Pool("P"), "Q": Pool("Q")}
    assert not among(told(Deployment((alone.graphs[0], apart), pools, houses)), "idle time: the lowest")
    half = replace(apart, jobs=(replace(apart.jobs[0], pool="P"),))
    assert among(told(Deployment((alone.graphs[0], half), pools, houses)), "Graphs that use P share its idle time")
    foreign = {"P": replace(pools["P"], existing=True)}
    assert not among(told(replace(both, pools=foreign, warehouses={})), "idle time: the lowest")


def wide(key: str, count: int) -> CostedGraph:
    jobs = tuple(CostedJob(f"{key}{number}", "P", (), 60, 90, 1, warehouse="W") for number in range(count))
    return CostedGraph(key, key.upper(), IntervalSchedule(60, "MINUTES"), jobs)


def test_graphs_that_share_a_warehouse_may_queue_for_one_another() -> None:
    def sharing(*graphs: CostedGraph) -> bool:
        deployment = Deployment(graphs, {"P": Pool("P")}, {"W": Warehouse("W", concurrency=4)})
        return "Graphs that share W are assumed not to wait for each other's slots." in told(deployment)

    assert sharing(wide("a", 3), wide("b", 2))
    assert not sharing(wide("a", 2), wide("b", 2)), "as many as there are slots"
    assert not sharing(wide("a", 9)), "a graph that is alone is told of as a crowd"


def test_of_very_many_names_the_first_and_their_count() -> None:
    assert names(["A", "B", "C", "D", "E"]) == "A, B, C, D, E"
    assert names(["A", "B", "C", "D", "E", "F", "G"]) == "A, B, C, D, E and 2 more"


def test_sentences_whole() -> None:
    """As people read them; what else is said of them is where they stand."""
    first, second = replace(job("A"), is_conditional=True), replace(job("B"), replicas=2)
    pool = Pool("P", "GEN_X64_G2_2", existing=True)
    deployment = replace(deployed(first, second, minutes=None, pool=pool), warehouses={})
    times = {("ROOT", "B"): replace(past(60, 90), runs=2)}
    assert assumptions(estimate(deployment, RATES, times), deployment)[3:] == (
        "Rates of GEN_X64_G2_2 differ between clouds or sources: usual amounts have the highest.",
        (
            "Graph g has no schedule, so its cost depends on how often it is run: state that in `runs_per_month:"
            " {g: 20}`"
            " of the stack's settings."
        ),
        (
            "No history of A: at most the `timeout` with every attempt that the file allows, without those after"
            " faults of"
            " Snowflake's own; at least nothing."
        ),
        "Times from history are the median of the runs of 30 days, their range the 10th to the 90th of a hundred.",
        (
            "Fewer than 5 runs in history of B (2): usual amounts rest on these alone, and their range is that of a job"
            " without history."
        ),
        "A may be skipped (`when`): the lowest amount is nothing.",
        "Usual amounts give each replica its own node; the lowest let jobs that run at the same time share one.",
        (
            "A pool idles for `auto_suspend_secs` after its last job and is charged for five minutes at least;"
            " nodes above"
            " `min_nodes` go as soon. Nothing is charged while nodes start."
        ),
        (
            "W is awake as long as a task waits for its job, which includes the start of the pool, and then until it"
            " suspends; at most 60 seconds of the finalizer."
        ),
        (
            "This stack does not create P, W: the lowest amounts assume that others keep them running, the highest that"
            " nobody else does."
        ),
        "W: taken for XSMALL, one cluster, suspended after 60 seconds.",
        (
            "Left out, as it depends on what the jobs do: warehouses for the containers' queries, the serverless"
            " root tasks"
            " and alert on late runs, cloud services, storage, data transfer, event tables."
        ),
    )


def test_the_sum_of_lines_is_explained_for_each_resource_whose_total_is_less() -> None:
    jobs = [job(f"J{number}", seconds=86_400) for number in range(20)]
    assert (
        "Lines on P add up to more than it can cost with all its nodes or clusters up for the whole month, as they"
        " cannot all be at their highest at once: totals count that month instead, so they are less than the"
        " sum of the lines."
    ) in told(deployed(*jobs, minutes=1))
    assert not among(told(deployed(job("A"))), "Lines on")


def test_a_warehouse_is_shared_and_full_only_if_tasks_of_several_graphs_wait_on_it() -> None:
    elsewhere = replace(wide("b", 9), jobs=tuple(replace(each, warehouse="V") for each in wide("b", 9).jobs))
    deployment = Deployment((wide("a", 4), elsewhere), {"P": Pool("P")}, {"W": Warehouse("W", concurrency=4)})
    assert not among(told(deployment), "are assumed not to wait")
    one_after_another = replace(wide("b", 2), jobs=(wide("b", 2).jobs[0], replace(wide("b", 2).jobs[1], after=("b0",))))
    deployment = replace(deployment, graphs=(wide("a", 3), one_after_another))
    assert not among(told(deployment), "are assumed not to wait"), "three and one at a time are four"


def test_the_warehouse_of_a_graph_of_direct_jobs_is_not_one_on_which_tasks_wait() -> None:
    graph = deployed(replace(job("A", house=None), is_direct=True)).graphs[0]
    deployment = replace(deployed(job("A")), graphs=(replace(graph, closed_on="W"),), warehouses={})
    assert not among(told(deployment), "is awake as long as")
    assert not among(told(deployment), "taken for XSMALL")
