"""The commands that look back: `status`, `history` and `logs`.

Knows their options and output. Must not know how a run is put together.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from jobgraph.cli import lookup, queries, runs, views
from jobgraph.cli.application import Application, examples, is_terminal, note, show, show_json
from jobgraph.cli.deployed import condition
from jobgraph.errors import RunFailedError, UsageError, nearest

if TYPE_CHECKING:
    from collections.abc import Sequence

    from jobgraph.cli.client import Client
    from jobgraph.cli.deployed import Deployed
    from jobgraph.cli.runs import Run

# The newest lines of a running container's log; Snowflake gives 100 KB at most anyway.
_LIVE_LINES = 1000
_SHOWN = ("ATTEMPT", "INSTANCE_ID", "CONTAINER_NAME", "LOG")


@click.command(
    short_help="Show a run, job by job.", epilog=examples("jobgraph status", "jobgraph status container_jobs --json")
)
@click.argument("graph", required=False)
@click.option("--run", "run_id", metavar="ID", help="The run to show; the newest unless given.")
@click.option("--json", "as_json", is_flag=True, help="Write the run as JSON.")
@click.pass_context
def status(context: click.Context, graph: str | None, *, run_id: str | None, as_json: bool) -> None:
    """Show a run: the state of every job, and the cause of each failure."""
    application: Application = context.obj
    found = lookup.graph(application, graph)
    unusual = condition(found)
    if unusual:
        note(unusual)
    seen = lookup.run(application.client, found, run_id)
    if as_json:
        show_json(views.run_json(found, seen))
        return
    show(views.headline(found, seen))
    show(views.run_table(seen, terminal=is_terminal()))
    show_failures(seen)
    if found.finalizer and not found.finalizer_started:
        note(f"The finalizer {found.finalizer} is suspended: runs leave no history. `pulumi up` mends it.")


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
        show(views.history_table(listed, terminal=is_terminal()))
    else:
        note(f"No run of graph {found.key} has ended yet. `jobgraph status {found.key}` shows one that is under way.")


@click.command(
    short_help="Show what a job's containers wrote.",
    epilog=examples("jobgraph logs t_myjob_3", "jobgraph logs t_myjob_3 --attempt 1"),
)
@click.argument("job")
@click.option("--run", "run_id", metavar="ID", help="The run; the job's newest unless given.")
@click.option("--attempt", type=click.IntRange(1), metavar="N", help="Only that attempt.")
@click.option("--graph", metavar="NAME", help="The job's graph; needed if several are deployed.")
@click.option("--json", "as_json", is_flag=True, help="Write the logs as JSON.")
@click.pass_context
def logs(  # noqa: PLR0913  # one for each option
    context: click.Context, job: str, *, run_id: str | None, attempt: int | None, graph: str | None, as_json: bool
) -> None:
    """Show what a job's containers wrote, every attempt of a run; also while it runs."""
    application: Application = context.obj
    client = application.client
    found = lookup.graph(application, graph)
    name = _job_name(found, job)
    live_run = _running_in(client, found, name)
    chosen = run_id or live_run or _last_run(client, found, name)
    sections = client.rows(queries.logs(client.place, found.tables, chosen, name, attempt))
    if chosen == live_run:
        sections += _live(client, chosen, name, attempt, {row["ATTEMPT"] for row in sections})
    if not sections:
        raise RunFailedError(
            f"There is no log of {name} in run {chosen}" + (f", attempt {attempt}" if attempt else ""),
            cause="Its container has not started, or was never started because a predecessor failed.",
            remedy=f"`jobgraph status {found.key} --run {chosen}` shows how the job fared.",
        )
    if as_json:
        show_json([{"run_id": chosen, "job": name, **{key.lower(): row[key] for key in _SHOWN}} for row in sections])
        return
    _print(name, chosen, sections)


def _job_name(found: Deployed, job: str) -> str:
    known = {name.casefold(): name for name in found.job_names}
    if job.casefold() in known:
        return known[job.casefold()]
    close = nearest(job, known.values())
    raise UsageError(
        f"Graph {found.key} has no job {job!r}" + (f"; perhaps you meant {' or '.join(close)}" if close else ""),
        remedy=f"Its jobs: {', '.join(found.job_names)}.",
    )


def _running_in(client: Client, found: Deployed, name: str) -> str | None:
    """Return the newest run's id if the job runs in it."""
    rows = runs.task_runs(client.rows(queries.task_history(client.place, found.root_id, task=name)))
    return rows[-1].run_id if rows and rows[-1].state == "EXECUTING" else None


def _last_run(client: Client, found: Deployed, name: str) -> str:
    rows = client.rows(queries.last_run_of_job(client.place, found.tables, name))
    if not rows:
        raise RunFailedError(f"Job {name} has not run yet", remedy=f"`jobgraph run {found.key} --wait` runs its graph.")
    return str(rows[0]["GRAPH_RUN_ID"])


def _live(client: Client, run_id: str, job: str, attempt: int | None, kept: set[Any]) -> list[dict[str, Any]]:
    """Return the present logs of an attempt that has not ended; nothing if its service is not there yet."""
    services = {
        int(row["name"].rpartition("_")[2]): row["name"]
        for row in client.rows(queries.job_services(client.place, run_id, job))
    }
    number = max(services, default=0)
    if not number or number in kept or attempt not in {None, number}:
        return []
    sections = []
    for row in client.rows(queries.containers(client.place, services[number])):
        instance, container = str(row["instance_id"]), row["container_name"]
        log = client.rows(queries.live_log(client.place, services[number], instance, container, _LIVE_LINES))
        text = log[0]["LOG"] if log else ""
        sections.append({"ATTEMPT": number, "INSTANCE_ID": instance, "CONTAINER_NAME": container, "LOG": text})
    return sections


def _print(name: str, run_id: str, sections: Sequence[dict[str, Any]]) -> None:
    note(f"{name}, run {run_id}")
    for row in sections:
        if len(sections) > 1:
            click.echo(f"==> attempt {row['ATTEMPT']}, instance {row['INSTANCE_ID']}, {row['CONTAINER_NAME']} <==")
        click.echo((row["LOG"] or "").rstrip("\n"))
