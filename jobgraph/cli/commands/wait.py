"""The command `wait`: follow a run that was started elsewhere.

Knows its options. Must not know how a run is followed or shown.
"""

from __future__ import annotations

import click

from jobgraph.cli import lookup, run_output
from jobgraph.cli.application import Application, examples, run_option
from jobgraph.cli.watching import Patience, Watch


@click.command(
    short_help="Wait for a run to end.", epilog=examples("jobgraph wait", "jobgraph wait container_jobs --timeout 600")
)
@click.argument("graph", required=False)
@run_option("The run to wait for; the newest unless given.")
@run_output.timeout_option
@run_output.picture_option
@run_output.json_option
@click.pass_context
def wait(  # noqa: PLR0913  # one parameter for each option
    context: click.Context,
    graph: str | None,
    *,
    run_id: str | None,
    timeout: float | None,
    picture: str | None,
    as_json: bool,
) -> None:
    """Wait for a run to end, and show its results."""
    application: Application = context.obj
    record = lookup.record(application, graph, run_id=run_id)
    patience = Patience(application.clock, timeout, record.key)
    watch = Watch(application.client, record, application.clock, patience)
    rows = lookup.runs(application, record).rows(run_id)
    ended = run_output.follow(watch, rows, rows.attempt)
    run_output.end(context, ended, run_output.Output(as_json, picture))
