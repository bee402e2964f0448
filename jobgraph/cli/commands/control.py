"""The commands that steer a graph: `cancel`, `suspend` and `resume`.

Knows their options and messages. Must not know how a graph is found.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from jobgraph.account import queries
from jobgraph.cli import lookup
from jobgraph.cli.application import Application, examples, note
from jobgraph.runs import graph_run

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
    found = lookup.graph(application, graph)
    seen = lookup.run(client, found)
    executing = [name for name, state in seen.task_states.items() if state in {"EXECUTING", graph_run.RUNNING}]
    executing = [name for name in executing if name != found.finalizer]
    for name in executing:
        client.rows(queries.cancel_task(client.place, name))
        stopped = _cancel_services(client, seen.run_id, name)
        click.echo(f"{name}: cancelled" + (f", service {', '.join(stopped)} stopped" if stopped else ""))
    if not executing:
        click.echo(f"Run {seen.run_id} of graph {found.key} has no executing task; nothing was cancelled.")
    note(f"Next: jobgraph status {found.key}   jobgraph retry {found.key}")


def _cancel_services(client: Client, run_id: str, job: str) -> list[str]:
    """Stop a job's containers: they outlive the task that waits for them. Return the services' names."""
    stopped = []
    for row in client.rows(queries.job_services(client.place, run_id, job)):
        if row["status"] not in _ENDED_SERVICE:
            client.rows(queries.cancel_service(client.place, row["name"]))
            stopped.append(str(row["name"]))
    return stopped


@click.command(short_help="Stop the schedule of a graph.", epilog=examples("jobgraph suspend container_jobs"))
@click.argument("graph", required=False)
@click.pass_context
def suspend(context: click.Context, graph: str | None) -> None:
    """Stop a graph from being started by its schedule; a run under way goes on.

    Deploys leave it suspended; `jobgraph resume` ends it.
    """
    application: Application = context.obj
    found = lookup.graph(application, graph)
    application.client.rows(queries.suspend(application.client.place, found.root_task))
    click.echo(f"Graph {found.key} is suspended: its schedule starts no runs.")
    note(f"Next: jobgraph resume {found.key}")


@click.command(short_help="Let the schedule of a graph go on.", epilog=examples("jobgraph resume container_jobs"))
@click.argument("graph", required=False)
@click.pass_context
def resume(context: click.Context, graph: str | None) -> None:
    """Let a graph be started by its schedule again."""
    application: Application = context.obj
    found = lookup.graph(application, graph)
    application.client.rows(queries.resume(application.client.place, found.root_task))
    click.echo(f"Graph {found.key} is resumed: its schedule starts runs.")
    if found.suspended:
        note(f"Still suspended, so runs pass them over: {', '.join(found.suspended)}. `pulumi up --refresh` mends it.")
