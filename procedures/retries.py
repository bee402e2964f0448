"""Whether a job that failed is tried again, and after which pause: by cause, within limits.

Knows the definition's `retries` and `retry_rules`. Must not know the clock: elapsed seconds are given; a pause is the
same whenever it is asked for. Shipped as a part of a stored procedure's text.
"""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING, Any, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from procedures.attempt import Attempt

# reason class -> cause, as the job configuration names it; nothing can be gained by another attempt after the others
CAUSES = {
    "app_error": "application",
    "out_of_memory": "out_of_memory",
    "image_pull": "image",
    "timeout": "timeout",
    "pool_unavailable": "infrastructure",
    "preempted": "infrastructure",
    "internal": "infrastructure",
}
LONGEST_PAUSE = 3600


class Rules(NamedTuple):
    """How many retries, and how: pauses and `max_elapsed` in seconds; `causes` have counts of their own."""

    retries: int
    backoff: int
    longest_backoff: int
    max_elapsed: int | None
    causes: Mapping[str, int]


def rules_of(job: Mapping[str, Any]) -> Rules:
    """Return the rules of a job's definition."""
    more = job.get("retry_rules", {})
    longest = more.get("longest_backoff", LONGEST_PAUSE)
    return Rules(
        int(job["retries"]), more.get("backoff", 0), longest, more.get("max_elapsed"), dict(more.get("causes", {}))
    )


def goes_on(rules: Rules, attempts: Sequence[Attempt], elapsed: float) -> bool:
    """Tell whether another attempt follows these, the last of which failed; `elapsed` seconds since the first began.

    A cause with a count of its own is counted apart from the others, so that faults of the infrastructure need not use
    up the retries of the program.
    """
    if rules.max_elapsed is not None and elapsed >= rules.max_elapsed:
        return False
    causes = [_cause(attempt) for attempt in attempts]
    last = causes[-1]
    if last is None:
        return False
    if last in rules.causes:
        return causes.count(last) <= rules.causes[last]
    return sum(cause not in rules.causes for cause in causes) <= rules.retries


def _cause(attempt: Attempt) -> str | None:
    # rows of earlier versions have no class
    return CAUSES.get(attempt.reason_class or "app_error")


def open_attempts(rules: Rules, recorded: Sequence[Attempt]) -> list[Attempt]:
    """Return the recorded attempts that still count.

    An interrupted task goes on where it was. All attempts used up means that the graph run is being retried, as by
    EXECUTE TASK ... RETRY LAST: then the job gets as many again, numbered on.
    """
    counted: list[Attempt] = []
    for attempt in recorded:
        counted.append(attempt)
        if not goes_on(rules, counted, 0):
            counted = []
    return counted if counted and goes_on(rules, counted, counted[0].age) else []


def pause(rules: Rules, group: str, task: str, number: int) -> float:
    """Return the seconds to wait after the `number`th failure (from 1): doubled each time, up to the longest.

    A part of up to a half is taken off, other for every run and task, so that jobs that failed together do not come
    back together.
    """
    whole: float = min(rules.backoff * 2 ** min(number - 1, 30), rules.longest_backoff)
    digest: bytes = hashlib.sha256(f"{group}/{task}/{number}".encode()).digest()
    return whole * (1 - digest[0] / 512)
