"""Cron expressions: Snowflake's grammar, dates that never come, maintenance, and days when the clocks change."""

from __future__ import annotations

import functools
from collections import Counter
from datetime import UTC, datetime, timedelta
from itertools import islice, takewhile
from zoneinfo import ZoneInfo

import pytest
from cronsim import CronSim

from jobgraph.config.cron import (
    NEVER_FIRES,
    _times_of_day,
    clock_change_effects,
    cron_problem,
    firings,
    firings_a_year,
    only_in_maintenance,
    shortest_gap,
)
from jobgraph.config.reading import parse
from jobgraph.config.schedules import Cron
from jobgraph.errors import WARNING

FILE = """\
version: 1
graphs:
  g:
    schedule: {{cron: '{expression}', timezone: {zone}}}
    jobs: {{a: {{image: 'x:1', compute_pool: P}}}}
"""


def warnings_of(expression: str, zone: str) -> list[str]:
    config = parse(FILE.format(expression=expression, zone=zone).encode(), "x.yaml")
    assert all(problem.severity == WARNING for problem in config.warnings)
    return [problem.rule for problem in config.warnings]


@pytest.mark.parametrize("expression", ["0 0 30 2 *", "0 0 31 4,6,9,11 *", "0 0 31 FEB *", "0 0 30,31 2 *"])
def test_a_date_that_no_year_has_never_fires(expression: str) -> None:
    assert cron_problem(expression) == NEVER_FIRES


@pytest.mark.parametrize(
    "expression",
    [
        *("* * * * *", "0 0 29 2 *", "*/5 8-18 * * MON-FRI", "0 0 L * *", "0 0 * * L", "0 0 * * 5L", "0 0 1,L * *"),
        *("0 0 1 4/3 *", "0-59/5 0 * JAN-MAR sat", "0 0 10-20 * TUE,THU", "5/15 * * * 0-6", "0 0 30 2 MON"),
    ],
)
def test_what_snowflake_documents_is_accepted(expression: str) -> None:
    assert cron_problem(expression) == ""


@pytest.mark.parametrize("expression", ["", "* * * *", "* * * * * *", "@daily"])
def test_a_cron_expression_has_five_fields(expression: str) -> None:
    assert cron_problem(expression).startswith("this is not a cron expression")


@pytest.mark.parametrize(
    ("expression", "item", "field"),
    [
        ("0 0 * * 2#1", "2#1", "day of week"),
        ("0 0 * * MON#1", "MON#1", "day of week"),
        ("0 0 LW * *", "LW", "day of month"),
        ("0 0 15W * *", "15W", "day of month"),
        ("0 0 * * 7", "7", "day of week"),
        ("0 0 * * 7L", "7L", "day of week"),
        ("0 0 * * FRI-MON", "FRI-MON", "day of week"),
        ("0 0 ? * MON", "?", "day of month"),
        ("0 0 * * MON,", "", "day of week"),
        ("*/0 * * * *", "*/0", "minute"),
        ("*-5 * * * *", "*-5", "minute"),
        ("61 * * * *", "61", "minute"),
        ("0 24 * * *", "24", "hour"),
        ("L * * * *", "L", "minute"),
        ("0 0 0 * *", "0", "day of month"),
        ("0 0 * 13 *", "13", "month"),
        ("0 0 * MAI *", "MAI", "month"),
        ("0 0 L-3 * *", "L-3", "day of month"),
        ("0 0 ² * *", "²", "day of month"),
    ],
)
def test_what_snowflake_does_not_document_is_refused_with_what_it_accepts(
    expression: str, item: str, field: str
) -> None:
    problem = cron_problem(expression)
    assert problem.startswith(f"Snowflake does not accept `{item}` as {field}; it accepts *, ")


def test_an_expression_is_kept_as_snowflake_documents_it() -> None:
    (graph,) = parse(FILE.format(expression="0  4 * jan-mar  mon", zone="UTC").encode(), "x.yaml").graphs
    assert graph.schedule == Cron("0 4 * JAN-MAR MON", "UTC")


@pytest.mark.parametrize(
    ("expression", "zone", "inside"),
    [
        ("0 22 * * SAT", "UTC", True),
        ("59 7 * * SUN", "UTC", True),
        ("0 8 * * SUN", "UTC", False),
        ("0 2 * * MON", "Asia/Tokyo", True),
        ("0 2 * * *", "UTC", False),
        ("0 19 * * SAT", "America/New_York", False),
        ("*/5 * * * *", "UTC", False),
        ("* * * * *", "Europe/Berlin", False),
        ("*/5 0-7 * * MON", "UTC", True),
        ("* 0-8 * * MON", "UTC", False),
    ],
)
def test_the_weekly_maintenance(expression: str, zone: str, inside: bool) -> None:  # noqa: FBT001  # a parametrized value
    assert only_in_maintenance(Cron(expression, zone)) is inside
    assert ("maintenance" in warnings_of(expression, zone)) is inside


def test_maintenance_is_at_the_regions_time() -> None:
    schedule = Cron("0 22 * * SAT", "UTC")  # 14:00 in Los Angeles, 07:00 on Sunday in Tokyo
    assert not only_in_maintenance(schedule, "America/Los_Angeles")
    assert only_in_maintenance(schedule, "Asia/Tokyo")
    assert only_in_maintenance(schedule)


