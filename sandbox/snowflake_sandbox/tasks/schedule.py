"""SCHEDULE of a task: reading its text and finding the next due time.

Pure: the current time is an argument. Must not know tasks, runs or threads.
Forms (CREATE TASK page): `59 MINUTES`, also HOUR(S), SECOND(S), H, M, S; `USING CRON <5 fields> <time zone>` (cron.py).
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfoNotFoundError

from snowflake_sandbox import errors
from snowflake_sandbox.tasks import cron
from snowflake_sandbox.tasks.cron import Cron

_INTERVAL = re.compile(r"\s*(\d{1,20})\s+(SECONDS?|S|MINUTES?|M|HOURS?|H)\s*", re.IGNORECASE)
_CRON = re.compile(r"\s*USING\s+CRON\s+((?:\S+\s+){5})(\S+)\s*", re.IGNORECASE)
_SECONDS = {"S": 1, "M": 60, "H": 3600}
# Documented bounds of an interval in seconds: 10 seconds to 8 days (11,520 minutes).
_SHORTEST, _LONGEST = 10, 8 * 86_400


@dataclass(frozen=True)
class Interval:
    """Due every `length`, counted from the time at which the task was resumed."""

    length: timedelta


Schedule = Interval | Cron


def parse(text: str) -> Schedule:
    """Read a schedule.

    Args:
        text: as given in SCHEDULE = '…'.

    Raises:
        SnowflakeError: 001008 if it has neither form, the zone is unknown, or the interval is out of bounds.
    """
    interval = _INTERVAL.fullmatch(text)
    if interval:
        seconds = int(interval[1]) * _SECONDS[interval[2][0].upper()]
        if not _SHORTEST <= seconds <= _LONGEST:
            raise errors.invalid_value(text, "SCHEDULE")
        return Interval(timedelta(seconds=seconds))
    match = _CRON.fullmatch(text)
    if not match:
        raise errors.invalid_value(text, "SCHEDULE")
    return _cron(text, " ".join(match[1].split()), match[2])


def require_interval(text: str, name: str) -> None:
    """Refuse a text that is no interval.

    Raises:
        SnowflakeError: 001008.
    """
    if not _INTERVAL.fullmatch(text):
        raise errors.invalid_value(text, name)


def _cron(text: str, expression: str, zone: str) -> Cron:
    try:
        return cron.read(expression, zone)
    except (ZoneInfoNotFoundError, ValueError) as error:
        raise errors.invalid_value(text, "SCHEDULE") from error


def next_due(schedule: Schedule, resumed: datetime, after: datetime) -> datetime | None:
    """Return the first due time after `after`, in UTC; None if there is none (e.g. 30 February).

    Args:
        schedule: the result of `parse`.
        resumed: when the task was resumed; intervals are counted from this time.
        after: the time from which to search.
    """
    if isinstance(schedule, Interval):
        # Negative if the clock was set back to before the resumption.
        passed = (after - resumed) // schedule.length
        return (resumed + (passed + 1) * schedule.length).astimezone(UTC)
    return cron.next_due(schedule, after)
