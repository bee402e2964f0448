"""How time is cut into intervals, and which of them a backfill takes."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jobgraph.account import control_queries
from jobgraph.config.schedules import Cron, Schedule
from jobgraph.config.schedules import IntervalSchedule as Every
from jobgraph.errors import UsageError
from jobgraph.procedures.requested import backfills as states
from jobgraph.procedures.requested.request import Request
from jobgraph.runs import backfills, graph_run, wording
from jobgraph.runs.backfills import Backfill, Interval, TimeRange
from jobgraph.runs.graph_run import GraphRun
from jobgraph.runs.shapes import Shape

START = datetime(2026, 3, 1, tzinfo=UTC)
BERLIN = Cron("30 2 * * *", "Europe/Berlin")
starts = st.datetimes(datetime(2026, 1, 1), datetime(2026, 12, 1), timezones=st.just(UTC))  # noqa: DTZ001  # bounds have no zone
hours = st.integers(1, 24 * 20)
schedules = st.sampled_from((None, BERLIN, Cron("0 * * * *", "UTC"), Every(90, "MINUTES")))


@given(starts, hours, st.sampled_from(backfills.STEPS), schedules)
def test_intervals_follow_one_another_and_lie_within(
    start: datetime, length: int, every: str, schedule: Schedule | None
) -> None:
    whole = TimeRange(start, start + timedelta(hours=length))
    try:
        pieces = backfills.spans(every, whole, schedule)
    except UsageError:
        assert (every == backfills.SCHEDULE and schedule is None) or length < 48
        return
    assert all(before.end == after.start for before, after in pairwise(pieces))
    assert all(whole.start <= piece.start < piece.end <= whole.end for piece in pieces)
    assert pieces[0].start - whole.start < timedelta(hours=25.1)
    assert whole.end - pieces[-1].end < timedelta(hours=25.1)


def test_a_day_of_a_zone_has_23_to_25_hours() -> None:
    zone = ZoneInfo("Europe/Berlin")
    for first, length in (("2026-03-29", 23), ("2026-10-25", 25), ("2026-11-01", 24)):
        whole = TimeRange(
            backfills.boundary("--from", first, zone, inclusive=False),
            backfills.boundary("--to", first, zone, inclusive=True),
        )
        (day,) = backfills.spans(backfills.DAY, whole, BERLIN)
        assert day.end - day.start == timedelta(hours=length)


def test_the_times_of_a_cron_expression_go_by_the_clock_on_the_wall() -> None:
    spring = TimeRange(datetime(2026, 3, 27, tzinfo=UTC), datetime(2026, 4, 1, tzinfo=UTC))
    lengths = [piece.end - piece.start for piece in backfills.spans(backfills.SCHEDULE, spring, BERLIN)]
    # 2:30 does not exist on the 29th
    assert timedelta(hours=47) in lengths
    autumn = TimeRange(datetime(2026, 10, 24, tzinfo=UTC), datetime(2026, 10, 27, tzinfo=UTC))
    lengths = [piece.end - piece.start for piece in backfills.spans(backfills.SCHEDULE, autumn, BERLIN)]
    # it comes twice on the 25th
    assert timedelta(hours=1) in lengths


@pytest.mark.parametrize("text", ["yesterday", "2026-13-01", ""])
def test_what_is_no_date_is_named(text: str) -> None:
    with pytest.raises(UsageError, match=f"--from {text}: neither a date nor a time"):
        backfills.boundary("--from", text, UTC, inclusive=False)


# both dates at the same end: a cron expression takes minutes for ten thousand years
FIRST_DAYS = st.datetimes(max_value=datetime(1, 1, 3))  # noqa: DTZ001  # options may have no zone
LAST_DAYS = st.datetimes(min_value=datetime(9999, 12, 29))  # noqa: DTZ001  # likewise
ZONES = st.sampled_from([UTC, ZoneInfo("Asia/Tokyo"), ZoneInfo("America/New_York")])
OFFSETS = st.sampled_from(["", "+14:00", "-12:00", "+00:00"])


@given(
    (st.tuples(FIRST_DAYS, FIRST_DAYS) | st.tuples(LAST_DAYS, LAST_DAYS)).map(sorted),
    st.tuples(OFFSETS, OFFSETS),
    st.sampled_from(["date", "time"]),
    st.sampled_from(
        [(backfills.DAY, None), (backfills.HOUR, None), (backfills.SCHEDULE, BERLIN), (backfills.DAY, BERLIN)]
    ),
    ZONES,
)
def test_dates_at_the_ends_of_the_calendar_give_intervals_or_an_error_of_the_user(
    ends: list[datetime],
    offsets: tuple[str, str],
    form: str,
    step: tuple[str, Schedule | None],
    zone: ZoneInfo,
) -> None:
    pairs = zip(ends, offsets, strict=True)
    texts = [at.date().isoformat() if form == "date" else at.isoformat() + offset for at, offset in pairs]
    try:
        whole = backfills.range_of(texts[0], texts[1], zone)
        pieces = backfills.spans(step[0], whole, step[1])
    except UsageError:
        return
    assert pieces
    assert all(whole.start <= piece.start < piece.end <= whole.end for piece in pieces)


@given(st.datetimes(timezones=st.just(UTC)))
def test_every_date_is_written_with_four_digits_of_its_year_and_read_again(at: datetime) -> None:
    assert datetime.fromisoformat(f"{wording.instant(at)}Z") == at.replace(microsecond=0)
    assert wording.minute(at) == at.isoformat(" ", "minutes").removesuffix("+00:00")
    assert TimeRange(at, at).text == f"{wording.minute(at)} - {wording.minute(at)}"
    millisecond = at.replace(microsecond=at.microsecond // 1000 * 1000)
    assert datetime.fromisoformat(control_queries.instant_text(at).replace(" Z", "Z")) == millisecond


def test_more_intervals_than_anybody_watches_are_refused() -> None:
    with pytest.raises(UsageError, match="more than 5000"):
        backfills.spans(backfills.HOUR, TimeRange(START, START + timedelta(days=1000)), None)


DAY = TimeRange(START, START + timedelta(days=1))
RUN = GraphRun(Shape("g", "ROOT", ()), "1", graph_run.DONE, ended=True, jobs=(), scheduled=DAY.end)


def backfill(state: str, of_backfill: str = states.COMPLETE, run: str = "1") -> Backfill:
    interval = Interval("b", 1, DAY, state, run)
    return Backfill("b", "g", of_backfill, DAY, "day", "missing", newest_first=False, intervals=(interval,))


@pytest.mark.parametrize(
    ("earlier", "runs", "taken"),
    [
        ([], [], {"missing", "failed", "all"}),
        ([backfill("DONE")], [], {"all"}),
        ([backfill("FAILED", "FAILED")], [], {"failed", "all"}),
        ([backfill("CANCELLED", "CANCELLED", run="")], [], {"missing", "failed", "all"}),
        ([backfill("PENDING", "CANCELLED", run="")], [], {"missing", "failed", "all"}),
        ([backfill("PENDING", "PAUSED", run="")], [], set()),
        ([backfill("RUNNING", "RUNNING")], [], set()),
        ([backfill("FAILED", "FAILED"), backfill("DONE")], [], {"all"}),
        ([], [RUN], {"all"}),
        ([], [replace(RUN, state=graph_run.FAILED)], {"failed", "all"}),
        ([], [replace(RUN, scheduled=DAY.start)], {"missing", "failed", "all"}),
        ([], [replace(RUN, request=Request(("A",)))], {"missing", "failed", "all"}),
    ],
)
def test_which_intervals_are_taken(earlier: list[Backfill], runs: list[GraphRun], taken: set[str]) -> None:
    asked = {
        reprocess
        for reprocess in backfills.REPROCESS
        if backfills.chosen([DAY], reprocess, earlier, runs, newest_first=False)
    }
    assert asked == taken


def test_the_newest_come_first_if_asked_for() -> None:
    later = TimeRange(DAY.end, DAY.end + timedelta(days=1))
    assert backfills.chosen([DAY, later], "all", [], [], newest_first=True) == [later, DAY]
