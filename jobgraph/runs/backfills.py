"""Backfills: which intervals one has, and the state of each.

Pure. Knows how time is cut into intervals and which of them were run before. States and what follows from what are in
`jobgraph.procedures.requested.backfills`. Must not know where rows come from, nor what time it is.
"""

from __future__ import annotations

import json
from collections import Counter
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time, timedelta, tzinfo
from itertools import pairwise
from typing import TYPE_CHECKING, Any
from zoneinfo import ZoneInfo

from jobgraph.config.schedules import Cron
from jobgraph.errors import UsageError
from jobgraph.procedures.requested import backfills as states
from jobgraph.runs import graph_run
from jobgraph.runs.attempts import instant

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    from jobgraph.config.schedules import Schedule
    from jobgraph.runs.graph_run import GraphRun

DAY, HOUR, SCHEDULE = "day", "hour", "schedule"
STEPS = (DAY, HOUR, SCHEDULE)
MISSING, FAILED, ALL = "missing", "failed", "all"
REPROCESS = (MISSING, FAILED, ALL)
# a thousand days by the hour are more than anybody wants to watch
MOST_INTERVALS = 5_000
_SECONDS = {"SECONDS": 1, "MINUTES": 60, "HOURS": 3600}


@dataclass(frozen=True, order=True)
class TimeRange:
    """A stretch of time, its end not included; aware instants in UTC."""

    start: datetime
    end: datetime

    @property
    def text(self) -> str:
        """The stretch in UTC, as containers get it."""
        return f"{self.start:%Y-%m-%d %H:%M} - {self.end:%Y-%m-%d %H:%M}"


@dataclass(frozen=True)
class Interval:
    """An interval of a backfill; `run_id` is that of the run that claimed it, empty if none did."""

    backfill_id: str
    place: int
    span: TimeRange
    state: str
    run_id: str = ""


@dataclass(frozen=True)
class Backfill:
    """A backfill with its intervals in the order in which they run; `values` are those of `--set`, for each run."""

    backfill_id: str
    graph: str
    state: str
    span: TimeRange
    step: str
    reprocess: str
    newest_first: bool
    user: str = ""
    created: datetime | None = None
    intervals: tuple[Interval, ...] = ()
    values: Mapping[str, Any] = field(default_factory=dict)

    @property
    def counts(self) -> dict[str, int]:
        """How many intervals are in which state."""
        return dict(Counter(interval.state for interval in self.intervals))

    @property
    def active(self) -> bool:
        """Whether it asks for intervals."""
        return self.state in states.ACTIVE

    @property
    def has_open_intervals(self) -> bool:
        """Whether it has intervals that are to come or under way."""
        return any(interval.state in states.OPEN for interval in self.intervals)


def read(backfills: Iterable[Mapping[str, Any]], intervals: Iterable[Mapping[str, Any]]) -> list[Backfill]:
    """Read rows of both tables; the order is that of `backfills`."""
    by_backfill: dict[str, list[Interval]] = {}
    for row in intervals:
        span = TimeRange(_instant(row["START_TIME"]), _instant(row["END_TIME"]))
        run_id = str(row["GRAPH_RUN_ID"] or "")
        interval = Interval(str(row["BACKFILL_ID"]), int(row["PLACE"]), span, str(row["STATE"]), run_id)
        by_backfill.setdefault(interval.backfill_id, []).append(interval)
    return [_backfill(row, by_backfill.get(str(row["BACKFILL_ID"]), [])) for row in backfills]


def _backfill(row: Mapping[str, Any], intervals: list[Interval]) -> Backfill:
    return Backfill(
        backfill_id=str(row["BACKFILL_ID"]),
        graph=str(row["GRAPH_NAME"]),
        state=str(row["STATE"]),
        span=TimeRange(_instant(row["START_TIME"]), _instant(row["END_TIME"])),
        step=str(row["EVERY"]),
        reprocess=str(row["REPROCESS"]),
        newest_first=bool(row["NEWEST_FIRST"]),
        user=str(row["USER_NAME"] or ""),
        created=instant(row["CREATED_TIME"]),
        intervals=tuple(sorted(intervals, key=lambda interval: interval.place)),
        values=json.loads(row.get("RUN_CONFIG") or "{}"),
    )


def _instant(value: Any) -> datetime:
    read_instant = instant(value)
    if read_instant is None:
        raise ValueError("an interval without an end")
    return read_instant.astimezone(UTC)


def zone_of(schedule: Schedule | None) -> tzinfo:
    """Return the zone in which dates are meant: that of the graph's cron expression, else UTC."""
    return ZoneInfo(schedule.timezone) if isinstance(schedule, Cron) else UTC


