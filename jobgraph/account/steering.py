"""What people do to a graph from the page: which statements that is and which jobs it concerns, before it is done.

Knows the order of statements: what is shown is what is sent. Must not know who asks, nor how it is shown.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from jobgraph.account import backfill_plans, control_queries, queries
from jobgraph.account.run_records import RunRecords
from jobgraph.procedures.requested.request import REQUEST, Request
from jobgraph.runs import records, selection, task_runs, values
from jobgraph.runs.operations import Operation, filled

if TYPE_CHECKING:
    from collections.abc import Mapping

    from jobgraph.account.client import Client
    from jobgraph.account.queries import Statement, Tables
    from jobgraph.runs.deployed import Deployed
    from jobgraph.runs.records import GraphRecord
    from jobgraph.runs.selection import JobSelection

RUN, RETRY, CANCEL, SUSPEND, RESUME, BACKFILL = "run", "retry", "cancel", "suspend", "resume", "backfill"
# So many of the newest runs are looked at for intervals that were run already.
_RUNS = 1000
# States of a job service from which nothing needs to be cancelled any more.
_ENDED_SERVICE = frozenset({"DONE", "FAILED", "CANCELLED", "CANCELLING", "DELETED", "DELETING", "INTERNAL_ERROR"})


@dataclass(frozen=True)
class Action:
    """Something that is about to be done: its statements in order, the jobs that they concern, and what follows.

    `run_id` and `backfill_id` are the run or backfill that it is about, if there is one.
    """

    name: str
    graph: str
    statements: tuple[Statement, ...]
    jobs: tuple[str, ...] = ()
    remark: str = ""
    run_id: str = ""
    backfill_id: str = ""


def run(client: Client, graph: Deployed, changed: Mapping[str, Any], chosen: JobSelection) -> Action:
    """Return the start of a run with other values, or of a part of the graph.

    Raises:
        UsageError: if the graph does not have such values, or jobs cannot be left out.
    """
    values.check(graph.key, graph.config, changed)
    names = selection.left_out(graph, chosen) if chosen else ()
    config = {**changed, **({REQUEST: Request(left_out=names).entry} if names else {})}
    jobs = tuple(job.name for job in graph.jobs if job.started and job.name not in names)
    remark = (
        f"{len(names)} jobs are left out: they hand on what they returned when they were last DONE." if names else ""
    )
    return Action(RUN, graph.key, (queries.execute(client.place, graph.root_task, config),), jobs, remark)


def retry(client: Client, graph: Deployed) -> Action:
    """Return the repetition of what failed or was cancelled in the newest run, and of what follows it.

    Raises:
        RunFailedError: if the graph has not run yet.
    """
    newest = RunRecords(client, records.of_deployed(graph)).run()
    jobs = tuple(job.name for job in newest.jobs if job.state not in {"DONE", "DISABLED", "SUSPENDED", "LEFT OUT"})
    statement = queries.retry_last(client.place, graph.root_task)
    return Action(RETRY, graph.key, (statement,), jobs, f"Run {newest.run_id} goes on under its id.", newest.run_id)


def cancel(client: Client, graph: Deployed) -> Action:
    """Return the end of the newest run: its executing tasks, and the containers that they started, which outlive them.

    Raises:
        RunFailedError: if the graph has not run yet.
    """
    rows = RunRecords(client, records.of_deployed(graph)).rows()
    latest = task_runs.latest(rows.rows)
    names = [name for name, row in latest.items() if row.state == task_runs.EXECUTING and name != rows.shape.finalizer]
    statements: list[Statement] = []
    for name in names:
        statements.append(queries.cancel_task(client.place, name))
        services = client.rows(queries.job_services(client.place, rows.run_id, name))
        live = [str(row["name"]) for row in services if row["status"] not in _ENDED_SERVICE]
        statements += [queries.cancel_service(client.place, service) for service in live]
    remark = "What waits for these jobs is skipped; the finalizer keeps the history." if names else "Nothing runs."
    return Action(CANCEL, graph.key, tuple(statements), tuple(names), remark, rows.run_id)


def suspend(client: Client, graph: Deployed) -> Action:
    """Return the end of a graph's schedule, until somebody resumes it."""
    remark = "No run starts by schedule; a run under way goes on. Deploys leave it suspended."
    return Action(SUSPEND, graph.key, (queries.suspend(client.place, graph.root_task),), graph.job_names, remark)


def resume(client: Client, graph: Deployed) -> Action:
    """Return the resumption of a graph's schedule."""
    remark = f"Its schedule ({graph.schedule}) starts runs again."
    return Action(RESUME, graph.key, (queries.resume(client.place, graph.root_task),), graph.job_names, remark)


def backfill(
    client: Client, record: GraphRecord, graph: Deployed, choice: backfill_plans.IntervalChoice, ends: tuple[str, str]
) -> Action:
    """Return the start of a backfill: one run for each interval between two days, one after the other.

    `record` is the graph with the roots that it had before: runs of those count, too.

    Raises:
        UsageError: if the graph can have none, or no interval is left to be run.
    """
    backfill_plans.check(graph)
    runs = RunRecords(client, record)
    plan, listed = backfill_plans.planned(client, graph, choice, ends, lambda: runs.history(_RUNS))
    statements = backfill_plans.statements(client, graph, plan, listed)
    jobs = tuple(job.name for job in graph.jobs if job.started)
    first, last = plan.intervals[0].span, plan.intervals[-1].span
    count = len(plan.intervals)
    remark = f"{count} intervals, one run each: {first.start:%Y-%m-%d %H:%M} to {last.end:%Y-%m-%d %H:%M} UTC."
    return Action(BACKFILL, graph.key, tuple(statements), jobs, remark, backfill_id=plan.backfill_id)


def perform(client: Client, action: Action) -> None:
    """Send the statements of an action; raises as the client does, with what came before already done."""
    for statement in action.statements:
        client.rows(statement)


def keep(client: Client, tables: Tables, action: Action, note: str) -> None:
    """Keep what was done, with why, in the history of operations.

    Raises:
        AbsentError: if an earlier version deployed the stack: it has no table for that.
    """
    texts = tuple(map(filled, action.statements))
    operation = Operation(
        action.name, action.graph, texts, action.jobs, note, action.run_id, backfill_id=action.backfill_id
    )
    client.rows(control_queries.insert_operation(client.place, tables, operation))
