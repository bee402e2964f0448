"""The command `suspend`: stop the schedule of a graph.

Knows its options and messages. Must not know how a graph is found.
"""

from __future__ import annotations

import click

from jobgraph.account import queries
from jobgraph.cli import lookup
from jobgraph.cli.application import Application, examples, note, say


@click.command(short_help="Stop the schedule of a graph.", epilog=examples("jobgraph suspend container_jobs"))
@click.argument("graph", required=False)
@click.pass_context
def suspend(context: click.Context, graph: str | None) -> None:
    """Stop a graph from being started by its schedule; a run under way goes on.

    Deploys leave it suspended; `jobgraph resume` ends it.
    """
    application: Application = context.obj
    deployed = lookup.graph(application, graph)
    application.client.rows(queries.suspend(application.client.place, deployed.root_task))
    say(f"Graph {deployed.key} is suspended: its schedule starts no runs.")
    note(f"Next: jobgraph resume {deployed.key}")
