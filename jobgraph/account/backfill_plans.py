"""Planning a backfill: whether a graph can have one, which intervals it takes, and the statements that start it.

Knows which queries this needs. Must not know how a plan is shown.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC
from typing import TYPE_CHECKING, Any

from jobgraph.account import queries
from jobgraph.account.backfill_records import BackfillRecords
from jobgraph.errors import UsageError
from jobgraph.procedures.requested import backfills as states
from jobgraph.runs import backfills, wording
from jobgraph.runs.attempts import instant
from jobgraph.runs.backfills import Backfill, Interval, TimeRange

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from datetime import datetime

    from jobgraph.account.client import Client
    from jobgraph.account.queries import Statement
    from jobgraph.runs.deployed import Deployed
    from jobgraph.runs.graph_run import GraphRun


@dataclass(frozen=True)
class IntervalChoice:
    """The intervals of a backfill, their order and the values of its runs, as given to the command `backfill`."""

    step: str
    reprocess: str
    newest_first: bool
    values: Mapping[str, Any] = field(default_factory=dict)


def check(graph: Deployed) -> None:
    """Refuse a graph whose backfill could not continue from run to run, or whose runs could not know their interval.

    Raises:
        UsageError: if the graph is one of these.
    """
    deaf = [job.name for job in graph.jobs if job.started and not job.takes_requests]
    if deaf:
        raise UsageError(
            f"Jobs of graph {graph.key} do not ask for which interval they run: {', '.join(deaf)}",
            cause="An earlier version of jobgraph deployed them, or Snowflake itself starts their containers (`runner:"
            " direct`) and `command` does not name job_run.py, which asks.",
            remedy="`pulumi up` deploys them again.",
        )
    if not (graph.finalizer and graph.finalizer_started):
        raise UsageError(
            f"Graph {graph.key} has no finalizer that runs, and it is what starts the next interval",
            remedy="Leave out `finalizer: false` in the job configuration, and `pulumi up --refresh`.",
        )
    if graph.overlaps:
        raise UsageError(
            f"Runs of graph {graph.key} may overlap, so its intervals would not follow one another",
            cause="The job configuration gives it an `overlap`.",
            remedy="Take it out, and `pulumi up`.",
        )


def planned(
    client: Client,
    graph: Deployed,
    choice: IntervalChoice,
    ends: tuple[str, str],
    runs: Callable[[], Sequence[GraphRun]],
) -> tuple[Backfill, list[Backfill]]:
    """Return the requested backfill, and the graph's present backfills.

    Args:
        client: the connection.
        graph: the graph.
        choice: the requested intervals.
        ends: the first and the last day or time, as text.
        runs: returns the newest runs of the graph, so that intervals that were run are not run again.

    Raises:
        UsageError: if the backfill would have no interval.
    """
    now = instant(client.rows(queries.now())[0]["NOW"])
    if now is None:
        raise RuntimeError("CURRENT_TIMESTAMP() gave no value")
    whole = backfills.range_of(*ends, backfills.zone_of(graph.schedule))
    intervals = backfills.spans(choice.step, whole, graph.schedule)
    pieces = [span for span in intervals if span.end <= now]
    if not pieces:
        raise UsageError(
            f"No interval from --from {ends[0]} to --to {ends[1]} is over yet",
            cause=f"The first of them is {intervals[0].text} UTC; now it is {wording.minute(now)} UTC.",
            remedy="Name an earlier --from.",
        )
    listed = BackfillRecords(client, graph.tables).of_graph(graph.key)
    spans = backfills.chosen(pieces, choice.reprocess, listed, runs(), newest_first=choice.newest_first)
    if not spans:
        remedy = "`--reprocess failed` takes those that failed, `--reprocess all` every one."
        between = f"from {wording.minute(pieces[0].start)} to {wording.minute(pieces[-1].end)} UTC"
        count = len(pieces)
        which = f"The only interval {between} was" if count == 1 else f"All {count} intervals {between} were"
        raise UsageError(f"{which} run already, or {'is' if count == 1 else 'are'} to be", remedy=remedy)
    return _backfill(graph.key, choice, spans, now), listed


def _backfill(graph: str, choice: IntervalChoice, spans: Sequence[TimeRange], now: datetime) -> Backfill:
    backfill_id = str(int(now.timestamp() * 1000))
    intervals = [Interval(backfill_id, place, span, states.PENDING) for place, span in enumerate(spans, 1)]
    return Backfill(
        backfill_id=backfill_id,
        graph=graph,
        state=states.PENDING,
        span=TimeRange(min(span.start for span in spans), max(span.end for span in spans)),
        step=choice.step,
        reprocess=choice.reprocess,
        newest_first=choice.newest_first,
        created=now.astimezone(UTC),
        intervals=tuple(intervals),
        values=choice.values,
    )


def statements(client: Client, graph: Deployed, plan: Backfill, listed: list[Backfill]) -> list[Statement]:
    """Return the statements that insert a backfill and request its first run. Once inserted, it can be resumed."""
    records = BackfillRecords(client, graph.tables)
    return [*records.creation(plan), *records.asking(graph, [plan, *listed])]
