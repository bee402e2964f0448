"""The rules of a warehouse's slots, for any order of arrivals, ends, suspensions and waits."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

from hypothesis import given
from hypothesis import strategies as st
from snowflake_sandbox.compute import slots
from snowflake_sandbox.compute.slots import Arrive, Leave, Look, Power, Resume, Suspend, WarehouseTerms

if TYPE_CHECKING:
    from collections.abc import Sequence

START = datetime(2026, 1, 2, tzinfo=UTC)
TERMS = st.builds(
    WarehouseTerms,
    level=st.integers(1, 2),
    lowest=st.just(1),
    highest=st.integers(1, 2),
    idle=st.sampled_from([None, timedelta(seconds=30)]),
    resumes=st.sampled_from([True, True, False]),
    start=st.sampled_from([timedelta(), timedelta(seconds=4)]),
)
# What happens, how many seconds later, and to which of the statements that there are.
HAPPENINGS = st.lists(
    st.tuples(
        st.sampled_from(["arrive"] * 6 + ["leave"] * 3 + ["suspend", "resume", "look"]),
        st.one_of(st.integers(0, 3), st.integers(0, 200)),
        st.integers(0, 9),
    ),
    min_size=12,
    max_size=40,
)


def played(
    terms: WarehouseTerms, happenings: Sequence[tuple[str, int, int]]
) -> list[tuple[slots.Event, slots.SlotStep, datetime]]:
    """Every event with the step that it led to."""
    now, warehouse = START, slots.new(terms, START, suspended=True)
    steps = []
    for number, (what, seconds, which) in enumerate(happenings):
        now += timedelta(seconds=seconds)
        ids = [*warehouse.running, *(each.id for each in warehouse.queue)]
        until = now + timedelta(seconds=60) if which % 2 else None
        events: dict[str, slots.Event] = {
            "arrive": Arrive(str(number), until),
            "leave": Leave(ids[which % len(ids)] if ids else "nobody"),
            "suspend": Suspend(),
            "resume": Resume(),
            "look": Look(),
        }
        event = events[what]
        step = slots.step(warehouse, event, terms, now)
        steps.append((event, step, now))
        warehouse = step.warehouse
    return steps


@given(TERMS, HAPPENINGS)
def test_never_more_run_than_there_are_slots(terms: WarehouseTerms, happenings: list[tuple[str, int, int]]) -> None:
    for _, step, _ in played(terms, happenings):
        warehouse = step.warehouse
        if warehouse.power is Power.STARTED:
            assert len(warehouse.running) <= warehouse.clusters * terms.level or not step.admitted
            assert terms.lowest <= warehouse.clusters <= max(terms.lowest, terms.highest)
        else:
            assert not step.admitted
        assert len(step.admitted) <= terms.highest * terms.level


@given(TERMS, HAPPENINGS)
def test_nobody_waits_while_a_slot_is_free(terms: WarehouseTerms, happenings: list[tuple[str, int, int]]) -> None:
    for _, step, _ in played(terms, happenings):
        warehouse = step.warehouse
        if warehouse.power is Power.STARTED and warehouse.queue and warehouse.ready_at is None:
            assert len(warehouse.running) >= warehouse.clusters * terms.level
            assert warehouse.clusters == max(terms.lowest, terms.highest)


@given(TERMS, HAPPENINGS)
def test_nobody_runs_before_the_compute_is_there(terms: WarehouseTerms, happenings: list[tuple[str, int, int]]) -> None:
    started: datetime | None = None
    before = Power.SUSPENDED
    for _, step, now in played(terms, happenings):
        after = step.warehouse.power
        started = now if before is Power.SUSPENDED and after is Power.STARTED else started
        assert not step.admitted or (started is not None and now - started >= terms.start)
        before = after


@given(TERMS, HAPPENINGS)
def test_first_come_first_served(terms: WarehouseTerms, happenings: list[tuple[str, int, int]]) -> None:
    order = [number for _, step, _ in played(terms, happenings) for number in step.admitted]
    assert order == sorted(order, key=int)


@given(TERMS, HAPPENINGS)
def test_every_statement_runs_waits_or_is_told_why_not(
    terms: WarehouseTerms, happenings: list[tuple[str, int, int]]
) -> None:
    here: set[str] = set()
    for event, step, now in played(terms, happenings):
        here = here | {event.id} if isinstance(event, Arrive) else here
        here -= {event.id} if isinstance(event, Leave) else set()
        here -= {*step.expired, *step.refused}
        warehouse = step.warehouse
        assert here == {*warehouse.running, *(each.id for each in warehouse.queue)}
        assert all(each.until is None or each.until > now for each in warehouse.queue)
        assert not step.refused or not terms.resumes


@given(TERMS, HAPPENINGS)
def test_it_is_up_exactly_as_long_as_it_is_not_suspended(
    terms: WarehouseTerms, happenings: list[tuple[str, int, int]]
) -> None:
    for _, step, _ in played(terms, happenings):
        assert (step.warehouse.clusters == 0) == (step.warehouse.power is Power.SUSPENDED)
        assert step.warehouse.power is not Power.SUSPENDED or not step.warehouse.running


@given(TERMS, HAPPENINGS)
def test_after_the_next_instant_time_alone_has_done_something(
    terms: WarehouseTerms, happenings: list[tuple[str, int, int]]
) -> None:
    for _, step, now in played(terms, happenings)[-1:]:
        instant = slots.next_instant(step.warehouse, terms)
        if instant is not None and instant > now:
            before = slots.step(step.warehouse, Look(), terms, instant - timedelta(milliseconds=1))
            assert before.warehouse == step.warehouse
            assert slots.step(step.warehouse, Look(), terms, instant).warehouse != step.warehouse


def test_a_cluster_is_taken_away_after_two_minutes_of_too_little_work() -> None:
    terms = WarehouseTerms(level=1, lowest=1, highest=2)
    warehouse = slots.new(terms, START, suspended=False)
    for name in "ab":
        warehouse = slots.step(warehouse, Arrive(name), terms, START).warehouse
    assert warehouse.clusters == 2
    warehouse = slots.step(warehouse, Leave("a"), terms, START).warehouse
    assert slots.step(warehouse, Look(), terms, START + timedelta(seconds=119)).warehouse.clusters == 2
    assert slots.step(warehouse, Look(), terms, START + timedelta(seconds=120)).warehouse.clusters == 1
