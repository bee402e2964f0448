"""The command `wait`: follows a run that was started elsewhere.

Knows its options. Must not know how a run is followed or shown.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from jobgraph.account import queries
from jobgraph.cli import lookup, operating, run_output
from jobgraph.cli.application import Application, examples, graph_option, run_option
from jobgraph.cli.watching import Patience, Watch
from jobgraph.runs import operations
from jobgraph.runs.attempts import instant

if TYPE_CHECKING:
    from jobgraph.account.run_records import RunRows
    from jobgraph.runs.records import GraphRecord


@click.command(
    short_help="Wait for a run to end.", epilog=examples("jobgraph wait", "jobgraph wait container_jobs --timeout 600")
)
@graph_option
@run_option("The run to wait for; by default the newest.")
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
    ended = run_output.follow(watch, rows, rows.attempt + _retries(application, record, rows))
    run_output.end(context, ended, run_output.Output(as_json, picture))


def _retries(application: Application, record: GraphRecord, rows: RunRows) -> int:
    """Return 1 if the run was just retried but Snowflake still shows its earlier end, which must not be reported."""
    client = application.client
    ends = [row.completed for row in rows.rows if row.completed]
    if any(not row.ended for row in rows.rows):
        return 0
    now = rows.now or instant(client.rows(queries.now())[0]["NOW"])
    done = operating.recorded_operations(client, record.tables, record.key)
    return int(now is not None and operations.is_retried(done or [], rows.run_id, max(ends, default=None), now))
