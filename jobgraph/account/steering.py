"""Actions on a graph from the command line or the page: their statements, and the jobs that they concern.

Knows the order of the statements; exactly the statements that are shown are sent. Must not know who requests an action,
nor how it is shown.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from jobgraph.account import backfill_plans, control_queries, queries
from jobgraph.account.backfill_records import BackfillRecords
from jobgraph.account.client import AbsentError
from jobgraph.account.missing_columns import MissingColumnError
from jobgraph.account.run_records import RunRecords
from jobgraph.errors import RunFailedError, UsageError
from jobgraph.procedures.requested import backfills as states
from jobgraph.procedures.requested.request import REQUEST, Request
from jobgraph.runs import graph_run, overview, records, selection, shapes, skips, task_runs, values, wording
from jobgraph.runs.attempts import instant
from jobgraph.runs.operations import Operation, filled

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from datetime import datetime

    from jobgraph.account.client import Client
    from jobgraph.account.queries import Statement, Tables
    from jobgraph.account.run_records import RunRows
    from jobgraph.runs.backfills import Backfill
    from jobgraph.runs.deployed import Deployed
    from jobgraph.runs.graph_run import GraphRun
    from jobgraph.runs.records import GraphRecord
    from jobgraph.runs.selection import JobSelection

RUN, RETRY, CANCEL, SUSPEND, RESUME, BACKFILL = "run", "retry", "cancel", "suspend", "resume", "backfill"
# How many of the newest runs are searched for intervals that have been run already.
_RUNS = 1000
_OPERATING = frozenset({"OPERATE", "OWNERSHIP"})
# Snowflake can retry a run until this long after its start (docs.snowflake.com/en/sql-reference/sql/execute-task).
_RETRIED_FOR = timedelta(days=14)
# States of a job service in which it no longer needs to be cancelled.
_ENDED_SERVICE = frozenset({"DONE", "FAILED", "CANCELLED", "CANCELLING", "DELETED", "DELETING", "INTERNAL_ERROR"})


@dataclass(frozen=True)
class Action:
    """An action to perform: its statements in order, the jobs that they concern, and a remark on the effect.

    `run_id` and `backfill` are the run or backfill that it concerns, if any. `left_out`: job left out of the run -> the
    run whose outputs it passes on. `services`: job to cancel -> the services to stop. `requested_at`: Snowflake's time
    just before a run was requested.
    """

    name: str
    graph: str
    statements: tuple[Statement, ...]
    jobs: tuple[str, ...] = ()
    remark: str = ""
    run_id: str = ""
    backfill: Backfill | None = None
    left_out: Mapping[str, str] = field(default_factory=dict)
    services: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    requested_at: datetime | None = None

    def operation(self, note: str = "", run_id: str = "") -> Operation:
        """Return the operation to show and record; `run_id`: the run that the action started."""
        texts = tuple(map(filled, self.statements))
        backfill_id = self.backfill.backfill_id if self.backfill else ""
        operation = Operation(self.name, self.graph, texts, self.jobs, note, run_id or self.run_id, backfill_id)
        return replace(operation, requested_at=self.requested_at)


def may_operate(client: Client, graph: Deployed) -> bool | None:
    """Return whether the session may start, stop and suspend a graph; None if Snowflake does not say."""
    try:
        rows = client.rows(control_queries.grants_on_task(client.place, graph.root_task))
        roles = sorted({str(row["grantee_name"]) for row in rows if row["privilege"] in _OPERATING})
        return bool(roles) and bool(client.rows(control_queries.has_a_role(roles))[0]["HAS_ONE"])
    except (AbsentError, RunFailedError):
        return None


def run(client: Client, graph: Deployed, changed: Mapping[str, Any], chosen: JobSelection) -> Action:
    """Return the action that starts a run, possibly with changed values or without some jobs.

    Raises:
        UsageError: if the graph does not have such values, or a job cannot be left out.
    """
    values.check(graph.key, graph.config, changed)
    names = selection.left_out(graph, chosen) if chosen else ()
    config = {**changed, **({REQUEST: Request(left_out=names).entry} if names else {})}
    jobs = tuple(name for name in _started(graph) if name not in names)
    sources = _sources(client, graph, names)
    remark = f"Left out: {_passing_on(sources)}" if sources else ""
    statement = queries.execute(client.place, graph.root_task, config)
    return Action(RUN, graph.key, (statement,), jobs, remark, left_out=sources)


def _passing_on(sources: Mapping[str, str]) -> str:
    """Return the jobs that are left out, grouped by the run whose outputs they pass on."""
    by_run: dict[str, list[str]] = {}
    for name, run_id in sources.items():
        by_run.setdefault(run_id, []).append(name)
    groups = [
        f"{wording.counted(names)} {f'with outputs of run {run_id}' if run_id else 'without outputs (never DONE)'}"
        for run_id, names in by_run.items()
    ]
    return wording.some(groups, "; ")


def _started(graph: Deployed) -> tuple[str, ...]:
    return tuple(job.name for job in graph.jobs if job.started)


def _sources(client: Client, graph: Deployed, names: Sequence[str]) -> dict[str, str]:
    """Return, for each job that is left out, the id of the run whose outputs it passes on; empty if it has none."""
    if not names:
        return {}
    rows = client.rows(queries.last_done(client.place, graph.tables, graph.key, graph.root_task, names))
    sources = {str(row["TASK_NAME"]): str(row["GRAPH_RUN_ID"]) for row in rows}
    return {name: sources.get(name, "") for name in names}


def retry(client: Client, graph: Deployed, newest: GraphRun, rows: RunRows) -> Action:
    """Return the action that retries the failed and cancelled tasks of the newest run, and those that they blocked.

    Raises:
        RunFailedError: if Snowflake would certainly refuse: the run has not ended, none of its tasks failed or was
            cancelled, the graph has changed since, or the run is too old.
    """
    _check_retry(client, graph, newest)
    _check_unchanged(client, graph, newest, rows)
    latest = task_runs.latest(rows.rows)
    stopping = {name for name, row in latest.items() if row.failed or row.state == task_runs.CANCELLED}
    jobs = tuple(
        job.name
        for job in newest.jobs
        if job.name in graph.job_names
        and (job.name in stopping or (job.state == graph_run.SKIPPED and job.cause == skips.BLOCKED))
    )
    statement = queries.retry_last(client.place, graph.root_task)
    remark = f"Run {newest.run_id} continues under the same id."
    succeeded = [job.name for job in newest.failed if job.name not in stopping and job.name in graph.job_names]
    if succeeded:
        remark += f" Its tasks with `on_failure: continue` succeeded. {_alone(graph.key, succeeded)}"
    return Action(RETRY, graph.key, (statement,), jobs, remark, newest.run_id)


def _check_retry(client: Client, graph: Deployed, newest: GraphRun) -> None:
    if not newest.ended:
        raise RunFailedError(
            f"Run {newest.run_id} of graph {newest.graph} is still under way",
            remedy=f"Wait for it (`jobgraph wait {newest.graph}`), or stop it (`jobgraph cancel {newest.graph}`).",
        )
    if newest.stopped:
        return
    failed = [job.name for job in newest.failed]
    missing = _without_good_run(client, graph) if newest.is_part else ""
    whole = f"`jobgraph run {newest.graph} --wait` runs all of it."
    raise RunFailedError(
        f"No task of run {newest.run_id} of graph {newest.graph} failed or was cancelled, so there is nothing to retry",
        cause=f"{', '.join(failed)} failed, but with `on_failure: continue` no task does." if failed else "",
        remedy=missing or (f"{_alone(newest.graph, failed)} {whole}" if failed else whole),
    )


def _without_good_run(client: Client, graph: Deployed) -> str:
    """Return which jobs failed before a run of a part that did not include them, and how to run them; empty if none."""
    runs = RunRecords(client, records.of_deployed(graph)).since_whole()
    return overview.without_good_run(graph.key, overview.trouble(runs), graph.jobs)


def _alone(graph: str, names: Sequence[str]) -> str:
    """Return how to run jobs whose tasks succeeded, which a retry leaves out."""
    return f"`jobgraph run {graph} --only {','.join(names)} --wait` runs {wording.some(names)} again."


def _check_unchanged(client: Client, graph: Deployed, newest: GraphRun, rows: RunRows) -> None:
    bodies = client.rows(
        queries.task_history(client.place, root_id=rows.root_id or graph.root_id, since=rows.since, bodies=True)
    )
    ran = [row for row in task_runs.read(bodies) if row.run_id == newest.run_id]
    changes = shapes.changes_since(graph, rows.shape, [*rows.rows, *ran])
    now = rows.now or instant(client.rows(queries.now())[0]["NOW"])
    is_old = newest.started is not None and now is not None and now - newest.started > _RETRIED_FOR
    if changes or is_old:
        raise RunFailedError(
            f"Snowflake does not retry run {newest.run_id} of graph {graph.key}",
            cause=f"The graph was changed since: {'; '.join(changes)}." if changes else "It began over 14 days ago.",
            remedy=without_retry(graph.key),
        )


def without_retry(graph: str) -> str:
    """Return what to do if Snowflake cannot retry a run."""
    return f"`jobgraph run {graph} --wait` runs all of it; with `--from JOB`, a job and what follows."


def cancel(client: Client, graph: Deployed, rows: RunRows) -> Action:
    """Return the action that cancels a run: its executing tasks, and their containers, which would otherwise go on.

    Snowflake cancels a task in all runs that execute it. If runs may overlap, the containers of those runs stop too.
    """
    latest = task_runs.latest(rows.rows)
    names = [name for name, row in latest.items() if row.state == task_runs.EXECUTING and name != rows.shape.finalizer]
    others = _also_executing(client, graph, rows.run_id, names) if graph.overlaps and names else {}
    services = {
        name: tuple(
            service
            for run_id in (rows.run_id, *(other for other, tasks in others.items() if name in tasks))
            for service in _services(client, run_id, name)
        )
        for name in names
    }
    statements: list[Statement] = []
    for name in names:
        statements.append(queries.cancel_task(client.place, name))
        statements += [queries.cancel_service(client.place, service) for service in services[name]]
    remark = "The dependents of these jobs are skipped; the finalizer keeps the history." if names else "Nothing runs."
    if others:
        remark += f" Snowflake cancels a task in all its runs, so these are hit too: {wording.some(tuple(others))}."
    return Action(CANCEL, graph.key, tuple(statements), tuple(names), remark, rows.run_id, services=services)


def _also_executing(client: Client, graph: Deployed, run_id: str, names: Sequence[str]) -> dict[str, set[str]]:
    """Return, for each other run of a graph, which of the named tasks it is executing too."""
    executing: dict[str, set[str]] = {}
    for row in task_runs.read(client.rows(queries.task_history(client.place, root_id=graph.root_id))):
        if row.state == task_runs.EXECUTING and row.run_id != run_id and row.name in names:
            executing.setdefault(row.run_id, set()).add(row.name)
    return executing


def _services(client: Client, run_id: str, job: str) -> tuple[str, ...]:
    """Return the services that a job's task started and that have not ended."""
    rows = client.rows(queries.job_services(client.place, run_id, job))
    return tuple(str(row["name"]) for row in rows if row["status"] not in _ENDED_SERVICE)


