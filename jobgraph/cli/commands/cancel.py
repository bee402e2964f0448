"""The command `cancel`: stop a run and its containers.

Knows its options and messages. Must not know how a graph is found.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from jobgraph.account import queries
from jobgraph.cli import lookup
from jobgraph.cli.application import Application, examples, note, say
from jobgraph.runs import records, task_runs

if TYPE_CHECKING:
    from datetime import datetime

    from jobgraph.account.client import Client
    from jobgraph.runs.deployed import Deployed

# States of a job service from which nothing needs to be cancelled any more.
_ENDED_SERVICE = frozenset({"DONE", "FAILED", "CANCELLED", "CANCELLING", "DELETED", "DELETING", "INTERNAL_ERROR"})


@click.command(
    short_help="Stop the newest run.", epilog=examples("jobgraph cancel", "jobgraph cancel container_jobs --dry-run")
)
@click.argument("graph", required=False)
@click.option("--dry-run", is_flag=True, help="Only show what would be cancelled, and the statements.")
@click.pass_context
def cancel(context: click.Context, graph: str | None, *, dry_run: bool) -> None:
    """Stop the newest run: its executing tasks, and the containers that they started.

    The jobs that wait for them are skipped; the finalizer still runs and keeps the history. A run that was asked for
    meanwhile and waits for this one starts then.
    """
    application: Application = context.obj
    client = application.client
    deployed = lookup.graph(application, graph)
    rows = lookup.runs(application, records.of_deployed(deployed)).rows()
    latest = task_runs.latest(rows.rows)
    executing = [name for name, row in latest.items() if row.state == task_runs.EXECUTING]
    executing = [name for name in executing if name != rows.shape.finalizer]
    for name in executing:
        _cancel(client, rows.run_id, name, dry_run=dry_run)
    if not executing:
        say(f"Run {rows.run_id} of graph {deployed.key} has no executing task; nothing was cancelled.")
    waiting = _waiting(client, deployed)
    if waiting:
        verb = "would start" if dry_run else "starts"
        note(f"A run that was asked for at {waiting:%H:%M:%S} waits behind it and {verb} then.")
    # Snowflake refuses the retry of a run in which nothing was cancelled or failed.
    retry = f"   jobgraph retry {deployed.key}" if executing else ""
    note(f"Next: jobgraph status {deployed.key}{retry}")


def _cancel(client: Client, run_id: str, job: str, *, dry_run: bool) -> None:
    """Stop a task, and the containers that it started: they outlive it."""
    if not dry_run:
        client.rows(queries.cancel_task(client.place, job))
    rows = client.rows(queries.job_services(client.place, run_id, job))
    services = [str(row["name"]) for row in rows if row["status"] not in _ENDED_SERVICE]
    statements = [queries.cancel_service(client.place, service) for service in services]
    if dry_run:
        for statement in (queries.cancel_task(client.place, job), *statements):
            say(statement.text.replace("?", ", ".join(f"'{bind}'" for bind in statement.binds)) + ";")
        return
    for statement in statements:
        client.rows(statement)
    say(f"{job}: cancelled" + (f", service {', '.join(services)} stopped" if services else ""))


def _waiting(client: Client, deployed: Deployed) -> datetime | None:
    """Return when the run was asked for that waits for the present one to end; None if none does."""
    statement = queries.task_history(client.place, root_id=deployed.root_id, task=deployed.root_task)
    rows = task_runs.read(client.rows(statement))
    requested = [row.scheduled for row in rows if row.manual and row.state == task_runs.SCHEDULED and row.scheduled]
    return min(requested, default=None)
