"""The command `retry`: run again what failed in the newest run.

Knows its options. Must not know how a run is followed or shown.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from jobgraph.account import queries
from jobgraph.cli import lookup, operating, run_output
from jobgraph.cli.application import Application, examples
from jobgraph.cli.watching import Patience, Watch
from jobgraph.errors import RunFailedError
from jobgraph.runs import graph_run, records, task_runs
from jobgraph.runs.operations import Operation

if TYPE_CHECKING:
    from jobgraph.account.run_records import RunRows
    from jobgraph.runs.graph_run import GraphRun


@click.command(
    short_help="Run again what failed in the newest run.",
    epilog=examples("jobgraph retry", "jobgraph retry container_jobs --wait"),
)
@click.argument("graph", required=False)
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
    """Run again what failed or was cancelled in the newest run, and what follows it.

    Snowflake allows it for the last run only, within 14 days, and not after the graph has changed.
    """
    run_output.check_waiting_options(waiting=waiting, timeout=timeout, picture=picture)
    application: Application = context.obj
    client = application.client
    deployed = lookup.graph(application, graph)
    record = records.of_deployed(deployed)
    own_runs = lookup.runs(application, record)
    rows = own_runs.rows()
    run = own_runs.assembled(rows)
    _check(run)
    statement = queries.retry_last(client.place, deployed.root_task)
    texts = operating.texts([statement])
    operation = Operation("retry", deployed.key, texts, repeated(run, rows), note=note, run_id=rows.run_id)
    operating.show_first(operation, as_json=as_json and dry_run, quiet=as_json and not dry_run)
    if dry_run:
        return
    patience = Patience(application.clock, timeout, deployed.key)
    client.rows(statement)
    operating.keep(client, deployed.tables, operation)
    if not waiting:
        run_output.show_started(deployed.key, deployed.root_task, rows.run_id, as_json=as_json)
        return
    watch = Watch(client, record, application.clock, patience)
    ended = run_output.follow(watch, rows, rows.attempt + 1)
    run_output.end(context, ended, run_output.Output(as_json, picture))


def _check(run: GraphRun) -> None:
    """Refuse to ask Snowflake for a retry that it would refuse.

    Raises:
        RunFailedError: if the run goes on, or nothing of it failed or was cancelled.
    """
    if not run.ended:
        raise RunFailedError(
            f"Run {run.run_id} of graph {run.graph} is still under way",
            remedy=f"Wait for it (`jobgraph wait {run.graph}`), or stop it (`jobgraph cancel {run.graph}`).",
        )
    if run.stopped:
        return
    failed = [job.name for job in run.failed]
    raise RunFailedError(
        f"No task of run {run.run_id} of graph {run.graph} failed or was cancelled, so there is nothing to retry",
        cause=f"{', '.join(failed)} failed, but with `on_failure: continue` no task does." if failed else "",
        remedy=f"`jobgraph run {run.graph} --wait` runs all of it.",
    )


def repeated(run: GraphRun, rows: RunRows) -> tuple[str, ...]:
    """Return the jobs that a retry of a run runs again: those whose task failed, and those that they blocked."""
    latest = task_runs.latest(rows.rows)
    stopping = {name for name, row in latest.items() if row.failed or row.state == task_runs.CANCELLED}
    return tuple(
        job.name
        for job in run.jobs
        if job.name in stopping or (job.state == graph_run.SKIPPED and job.cause == graph_run.BLOCKED)
    )
