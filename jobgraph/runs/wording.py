"""Texts for durations, times and values of runs, and for lists of names.

Pure. Must not know where they are shown.
"""

from __future__ import annotations

from datetime import UTC
from typing import TYPE_CHECKING, Any

from jobgraph.value_texts import value_text

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from datetime import datetime

_MINUTE = 60
_HOUR = 3600
# A graph may have a thousand jobs.
_MOST_NAMED = 20
MOST_JOBS_NAMED = 5
_MOST_IN_A_LIST = 400


def duration(value: float | None) -> str:
    """Return a duration, given in seconds, in readable units; empty if None."""
    if value is None:
        return ""
    if value < _MINUTE:
        return f"{value:.1f} s"
    whole = round(value)
    if whole < _HOUR:
        return f"{whole // _MINUTE} min {whole % _MINUTE:02d} s"
    return f"{whole // _HOUR} h {whole % _HOUR // _MINUTE:02d} min"


def instant(value: datetime | None) -> str:
    """Return a time in UTC without the word UTC, for a column whose heading has it; empty if None.

    All times are shown in UTC, as are intervals and logs, so that people in different zones read the same.
    """
    return _in_utc(value, "seconds") if value else ""


def minute(value: datetime | None) -> str:
    """Return a time in UTC to the minute, for a narrow column; empty if None."""
    return _in_utc(value, "minutes") if value else ""


def _in_utc(value: datetime, precision: str) -> str:
    # isoformat writes all years with four digits; strftime does not
    return value.astimezone(UTC).replace(tzinfo=None).isoformat(" ", precision)


def instant_utc(value: datetime | None) -> str:
    """Return a time with its zone, such as `2026-11-29 15:00:15 UTC`; empty if None."""
    return f"{instant(value)} UTC" if value else ""


def some(names: Sequence[str], separator: str = ", ") -> str:
    """Return the first names, or longer texts, on one line, and how many more there are."""
    more = f" and {len(names) - _MOST_NAMED} more" if len(names) > _MOST_NAMED else ""
    return separator.join(names[:_MOST_NAMED]) + more


def counted(names: Sequence[str]) -> str:
    """Return the names of jobs on one line; of more than a few, their number and the first ones."""
    if len(names) <= MOST_JOBS_NAMED:
        return ", ".join(names)
    first = ", ".join(names[:MOST_JOBS_NAMED])
    return f"{len(names)} jobs ({first} and {len(names) - MOST_JOBS_NAMED} more)"


def values(changed: Mapping[str, Any]) -> str:
    """Return the values of a run in the form that `--set` accepts."""
    return ", ".join(f"{key}={value_text(value)}" for key, value in changed.items())


def abridged(words: str) -> str:
    """Return a text cut to fit into a list, with `…` if it was cut: an error may be a line of 100 kB."""
    return words if len(words) <= _MOST_IN_A_LIST else f"{words[:_MOST_IN_A_LIST]} …"