def pauses(client: Client, graph: Deployed) -> list[Action]:
    """Return an action for each backfill to pause because it would start another run; empty if there is no table."""
    records = BackfillRecords(client, graph.tables)
    try:
        listed = records.of_graph(graph.key)
    except UsageError:
        return []
    name, jobs = f"{BACKFILL} {states.PAUSE}", _started(graph)
    return [
        Action(name, graph.key, tuple(records.change(backfill, states.PAUSE)), jobs, backfill=backfill)
        for backfill in listed
        if backfill.active and backfill.counts.get(states.PENDING)
    ]


def suspend(client: Client, graph: Deployed) -> Action:
    """Return the action that suspends a graph's schedule until somebody resumes it."""
    remark = "The schedule starts no runs; a run in progress continues. Deploys leave it suspended."
    return Action(SUSPEND, graph.key, (queries.suspend(client.place, graph.root_task),), _started(graph), remark)


def resume(client: Client, graph: Deployed) -> Action:
    """Return the action that resumes a graph's schedule."""
    remark = f"Its schedule ({graph.schedule}) starts runs again." if graph.schedule else "It has no schedule."
    return Action(RESUME, graph.key, (queries.resume(client.place, graph.root_task),), _started(graph), remark)


def backfill(
    client: Client, record: GraphRecord, graph: Deployed, choice: backfill_plans.IntervalChoice, ends: tuple[str, str]
) -> Action:
    """Return the action that starts a backfill: one run per interval between two days, one after the other.

    `record` has the graph's former roots too, because their runs count as well.

    Raises:
        UsageError: if the graph cannot have a backfill, does not have such values, or has no interval left to run.
    """
    backfill_plans.check(graph)
    values.check(graph.key, graph.config, choice.values)
    runs = RunRecords(client, record)
    plan, listed = backfill_plans.planned(client, graph, choice, ends, lambda: runs.history(_RUNS))
    statements = backfill_plans.statements(client, graph, plan, listed)
    first, last = plan.intervals[0].span, plan.intervals[-1].span
    count = len(plan.intervals)
    words = f"{count} interval{'s' * (count != 1)}, one run each: {first.text}"
    remark = words if count == 1 else f"{words} to {last.text}"
    return Action(BACKFILL, graph.key, tuple(statements), _started(graph), remark, backfill=plan)


