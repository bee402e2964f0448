"""The rules of a pool's nodes, for any load and any passing of time."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

from hypothesis import given
from hypothesis import strategies as st
from snowflake_sandbox.compute import nodes
from snowflake_sandbox.compute.nodes import Pool, PoolLoad, PoolState, PoolTerms

if TYPE_CHECKING:
    from collections.abc import Sequence

START = datetime(2026, 1, 2, tzinfo=UTC)
TERMS = st.builds(
    lambda lowest, more, idle, start: PoolTerms(lowest, lowest + more, idle, start),
    st.integers(1, 2),
    st.integers(0, 3),
    st.sampled_from([None, timedelta(seconds=60)]),
    st.sampled_from([timedelta(), timedelta(seconds=20)]),
)
# Seconds that pass, nodes that jobs want, and how many of those are in use.
LOADS = st.lists(st.tuples(st.integers(0, 90), st.integers(0, 8), st.integers(0, 8)), max_size=30)


def played(terms: PoolTerms, loads: Sequence[tuple[int, int, int]]) -> list[tuple[Pool, datetime]]:
    now, pool, seen = START, Pool(suspended=False, idle_since=START), []
    for seconds, demand, used in loads:
        now += timedelta(seconds=seconds)
        in_use = min(used, demand, pool.ready)
        pool = nodes.settled(pool, PoolLoad(demand, in_use, bool(demand)), terms, now)
        seen.append((pool, now))
    return seen


@given(TERMS, LOADS)
def test_there_are_never_more_nodes_than_the_pool_may_have(terms: PoolTerms, loads: list[tuple[int, int, int]]) -> None:
    for pool, _ in played(terms, loads):
        assert 0 <= pool.ready <= pool.target <= terms.highest
        assert pool.suspended or pool.target >= terms.lowest


@given(TERMS, LOADS)
def test_a_node_that_starts_is_up_after_its_time_and_not_before(
    terms: PoolTerms, loads: list[tuple[int, int, int]]
) -> None:
    for pool, now in played(terms, loads):
        assert list(pool.starting) == sorted(pool.starting)
        assert all(now < instant <= now + terms.start for instant in pool.starting)


@given(TERMS, LOADS)
def test_no_node_goes_that_something_runs_on(terms: PoolTerms, loads: list[tuple[int, int, int]]) -> None:
    for pool, _ in played(terms, loads):
        assert pool.ready >= pool.load.used


@given(TERMS, LOADS)
def test_it_suspends_when_it_was_idle_for_so_long(terms: PoolTerms, loads: list[tuple[int, int, int]]) -> None:
    for pool, now in played(terms, loads):
        is_due = terms.idle is not None and not pool.load.has_jobs and now - pool.idle_since >= terms.idle
        assert not is_due or pool.suspended
        assert not pool.suspended or pool.state in {PoolState.SUSPENDED, PoolState.STOPPING}


def test_its_states_from_start_to_end() -> None:
    terms = PoolTerms(1, 2, timedelta(minutes=5), timedelta(minutes=2))
    states = []
    pool = Pool(suspended=False, idle_since=START)
    for minute, load in enumerate(
        [
            PoolLoad(),
            PoolLoad(),
            PoolLoad(),
            PoolLoad(1, 1, has_jobs=True),
            PoolLoad(2, 1, has_jobs=True),
            PoolLoad(2, 1, has_jobs=True),
            PoolLoad(2, 2, has_jobs=True),
            PoolLoad(),
        ]
    ):
        pool = nodes.settled(pool, load, terms, START + timedelta(minutes=minute))
        states.append(pool.state)
    assert states == ["STARTING", "STARTING", "IDLE", "ACTIVE", "RESIZING", "RESIZING", "ACTIVE", "IDLE"]
    assert nodes.settled(pool, PoolLoad(), terms, START + timedelta(minutes=12)).state is PoolState.SUSPENDED
