"""Backfills: the intervals of a backfill, and the state of each.

Pure. Knows how time is divided into intervals and which of them have been run before. The states and their transitions
are in `jobgraph.procedures.requested.backfills`. Must not know where rows come from, nor the current time.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time, timedelta, tzinfo
from itertools import pairwise
from typing import TYPE_CHECKING, Any
from zoneinfo import ZoneInfo

from jobgraph.config.schedules import Cron
from jobgraph.errors import UsageError
from jobgraph.procedures.requested import backfills as states
from jobgraph.procedures.requested.json_texts import read_object
from jobgraph.runs import graph_run, wording
from jobgraph.runs.attempts import instant

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    from jobgraph.config.schedules import Schedule
    from jobgraph.runs.graph_run import GraphRun

DAY, HOUR, SCHEDULE = "day", "hour", "schedule"
STEPS = (DAY, HOUR, SCHEDULE)
MISSING, FAILED, ALL = "missing", "failed", "all"
REPROCESS = (MISSING, FAILED, ALL)
# about 200 days of hourly intervals; nobody can watch more than that
MOST_INTERVALS = 5_000
_OUTSIDE = "goes beyond the years 1 to 9999 in UTC"
_INSIDE = "Take dates that are further from the ends of the calendar."
_SECONDS = {"SECONDS": 1, "MINUTES": 60, "HOURS": 3600}


@dataclass(frozen=True, order=True)
class TimeRange:
    """A range of time that excludes its end; both ends are timezone-aware and in UTC."""

    start: datetime
    end: datetime

    @property
    def text(self) -> str:
        """The range in UTC, in the format in which containers receive it."""
        return f"{wording.minute(self.start)} - {wording.minute(self.end)}"


@dataclass(frozen=True)
class Interval:
    """An interval of a backfill; `run_id` is the id of the run that claimed it, or empty."""

    backfill_id: str
    place: int
    span: TimeRange
    state: str
    run_id: str = ""


@dataclass(frozen=True)
class Backfill:
    """A backfill with its intervals in run order; `values` are the values of `--set`, which each of its runs gets."""

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
        """The number of intervals in each state."""
        return dict(Counter(interval.state for interval in self.intervals))

    @property
    def active(self) -> bool:
        """Whether it still requests runs of its intervals."""
        return self.state in states.ACTIVE

    @property
    def has_open_intervals(self) -> bool:
        """Whether it has intervals that are pending or running."""
        return any(interval.state in states.OPEN for interval in self.intervals)


def read(backfills: Iterable[Mapping[str, Any]], intervals: Iterable[Mapping[str, Any]]) -> list[Backfill]:
    """Return the backfills from the rows of both tables, in the order of `backfills`."""
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
        values=read_object(row.get("RUN_CONFIG") or "{}"),
    )


def _instant(value: Any) -> datetime:
    read_instant = instant(value)
    if read_instant is None:
        raise ValueError("an interval without an end")
    return read_instant.astimezone(UTC)


def zone_of(schedule: Schedule | None) -> tzinfo:
    """Return the time zone for dates without one: the zone of the graph's cron schedule, otherwise UTC."""
    return ZoneInfo(schedule.timezone) if isinstance(schedule, Cron) else UTC


def boundary(option: str, text: str, zone: tzinfo, *, inclusive: bool) -> datetime:
    """Return the UTC datetime for a date or a time. A date means its first moment, or, if `inclusive`, its end.

    Raises:
        UsageError: if the text is neither a date nor a time, or the UTC datetime would lie outside the calendar.
    """
    try:
        return _in_utc(datetime.fromisoformat(text), text, zone, inclusive=inclusive)
    except ValueError:
        raise UsageError(
            f"{option} {text}: neither a date nor a time", remedy="Write 2026-11-01, or 2026-11-01T06:00."
        ) from None
    except OverflowError:
        raise UsageError(f"{option} {text} {_OUTSIDE}", remedy=_INSIDE) from None


def _in_utc(value: datetime, text: str, zone: tzinfo, *, inclusive: bool) -> datetime:
    if value.time() == time.min and len(text) <= len("2026-11-01"):
        day = value.date() + timedelta(days=1) if inclusive else value.date()
        return _midnight(day, zone)
    return (value if value.tzinfo else value.replace(tzinfo=zone)).astimezone(UTC)


def _midnight(day: date, zone: tzinfo) -> datetime:
    return datetime.combine(day, time.min, zone).astimezone(UTC)


def spans(step: str, whole: TimeRange, schedule: Schedule | None) -> list[TimeRange]:
    """Return the intervals that lie entirely within a range of time, oldest first.

    Args:
        step: one of `STEPS`; days begin at midnight in the schedule's zone.
        whole: the range.
        schedule: the graph's schedule; the intervals of a cron expression lie between the times at which it fires.

    Raises:
        UsageError: if there are no intervals, too many, some beyond the calendar, or the step is the schedule and the
            graph has none.
    """
    if step == SCHEDULE and schedule is None:
        raise UsageError(
            "The graph has no schedule, so its intervals are unknown", remedy="Add `--every day` or `--every hour`."
        )
    try:
        pieces = _pieces(_boundaries(step, whole, schedule))
    except OverflowError:
        raise UsageError(f"A backfill of {whole.text} UTC {_OUTSIDE}", remedy=_INSIDE) from None
    if not pieces:
        raise UsageError(
            f"No whole interval lies between {wording.minute(whole.start)} and {wording.minute(whole.end)} UTC",
            remedy="Name an earlier --from or a later --to.",
        )
    return pieces


def _pieces(edges: Iterable[datetime]) -> list[TimeRange]:
    pieces: list[TimeRange] = []
    for start, end in pairwise(edges):
        pieces.append(TimeRange(start, end))
        if len(pieces) > MOST_INTERVALS:
            raise UsageError(f"These are more than {MOST_INTERVALS} intervals", remedy="Take a shorter time.")
    return pieces


def range_of(first: str, last: str, zone: tzinfo) -> TimeRange:
    """Return the range of time of a backfill from the texts of --from and --to.

    Raises:
        UsageError: if one is neither a date nor a time, or the last comes before the first.
    """
    whole = TimeRange(boundary("--from", first, zone, inclusive=False), boundary("--to", last, zone, inclusive=True))
    if whole.end <= whole.start:
        raise UsageError(f"--to {last} is before --from {first}", remedy="Name the earlier one first.")
    return whole


def _boundaries(step: str, whole: TimeRange, schedule: Schedule | None) -> Iterator[datetime]:
    if step == DAY:
        yield from _days(whole, zone_of(schedule))
    elif step == HOUR or schedule is None:
        yield from _steps(whole, timedelta(hours=1))
    elif isinstance(schedule, Cron):
        from jobgraph.config.cron import firings  # noqa: PLC0415  # its library is missing on the page in Snowflake

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
    """Return the intervals of a new backfill, in run order.

    Intervals that are pending or running in another backfill are never taken. `missing` takes intervals that were never
    run, `failed` also those that did not end DONE, `all` takes every interval. A run counts for an interval if a
    backfill started it for exactly that interval, or if it is an ordinary run scheduled for the interval's end.
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
    """Return the states of past runs: of backfill runs by the interval, of ordinary runs by the interval's end."""
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
