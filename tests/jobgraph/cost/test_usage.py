"""The seconds that one run uses, worked out by hand: of jobs, of idle nodes, of warehouses awake while tasks wait.

Unless a test says otherwise: a run each hour, an idle tail of 300 seconds for the pool and of 60 for the warehouse.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from jobgraph.config.schedules import IntervalSchedule
from jobgraph.cost.concurrency import Lanes
from jobgraph.cost.deployment import CostedGraph, CostedJob, Deployment, Warehouse
from jobgraph.cost.ranges import Range
from jobgraph.cost.usage import CLOSE, IDLE, JOB, WAIT, GraphUse, RunUsage, graph_uses, lanes
from jobgraph.settings import Pool
from tests.jobgraph.cost.test_estimate import RATES, deployed, job, past

if TYPE_CHECKING:
    from jobgraph.cost.history import History

XS = "CPU_X64_XS"


def use(deployment: Deployment, history: History | None = None, key: str = "g") -> GraphUse:
    return graph_uses(deployment, RATES, history or {})[key]


def seconds(deployment: Deployment, kind: str, history: History | None = None, on: str = "") -> Range:
    """The charged seconds of the only part of a kind, or of the one on a resource."""
    (part,) = (part for part in use(deployment, history).parts if part.kind == kind and on in ("", part.on))
    return part.unit_seconds


def direct(costed: CostedJob) -> CostedJob:
    return replace(costed, warehouse=None, is_direct=True)


def closed(deployment: Deployment, on: str | None = "W") -> Deployment:
    graphs = tuple(replace(graph, closed_on=on) for graph in deployment.graphs)
    return replace(deployment, graphs=graphs)


def overlapping(deployment: Deployment) -> Deployment:
    return replace(deployment, graphs=tuple(replace(graph, may_overlap=True) for graph in deployment.graphs))


def times_of(*names: str, run: float = 600, wait: float = 660, spread: float = 30) -> History:
    return {("ROOT", name): past(run, wait, spread) for name in names}


def test_without_history_everything_is_between_nothing_and_the_time_limit() -> None:
    """The pool's tail and the warehouse's are charged however short the job is."""
    assert use(deployed(job("A"))) == GraphUse(
        (
            RunUsage(JOB, "pool", "P", Range(0, 600), "A", Range(0, 600), "limit", 0),
            RunUsage(IDLE, "pool", "P", Range(300, 300)),
            RunUsage(WAIT, "warehouse", "W", Range(60, 900 + 60 + 60)),
        ),
        Range(0, 900),
    )


def test_with_history_everything_has_a_usual_amount() -> None:
    assert use(deployed(job("A")), times_of("A")) == GraphUse(
        (
            RunUsage(JOB, "pool", "P", Range(570, 630, 600), "A", Range(570, 630, 600), "history", 9),
            RunUsage(IDLE, "pool", "P", Range(300, 300, 300)),
            RunUsage(WAIT, "warehouse", "W", Range(630 + 60, 690 + 60 + 60, 660 + 60)),
        ),
        Range(630, 690, 660),
    )


def test_usual_amounts_need_the_history_of_all_jobs() -> None:
    result = use(deployed(job("A"), job("B", "P", "A")), times_of("A"))
    assert result.run_seconds == Range(630, 690 + 900)
    assert [part.unit_seconds.usual for part in result.parts] == [600, None, None, None]
    assert [(part.source, part.runs) for part in result.parts if part.kind == JOB] == [("history", 9), ("limit", 0)]


def test_replicas_share_a_node_at_least_and_have_their_own_at_most() -> None:
    """Three and two replicas may run at the same time, so a single node may run all five."""
    deployment = deployed(job("A", replicas=3), job("B", replicas=2), job("C", "P", "A", "B"))
    charged = {
        part.name: part.unit_seconds for part in use(deployment, times_of("A", "B", "C")).parts if part.kind == JOB
    }
    assert charged == {
        "A": Range(570 * 3 / 5, 630 * 3, 600 * 3),
        "B": Range(570 * 2 / 5, 630 * 2, 600 * 2),
        "C": Range(570 / 5, 630, 600),
    }
    lowest = [part.unit_seconds.low for part in use(overlapping(deployment), times_of("A", "B", "C")).parts]
    assert lowest == [0] * 5, "runs that overlap may do everything on what another run keeps up"


def test_jobs_of_other_graphs_may_share_the_node() -> None:
    first = deployed(job("A"))
    other = CostedGraph("h", "OTHER", IntervalSchedule(60, "MINUTES"), (job("B", replicas=3), job("C", "Q")))
    both = replace(first, graphs=(*first.graphs, other), pools={**first.pools, "Q": Pool("Q", XS)})
    assert use(both, times_of("A")).parts[0].unit_seconds == Range(570 / 4, 630, 600)


@pytest.mark.parametrize(
    ("pool", "idle"),
    [
        (Pool("P", XS, 1, 4, 300), Range(300, 300, 300)),
        (Pool("P", XS, 1, 4, 30), Range(30, 300, 30)),  # at most, each job has the minimum of five minutes to itself
        (Pool("P", XS, 1, 4, 900), Range(900, 900, 900)),
        # the second node of the minimum is up as long as the run, and the tail
        (Pool("P", XS, 2, 4, 300), Range(600, 300 + 690 + 300, 2 * 900 - 600)),
        (Pool("P", XS, 1, 4, 300, existing=True), Range(0, 300, 300)),
    ],
)
def test_idle_nodes(pool: Pool, idle: Range) -> None:
    assert seconds(deployed(job("A"), pool=pool), IDLE, times_of("A")) == idle


def test_each_job_may_be_the_last_on_its_nodes() -> None:
    jobs = (job("A", replicas=2), job("B", "P", "A"))
    assert seconds(deployed(*jobs), IDLE).high == 3 * 300
    two_nodes = Pool("P", XS, 2, 4, 300)
    assert seconds(deployed(*jobs, pool=two_nodes), IDLE).high == 3 * 300 + (2 * 900 + 2 * 300)


def test_usually_only_the_pools_fewest_nodes_idle_after_the_last_job() -> None:
    jobs = (job("A", replicas=2), job("B", "P", "A"))
    history = {("ROOT", "A"): past(600, 660), ("ROOT", "B"): past(100, 400)}
    # B's containers run in the last seconds of its task, 300 after those of A, for which one node stays up
    assert seconds(deployed(*jobs), IDLE, history).usual == 300 + 300


@pytest.mark.parametrize(
    ("minutes", "tail", "run", "idle"),
    [
        (15, 1800, 60, Range(450 - 60, 1800, 900 - 60)),  # every second run's tail at least; the pool never suspends
        (15, 300, 60, Range(300, 300, 300)),
        (5, 30, 60, Range((300 - 60) / 2 - 60, 300, 300 - 60)),  # no more than the minimum that is left over by the run
        (10, 300, 600, Range(0, 300, 0)),
    ],
)
def test_runs_that_follow_closely_share_what_is_idle(minutes: int, tail: int, run: float, idle: Range) -> None:
    deployment = deployed(job("A"), minutes=minutes, pool=Pool("P", XS, 1, 4, tail))
    assert seconds(deployment, IDLE, times_of("A", run=run, wait=run, spread=0)) == idle


def test_the_next_run_is_far_enough_if_the_tail_fits_between() -> None:
    """Of runs each ten minutes, those of five minutes leave just the tail."""

    def lowest(run: float) -> float:
        return seconds(deployed(job("A"), minutes=10), IDLE, times_of("A", run=run, wait=run, spread=0)).low

    assert lowest(300) == 300
    assert lowest(301) == 0


def test_without_a_schedule_another_run_may_keep_everything_up() -> None:
    parts = use(deployed(job("A"), minutes=None), times_of("A")).parts
    assert [part.unit_seconds for part in parts] == [
        Range(570, 630, 600),
        Range(0, 300, 300),
        Range(630, 810, 720),
    ]


def test_a_pool_whose_jobs_may_all_be_passed_over_need_not_start() -> None:
    perhaps = [replace(job(name), is_conditional=True) for name in "AB"]
    assert seconds(deployed(*perhaps), IDLE, times_of("A", "B")).low == 0
    assert seconds(deployed(perhaps[0], job("B")), IDLE, times_of("A", "B")).low == 300
    charged = [part for part in use(deployed(perhaps[0], job("B")), times_of("A", "B")).parts if part.kind == JOB]
    assert [part.unit_seconds.low for part in charged] == [0, 570 / 2]
    assert use(deployed(*perhaps), times_of("A", "B")).run_seconds.low == 0


def sharing(*closing: str | None, own: bool = True) -> Deployment:
    """Two graphs with a job each on one pool and one warehouse."""
    graphs = [
        CostedGraph(key, f"ROOT_{key}", IntervalSchedule(60, "MINUTES"), (job(f"J{key}"),), closed_on=on)
        for key, on in zip("gh", closing, strict=True)
    ]
    return Deployment(tuple(graphs), {"P": Pool("P", XS, 1, 4, 300)}, {"W": Warehouse("W", is_own=own)})


def test_graphs_that_share_a_pool_and_a_warehouse_share_what_is_idle() -> None:
    both = sharing(None, None)
    # nothing is known of either job: the tail of one of two runs at least, as another follows in it
    assert seconds(both, IDLE).low == 300 / 2 / 2
    assert seconds(both, WAIT).low == 60 / 2 / 2
    history = {("ROOT_h", "Jh"): past(600, 660)}
    assert seconds(both, IDLE, history).low == 0, "the other graph's job may run in what would be idle"
    mine = {("ROOT_g", "Jg"): past(600, 660)}
    assert seconds(both, WAIT, mine).low == 660 / 2


def test_what_is_not_the_stacks_own_may_be_awake_for_others() -> None:
    deployment = replace(deployed(job("A")), warehouses={"W": Warehouse("W", is_own=False)})
    assert seconds(deployment, WAIT, times_of("A")) == Range(0, 810, 720)
    assert seconds(overlapping(deployed(job("A"))), WAIT, times_of("A")) == Range(0, 810, 720)


def test_all_clusters_may_be_awake_and_usually_those_that_the_tasks_need() -> None:
    jobs = [job(name) for name in "ABC"]
    deployment = replace(deployed(*jobs), warehouses={"W": Warehouse("W", concurrency=2, clusters=5)})
    assert seconds(deployment, WAIT, times_of("A", "B", "C", spread=0)) == Range(720, 5 * (660 + 120), 2 * 720)
    many = replace(deployment, warehouses={"W": Warehouse("W", concurrency=1, clusters=2)})
    assert seconds(many, WAIT, times_of("A", "B", "C", spread=0)).usual == 2 * 720


def test_a_warehouse_may_wake_again_for_each_task_if_others_do_not_wait_on_it() -> None:
    jobs = (job("A"), direct(job("B", "P", "A")), job("C", "P", "B"))
    high = 2 * 900 + 60  # the tasks, and the finalizer
    assert seconds(deployed(*jobs), WAIT).high == high + 2 * 60
    assert seconds(closed(deployed(*jobs)), WAIT).high == high + 3 * 60, "and once more for the finalizer"
    assert seconds(closed(deployed(*jobs), "V"), WAIT).high == high + 2 * 60
    assert seconds(deployed(job("A"), job("B", "P", "A")), WAIT).high == 2 * 900 + 60 + 60
    assert seconds(deployed(*jobs, tail=0), WAIT).high == high + 2 * 60, "for the minimum charge of a minute"


def test_usually_a_warehouse_sleeps_between_tasks_that_are_far_apart() -> None:
    jobs = (job("A"), direct(job("B", "P", "A")), job("C", "P", "B"))
    history = {("ROOT", name): past(100, 100) for name in "ABC"}
    assert seconds(deployed(*jobs), WAIT, history).usual == 2 * (100 + 60)
    assert seconds(deployed(*jobs, tail=100), WAIT, history).usual == 400
    assert seconds(deployed(*jobs, minutes=5, tail=100), WAIT, history).usual == 300, "no longer than to the next run"


def test_the_shortest_chain_that_keeps_a_warehouse_awake_is_of_its_own_tasks() -> None:
    jobs = (job("A"), direct(job("B", "P", "A")), job("C", "P", "B"))
    history = {("ROOT", name): past(100, 100) for name in "ABC"}
    assert seconds(deployed(*jobs), WAIT, history).low == 200 + 60


def test_a_warehouse_is_awake_for_the_finalizer_alone_if_no_task_waits_on_it() -> None:
    deployment = deployed(direct(job("A")))
    assert [part.kind for part in use(deployment).parts] == [JOB, IDLE]
    assert seconds(closed(deployment), CLOSE) == Range(60, 120)
    assert seconds(closed(deployment), CLOSE, times_of("A")) == Range(60, 120, 60)
    house = {"W": Warehouse("W", auto_suspend=90)}
    assert seconds(replace(closed(deployment), warehouses=house), CLOSE, times_of("A")) == Range(90, 150, 90)
    assert seconds(closed(overlapping(deployment)), CLOSE, times_of("A")) == Range(0, 120, 60)
    theirs = {"W": Warehouse("W", is_own=False)}
    assert seconds(replace(closed(deployment), warehouses=theirs), CLOSE, times_of("A")) == Range(0, 120, 60)
    graph = replace(closed(deployment).graphs[0], schedule=IntervalSchedule(40, "SECONDS"))
    assert seconds(replace(deployment, graphs=(graph,)), CLOSE, times_of("A", run=5, wait=5, spread=0)).usual == 40


def test_graphs_whose_finalizers_share_a_warehouse_share_its_idle_time() -> None:
    both = sharing("W", "W")
    graphs = tuple(replace(graph, jobs=tuple(map(direct, graph.jobs))) for graph in both.graphs)
    assert seconds(replace(both, graphs=graphs), CLOSE).low == 60 / 2 / 2
    waiting = replace(both, graphs=(graphs[0], both.graphs[1]))
    assert seconds(waiting, CLOSE).low == 60 / 2 / 2, "the other graph's tasks wait on it"


def test_a_serverless_task_waits_at_its_own_cost() -> None:
    expected = RunUsage(WAIT, "serverless", "A", Range(630, 690, 660), "A", Range(630, 690, 660), "history", 9)
    assert use(deployed(job("A", house=None)), times_of("A")).parts[-1] == expected
    unknown = RunUsage(WAIT, "serverless", "A", Range(0, 900), "A", Range(0, 900), "limit", 0)
    assert use(deployed(job("A", house=None))).parts[-1] == unknown


def test_few_runs_bound_neither_the_containers_nor_the_task() -> None:
    thin = {("ROOT", "A"): replace(past(600, 660, 30), runs=4)}
    result = use(deployed(job("A", seconds=620, house=None)), thin)
    assert [part.unit_seconds for part in result.parts if part.kind == JOB] == [Range(0, 630, 600)]
    assert result.parts[-1].unit_seconds == Range(0, 920, 660)


def test_a_run_takes_longer_if_its_tasks_queue_for_slots() -> None:
    jobs = [job(name) for name in "ABC"]
    narrow = replace(deployed(*jobs), warehouses={"W": Warehouse("W", concurrency=1)})
    assert use(deployed(*jobs)).run_seconds == Range(0, 900)
    assert use(narrow).run_seconds == Range(0, 2700)
    assert use(narrow, times_of("A", "B", "C")).run_seconds == Range(630, 3 * 690, 660), "history includes the queueing"
    assert use(Deployment((CostedGraph("g", "ROOT", None, ()),))).run_seconds == Range(0, 0, 0)


def test_the_lanes_of_a_graph_are_the_warehouses_on_which_its_tasks_wait() -> None:
    jobs = (job("A"), job("B", house="V"), direct(job("C")), job("D", house=None))
    deployment = replace(deployed(*jobs), warehouses={"W": Warehouse("W", concurrency=3, clusters=2)})
    assert lanes(deployment.graphs[0], deployment) == Lanes({"A": "W", "B": "V"}, {"W": 6, "V": 8})


def test_each_pool_and_each_warehouse_has_its_own_jobs() -> None:
    jobs = (job("A"), job("B", "Q", house="V"))
    deployment = replace(deployed(*jobs), pools={"P": Pool("P", XS, 1, 4, 300), "Q": Pool("Q", XS, 1, 1, 600)})
    deployment = replace(deployment, warehouses={"W": Warehouse("W"), "V": Warehouse("V", auto_suspend=120)})
    history = {("ROOT", "A"): past(600, 660), ("ROOT", "B"): past(100, 160)}
    assert {part.on: part.unit_seconds for part in use(deployment, history).parts if part.kind != JOB} == {
        "P": Range(300, 300, 300),
        "Q": Range(600, 600, 600),
        "W": Range(720, 780, 720),
        "V": Range(280, 160 + 120 + 60, 280),
    }
