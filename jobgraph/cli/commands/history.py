"""The commands that look back: `status` and `history`.

Knows their options and output. Must not know how a run is put together.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from jobgraph.cli import lookup, views
from jobgraph.cli.application import (
    Application,
    examples,
    is_terminal,
    note,
    run_option,
    show,
    show_json,
    terminal_width,
)
from jobgraph.runs.deployed import conditions

if TYPE_CHECKING:
    from jobgraph.runs.deployed import Deployed
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
    found = lookup.graph(application, graph)
    for unusual in conditions(found):
        note(unusual)
    seen = lookup.run(application.client, found, run_id)
    if job is not None:
        _show_job(found, seen, job, as_json=as_json)
        return
    if as_json:
        show_json(views.run_json(found, seen))
        return
    show(views.headline(found, seen))
    show(views.run_table(seen, terminal=is_terminal()))
    show_failures(seen)


def _show_job(found: Deployed, seen: Run, job: str, *, as_json: bool) -> None:
    name = lookup.job_name(found, job, [one.name for one in seen.jobs])
    one = next(one for one in seen.jobs if one.name == name)
    results = next((str(task.definition.get("results", "")) for task in found.jobs if task.name == name), "")
    if as_json:
        show_json({"run_id": seen.run_id, **views.job_json(one), "results_stage": results or None})
        return
    for line in views.job_lines(seen, one, results):
        show(line)


def show_failures(seen: Run) -> None:
    """Write why jobs failed, apart from the table above it; nothing if none did."""
    lines = views.failures(seen)
    if lines:
        click.echo("\n" + "\n".join(lines))


@click.command(
    short_help="List the finished runs of a graph.",
    epilog=examples("jobgraph history", "jobgraph history container_jobs --limit 50 --json"),
)
@click.argument("graph", required=False)
@click.option("--limit", type=click.IntRange(1, 1000), default=10, show_default=True, help="How many runs to show.")
@click.option("--json", "as_json", is_flag=True, help="Write the runs as JSON.")
@click.pass_context
def history(context: click.Context, graph: str | None, *, limit: int, as_json: bool) -> None:
    """List the finished runs of a graph, newest first, from the history tables."""
    application: Application = context.obj
    found = lookup.graph(application, graph)
    listed = lookup.history(application.client, found, limit)
    if as_json:
        show_json([views.run_json(found, one) for one in listed])
    elif listed:
        show(views.history_table(listed, terminal=is_terminal(), width=terminal_width()))
    else:
        note(f"No run of graph {found.key} has ended yet. `jobgraph status {found.key}` shows one that is under way.")