def boundary(option: str, text: str, zone: tzinfo, *, inclusive: bool) -> datetime:
    """Return the instant that a date or a time means; an `inclusive` date means its end.

    Raises:
        UsageError: if it is neither.
    """
    try:
        value = datetime.fromisoformat(text)
    except ValueError:
        raise UsageError(
            f"{option} {text}: neither a date nor a time", remedy="Write 2026-11-01, or 2026-11-01T06:00."
        ) from None
    if value.time() == time.min and len(text) <= len("2026-11-01"):
        day = value.date() + timedelta(days=1) if inclusive else value.date()
        return _midnight(day, zone)
    return (value if value.tzinfo else value.replace(tzinfo=zone)).astimezone(UTC)


def _midnight(day: date, zone: tzinfo) -> datetime:
    return datetime.combine(day, time.min, zone).astimezone(UTC)


def spans(step: str, whole: TimeRange, schedule: Schedule | None) -> list[TimeRange]:
    """Return the intervals of a stretch of time, oldest first; those that do not fit in wholly are left out.

    Args:
        step: one of `STEPS`; days are those of the schedule's zone.
        whole: the stretch.
        schedule: the graph's; a cron expression's intervals lie between the times at which it fires.

    Raises:
        UsageError: if there is none, if there are too many, or if the graph has no schedule and should have one.
    """
    if step == SCHEDULE and schedule is None:
        raise UsageError(
            "The graph has no schedule, so its intervals are unknown", remedy="Add `--every day` or `--every hour`."
        )
    pieces: list[TimeRange] = []
    for start, end in pairwise(_boundaries(step, whole, schedule)):
        pieces.append(TimeRange(start, end))
        if len(pieces) > MOST_INTERVALS:
            raise UsageError(f"These are more than {MOST_INTERVALS} intervals", remedy="Take a shorter time.")
    if not pieces:
        raise UsageError(
            f"No whole interval lies between {whole.start:%Y-%m-%d %H:%M} and {whole.end:%Y-%m-%d %H:%M} UTC",
            remedy="Name an earlier --from or a later --to.",
        )
    return pieces


def _boundaries(step: str, whole: TimeRange, schedule: Schedule | None) -> Iterator[datetime]:
    if step == DAY:
        yield from _days(whole, zone_of(schedule))
    elif step == HOUR or schedule is None:
        yield from _steps(whole, timedelta(hours=1))
    elif isinstance(schedule, Cron):
        from jobgraph.config.cron import firings  # noqa: PLC0415  # the page in Snowflake is without its library

        yield from firings(schedule, whole.start, whole.end)
    else:
        yield from _steps(whole, timedelta(seconds=schedule.number * _SECONDS[schedule.unit]))


def _days(whole: TimeRange, zone: tzinfo) -> Iterator[datetime]:
    day = whole.start.astimezone(zone).date()
    while (midnight := _midnight(day, zone)) <= whole.end:
        if midnight >= whole.start:
            yield midnight
        day += timedelta(days=1)


def _steps(whole: TimeRange, length: timedelta) -> Iterator[datetime]:
    edge = whole.start
    while edge <= whole.end:
        yield edge
        edge += length


def chosen(
    pieces: Sequence[TimeRange],
    reprocess: str,
    backfills: Iterable[Backfill],
    runs: Iterable[GraphRun],
    *,
    newest_first: bool,
) -> list[TimeRange]:
    """Return the intervals that a new backfill takes, in the order in which they run.

    What is to come or under way in another backfill is never taken. `missing` takes what was never run, `failed` also
    what did not end DONE, `all` everything. A run counts for an interval if it was a backfill's of just that interval,
    or an ordinary one that was scheduled for its end.
    """
    outcomes = _outcomes(backfills, runs)
    spans_ = []
    for span in pieces:
        ends = outcomes.get(span, set()) | outcomes.get(span.end, set())
        if states.OPEN[0] in ends or states.OPEN[1] in ends:
            continue
        if reprocess == ALL or not ends or (reprocess == FAILED and states.COMPLETE not in ends):
            spans_.append(span)
    return spans_[::-1] if newest_first else spans_


def _outcomes(backfills: Iterable[Backfill], runs: Iterable[GraphRun]) -> dict[TimeRange | datetime, set[str]]:
    """Return how intervals ended: by their span, of backfills; by their end, of ordinary runs."""
    outcomes: dict[TimeRange | datetime, set[str]] = {}
    for backfill in backfills:
        for interval in backfill.intervals:
            never_ran = not interval.run_id and interval.state == states.CALLED_OFF
            stale = interval.state == states.PENDING and backfill.state not in {*states.ACTIVE, states.PAUSED}
            if not (never_ran or stale):
                outcomes.setdefault(interval.span, set()).add(interval.state)
    for run in runs:
        if run.request.is_ordinary and run.scheduled is not None:
            end = run.scheduled.astimezone(UTC).replace(microsecond=0)
            state = states.COMPLETE if run.state == graph_run.DONE else states.BROKEN
            outcomes.setdefault(end, set()).add(state if run.ended else states.RUNNING)
    return outcomes