def perform(client: Client, action: Action) -> Action:
    """Send the statements of an action; return the action with all statements sent. Raises what the client raises.

    A task may start one more service after its services were listed and before it is cancelled, but none afterwards.
    After a cancellation the services are therefore listed again, and further ones are stopped too.
    """
    if action.name == RUN:
        action = replace(action, requested_at=instant(client.rows(queries.now())[0]["NOW"]))
    for statement in action.statements:
        client.rows(statement)
    if action.name != CANCEL:
        return action
    later = {name: _services(client, action.run_id, name) for name in action.jobs}
    later = {name: tuple(s for s in later[name] if s not in action.services[name]) for name in action.jobs}
    stops = tuple(queries.cancel_service(client.place, service) for started in later.values() for service in started)
    for statement in stops:
        client.rows(statement)
    services = {name: (*action.services[name], *later[name]) for name in action.jobs}
    return replace(action, statements=(*action.statements, *stops), services=services)


def keep(client: Client, tables: Tables, operation: Operation) -> None:
    """Record an operation, with its note, in the history of operations.

    Raises:
        AbsentError: if an earlier version deployed the stack, which has no such table.
    """
    try:
        client.rows(control_queries.insert_operation(client.place, tables, operation))
    except MissingColumnError:
        if operation.requested_at is None:
            raise
        # the table of an earlier version has no column for it
        client.rows(control_queries.insert_operation(client.place, tables, replace(operation, requested_at=None)))
