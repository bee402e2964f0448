"""The backfills recorded in Snowflake, and how a backfill is started or continued.

Knows the order of the statements, in which an interruption between any two of them does no harm. Must not know how
anything is shown.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from jobgraph.account import control_queries, queries
from jobgraph.account.client import AbsentError
from jobgraph.errors import UsageError
from jobgraph.procedures.requested import backfills as states
from jobgraph.procedures.requested.request import REQUEST, Request, split_config
from jobgraph.runs import backfills, graph_run, task_runs

if TYPE_CHECKING:
    from collections.abc import Iterable

    from jobgraph.account.client import Client
    from jobgraph.account.queries import Statement, Tables
    from jobgraph.runs.backfills import Backfill, Interval
    from jobgraph.runs.deployed import Deployed
    from jobgraph.runs.graph_run import GraphRun


class BackfillRecords:
    """The backfills of a schema."""

    def __init__(self, client: Client, tables: Tables) -> None:
        self._client = client
        self._tables = tables

    def of_graph(self, graph: str | None = None) -> list[Backfill]:
        """Return the backfills of a graph, or of all graphs, newest first.

        Raises:
            UsageError: if there is no table of backfills that the role may read.
        """
        return self._read(control_queries.backfills_of(self._client.place, self._tables, graph))

    def one(self, backfill_id: str) -> Backfill:
        """Return the backfill with an id.

        Raises:
            UsageError: if there is none.
        """
        statement = control_queries.backfills_of(self._client.place, self._tables, backfill_id=backfill_id)
        listed = self._read(statement)
        if not listed:
            raise UsageError(f"There is no backfill {backfill_id!r}", remedy="`jobgraph backfill list` shows them.")
        return listed[0]

    def _read(self, statement: Statement) -> list[Backfill]:
        client = self._client
        try:
            rows = client.rows(statement)
        except AbsentError as error:
            raise UsageError(
                f"{client.place} has no table of backfills that the role may read",
                cause="An earlier version of jobgraph made this deployment, or the role lacks SELECT on the table.",
                remedy="`pulumi up` creates it; `jobgraph privileges` lists what a viewer needs.",
            ) from error
        ids = [str(row["BACKFILL_ID"]) for row in rows]
        intervals = client.rows(control_queries.intervals_of(client.place, self._tables, ids)) if ids else []
        return backfills.read(rows, intervals)

    def creation(self, backfill: Backfill) -> list[Statement]:
        """Return the statements that insert a backfill. Without the last one, the others have no effect."""
        place = self._client.place
        inserts = control_queries.insert_intervals(place, self._tables, backfill.intervals)
        return [*inserts, control_queries.insert_backfill(place, self._tables, backfill)]

    def change(self, backfill: Backfill, event: str) -> list[Statement]:
        """Return the statements that apply an event to a backfill: all, or none where the role lacks a privilege."""
        place = self._client.place
        change = control_queries.change_backfill(place, self._tables, backfill.backfill_id, event)
        if event != states.CANCEL:
            return [change]
        intervals = control_queries.cancel_intervals(place, self._tables, backfill.backfill_id)
        return [control_queries.BEGIN, change, intervals, control_queries.COMMIT]

    def settling(self, backfill: Backfill, runs: Iterable[GraphRun]) -> list[Statement]:
        """Return the statements that record the end of intervals whose finalizer did not record it.

        Args:
            backfill: the backfill.
            runs: the runs of its intervals that are RUNNING.
        """
        ends = {run.run_id: end_of_run(run) for run in runs if run.ended}
        place, statements, after = self._client.place, [], []
        for interval in backfill.intervals:
            event = ends.get(interval.run_id) if interval.state == states.RUNNING else None
            if event:
                statements.append(control_queries.settle_interval(place, self._tables, interval, event))
            after.append(states.OF_INTERVAL[interval.state, event] if event else interval.state)
        end = states.end_of_backfill(after)
        if statements and end:
            statements.append(control_queries.change_backfill(place, self._tables, backfill.backfill_id, end))
        return statements

    def asking(self, graph: Deployed, listed: list[Backfill]) -> list[Statement]:
        """Return the statement that requests the run of the next interval of a graph's backfills.

        Return none if there is no further interval, or if a run waits that a person requested: it would be replaced.

        Args:
            graph: the graph, as deployed.
            listed: its backfills as they will be when the statement is sent, newest first.
        """
        if self.waiting_for_somebody_else(graph):
            return []
        interval = next_interval(listed)
        if interval is None:
            return []
        changed = next(backfill.values for backfill in listed if backfill.backfill_id == interval.backfill_id)
        config = {**changed, REQUEST: request(interval).entry}
        return [queries.execute(self._client.place, graph.root_task, config)]

    def waiting_for_somebody_else(self, graph: Deployed) -> bool:
        """Return whether a run is waiting that no backfill requested; a further request would replace it."""
        return any(not split_config(config)[0].backfill for config in self._waiting(graph))

    def is_driven(self, graph: Deployed) -> bool:
        """Return whether a run of the graph is under way or waiting; its finalizer will request the next interval."""
        rows = self._root_rows(graph)
        return bool(self._waiting(graph)) or any(row.state == task_runs.EXECUTING for row in rows)

    def _waiting(self, graph: Deployed) -> list[str]:
        """Return the configurations of the runs that wait for another run to end."""
        rows = self._root_rows(graph)
        return [
            row.config
            for row in rows
            if row.name == graph.root_task and row.manual and row.state == task_runs.SCHEDULED
        ]

    def _root_rows(self, graph: Deployed) -> tuple[task_runs.TaskRun, ...]:
        statement = queries.task_history(self._client.place, root_id=graph.root_id)
        return task_runs.read(self._client.rows(statement))


def end_of_run(run: GraphRun) -> str:
    """Return the event that the end of a run means for its interval, regardless of how its finalizer ended."""
    if run.failed:
        only_cancelled = all(job.state == graph_run.CANCELLED for job in run.failed)
        return states.STOP if only_cancelled else states.FAIL
    return states.SUCCEED if any(job.state == graph_run.DONE for job in run.jobs) else states.FAIL


def request(interval: Interval) -> Request:
    """Return the request of a run for an interval."""
    start, end = (control_queries.instant_text(at) for at in (interval.span.start, interval.span.end))
    return Request((), interval.backfill_id, interval.place, start, end)


def next_interval(newest_first: list[Backfill]) -> Interval | None:
    """Return the next interval to request: the oldest active backfill's first pending one, as the finalizer does."""
    return next(
        (
            interval
            for backfill in reversed(newest_first)
            if backfill.active
            for interval in backfill.intervals
            if interval.state == states.PENDING
        ),
        None,
    )
