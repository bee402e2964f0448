"""The command `suspend`: stops the schedule of a graph.

Knows its options and messages. Must not know how a graph is found.
"""

from __future__ import annotations

import click

from jobgraph.account import steering
from jobgraph.cli import operating
from jobgraph.cli.application import Application, examples, graph_option, say
from jobgraph.cli.application import note as remark


@click.command(
    short_help="Stop the schedule of a graph.",
    epilog=examples("jobgraph suspend container_jobs", 'jobgraph suspend --note "the source is being moved"'),
)
@graph_option
@operating.note_option
@operating.dry_run_option
@operating.json_option
@click.pass_context
def suspend(context: click.Context, graph: str | None, *, note: str, dry_run: bool, as_json: bool) -> None:
    """Stop the schedule from starting runs of a graph; a run in progress continues.

    Deploys leave the graph suspended; `jobgraph resume` resumes it.
    """
    application: Application = context.obj
    how = operating.How(note=note, dry_run=dry_run, as_json=as_json)
    deployed = operating.of_root(application, graph, steering.suspend, how)
    if deployed is None or as_json:
        return
    runs = "its schedule starts no runs" if deployed.schedule else "it has no schedule, and can still be asked to run"
    say(f"Graph {deployed.key} is suspended: {runs}.")
    remark(f"Next: jobgraph resume {deployed.key}")
