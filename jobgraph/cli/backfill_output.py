"""The output on backfills: tables and lines for people, JSON for scripts.

Pure: values in, renderables out. Must not know where output goes, except whether it is a terminal.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from datetime import time
from typing import TYPE_CHECKING, Any

from rich.text import Text

from jobgraph.cli import views
from jobgraph.cli.tables import fitted
from jobgraph.config.schedules import Cron
from jobgraph.procedures.requested import backfills as states
from jobgraph.runs import backfills, wording

if TYPE_CHECKING:
    from collections.abc import Sequence

    from rich.table import Table

    from jobgraph.config.schedules import Schedule
    from jobgraph.runs.backfills import Backfill, Interval

# the order of the states in the counts
_ORDER = (states.COMPLETE, states.BROKEN, states.RUNNING, states.PENDING, states.CALLED_OFF)


def headline(backfill: Backfill, schedule: Schedule | None) -> Text:
    """Return one line on a whole backfill. `schedule` is the graph's present schedule, None if it has none."""
    return Text.assemble(
        f"{backfill.graph}, backfill {backfill.backfill_id}: ",
        views.state(backfill.state),
        f", {_counts(backfill)}; every {backfill.step}{_zone(backfill, schedule)}{_values(backfill)}",
    )


def _zone(backfill: Backfill, schedule: Schedule | None) -> str:
    """Return the time zone of the backfill's days; empty if it has no days, or the schedule has changed since."""
    zone = backfills.zone_of(schedule)
    starts = [interval.span.start.astimezone(zone) for interval in backfill.intervals]
    if backfill.step != backfills.DAY or not starts or any(start.time() != time.min for start in starts):
        return ""
    return f", from midnight in {schedule.timezone if isinstance(schedule, Cron) else 'UTC'}"


def _counts(backfill: Backfill) -> str:
    counts = Counter(interval.state for interval in backfill.intervals)
    return ", ".join(f"{counts[state]} {state}" for state in _ORDER if counts[state])


def _values(backfill: Backfill) -> str:
    return f"; with {wording.values(backfill.values)}" if backfill.values else ""


def list_table(listed: Sequence[Backfill], *, terminal: bool, width: int | None) -> Table:
    """Return one line for each backfill."""
    rows = [
        (
            backfill.backfill_id,
            backfill.graph,
            views.state(backfill.state),
            backfill.span.text,
            backfill.step,
            backfill.user,
            _counts(backfill),
        )
        for backfill in listed
    ]
    columns = ("backfill", "graph", "state", "from - to (UTC)", "every", "by", "intervals")
    return fitted(columns, rows, ("by", "every", "from - to (UTC)"), terminal=terminal, width=width)


def interval_table(backfill: Backfill, *, terminal: bool, width: int | None) -> Table:
    """Return one line for each interval, in the order in which they run."""
    rows = [
        (str(interval.place), interval.span.text, views.state(interval.state), interval.run_id)
        for interval in backfill.intervals
    ]
    return fitted((">place", "interval (UTC)", "state", "run"), rows, (), terminal=terminal, width=width)


def failed_intervals(backfill: Backfill) -> list[str]:
    """Return a line on each interval whose run failed: its dates, and the command that shows why."""
    failed = [interval for interval in backfill.intervals if interval.state == states.BROKEN and interval.run_id]
    lines = [
        f"The interval {interval.span.text} UTC {interval.state}: jobgraph logs --failed --run {interval.run_id}"
        for interval in failed[: wording.MOST_JOBS_NAMED]
    ]
    more = len(failed) - len(lines)
    return [*lines, *([f"{more} more intervals {states.BROKEN}."] if more else [])]


def remarks(backfill: Backfill, *, stalled: bool, deployed: bool) -> list[str]:
    """Return remarks on what the user may want to do about a backfill."""
    if not deployed and backfill.has_open_intervals:
        return [f"Graph {backfill.graph} is no longer deployed: none of its intervals will run."]
    if stalled:
        return [
            f"No run of the graph is under way, so nothing drives it: jobgraph backfill resume {backfill.backfill_id}"
        ]
    if backfill.state == states.PAUSED:
        return [f"Next: jobgraph backfill resume {backfill.backfill_id}"]
    return []


def resumed(backfill: Backfill) -> Backfill:
    """Return the backfill in its state after a resume."""
    state = states.OF_BACKFILL.get((backfill.state, states.RESUME), backfill.state)
    return replace(backfill, state=state)


def interval_json(interval: Interval) -> dict[str, Any]:
    """Return an interval for JSON; instants are ISO 8601 in UTC."""
    return {
        "place": interval.place,
        "start": interval.span.start.isoformat(),
        "end": interval.span.end.isoformat(),
        "state": interval.state,
        "run_id": interval.run_id or None,
    }


def backfill_json(backfill: Backfill) -> dict[str, Any]:
    """Return a backfill for JSON."""
    return {
        "backfill": backfill.backfill_id,
        "graph": backfill.graph,
        "state": backfill.state,
        "every": backfill.step,
        "reprocess": backfill.reprocess,
        "newest_first": backfill.newest_first,
        "config": dict(backfill.values) or None,
        "user": backfill.user or None,
        "created": backfill.created.isoformat() if backfill.created else None,
        "counts": backfill.counts,
        "intervals": [interval_json(interval) for interval in backfill.intervals],
    }
