"""The widest antichain and the length of runs, against oracles that try everything."""

from __future__ import annotations

import time
from itertools import combinations, permutations
from typing import TYPE_CHECKING

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from jobgraph.cost.concurrency import Capacity, Lanes, intervals, longest_run, run_seconds, widest, width

if TYPE_CHECKING:
    from hypothesis.strategies import DrawFn

Before = dict[str, tuple[str, ...]]


@st.composite
def graphs(draw: DrawFn, most: int = 8) -> Before:
    """Jobs, each after some of those before it; the mapping has them in any order."""
    names = [f"J{number}" for number in range(draw(st.integers(0, most)))]
    before: Before = {
        name: tuple(draw(st.lists(st.sampled_from(names[:number]), unique=True, max_size=3))) if number else ()
        for number, name in enumerate(names)
    }
    return {name: before[name] for name in draw(st.permutations(names))}


def ancestors(before: Before, name: str) -> set[str]:
    return {name for direct in before[name] for name in (direct, *ancestors(before, direct))}


def unordered(before: Before, names: tuple[str, ...]) -> bool:
    return not any(name in ancestors(before, last) for last in names for name in names)


def heaviest(before: Before, weights: dict[str, int]) -> int:
    """The oracle: every set of jobs is tried."""
    sets = (names for size in range(len(before) + 1) for names in combinations(before, size))
    return max(sum(weights[name] for name in names) for names in sets if unordered(before, names))


@given(graphs(), st.data())
def test_no_set_of_jobs_that_may_run_together_is_heavier(before: Before, data: st.DataObject) -> None:
    weights = {name: data.draw(st.integers(0, 4)) for name in before}
    names = widest(before, weights)
    assert unordered(before, names)
    assert sum(weights[name] for name in names) == heaviest(before, weights) == width(before, weights)
    assert list(names) == [name for name in before if name in names]


@pytest.mark.parametrize(("layers", "across"), [(10, 100), (1, 1000), (500, 2)])
def test_a_graph_of_a_thousand_jobs_is_quick(layers: int, across: int) -> None:
    names = [[f"L{layer}_{number}" for number in range(across)] for layer in range(layers)]
    before = {name: tuple(names[layer - 1]) if layer else () for layer in range(layers) for name in names[layer]}
    start = time.process_time()
    assert width(before, dict.fromkeys(before, 1)) == across
    assert time.process_time() - start < 5


@given(graphs(), st.integers(1, 4), st.data())
def test_no_job_starts_before_it_may_and_no_slot_is_free_while_one_waits(
    before: Before, slots: int, data: st.DataObject
) -> None:
    seconds = {name: float(data.draw(st.integers(1, 9))) for name in before}
    lanes = Lanes(dict.fromkeys(before, "W"), {"W": slots})
    runs = intervals(before, seconds, lanes)
    assert runs.keys() == before.keys()
    for name, run in runs.items():
        assert run.end - run.start == seconds[name]
        ready = max((runs[previous].end for previous in before[name]), default=0.0)
        assert run.start >= ready
        for instant in {other.start for other in runs.values()} | {ready}:
            in_use = sum(other.start <= instant < other.end for other in runs.values())
            assert in_use <= slots
            if ready <= instant < run.start:
                assert in_use == slots


@given(graphs(most=5), st.data())
def test_only_the_lane_that_is_full_holds_jobs_up(before: Before, data: st.DataObject) -> None:
    seconds = {name: float(data.draw(st.integers(1, 9))) for name in before}
    other = Lanes(dict.fromkeys(before, "W"), {"ANOTHER": 1})
    assert intervals(before, seconds, other) == intervals(before, seconds)


def test_jobs_wait_for_the_slots_of_their_own_lane() -> None:
    before: Before = {"A": (), "B": (), "C": (), "D": ()}
    lanes = Lanes({"A": "W", "B": "W", "C": "V"}, {"W": 1, "V": 1})
    runs = intervals(before, dict.fromkeys(before, 2.0), lanes)
    assert {name: run.start for name, run in runs.items()} == {"A": 0.0, "B": 2.0, "C": 0.0, "D": 0.0}


def by_priority(
    before: Before, seconds: dict[str, float], demands: dict[str, int], limit: int, order: list[str]
) -> float:
    """How long a run takes if jobs that could start do so in this order, as soon as enough is free."""
    ends: dict[str, float] = {}
    now = 0.0
    while len(ends) < len(before):
        for name in order:
            free = limit - sum(demands[other] for other, end in ends.items() if end > now)
            ready = all(ends.get(previous, now + 1) <= now for previous in before[name])
            if name not in ends and ready and demands[name] <= free:
                ends[name] = now + seconds[name]
        now = min((end for end in ends.values() if end > now), default=now)
    return max(ends.values(), default=0.0)


@given(graphs(most=4), st.integers(2, 4), st.data())
@example({"A": (), "B": (), "C": ()}, 2, None)
def test_no_order_of_jobs_takes_longer_than_the_bound(before: Before, limit: int, data: st.DataObject | None) -> None:
    seconds = {name: float(data.draw(st.integers(1, 9)) if data else 5) for name in before}
    demands = {name: data.draw(st.integers(1, limit)) if data else 2 for name in before}
    shorter = {name: float(data.draw(st.integers(1, int(seconds[name])))) if data else 5.0 for name in before}
    bound = longest_run(before, seconds, [Capacity(demands, limit)])
    for order in permutations(before):
        assert by_priority(before, shorter, demands, limit, list(order)) <= bound
    assert run_seconds(before, seconds) <= bound <= sum(seconds.values())


def test_a_bound_without_a_shortage_is_the_longest_chain() -> None:
    before: Before = {"A": (), "B": ("A",), "C": ()}
    seconds = {"A": 2.0, "B": 3.0, "C": 4.0}
    assert longest_run(before, seconds, [Capacity(dict.fromkeys(before, 1), 2)]) == 5.0
    assert longest_run(before, seconds, [Capacity(dict.fromkeys(before, 1), 1)]) == 9.0
    assert longest_run({}, {}, [Capacity({}, 1)]) == 0.0
