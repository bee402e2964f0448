"""The command `cancel`: stop a run and its containers.

Knows its options and messages. Must not know how a graph is found.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import click

from jobgraph.account import queries
from jobgraph.cli import lookup, operating
from jobgraph.cli.application import Application, examples, say, show_json
from jobgraph.cli.application import note as remark
from jobgraph.runs import records, task_runs
from jobgraph.runs.operations import Operation

if TYPE_CHECKING:
    from collections.abc import Sequence

    from jobgraph.account.client import Client
    from jobgraph.account.queries import Statement
    from jobgraph.runs.deployed import Deployed
    from jobgraph.runs.task_runs import TaskRun

# States of a job service from which nothing needs to be cancelled any more.
_ENDED_SERVICE = frozenset({"DONE", "FAILED", "CANCELLED", "CANCELLING", "DELETED", "DELETING", "INTERNAL_ERROR"})
# How often, and how many seconds apart, --all looks whether the run that waited has begun.
_LOOKS, _PAUSE = 60, 1.0


@click.command(
    short_help="Stop the newest run.",
    epilog=examples("jobgraph cancel", "jobgraph cancel container_jobs --dry-run", "jobgraph cancel --all"),
)
@click.argument("graph", required=False)
@click.option("--all", "every_run", is_flag=True, help="Also the run that waits behind it, once that has begun.")
@operating.note_option
@operating.dry_run_option
@operating.json_option
@click.pass_context
def cancel(  # noqa: PLR0913  # one parameter for each option
    context: click.Context, graph: str | None, *, every_run: bool, note: str, dry_run: bool, as_json: bool
) -> None:
    """Stop the newest run: its executing tasks, and the containers that they started.

    The jobs that wait for them are skipped; the finalizer still runs and keeps the history. A run that was asked for
    meanwhile and waits for this one starts then, unless --all stops it too. A backfill goes on with its next interval:
    pause it first.
    """
    application: Application = context.obj
    deployed = lookup.graph(application, graph)
    how = operating.How(note=note, dry_run=dry_run, as_json=as_json)
    cancelled = _cancel_newest(application, deployed, how)
    waiting = _waiting(application.client, deployed)
    if as_json:
        _show_json(cancelled, waiting)
    else:
        _show(deployed, cancelled, waiting, dry_run=dry_run)
    if every_run and waiting and not dry_run:
        _cancel_the_waiting(application, deployed, cancelled.run_id, how)
    # Snowflake refuses the retry of a run in which nothing was cancelled or failed.
    retry = f"   jobgraph retry {deployed.key}" if cancelled.jobs else ""
    remark(f"Next: jobgraph status {deployed.key}{retry}")


@dataclass(frozen=True)
class _Cancelled:
    """What was, or would be, cancelled of a run: the operation, and the services of each task."""

    operation: Operation
    services: dict[str, list[str]]

    @property
    def run_id(self) -> str:
        return self.operation.run_id

    @property
    def jobs(self) -> tuple[str, ...]:
        return self.operation.jobs


def _cancel_newest(application: Application, deployed: Deployed, how: operating.How) -> _Cancelled:
    client = application.client
    rows = lookup.runs(application, records.of_deployed(deployed)).rows()
    latest = task_runs.latest(rows.rows)
    executing = [name for name, row in latest.items() if row.state == task_runs.EXECUTING]
    executing = [name for name in executing if name != rows.shape.finalizer]
    services: dict[str, list[str]] = {}
    statements: list[Statement] = []
    for name in executing:
        task = queries.cancel_task(client.place, name)
        if not how.dry_run:
            client.rows(task)
        # after its task, which starts no further one then
        services[name] = _services(client, rows.run_id, name)
        stops = [queries.cancel_service(client.place, service) for service in services[name]]
        for stop in stops if not how.dry_run else ():
            client.rows(stop)
        statements += [task, *stops]
    texts = operating.texts(statements)
    operation = Operation("cancel", deployed.key, texts, tuple(executing), note=how.note, run_id=rows.run_id)
    if executing and not how.dry_run:
        operating.keep(client, deployed.tables, operation)
    return _Cancelled(operation, services)


def _services(client: Client, run_id: str, job: str) -> list[str]:
    """Return the services that a task started and that go on: they outlive it."""
    rows = client.rows(queries.job_services(client.place, run_id, job))
    return [str(row["name"]) for row in rows if row["status"] not in _ENDED_SERVICE]


def _show(deployed: Deployed, cancelled: _Cancelled, waiting: Sequence[TaskRun], *, dry_run: bool) -> None:
    if not cancelled.jobs:
        say(f"Run {cancelled.run_id} of graph {deployed.key} has no executing task; nothing was cancelled.")
    elif dry_run:
        for text in cancelled.operation.statements:
            say(f"{text};")
    else:
        for job, services in cancelled.services.items():
            say(f"{job}: cancelled" + (f", service {', '.join(services)} stopped" if services else ""))
    for row in waiting:
        verb = "would start" if dry_run else "starts"
        at = f" at {row.scheduled:%H:%M:%S}" if row.scheduled else ""
        remark(f"A run that was asked for{at} waits behind it and {verb} then.")


def _show_json(cancelled: _Cancelled, waiting: Sequence[TaskRun]) -> None:
    rows = [row.scheduled.isoformat() for row in waiting if row.scheduled]
    show_json({**operating.operation_json(cancelled.operation), "services": cancelled.services, "waiting_since": rows})


def _waiting(client: Client, deployed: Deployed) -> list[TaskRun]:
    """Return the runs that wait for the present one to end: Snowflake keeps one."""
    statement = queries.task_history(client.place, root_id=deployed.root_id, task=deployed.root_task)
    return [row for row in task_runs.read(client.rows(statement)) if row.manual and row.state == task_runs.SCHEDULED]


def _cancel_the_waiting(application: Application, deployed: Deployed, run_id: str, how: operating.How) -> None:
    """Cancel the run that waited, as soon as it executes a task: there is no way to call a request back."""
    own_runs = lookup.runs(application, records.of_deployed(deployed))
    for _ in range(_LOOKS):
        application.clock.sleep(_PAUSE)
        rows = own_runs.rows()
        latest = task_runs.latest(rows.rows)
        begun = any(row.state == task_runs.EXECUTING and name in rows.shape.job_names for name, row in latest.items())
        if rows.run_id != run_id and begun:
            cancelled = _cancel_newest(application, deployed, how)
            remark(f"Run {cancelled.run_id}, which waited: {', '.join(cancelled.jobs)} cancelled")
            return
    remark(f"The run that waits has not begun within {_LOOKS * _PAUSE:g} s: jobgraph cancel {deployed.key}")
