"""The command `cancel`: stop a run and its containers.

Knows its options and messages. Must not know how a graph is found.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from jobgraph.account import queries, steering
from jobgraph.cli import lookup, operating
from jobgraph.cli.application import Application, examples, say, show_json
from jobgraph.cli.application import note as remark
from jobgraph.runs import records, task_runs, wording

if TYPE_CHECKING:
    from collections.abc import Sequence

    from jobgraph.account.client import Client
    from jobgraph.account.steering import Action
    from jobgraph.runs.deployed import Deployed
    from jobgraph.runs.task_runs import TaskRun

# How often, and how many seconds apart, --all looks whether the run that waited has begun.
_LOOKS, _PAUSE = 60, 1.0


@click.command(
    short_help="Stop the newest run.",
    epilog=examples("jobgraph cancel", "jobgraph cancel container_jobs --dry-run", "jobgraph cancel --all"),
)
@click.argument("graph", required=False)
@click.option("--all", "every_run", is_flag=True, help="Also cancel the queued run, once it has started.")
@operating.note_option
@operating.dry_run_option
@operating.json_option
@click.pass_context
def cancel(  # noqa: PLR0913  # one parameter for each option
    context: click.Context, graph: str | None, *, every_run: bool, note: str, dry_run: bool, as_json: bool
) -> None:
    """Stop the newest run: its executing tasks, and the containers that they started.

    The jobs that wait for them are skipped; the finalizer still runs and records the history. A run that is queued
    behind this one then starts, unless --all stops it too. A backfill continues with its next interval: pause it
    first.
    """
    application: Application = context.obj
    deployed = lookup.graph(application, graph)
    how = operating.How(note=note, dry_run=dry_run, as_json=as_json)
    cancelled = _cancel_newest(application, deployed, how)
    waiting = _waiting(application.client, deployed)
    if as_json:
        _show_json(cancelled, note, waiting)
    else:
        _show(deployed, cancelled, waiting, dry_run=dry_run)
    if every_run and waiting and not dry_run:
        _cancel_the_waiting(application, deployed, cancelled.run_id, how)
    # Snowflake refuses the retry of a run in which nothing was cancelled or failed.
    retry = f"   jobgraph retry {deployed.key}" if cancelled.jobs else ""
    remark(f"Next: jobgraph status {deployed.key}{retry}")


def _cancel_newest(application: Application, deployed: Deployed, how: operating.How) -> Action:
    """Cancel the newest run, or after --dry-run only say what would be done; returns what was."""
    client = application.client
    action = steering.cancel(client, deployed, lookup.runs(application, records.of_deployed(deployed)).rows())
    if action.jobs and not how.dry_run:
        action = steering.perform(client, action)
        operating.keep(client, deployed.tables, action.operation(how.note))
    return action


def _show(deployed: Deployed, cancelled: Action, waiting: Sequence[TaskRun], *, dry_run: bool) -> None:
    if not cancelled.jobs:
        say(f"Run {cancelled.run_id} of graph {deployed.key} has no executing task; nothing was cancelled.")
    elif dry_run:
        for text in cancelled.operation().statements:
            say(f"{text};")
    else:
        for job, services in cancelled.services.items():
            say(f"{job}: cancelled" + (f", service {', '.join(services)} stopped" if services else ""))
    for row in waiting:
        verb = "would start" if dry_run else "starts"
        at = f" at {wording.instant_utc(row.scheduled)}" if row.scheduled else ""
        remark(f"A run that was asked for{at} waits behind it and {verb} then.")


def _show_json(cancelled: Action, note: str, waiting: Sequence[TaskRun]) -> None:
    rows = [row.scheduled.isoformat() for row in waiting if row.scheduled]
    services = {job: list(names) for job, names in cancelled.services.items()}
    show_json({**operating.operation_json(cancelled.operation(note)), "services": services, "waiting_since": rows})


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
    remark(f"The queued run has not started within {_LOOKS * _PAUSE:g} s: jobgraph cancel {deployed.key}")
