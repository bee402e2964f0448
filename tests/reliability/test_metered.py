"""The estimate beside the sandbox's bill: twenty stacks for a short time here, a month each in `make reliability`."""

from __future__ import annotations

from dataclasses import replace

import pytest

from jobgraph.cost.estimate import estimate
from jobgraph.cost.history import Times
from jobgraph.cost.ranges import Range
from jobgraph.cost.rates import published
from tests.reliability.metered import GRAPHS, Bill, Stack, bill, compared, stack, wrong

DAYS = 86_400.0


@pytest.mark.parametrize("seed", range(1, GRAPHS + 1))
def test_the_estimate_is_what_the_sandbox_charges(seed: int) -> None:
    assert compared(seed, DAYS)[0] == []


@pytest.fixture(scope="module")
def charged() -> tuple[Stack, Bill]:
    made = stack(1)
    return made, bill(made, DAYS, 1)


def test_times_of_half_a_run_are_told(charged: tuple[Stack, Bill]) -> None:
    made, account = charged
    halves = {key: Times(each.runs, _half(each.seconds), _half(each.wait)) for key, each in account.history.items()}
    told = wrong(made, estimate(made.deployment, published(), halves), account, DAYS)[0]
    assert any("the bill" in problem for problem in told)


def _half(seconds: Range) -> Range:
    return Range(seconds.low / 2, seconds.high / 2, seconds.expected / 2)


def test_a_warehouse_that_nobody_is_said_to_wait_on_is_told(charged: tuple[Stack, Bill]) -> None:
    made, account = charged
    (graph,) = made.deployment.graphs
    jobs = tuple(replace(job, warehouse=None, is_direct=True) for job in graph.jobs)
    told = estimate(replace(made.deployment, graphs=(replace(graph, jobs=jobs),)), published(), account.history)
    assert any("warehouse" in problem for problem in wrong(made, told, account, DAYS)[0])


def test_stacks_differ_and_have_both_runners_several_pools_and_retries() -> None:
    made = [stack(seed) for seed in range(1, GRAPHS + 1)]
    assert len({each.text for each in made}) == GRAPHS
    for each in made:
        (graph,) = each.deployment.graphs
        assert {job.is_direct for job in graph.jobs} == {True, False}
        assert len(each.settings.pools) > 1
    jobs = [job for each in made for job in each.deployment.graphs[0].jobs]
    assert sum(job.attempts > 1 for job in jobs) > GRAPHS / 2
    assert sum(not job.is_direct for job in jobs) > GRAPHS
    assert any(job.replicas > 1 for job in jobs)
