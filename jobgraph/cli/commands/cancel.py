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
    from jobgraph.account.client import Client

# States of a job service from which nothing needs to be cancelled any more.
_ENDED_SERVICE = frozenset({"DONE", "FAILED", "CANCELLED", "CANCELLING", "DELETED", "DELETING", "INTERNAL_ERROR"})


@click.command(short_help="Stop the newest run.", epilog=examples("jobgraph cancel", "jobgraph cancel container_jobs"))
@click.argument("graph", required=False)
@click.pass_context
def cancel(context: click.Context, graph: str | None) -> None:
    """Stop the newest run: its executing tasks, and the containers that they started.

    The jobs that wait for them are skipped; the finalizer still runs and keeps the history.
    """
    application: Application = context.obj
    client = application.client
    deployed = lookup.graph(application, graph)
    rows = lookup.runs(application, records.of_deployed(deployed)).rows()
    latest = task_runs.latest(rows.rows)
    executing = [name for name, row in latest.items() if row.state == task_runs.EXECUTING]
    executing = [name for name in executing if name != rows.shape.finalizer]
    for name in executing:
        client.rows(queries.cancel_task(client.place, name))
        services = _cancel_services(client, rows.run_id, name)
        say(f"{name}: cancelled" + (f", service {', '.join(services)} stopped" if services else ""))
    if not executing:
        say(f"Run {rows.run_id} of graph {deployed.key} has no executing task; nothing was cancelled.")
    note(f"Next: jobgraph status {deployed.key}   jobgraph retry {deployed.key}")


def _cancel_services(client: Client, run_id: str, job: str) -> list[str]:
    """Stop a job's containers: they outlive the task that waits for them. Return the services' names."""
    stopped = []
    for row in client.rows(queries.job_services(client.place, run_id, job)):
        if row["status"] not in _ENDED_SERVICE:
            client.rows(queries.cancel_service(client.place, row["name"]))
            stopped.append(str(row["name"]))
    return stopped
