"""The command `status`: a run, job by job.

Knows its options and output. Must not know how a run is put together.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from jobgraph.cli import lookup, views
from jobgraph.cli.application import Application, examples, is_terminal, note, run_option, say, show, show_json
from jobgraph.cli.run_output import show_failures
from jobgraph.runs.deployed import conditions

if TYPE_CHECKING:
    from jobgraph.runs.graph_run import Run


@click.command(
    short_help="Show a run, job by job.", epilog=examples("jobgraph status", "jobgraph status container_jobs --json")
)
@click.argument("graph", required=False)
@run_option("The run to show; the newest unless given.")
@click.option("--job", metavar="NAME", help="Only that job, with all that is known of each of its attempts.")
@click.option("--json", "as_json", is_flag=True, help="Write the run, or the job, as JSON.")
@click.pass_context
def status(context: click.Context, graph: str | None, *, run_id: str | None, job: str | None, as_json: bool) -> None:
    """Show a run: the state of every job, and the cause of each failure."""
    application: Application = context.obj
    record = lookup.record(application, graph, run_id=run_id, job=job)
    for condition in conditions(record.deployed) if record.deployed else ():
        note(condition)
    run = lookup.run(application, record, run_id)
    if not run.shape.whole and not run.ended:
        note("The graph was changed after this run began: jobs that have not started yet are not listed.")
    if job is not None:
        _show_job(run, job, as_json=as_json)
        return
    if as_json:
        show_json(views.run_json(run))
        return
    show(views.headline(run))
    show(views.run_table(run, terminal=is_terminal()))
    show_failures(run)


def _show_job(run: Run, name: str, *, as_json: bool) -> None:
    job = next(job for job in run.jobs if job.name == lookup.job_name(run.graph, name, run.shape.job_names))
    results = next((str(task.definition.get("results", "")) for task in run.shape.jobs if task.name == job.name), "")
    if as_json:
        show_json({"run_id": run.run_id, **views.job_json(job), "results_stage": results or None})
        return
    for line in views.job_lines(run, job, results):
        say(line)
