"""What a change does to the cost: graphs and lines that come, go and differ, and nothing of the others."""

from __future__ import annotations

from dataclasses import replace

from jobgraph.config.schedules import IntervalSchedule
from jobgraph.cost.change import CostChange, Priced, changed
from jobgraph.cost.deployment import CostedGraph, CostedJob, Deployment
from jobgraph.cost.estimate import estimate
from jobgraph.cost.ranges import Range
from jobgraph.cost.rates import published
from jobgraph.settings import Pool

JOBS = (CostedJob("A", "P", (), 600, 900, warehouse="W"), CostedJob("B", "P", ("A",), 600, 900, warehouse="W"))
POOLS = {"P": Pool("P", "CPU_X64_XS", 1, 4, 300)}


def graph(key: str, *jobs: CostedJob, minutes: int = 60) -> CostedGraph:
    return CostedGraph(key, key.upper(), IntervalSchedule(minutes, "MINUTES"), jobs or JOBS)


def priced(*graphs: CostedGraph, pools: dict[str, Pool] | None = None) -> Priced:
    return Priced(estimate(Deployment(graphs, pools or POOLS, {}), published()), (), ())


def keys(change: CostChange) -> list[tuple[str, bool, bool]]:
    return [(each.key, each.old is None, each.new is None) for each in change.graphs]


def test_nothing_changes_nothing() -> None:
    change = changed(priced(graph("g")), priced(graph("g")))
    assert (change.is_empty, change.graphs, change.standing, change.difference) == (True, (), (), 0.0)


def test_a_graph_that_comes_and_one_that_goes() -> None:
    change = changed(priced(graph("g")), priced(graph("h")))
    assert keys(change) == [("g", False, True), ("h", True, False)] or keys(change) == [
        ("h", True, False),
        ("g", False, True),
    ]
    going = next(each for each in change.graphs if each.key == "g")
    assert {line.new for line in going.lines} == {None}
    assert {line.line.name for line in going.lines} >= {"A", "B"}


def test_only_the_graph_of_which_something_differs() -> None:
    old = priced(graph("g"), graph("h"))
    change = changed(old, priced(graph("g"), graph("h", JOBS[0], replace(JOBS[1], longest_seconds=1200))))
    assert [each.key for each in change.graphs if any(line.line.name == "B" for line in each.lines)] == ["h"]


def test_a_graph_that_runs_less_often_is_one_that_changed() -> None:
    change = changed(priced(graph("g")), priced(graph("g", minutes=120)))
    assert keys(change) == [("g", False, False)]
    assert change.difference < 0


def test_what_is_always_up_is_told_apart() -> None:
    never = {"P": replace(POOLS["P"], auto_suspend_secs=0)}
    change = changed(priced(graph("g")), priced(graph("g"), pools=never))
    assert [line.old for line in change.standing] == [None]
    assert not change.is_empty


def test_amounts_are_compared_with_their_like() -> None:
    without = priced(graph("g"))
    usual = replace(without, estimate=replace(without.estimate, credits=Range(1.0, 9.0, 5.0)))
    other = replace(without, estimate=replace(without.estimate, credits=Range(1.0, 8.0, 4.0)))
    unknown = replace(without, estimate=replace(without.estimate, credits=Range(1.0, 20.0)))
    assert changed(other, usual).difference == 1.0
    assert changed(unknown, usual).difference == -11.0
    assert changed(usual, unknown).difference == 11.0
