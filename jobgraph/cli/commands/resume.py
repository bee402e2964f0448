"""The command `resume`: let the schedule of a graph go on.

Knows its options and messages. Must not know how a graph is found.
"""

from __future__ import annotations

import click

from jobgraph.account import queries
from jobgraph.cli import lookup
from jobgraph.cli.application import Application, examples, note, say


@click.command(short_help="Let the schedule of a graph go on.", epilog=examples("jobgraph resume container_jobs"))
@click.argument("graph", required=False)
@click.pass_context
def resume(context: click.Context, graph: str | None) -> None:
    """Let a graph be started by its schedule again."""
    application: Application = context.obj
    deployed = lookup.graph(application, graph)
    application.client.rows(queries.resume(application.client.place, deployed.root_task))
    say(f"Graph {deployed.key} is resumed: its schedule starts runs.")
    if deployed.suspended:
        names = ", ".join(deployed.suspended)
        note(f"Still suspended, so runs pass them over: {names}. `pulumi up --refresh` mends it.")
