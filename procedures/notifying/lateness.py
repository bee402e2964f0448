"""When the last run of a graph was due, and its deadline. Pure.

Knows Snowflake's cron expressions (docs.snowflake.com/en/sql-reference/sql/create-task). Must not know which runs there
were. Shipped as a part of a stored procedure's text, so it imports only the standard library.
"""

from __future__ import annotations

import calendar
import re
from datetime import UTC, date, datetime, time, timedelta
from typing import TYPE_CHECKING, Any, NamedTuple
from zoneinfo import ZoneInfo

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

CRON_NAMES = (
    (),
    (),
    (),
    ("JAN", "FEB", "MAR", "APR", "MAY", "JUN", "JUL", "AUG", "SEP", "OCT", "NOV", "DEC"),
    ("SUN", "MON", "TUE", "WED", "THU", "FRI", "SAT"),
)
CRON_RANGES = ((0, 59), (0, 23), (1, 31), (1, 12), (0, 6))
DAY_OF_MONTH, MONTH, DAY_OF_WEEK = 2, 3, 4
LAST_WEEKDAY = re.compile(r"([0-6]?)L")
# enough for a schedule that fires once in four years
MOST_DAYS_BACK = 4 * 366
DAYS_A_WEEK = 7


class Expected(NamedTuple):
    """A run that had to come: when it was to start, and by when it had to have ended."""

    start: datetime
    deadline: datetime


def last_expected(
    schedule: Mapping[str, Any], late_after: Any, now: datetime, since: datetime, last_start: datetime | None
) -> Expected | None:
    """Return the newest run whose deadline has passed; None if there is none since the graph was created.

    `schedule` is {cron, timezone} or {seconds}. `late_after` is seconds after the start, or {time, timezone}.
    `last_start` is the start of the newest run, from which an interval is counted.
    """
    if "seconds" in schedule:
        start = max(filter(None, (last_start, since))) + timedelta(seconds=int(schedule["seconds"]))
        expected = Expected(start, deadline(start, late_after))
        return expected if expected.deadline <= now else None
    for start in firings_before(schedule["cron"], schedule["timezone"], now):
        if start < since:
            return None
        by = deadline(start, late_after)
        if by <= now:
            return Expected(start, by)
    return None


def deadline(start: datetime, late_after: Any) -> datetime:
    """Return the instant by which a run with that scheduled start must have ended."""
    if not isinstance(late_after, dict):
        return start + timedelta(seconds=int(late_after))
    zone = ZoneInfo(late_after["timezone"])
    of_day = time.fromisoformat(late_after["time"])
    local = start.astimezone(zone)
    day = local.date() if local.time() < of_day else local.date() + timedelta(days=1)
    at_first = datetime.combine(day, of_day, zone)
    # of a time that the clock shows twice, the second one if the run starts between the two
    again = at_first.replace(fold=1).astimezone(UTC)
    return again if at_first.astimezone(UTC) < start else at_first.astimezone(UTC)


def firings_before(cron: str, timezone: str, now: datetime) -> Iterator[datetime]:
    """Yield the instants at which a cron expression has fired, newest first, none later than `now`.

    A time that a clock change skips does not fire; of a repeated time, only the first counts.
    """
    zone = ZoneInfo(timezone)
    fields = cron.upper().split()
    hours, minutes = _numbers(fields[1], 1), _numbers(fields[0], 0)
    local = now.astimezone(zone)
    for days in range(MOST_DAYS_BACK):
        day = local.date() - timedelta(days=days)
        if not _fires_on(fields, day):
            continue
        for hour in sorted(hours, reverse=True):
            for minute in sorted(minutes, reverse=True):
                firing = datetime.combine(day, time(hour, minute), zone).astimezone(UTC)
                exists = firing.astimezone(zone).time() == time(hour, minute)
                if exists and firing <= now:
                    yield firing


def _fires_on(fields: list[str], day: date) -> bool:
    """Return whether an expression fires on a day. If it has both kinds of days, either is sufficient."""
    if day.month not in _numbers(fields[MONTH], MONTH):
        return False
    of_month, of_week = fields[DAY_OF_MONTH], fields[DAY_OF_WEEK]
    in_month, in_week = _is_day_of_month(of_month, day), _is_day_of_week(of_week, day)
    if of_month.startswith("*") or of_week.startswith("*"):
        return in_month and in_week
    return in_month or in_week


def _is_day_of_month(text: str, day: date) -> bool:
    items = text.split(",")
    last = calendar.monthrange(day.year, day.month)[1]
    return ("L" in items and day.day == last) or day.day in _numbers(
        ",".join(item for item in items if item != "L"), DAY_OF_MONTH
    )


def _is_day_of_week(text: str, day: date) -> bool:
    number = day.isoweekday() % DAYS_A_WEEK
    plain = []
    for item in text.split(","):
        match = LAST_WEEKDAY.fullmatch(item)
        if match is None:
            plain.append(item)
        elif not match[1]:
            plain.append("6")  # a bare L is read as Saturday, the last day of the week: Snowflake's page does not say
        elif number == int(match[1]) and (day + timedelta(days=DAYS_A_WEEK)).month != day.month:
            return True
    return number in _numbers(",".join(plain), DAY_OF_WEEK)


def _numbers(text: str, field: int) -> set[int]:
    """Return the numbers of a field, which may have lists, ranges, steps and names."""
    low, high = CRON_RANGES[field]
    numbers: set[int] = set()
    for item in filter(None, text.split(",")):
        span, _, step = item.partition("/")
        first, _, last = span.partition("-")
        start = low if first == "*" else _cron_number(first, field)
        end = high if first == "*" or (step and not last) else _cron_number(last or first, field)
        numbers.update(range(start, end + 1, int(step or 1)))
    return numbers


def _cron_number(text: str, field: int) -> int:
    names = CRON_NAMES[field]
    return names.index(text) + CRON_RANGES[field][0] if text in names else int(text)
