"""Deadlines of runs, and when a cron expression has fired, held against the library that the configuration uses."""

from __future__ import annotations

from datetime import UTC, datetime, time, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from jobgraph.config.cron import _simulation, cron_problem
from jobgraph.procedures.notifying.lateness import deadline, firings_before, last_expected
from tests import tiers

NOW = datetime(2026, 11, 29, 6, 0, tzinfo=UTC)
LONG_AGO = datetime(2020, 1, 1, tzinfo=UTC)
MINUTES = st.sampled_from(["0", "*/15", "5,35", "10-12", "59", "30/10"])
HOURS = st.sampled_from(["*", "0", "4", "*/6", "8-10", "23"])
DAYS = st.sampled_from(["*", "1", "L", "15,L", "10-12", "31"])
MONTHS = st.sampled_from(["*", "1", "FEB", "6-8", "*/3"])
WEEKDAYS = st.sampled_from(["*", "MON", "MON-FRI", "0,6", "5L", "1-3"])
CRONS = st.tuples(MINUTES, HOURS, DAYS, MONTHS, WEEKDAYS).map(" ".join).filter(lambda text: not cron_problem(text))


@given(cron=CRONS, days=st.integers(0, 3000), minute=st.integers(0, 1439))
@settings(max_examples=tiers.examples(200), deadline=None)
def test_the_last_firing_is_the_one_after_which_the_library_finds_none(cron: str, days: int, minute: int) -> None:
    now = datetime(2024, 1, 1, tzinfo=UTC) + timedelta(days=days, minutes=minute)
    last = next(firings_before(cron, "UTC", now))
    assert last <= now
    assert next(_simulation(cron, last - timedelta(minutes=1))) == last
    assert next(_simulation(cron, last)) > now


@pytest.mark.parametrize(("day", "hour"), [("2026-07-01", 2), ("2026-12-01", 3)])
def test_a_firing_is_at_the_local_time_of_its_zone(day: str, hour: int) -> None:
    now = datetime.fromisoformat(f"{day}T12:00:00+00:00")
    assert next(firings_before("0 4 * * *", "Europe/Berlin", now)).hour == hour


def test_a_time_that_the_clock_leaves_out_does_not_come() -> None:
    # 29 March 2026, 02:30 is no time in Berlin
    now = datetime(2026, 3, 29, 12, 0, tzinfo=UTC)
    last = next(firings_before("30 2 * * *", "Europe/Berlin", now))
    assert last.astimezone(ZoneInfo("Europe/Berlin")).day == 28


@pytest.mark.parametrize(
    ("start", "late_after", "expected"),
    [
        ("2026-11-29T02:00", 3600, "2026-11-29T03:00"),
        ("2026-11-29T02:00", {"time": "07:00", "timezone": "Europe/Berlin"}, "2026-11-29T06:00"),
        ("2026-11-29T06:00", {"time": "07:00", "timezone": "Europe/Berlin"}, "2026-11-30T06:00"),
        ("2026-11-29T22:00", {"time": "00:30", "timezone": "UTC"}, "2026-11-30T00:30"),
        # the clocks of Berlin show 02:45 twice on 25 October 2026, and never on 29 March
        ("2026-10-25T00:15", {"time": "02:45", "timezone": "Europe/Berlin"}, "2026-10-25T00:45"),
        ("2026-10-25T01:15", {"time": "02:45", "timezone": "Europe/Berlin"}, "2026-10-25T01:45"),
        ("2026-10-25T00:15", {"time": "07:00", "timezone": "Europe/Berlin"}, "2026-10-25T06:00"),
        ("2026-03-29T00:15", {"time": "02:45", "timezone": "Europe/Berlin"}, "2026-03-29T01:45"),
    ],
)
def test_a_deadline_is_after_a_length_of_time_or_at_the_next_time_of_day(
    start: str, late_after: object, expected: str
) -> None:
    begun, by = (datetime.fromisoformat(f"{text}:00+00:00") for text in (start, expected))
    assert deadline(begun, late_after) == by


def test_the_newest_run_whose_deadline_has_passed_is_expected() -> None:
    nightly = {"cron": "0 2 * * *", "timezone": "UTC"}
    at_three = last_expected(nightly, 3600, NOW, LONG_AGO, None)
    assert at_three is not None
    assert at_three.start == datetime(2026, 11, 29, 2, 0, tzinfo=UTC)
    # five hours after two have not passed at six
    earlier = last_expected(nightly, 5 * 3600, NOW, LONG_AGO, None)
    assert earlier is not None
    assert earlier.start == datetime(2026, 11, 28, 2, 0, tzinfo=UTC)


def test_no_run_is_expected_from_before_the_graph_was_there() -> None:
    nightly = {"cron": "0 2 * * *", "timezone": "UTC"}
    assert last_expected(nightly, 3600, NOW, datetime(2026, 11, 29, 2, 1, tzinfo=UTC), None) is None


def test_an_interval_is_counted_from_the_last_run() -> None:
    hourly, last = {"seconds": 3600}, NOW - timedelta(hours=2)
    expected = last_expected(hourly, 1800, NOW, LONG_AGO, last)
    assert expected is not None
    assert (expected.start, expected.deadline) == (NOW - timedelta(hours=1), NOW - timedelta(minutes=30))
    assert last_expected(hourly, 1800, NOW, LONG_AGO, NOW - timedelta(minutes=80)) is None


# the hours around the one that the clocks of Berlin show twice
@given(minutes=st.integers(0, 240), of_day=st.times(time(2), time(3)))
@settings(max_examples=tiers.examples(200), deadline=None)
def test_a_deadline_is_never_before_its_start_and_at_most_25_hours_after_it(minutes: int, of_day: time) -> None:
    begun = datetime(2026, 10, 24, 23, tzinfo=UTC) + timedelta(minutes=minutes)
    late_after = {"time": f"{of_day:%H:%M}", "timezone": "Europe/Berlin"}
    assert timedelta(0) <= deadline(begun, late_after) - begun <= timedelta(hours=25)
