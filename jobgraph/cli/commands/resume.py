"""The command `resume`: resumes the schedule of a graph.

Knows its options and messages. Must not know how a graph is found.
"""

from __future__ import annotations

import click

from jobgraph.account import steering
from jobgraph.cli import operating
from jobgraph.cli.application import Application, examples, graph_option, say
from jobgraph.cli.application import note as remark


@click.command(short_help="Resume the schedule of a graph.", epilog=examples("jobgraph resume container_jobs"))
@graph_option
@operating.note_option
@operating.dry_run_option
@operating.json_option
@click.pass_context
def resume(context: click.Context, graph: str | None, *, note: str, dry_run: bool, as_json: bool) -> None:
    """Let the schedule start runs of a graph again."""
    application: Application = context.obj
    how = operating.How(note=note, dry_run=dry_run, as_json=as_json)
    deployed = operating.of_root(application, graph, steering.resume, how)
    if deployed is None or as_json:
        return
    runs = "its schedule starts runs" if deployed.schedule else "it has no schedule, so it runs when it is asked to"
    say(f"Graph {deployed.key} is resumed: {runs}.")
    if deployed.suspended:
        names = ", ".join(deployed.suspended)
        remark(f"Still suspended, so runs skip them: {names}. `pulumi up --refresh` repairs it.")
