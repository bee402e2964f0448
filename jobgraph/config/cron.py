"""Cron expressions as Snowflake documents them: which are valid, when they fire, and the effects of clock changes.

Knows docs.snowflake.com/en/sql-reference/sql/create-task, SCHEDULE. Must not read the clock: instants are parameters.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from functools import lru_cache
from heapq import heappop, heappush
from itertools import takewhile
from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo

from cronsim import CronSim, CronSimError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from jobgraph.config.schedules import Cron

NEVER_FIRES = "this never fires: no month has such a day"
# A cron expression means the same in every year, so it can be tried from any instant.
ANY_INSTANT = datetime(2001, 1, 1, tzinfo=UTC)
_FEWEST_FIRINGS = 50
_WEEK = timedelta(days=7)
# docs.snowflake.com/en/developer-guide/snowpark-container-services/working-with-compute-pool: the maintenance, in hours
# from Monday 00:00: Saturday 20:00 to Sunday 08:00, and Sunday 20:00 to Monday 08:00
_MAINTENANCE_HOURS = (*range(5 * 24 + 20, 6 * 24 + 8), *range(6 * 24 + 20, 7 * 24), *range(8))
# The years whose clock changes are tried: future ones, in which the zone's present rules apply.
_TRIED_YEARS = range(2030, 2036)


@dataclass(frozen=True)
class _Field:
    """One of the five fields: its range, the names that stand for numbers, and where it allows L."""

    name: str
    low: int
    high: int
    names: tuple[str, ...] = ()
    last: re.Pattern[str] | None = None

    @property
    def accepts(self) -> str:
        """The documented values of the field, as text."""
        names = f" or {self.names[0]}-{self.names[-1]}" if self.names else ""
        last = ", L" if self.last else ""
        return f"*, {self.low}-{self.high}{names}{last}, ranges (1-5), lists (1,3) and steps (*/2)"


_MONTHS = ("JAN", "FEB", "MAR", "APR", "MAY", "JUN", "JUL", "AUG", "SEP", "OCT", "NOV", "DEC")
_DAYS = ("SUN", "MON", "TUE", "WED", "THU", "FRI", "SAT")
_FIELDS = (
    _Field("minute", 0, 59),
    _Field("hour", 0, 23),
    _Field("day of month", 1, 31, last=re.compile("L")),
    _Field("month", 1, 12, _MONTHS),
    _Field("day of week", 0, 6, _DAYS, last=re.compile("[0-6]?L")),
)
_HOUR, _DAY_OF_WEEK = 1, 4
_ITEM = re.compile(r"(?P<start>\*|\w+)(?:-(?P<end>\w+))?(?:/(?P<step>\d{1,2}))?", re.ASCII)


def cron_problem(expression: str) -> str:
    """Return the problem of a cron expression that Snowflake rejects or that never fires; empty if there is none."""
    parts = expression.upper().split()
    if len(parts) != len(_FIELDS):
        return f"this is not a cron expression: it has {len(parts)} fields instead of {len(_FIELDS)}"
    for field, text in zip(_FIELDS, parts, strict=True):
        for item in text.split(","):
            if not _accepted(field, item):
                return f"Snowflake does not accept `{item}` as {field.name}; it accepts {field.accepts}"
    try:
        next(_simulation(expression, ANY_INSTANT))
    except (CronSimError, StopIteration):
        return NEVER_FIRES
    return ""


def _accepted(field: _Field, item: str) -> bool:
    if field.last is not None and field.last.fullmatch(item):
        return True
    match = _ITEM.fullmatch(item)
    if match is None:
        return False
    start, end, step = match["start"], match["end"], match["step"]
    if step is not None and int(step) == 0:
        return False
    if start == "*":
        return end is None
    numbers = [_number(field, text) for text in (start, end) if text is not None]
    return all(field.low <= number <= field.high for number in numbers) and numbers == sorted(numbers)


def _number(field: _Field, text: str) -> int:
    """Return the number that a text stands for; -1, which no field accepts, if there is none."""
    if text in field.names:
        return field.names.index(text) + field.low
    return int(text) if text.isdecimal() and len(text) <= len("59") else -1


def _simulation(expression: str, start: datetime) -> CronSim:
    """Return an iterator over the times after `start` at which the expression fires."""
    parts = expression.upper().split()
    parts[_DAY_OF_WEEK] = ",".join(map(_weekday, parts[_DAY_OF_WEEK].split(",")))
    return CronSim(" ".join(parts), start)


def _weekday(item: str) -> str:
    """Return an item of the day-of-week field in the form that CronSim reads, in which 7 is Sunday.

    A bare L is read as the last day of the week, Saturday: Snowflake's page does not say what it means.
    """
    if item == "L":
        return "6"
    start, slash, step = item.partition("/")
    return f"{start}-6/{step}" if slash and start != "*" and "-" not in start else item


def only_in_maintenance(schedule: Cron, region_timezone: str | None = None, start: datetime = ANY_INSTANT) -> bool:
    """Return whether a schedule fires only during the weekly maintenance of compute pools.

    Maintenance is in the region's local time. Without `region_timezone`, the schedule's zone is assumed to be the
    region's.
    """
    region = ZoneInfo(region_timezone or schedule.timezone)
    firings = _simulation(schedule.expression, start.astimezone(ZoneInfo(schedule.timezone)))
    for count, firing in enumerate(firings, 1):
        local = firing.astimezone(region)
        if local.weekday() * 24 + local.hour not in _MAINTENANCE_HOURS:
            return False
        if count >= _FEWEST_FIRINGS and firing - start >= _WEEK:
            break
    return True


def clock_change_effects(schedule: Cron) -> tuple[bool, bool]:
    """Return whether a clock change makes a schedule run twice, and whether it makes it skip a run.

    Snowflake uses the local time (docstring of snowflake.core.task.Cron): a time in the repeated hour runs twice, and a
    time in the skipped hour does not run. For a schedule of every hour, this makes no difference.
    """
    if schedule.expression.split()[_HOUR] == "*":
        return False, False
    twice = skipped = False
    for start, end, repeated in _clock_changes(schedule.timezone):
        if next(_simulation(schedule.expression, start - timedelta(minutes=1))) < end:
            twice, skipped = twice or repeated, skipped or not repeated
    return twice, skipped


@lru_cache(maxsize=64)
def _clock_changes(timezone: str) -> tuple[tuple[datetime, datetime, bool], ...]:
    """Return each span of local times that is repeated (True) or skipped (False): start and end without a zone."""
    return tuple(_changes(ZoneInfo(timezone)))


def _changes(zone: ZoneInfo) -> Iterator[tuple[datetime, datetime, bool]]:
    day = datetime(_TRIED_YEARS.start, 1, 1, tzinfo=UTC)
    while day.year < _TRIED_YEARS.stop:
        following = day + timedelta(days=1)
        if _offset(day, zone) != _offset(following, zone):
            instant = next(
                later
                for minutes in range(1, 24 * 60 + 1)
                if _offset(later := day + timedelta(minutes=minutes), zone) != _offset(day, zone)
            )
            before, after = ((instant + _offset(at, zone)).replace(tzinfo=None) for at in (day, instant))
            yield min(before, after), max(before, after), after < before
        day = following


def _offset(instant: datetime, zone: ZoneInfo) -> timedelta:
    return instant.astimezone(zone).utcoffset() or timedelta()


def firings_a_year(schedule: Cron) -> float:
    """Return how often a schedule fires in a year: the mean of four years, one of them a leap year.

    The local time counts, as in Snowflake (`clock_change_effects`): times in a repeated hour count twice, times in a
    skipped hour do not count.
    """
    years = range(_TRIED_YEARS.start, _TRIED_YEARS.start + 4)
    times = _times_of_day(schedule.expression)
    days = _firing_days(schedule.expression, years)
    count = len(days) * len(times)
    for start, end, repeated in _clock_changes(schedule.timezone):
        near = days.intersection((start.date(), end.date())) if start.year in years else ()
        in_hour = sum(start <= datetime.combine(day, time.min) + minute < end for day in near for minute in times)
        count += in_hour if repeated else -in_hour
    return count / len(years)


def shortest_gap(schedule: Cron) -> timedelta:
    """Return the shortest time between two firings of a schedule within a day or on consecutive days."""
    times = [*_times_of_day(schedule.expression)]
    following = [*times[1:], times[0] + timedelta(days=1)]
    return min(later - earlier for earlier, later in zip(times, following, strict=True))


@lru_cache(maxsize=1000)
def _times_of_day(expression: str) -> tuple[timedelta, ...]:
    """Return the times of day at which an expression fires, sorted."""
    simulation = _simulation(expression, ANY_INSTANT)
    return tuple(timedelta(hours=h, minutes=m) for h in sorted(simulation.hours) for m in sorted(simulation.minutes))


@lru_cache(maxsize=1000)
def _firing_days(expression: str, years: range) -> frozenset[date]:
    """Return the days of the years on which an expression fires."""
    noon = " ".join(["0", "12", *expression.split()[2:]])
    end = datetime(years.stop, 1, 1)  # noqa: DTZ001  # local times, without a zone
    firings = _simulation(noon, datetime(years.start, 1, 1))  # noqa: DTZ001  # likewise
    return frozenset(firing.date() for firing in takewhile(lambda firing: firing < end, firings))


def firings(schedule: Cron, start: datetime, end: datetime) -> Iterator[datetime]:
    """Yield the instants in UTC at which a schedule fires, from `start` to `end`, both included, in their order.

    The local time counts, as in Snowflake: a repeated time fires twice, a skipped time does not fire. Nothing later
    than what is asked for is computed, because a range of centuries has millions of them.
    """
    zone = ZoneInfo(schedule.timezone)
    local = (start - timedelta(hours=3)).astimezone(zone).replace(tzinfo=None)
    last = (end + timedelta(hours=3)).astimezone(zone).replace(tzinfo=None)
    waiting: list[datetime] = []
    for firing in takewhile(lambda firing: firing <= last, _simulation(schedule.expression, local)):
        # clocks change by less than three hours: what comes now is later than what fired before that
        while waiting and waiting[0].astimezone(zone).replace(tzinfo=None) <= firing - timedelta(hours=3):
            yield heappop(waiting)
        for fold in (0, 1):
            at = firing.replace(tzinfo=zone, fold=fold).astimezone(UTC)
            if at.astimezone(zone).replace(tzinfo=None) == firing and start <= at <= end and at not in waiting:
                heappush(waiting, at)
    yield from sorted(waiting)
