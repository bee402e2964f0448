"""The longest possible durations of jobs, with their attempts and pauses, and of chains of jobs.

Calculates with seconds, and explains what is wrong with a written length of time. Must not know points in time (see
`cron`).
"""

from __future__ import annotations

import re
from datetime import timedelta
from typing import TYPE_CHECKING

from jobgraph.errors import nearest

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence

    from jobgraph.config.model import Job

# The seconds that the runner itself may need for an attempt: to start it, read logs and write history.
RUNNER_OVERHEAD_SECONDS = 300
# procedures/retries.py: retries after a fault of the infrastructure, and the first pause before one
INFRASTRUCTURE_RETRIES = 2
INFRASTRUCTURE_BACKOFF = 30
# docs.snowflake.com/en/sql-reference/parameters, USER_TASK_TIMEOUT_MS
LONGEST_TASK_SECONDS = 604_800
# from this many minutes or seconds on, a text also shows hours
_HARD_TO_READ = 120


def job_seconds(job: Job) -> int:
    """Return the longest duration of a job in seconds, by the file's attempts and the pauses between them."""
    if job.is_direct:  # Snowflake limits the task's statement, which is the job
        return job.timeout
    rules = job.retry_rules
    # causes and rules with their own count are counted separately
    retries = job.retries + (sum(rules.causes.values()) if rules else 0)
    whole = (job.timeout + RUNNER_OVERHEAD_SECONDS) * (retries + 1)
    if rules is None:
        return whole
    whole += _pauses(retries, rules.backoff or 0, rules.longest_backoff)
    for rule in rules.rules:
        whole += (job.timeout + RUNNER_OVERHEAD_SECONDS) * rule.count
        backoff = rules.backoff if rule.backoff is None else rule.backoff
        whole += _pauses(rule.count, backoff or 0, rule.longest_backoff or rules.longest_backoff)
    if rules.max_elapsed is None:
        return whole
    # after `max_elapsed` no new attempt starts, but the present one continues to its end
    return min(whole, rules.max_elapsed + job.timeout + RUNNER_OVERHEAD_SECONDS)


def most_seconds(job: Job) -> int:
    """Return the longest duration of a job in seconds, including the default retries after infrastructure faults.

    These retries are in procedures/retries.py: for two causes, unless the file sets their number.
    """
    if job.is_direct:
        return job.timeout
    rules = job.retry_rules
    causes = rules.causes if rules else {}
    # faults before the program began; and faults that interrupt it, if it may be run more than once
    kinds = sum((not {"image", "infrastructure"} <= causes.keys(), "infrastructure" not in causes and job.retries > 0))
    backoff = (rules.backoff if rules else None) or INFRASTRUCTURE_BACKOFF
    each = (job.timeout + RUNNER_OVERHEAD_SECONDS) * INFRASTRUCTURE_RETRIES
    whole = job_seconds(job) + kinds * (each + _pauses(INFRASTRUCTURE_RETRIES, backoff, None))
    if rules is None or rules.max_elapsed is None:
        return whole
    return min(whole, rules.max_elapsed + job.timeout + RUNNER_OVERHEAD_SECONDS)


def _pauses(retries: int, backoff: int, longest: int | None) -> int:
    return sum(min(backoff << n, LONGEST_TASK_SECONDS if longest is None else longest) for n in range(retries))


def longest_chain(
    jobs: Iterable[Job], before: Mapping[str, tuple[str, ...]], seconds_of: Callable[[Job], int] = job_seconds
) -> tuple[int, tuple[str, ...]]:
    """Return the seconds and the task names of the chain that may take longest; `jobs` are in topological order."""
    ends: dict[str, int] = {}
    previous: dict[str, str] = {}
    for job in jobs:
        last = max(before[job.name], key=lambda name: ends[name], default="")
        previous[job.name] = last
        ends[job.name] = (ends[last] if last else 0) + seconds_of(job)
    name = max(ends, key=lambda name: ends[name], default="")
    seconds, chain = ends.get(name, 0), []
    while name:
        chain.append(name)
        name = previous[name]
    return seconds, tuple(reversed(chain))


def duration_text(seconds: int) -> str:
    """Return seconds as in the file, in the largest unit that is exact: `90 seconds`, `2 hours`."""
    for unit, size in (("hour", 3600), ("minute", 60), ("second", 1)):
        if seconds % size == 0 and seconds >= size:
            number = seconds // size
            return f"{number} {unit}{'s' if number != 1 else ''}"
    return f"{seconds} seconds"


def long_duration_text(seconds: int) -> str:
    """Return seconds as `duration_text` does, with the hours from 120 of a unit on: `851 minutes (14:11:00)`."""
    text = duration_text(seconds)
    is_long = seconds % 3600 != 0 and int(text.split()[0]) >= _HARD_TO_READ
    return f"{text} ({rounded_text(seconds)})" if is_long else text


def rounded_text(seconds: int) -> str:
    """Return seconds for people: `1 day, 2:30:00`."""
    return str(timedelta(seconds=seconds))


def length_problem(text: str, expected: str, units: Sequence[str]) -> tuple[str, tuple[str, ...]]:
    """Return the problem of a text that is not a number and one of the `units`, and similar units.

    `expected` describes the text, such as a length of time or a schedule.
    """
    match = re.fullmatch(r"\s*(\S*\d)\s*([^\W\d_]+)\s*", text)
    if match is None:
        return f"expected {expected}: a number and a unit, as in `30 minutes`", ()
    number, unit = match.groups()
    if not re.fullmatch(r"\d{1,9}", number):
        return f"`{number}` is not a whole number of at most 9 digits", ()
    issue = f"`{unit}` is not a unit here; {', '.join(units[:-1])} and {units[-1]} are"
    begun = tuple(name for name in units if name.startswith(unit.casefold()))
    return issue, tuple(f"{number} {name}" for name in begun or nearest(unit, units))
