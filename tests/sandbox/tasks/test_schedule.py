"""Schedules: every documented form, and the instants they give."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sandbox.errors import SnowflakeError
from sandbox.tasks.schedule import Cron, Interval, next_due, parse

START = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)


@pytest.mark.parametrize(
    ("text", "seconds"),
    [("59 MINUTE", 3540), ("59 minutes", 3540), ("10 S", 10), ("30 SECONDS", 30), ("2 HOURS", 7200), ("1 h", 3600)],
)
def test_an_interval_is_read(text: str, seconds: int) -> None:
    assert parse(text) == Interval(timedelta(seconds=seconds))


@pytest.mark.parametrize(
    "text",
    [
        "",
        "59",
        "USING CRON 0 0 30 2 * UTC",
        "0 MINUTES",
        "9 SECONDS",
        "11521 MINUTES",
        "99999999999999999999 HOURS",
        "5 DAYS",
        "USING CRON * * * * *",
        "USING CRON 0 25 * * * UTC",
        "USING CRON 0 2 * * * Nowhere/Town",
        "USING CRON 0 2 * * * * UTC",
    ],
)
def test_what_snowflake_refuses_is_refused(text: str) -> None:
    with pytest.raises(SnowflakeError) as error:
        parse(text)
    assert error.value.errno == 1008


def test_cron_is_read() -> None:
    assert parse("USING CRON 0 9-17 * * SUN America/Los_Angeles") == Cron("0 9-17 * * SUN", "America/Los_Angeles")


def test_an_interval_counts_from_the_resume() -> None:
    due = next_due(Interval(timedelta(minutes=10)), START, START + timedelta(minutes=25))
    assert due == START + timedelta(minutes=30)


def test_a_due_instant_is_later_than_asked() -> None:
    interval = Interval(timedelta(minutes=10))
    assert next_due(interval, START, START) == START + timedelta(minutes=10)
    assert next_due(interval, START, START + timedelta(minutes=10)) == START + timedelta(minutes=20)


def test_cron_follows_its_time_zone_over_the_change_to_summer_time() -> None:
    cron = Cron("0 9 * * *", "America/Los_Angeles")
    assert next_due(cron, START, datetime(2026, 3, 7, 0, 0, tzinfo=UTC)) == datetime(2026, 3, 7, 17, 0, tzinfo=UTC)
    assert next_due(cron, START, datetime(2026, 3, 8, 8, 0, tzinfo=UTC)) == datetime(2026, 3, 8, 16, 0, tzinfo=UTC)


@given(st.integers(10, 700_000), st.integers(0, 10_000_000))
def test_due_instants_are_one_interval_apart(length: int, later: int) -> None:
    interval = Interval(timedelta(seconds=length))
    after = START + timedelta(seconds=later)
    first = next_due(interval, START, after)
    assert first is not None
    assert after < first <= after + interval.length
    assert next_due(interval, START, first) == first + interval.length
