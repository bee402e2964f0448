"""Schedules: every documented form, and the instants they give."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st
from snowflake_sandbox.errors import SnowflakeError
from snowflake_sandbox.tasks.cron import Cron
from snowflake_sandbox.tasks.schedule import Interval, next_due, parse

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
        "USING CRON 0 0 * * 2#1 UTC",
        "USING CRON 0 0 * * MON#1 UTC",
        "USING CRON 0 0 LW * * UTC",
        "USING CRON 0 0 * * 7 UTC",
        "USING CRON L 0 * * * UTC",
        "USING CRON 0 0 * L * UTC",
        "USING CRON */0 * * * * UTC",
        "USING CRON 0 0 * * FRI-MON UTC",
        "USING CRON 0 0 * * * America",
        "USING CRON 0 0 * * * ../../etc/passwd",
        f"{'9' * 5000} MINUTES",
        f"USING CRON {'9' * 5000} 0 * * * UTC",
    ],
)
def test_what_snowflake_refuses_is_refused(text: str) -> None:
    with pytest.raises(SnowflakeError) as error:
        parse(text)
    assert error.value.errno == 1008


def test_cron_is_read() -> None:
    assert parse("USING CRON 0 9-17 * * SUN America/Los_Angeles") == Cron("0 9-17 * * SUN", "America/Los_Angeles")


@pytest.mark.parametrize(
    ("expression", "days"),
    [
        ("0 0 * * L", ["2026-03-07", "2026-03-14"]),
        ("0 0 * * 5L", ["2026-03-27", "2026-04-24"]),
        ("0 0 L * *", ["2026-03-31", "2026-04-30"]),
        ("0 0 1 4/3 *", ["2026-04-01", "2026-07-01", "2026-10-01", "2027-04-01"]),
        ("0 0 10-20/5,28 3 *", ["2026-03-10", "2026-03-15", "2026-03-20", "2026-03-28"]),
        ("0 0 * JAN,mar sun", ["2026-03-08", "2026-03-15"]),
    ],
)
def test_the_documented_grammar_of_days(expression: str, days: list[str]) -> None:
    schedule, due = parse(f"USING CRON {expression} UTC"), START
    for day in days:
        instant = next_due(schedule, START, due)
        assert instant is not None
        assert instant.isoformat() == f"{day}T00:00:00+00:00"
        due = instant


def every_due(expression: str, start: datetime, end: datetime) -> list[datetime]:
    schedule, due = parse(f"USING CRON {expression} America/Los_Angeles"), start
    instants: list[datetime] = []
    while True:
        instant = next_due(schedule, start, due)
        if instant is None or instant >= end:
            return instants
        instants.append(instant)
        due = instant


def test_an_hour_that_comes_twice_is_due_twice() -> None:
    clocks_go_back = datetime(2026, 11, 1, 7, 0, tzinfo=UTC)
    instants = every_due("0 1 * * *", clocks_go_back, clocks_go_back + timedelta(days=1))
    assert instants == [datetime(2026, 11, 1, 8, 0, tzinfo=UTC), datetime(2026, 11, 1, 9, 0, tzinfo=UTC)]


def test_an_hour_that_is_skipped_is_not_due() -> None:
    clocks_go_forward = datetime(2026, 3, 8, 8, 0, tzinfo=UTC)
    instants = every_due("0 2 * * *", clocks_go_forward, clocks_go_forward + timedelta(days=2))
    assert instants == [datetime(2026, 3, 9, 9, 0, tzinfo=UTC)]


def test_every_minute_comes_once_over_both_changes() -> None:
    for start in (datetime(2026, 11, 1, 6, 0, tzinfo=UTC), datetime(2026, 3, 8, 7, 0, tzinfo=UTC)):
        instants = every_due("*/10 * * * *", start, start + timedelta(hours=6))
        assert instants == [start + timedelta(minutes=10 * number) for number in range(1, 36)]


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
