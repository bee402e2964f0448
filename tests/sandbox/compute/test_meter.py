"""The meter: seconds add up, however they are cut, and a start costs its shortest time."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st
from snowflake_sandbox.compute.meter import Span, hourly

START = datetime(2026, 1, 2, 3, 50, tzinfo=UTC)
MINUTE = timedelta(minutes=1)
# Lengths in seconds and the units that are up meanwhile.
TIMES = st.lists(st.tuples(st.integers(1, 9000), st.integers(0, 3)), min_size=1, max_size=12)


def spans(times: list[tuple[int, int]]) -> list[Span]:
    instants = [START]
    for seconds, _ in times:
        instants.append(instants[-1] + timedelta(seconds=seconds))
    pieces = zip(pairwise(instants), times, strict=True)
    return [Span(start, end, units, 3600.0) for (start, end), (_, units) in pieces if units]


@given(TIMES)
def test_without_a_shortest_time_the_credits_are_the_seconds_of_the_units(times: list[tuple[int, int]]) -> None:
    total = sum(hourly(spans(times), timedelta()).values())
    assert total == pytest.approx(sum(seconds * units for seconds, units in times))


@given(TIMES, st.integers(0, 600))
def test_no_hour_has_more_than_its_units_or_less_than_nothing(times: list[tuple[int, int]], shortest: int) -> None:
    hours = hourly(spans(times), timedelta(seconds=shortest))
    assert all(credits_ > 0 and hour.minute == hour.second == 0 for hour, credits_ in hours.items())
    bare = hourly(spans(times), timedelta())
    assert sum(hours.values()) >= sum(bare.values()) - 1e-6
    assert all(credits_ <= 3 * 3600 + 1e-6 for credits_ in bare.values())


@given(TIMES, st.integers(0, 600), st.integers(1, 8999))
def test_it_does_not_matter_where_a_time_is_cut(times: list[tuple[int, int]], shortest: int, cut: int) -> None:
    whole = spans(times)
    pieces = [
        part
        for span in whole
        for middle in [span.start + timedelta(seconds=cut)]
        for part in (
            [Span(span.start, middle, span.units, span.rate), Span(middle, span.end, span.units, span.rate)]
            if middle < span.end
            else [span]
        )
    ]
    least = timedelta(seconds=shortest)
    assert hourly(pieces, least) == pytest.approx(hourly(whole, least))


def test_each_start_costs_its_shortest_time() -> None:
    brief = [Span(START + n * MINUTE, START + n * MINUTE + MINUTE / 6, 1, 60.0) for n in (0, 2)]
    assert sum(hourly(brief, MINUTE).values()) == pytest.approx(2.0)


def test_the_shortest_time_of_a_unit_that_joins_is_its_own() -> None:
    # one node for ten minutes, a second for one of them: five are charged for that
    times = [Span(START, START + MINUTE, 2, 60.0), Span(START + MINUTE, START + 10 * MINUTE, 1, 60.0)]
    assert sum(hourly(times, 5 * MINUTE).values()) == pytest.approx(15.0)


def test_credits_are_those_of_the_hour_in_which_they_were_used() -> None:
    hours = hourly([Span(START, START + 20 * MINUTE, 1, 60.0)], MINUTE)
    assert hours == {
        START.replace(minute=0): pytest.approx(10.0),
        START.replace(hour=4, minute=0): pytest.approx(10.0),
    }
