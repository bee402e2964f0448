"""Cron expressions as Snowflake documents them (sql-reference/sql/create-task), and when they are due.

Pure. A minute is due when the zone's local time matches. When clocks go back, the times of that hour are due twice;
when clocks go forward, the skipped times are never due (as snowflake.core documents its Cron).
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

from cronsim import CronSim, CronSimError

# No clock has ever been set back further than this.
_LONGEST_FOLD = timedelta(hours=3)
_MONTHS = ("JAN", "FEB", "MAR", "APR", "MAY", "JUN", "JUL", "AUG", "SEP", "OCT", "NOV", "DEC")
_DAYS = ("SUN", "MON", "TUE", "WED", "THU", "FRI", "SAT")
_SATURDAY = 6


@dataclass(frozen=True)
class _Field:
    first: int
    last: int
    names: tuple[str, ...] = ()

    def number(self, text: str) -> int:
        value = self.first + self.names.index(text) if text in self.names else int(text) if text.isdecimal() else -1
        if not self.first <= value <= self.last:
            raise ValueError(text)
        return value


_DAY_OF_MONTH, _DAY_OF_WEEK = _Field(1, 31), _Field(0, _SATURDAY, _DAYS)
_FIELDS = (_Field(0, 59), _Field(0, 23), _DAY_OF_MONTH, _Field(1, 12, _MONTHS), _DAY_OF_WEEK)
_TERM = re.compile(r"(\*|\w+)(?:-(\w+))?(?:/(\d+))?")


@dataclass(frozen=True)
class Cron:
    """A cron expression of five fields in a time zone."""

    expression: str
    zone: str


def read(expression: str, zone: str) -> Cron:
    """Return the checked expression.

    Raises:
        ValueError: it uses a form that Snowflake does not document, or is never due.
        ZoneInfoNotFoundError: there is no such zone.
    """
    fields = expression.upper().split()
    if len(fields) != len(_FIELDS):
        raise ValueError(expression)
    try:
        CronSim(_plain(expression), datetime(2000, 1, 1, tzinfo=ZoneInfo(zone)))
    except (CronSimError, OSError) as error:  # OSError: a folder of zones, such as `America`
        raise ValueError(expression) from error
    return Cron(expression, zone)


def _plain(expression: str) -> str:
    """Return the same expression with numbers only, in the library's format."""
    pairs = zip(expression.upper().split(), _FIELDS, strict=True)
    return " ".join(",".join(_plain_term(term, field) for term in text.split(",")) for text, field in pairs)


def _plain_term(term: str, field: _Field) -> str:
    if term == "L" and field is _DAY_OF_MONTH:
        return term
    if term == "L" and field is _DAY_OF_WEEK:
        # The last day of the week (guess: the page shows L with a number only).
        return str(_SATURDAY)
    if term.endswith("L") and field is _DAY_OF_WEEK:
        return f"{field.number(term[:-1])}L"
    match = _TERM.fullmatch(term)
    if match is None:
        raise ValueError(term)
    start, end, step = match.groups()
    if step is not None and not int(step):
        raise ValueError(term)
    if start == "*":
        if end is not None:
            raise ValueError(term)
        return term
    first = field.number(start)
    # For example, `4/3` in the months field means April, July and October.
    last = field.number(end) if end is not None else first if step is None else field.last
    if last < first:
        raise ValueError(term)
    return ",".join(map(str, range(first, last + 1, int(step or 1))))


def next_due(cron: Cron, after: datetime) -> datetime | None:
    """Return the first due time after `after`, in UTC; None if there is none (e.g. 30 February)."""
    zone = ZoneInfo(cron.zone)
    walls = CronSim(_plain(cron.expression), after.astimezone(zone).replace(tzinfo=None) - _LONGEST_FOLD)
    due: datetime | None = None
    first_wall: datetime | None = None
    for wall in walls:
        if first_wall is not None and wall - first_wall > _LONGEST_FOLD:
            break
        later = [instant for instant in _instants(wall, zone) if instant > after]
        if later:
            first_wall = first_wall or wall
            due = min([*later, due] if due else later)
    return due


def _instants(wall: datetime, zone: ZoneInfo) -> list[datetime]:
    """Return when a zone's clocks show a local time: once, twice if they are set back, never if they skip it."""
    folds = {wall.replace(tzinfo=zone, fold=fold).astimezone(UTC) for fold in (0, 1)}
    return [instant for instant in folds if instant.astimezone(zone).replace(tzinfo=None, fold=0) == wall]
