"""The command `retry`: runs the failed jobs of the newest run again.

Knows its options. Must not know how a run is followed or shown.
"""

from __future__ import annotations

import click

from jobgraph.account import steering
from jobgraph.cli import lookup, operating, run_output
from jobgraph.cli.application import Application, examples, graph_option
from jobgraph.cli.application import note as tell
from jobgraph.cli.watching import Patience, Watch
from jobgraph.errors import RunFailedError
from jobgraph.runs import records


@click.command(
    short_help="Run the failed jobs of the newest run again.",
    epilog=examples("jobgraph retry", "jobgraph retry container_jobs --wait"),
)
@graph_option
@operating.note_option
@operating.dry_run_option
@run_output.waiting_option
@run_output.timeout_option
@run_output.picture_option
@run_output.json_option
@click.pass_context
def retry(  # noqa: PLR0913  # one parameter for each option
    context: click.Context,
    graph: str | None,
    *,
    note: str,
    dry_run: bool,
    waiting: bool,
    timeout: float | None,
    picture: str | None,
    as_json: bool,
) -> None:
    """Run the failed and cancelled jobs of the newest run again, and their dependents.

    Snowflake allows this only for the last run, within 14 days, and not after the graph has changed.
    """
    run_output.check_waiting_options(waiting=waiting, timeout=timeout, picture=picture)
    application: Application = context.obj
    client = application.client
    deployed = lookup.startable(application, graph)
    record = records.of_deployed(deployed)
    own_runs = lookup.runs(application, record)
    rows = own_runs.rows()
    run = own_runs.assembled(rows)
    action = steering.retry(client, deployed, run, rows)
    operation = action.operation(note)
    how = operating.How(note=note, dry_run=dry_run, as_json=as_json)
    operating.show_first(operation, how, remarks=[action.remark] if dry_run else [])
    if dry_run:
        return
    patience = Patience(application.clock, timeout, deployed.key)
    try:
        steering.perform(client, action)
    except RunFailedError as error:
        raise RunFailedError(
            error.message,
            where=error.where,
            cause="Snowflake retries only the last run of a graph, for 14 days, while the graph is unchanged.",
            remedy=steering.without_retry(deployed.key),
        ) from error
    tell(action.remark)
    operating.keep(client, deployed.tables, operation)
    if not waiting:
        request = operating.operation_json(operation) if as_json else None
        run_output.show_started(deployed.key, deployed.root_task, rows.run_id, request)
        return
    watch = Watch(client, record, application.clock, patience)
    ended = run_output.follow(watch, rows, rows.attempt + 1)
    run_output.end(context, ended, run_output.Output(as_json, picture))