@pytest.mark.parametrize(
    ("expression", "zone", "twice", "skipped"),
    [
        ("0 1 * * *", "America/Los_Angeles", True, False),
        ("0 2 * * *", "America/Los_Angeles", False, True),
        ("0 2 * * *", "Europe/Berlin", True, True),
        ("30 1 * * *", "Europe/London", True, True),
        ("0 */2 * * *", "America/Los_Angeles", False, True),
        ("0 3 * * *", "America/Los_Angeles", False, False),
        ("0 2 * * MON-FRI", "Europe/Berlin", False, False),  # the clocks change on Sundays
        ("0 2 L 3 SUN", "Europe/Berlin", False, True),
        ("0 2 * * *", "UTC", False, False),
        ("0 2 * * *", "Asia/Tokyo", False, False),
        ("0 * * * *", "Europe/Berlin", False, False),
        ("*/5 * * * *", "America/Los_Angeles", False, False),
    ],
)
def test_days_when_the_clocks_change(expression: str, zone: str, twice: bool, skipped: bool) -> None:  # noqa: FBT001  # parametrized values
    assert clock_change_effects(Cron(expression, zone)) == (twice, skipped)
    assert ("clock-change" in warnings_of(expression, zone)) is (twice or skipped)


@functools.cache
def minutes_of_a_year(zone: str) -> Counter[tuple[int, int, int]]:
    """How often a year has a local minute, hour and day of the month: the time of each of its minutes is looked at."""
    start = datetime(2030, 1, 1, tzinfo=ZoneInfo(zone)).astimezone(UTC)
    end = datetime(2031, 1, 1, tzinfo=ZoneInfo(zone)).astimezone(UTC)
    minutes = range(int((end - start).total_seconds() // 60))
    local = ((start + timedelta(minutes=minute)).astimezone(ZoneInfo(zone)) for minute in minutes)
    return Counter((time.minute, time.hour, time.day) for time in local)


def by_the_minute(expression: str, zone: str) -> int:
    """Firings in one of the four years that are counted, minute by minute."""
    fields = expression.split()[:3]

    def allows(text: str, value: int) -> bool:
        step = int(text.partition("/")[2] or 1)
        return value % step == 0 if text.startswith("*") else value in map(int, text.split(","))

    return sum(count for values, count in minutes_of_a_year(zone).items() if all(map(allows, fields, values)))


@pytest.mark.parametrize("zone", ["UTC", "Europe/Berlin", "America/New_York", "Australia/Lord_Howe"])
@pytest.mark.parametrize("expression", ["30 2 * * *", "*/20 1,2,3 * * *", "*/30 * * * *", "15 1 1,8,15,22 * *"])
def test_firings_of_a_year_go_by_the_local_time(expression: str, zone: str) -> None:
    """Of four years; a leap year has a day more on which the same times come."""
    counted = firings_a_year(Cron(expression, zone)) * 4
    days_a_year = 365 if expression.endswith("* * *") else 48
    a_day = len(_times_of_day(expression))
    leap_day = a_day if days_a_year == 365 else 0
    assert counted == 4 * by_the_minute(expression, zone) + leap_day


@pytest.mark.parametrize(
    ("expression", "a_year"),
    [("0 0 29 2 *", 0.25), ("0 3 L * *", 12), ("0 0 1 JAN,JUL *", 2), ("* * * * *", 525_960), ("0 12 * * 0", 52.25)],
)
def test_firings_of_days_that_not_every_month_or_week_has(expression: str, a_year: float) -> None:
    assert firings_a_year(Cron(expression, "UTC")) == pytest.approx(a_year, abs=0.25)


@pytest.mark.parametrize(
    ("expression", "minutes"),
    [
        ("0 2 * * *", 24 * 60),
        ("*/20 * * * *", 20),
        ("0 9,17 * * *", 8 * 60),
        ("0,50 23 * * *", 50),
        ("5,55 * * * *", 10),
    ],
)
def test_the_shortest_time_between_firings(expression: str, minutes: int) -> None:
    assert shortest_gap(Cron(expression, "UTC")) == timedelta(minutes=minutes)


def test_firings_in_centuries_come_one_by_one() -> None:
    first, last = datetime(2, 1, 1, tzinfo=UTC), datetime(9998, 1, 1, tzinfo=UTC)
    every_minute = firings(Cron("* * * * *", "UTC"), first, last)
    assert list(islice(every_minute, 3)) == [datetime(2, 1, 1, 0, minute, tzinfo=UTC) for minute in range(3)]


@functools.cache
def local_times(expression: str) -> frozenset[datetime]:
    """The local times of a year that an expression names, and of a few days around it."""
    every = CronSim(expression, datetime(2025, 12, 30))  # noqa: DTZ001  # local times
    return frozenset(takewhile(lambda wall: wall < datetime(2027, 1, 2), every))  # noqa: DTZ001  # likewise


@pytest.mark.parametrize("expression", ["*/30 * * * *", "30 1,2,3 * * *"])
@pytest.mark.parametrize("zone", ["Europe/Berlin", "America/New_York", "Australia/Lord_Howe", "UTC"])
def test_firings_are_those_whose_local_time_the_expression_names_in_order(expression: str, zone: str) -> None:
    start, end = datetime(2026, 1, 1, tzinfo=UTC), datetime(2026, 12, 31, tzinfo=UTC)
    simulated = local_times(expression)
    half_hours = (start + timedelta(minutes=30 * number) for number in range(48 * 365))
    local = {at: at.astimezone(ZoneInfo(zone)).replace(tzinfo=None) for at in half_hours if at <= end}
    expected = [at for at, wall in local.items() if wall in simulated]
    assert list(firings(Cron(expression, zone), start, end)) == expected
