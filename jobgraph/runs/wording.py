"""Words for what runs are measured in, and for lists of what they consist of.

Pure. Must not know where they are shown.
"""

from __future__ import annotations

import json
from datetime import UTC
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from datetime import datetime

_MINUTE = 60
_HOUR = 3600
# A graph may have a thousand jobs.
_MOST_NAMED = 20
_MOST_IN_A_LIST = 400


def duration(value: float | None) -> str:
    """Return seconds in people's units; empty if not known."""
    if value is None:
        return ""
    if value < _MINUTE:
        return f"{value:.1f} s"
    whole = round(value)
    if whole < _HOUR:
        return f"{whole // _MINUTE} min {whole % _MINUTE:02d} s"
    return f"{whole // _HOUR} h {whole % _HOUR // _MINUTE:02d} min"


def instant(value: datetime | None) -> str:
    """Return an instant in UTC without saying so, for a column whose heading does; empty if not known.

    Everything is told in UTC, as intervals and logs are, so that two people in two places read the same.
    """
    return f"{value.astimezone(UTC):%Y-%m-%d %H:%M:%S}" if value else ""


def minute(value: datetime | None) -> str:
    """Return an instant in UTC to the minute, for a column that has little room; empty if not known."""
    return f"{value.astimezone(UTC):%Y-%m-%d %H:%M}" if value else ""


def instant_utc(value: datetime | None) -> str:
    """Return an instant in UTC that stands alone: `2026-11-29 15:00:15 UTC`; empty if not known."""
    return f"{instant(value)} UTC" if value else ""


def some(names: Sequence[str]) -> str:
    """Return names on a line, and how many more there are."""
    more = f" and {len(names) - _MOST_NAMED} more" if len(names) > _MOST_NAMED else ""
    return ", ".join(names[:_MOST_NAMED]) + more


def values(changed: Mapping[str, Any]) -> str:
    """Return the values of a run as `--set` takes them."""
    return ", ".join(
        f"{key}={value if isinstance(value, str) else json.dumps(value)}" for key, value in changed.items()
    )


def abridged(words: str) -> str:
    """Return the begin of a text that is too long for a list, marked as such: an error may be a line of 100 kB."""
    return words if len(words) <= _MOST_IN_A_LIST else f"{words[:_MOST_IN_A_LIST]} …"
