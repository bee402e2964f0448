"""How long things may take and when they happen: attempts, chains of jobs, cron expressions, maintenance.

Knows arithmetic on seconds and instants. Must not know what time it is: instants are given.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from itertools import islice
from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo

from cronsim import CronSim, CronSimError

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from jobgraph.model import Cron, Job

# What the runner itself may need around an attempt: start, read logs, write history.
RUNNER_OVERHEAD_SECONDS = 300
# docs.snowflake.com/en/sql-reference/parameters, USER_TASK_TIMEOUT_MS
LONGEST_TASK_SECONDS = 604_800
# A cron expression means the same in every year, so any instant will do to try it from.
SOME_INSTANT = datetime(2001, 1, 1, tzinfo=UTC)
CRON_FIELDS = 5
TRIED_FIRINGS = 50
NEVER_FIRES = "this never fires: no month has such a day"
# docs.snowflake.com/en/developer-guide/snowpark-container-services/working-with-compute-pool: hours of the week,
# counted from Monday 00:00: Saturday 20:00 to Sunday 08:00, Sunday 20:00 to Monday 08:00
_MAINTENANCE_HOURS = (*range(5 * 24 + 20, 6 * 24 + 8), *range(6 * 24 + 20, 7 * 24), *range(8))


def job_seconds(job: Job) -> int:
    """Return for how many seconds a job may go on at most, all its attempts and the pauses between them together."""
    rules = job.retry_rules
    # a cause with a count of its own is counted apart from the others
    retries = job.retries + (sum(rules.causes.values()) if rules else 0)
    attempts = (job.timeout + RUNNER_OVERHEAD_SECONDS) * (retries + 1)
    if rules is None:
        return attempts
    longest = LONGEST_TASK_SECONDS if rules.longest_backoff is None else rules.longest_backoff
    whole = attempts + sum(min(rules.backoff << n, longest) for n in range(retries))
    if rules.max_elapsed is None:
        return whole
    # after that much no new attempt is begun; the one under way still ends
    return min(whole, rules.max_elapsed + job.timeout + RUNNER_OVERHEAD_SECONDS)


def longest_chain(jobs: Iterable[Job], before: Mapping[str, tuple[str, ...]]) -> tuple[int, tuple[str, ...]]:
    """Return the seconds and the task names of the chain that may take longest; `jobs` in topological order."""
    ends: dict[str, int] = {}
    previous: dict[str, str] = {}
    for job in jobs:
        last = max(before[job.name], key=lambda name: ends[name], default="")
        previous[job.name] = last
        ends[job.name] = (ends[last] if last else 0) + job_seconds(job)
    name = max(ends, key=lambda name: ends[name], default="")
    seconds, chain = ends.get(name, 0), []
    while name:
        chain.append(name)
        name = previous[name]
    return seconds, tuple(reversed(chain))


def cron_problem(expression: str, instant: datetime = SOME_INSTANT) -> str:
    """Return what is wrong with a cron expression: it is none, or never fires after `instant`; empty: nothing."""
    if len(expression.split()) != CRON_FIELDS:
        return f"this is no cron expression: it has {len(expression.split())} fields instead of {CRON_FIELDS}"
    try:
        next(CronSim(expression, instant))
    except CronSimError as error:
        # CronSim refuses 30 February as a bad day; in any month, the day by itself is good
        fields = expression.split()
        if fields[3] != "*" and not cron_problem(" ".join([*fields[:3], "*", fields[4]]), instant):
            return NEVER_FIRES
        return f"this is no cron expression: {error}"
    except StopIteration:
        return NEVER_FIRES
    return ""


def only_in_maintenance(schedule: Cron, instant: datetime = SOME_INSTANT) -> bool:
    """Tell whether all the next times of a schedule are in the weekly maintenance of compute pools.

    That is at hours of the region's local time, for which the schedule's own zone is taken.
    """
    start = instant.astimezone(ZoneInfo(schedule.timezone))
    times = islice(CronSim(schedule.expression, start), TRIED_FIRINGS)
    return all(time.weekday() * 24 + time.hour in _MAINTENANCE_HOURS for time in times)


def duration_text(seconds: int) -> str:
    """Return seconds as the file writes them, in the largest unit that is exact: `90 seconds`, `2 hours`."""
    for unit, size in (("hour", 3600), ("minute", 60), ("second", 1)):
        if seconds % size == 0 and seconds >= size:
            number = seconds // size
            return f"{number} {unit}{'s' if number != 1 else ''}"
    return f"{seconds} seconds"


def rounded_text(seconds: int) -> str:
    """Return seconds for people: `1 day, 2:30:00`."""
    return str(timedelta(seconds=seconds))
