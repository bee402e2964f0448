"""The commands that follow a run: `run`, `wait` and `retry`.

Knows their options, their output and when they count as failed. Must not know how a run is found or followed.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, NoReturn, TypeVar

import click

from jobgraph.account import queries
from jobgraph.cli import lookup, progress, views
from jobgraph.cli.application import (
    Application,
    examples,
    is_terminal,
    note,
    run_option,
    show,
    show_json,
)
from jobgraph.cli.commands.graph import write
from jobgraph.cli.commands.history import show_failures
from jobgraph.cli.watching import Watch
from jobgraph.drawing import pictures
from jobgraph.errors import EXIT_DONE, EXIT_INTERRUPTED, EXIT_RUN_FAILED
from jobgraph.runs import deployed, graph_run

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import datetime

    from jobgraph.runs.deployed import Deployed
    from jobgraph.runs.graph_run import Run

_Result = TypeVar("_Result")

# Without --wait, how long to look for the new run's id before leaving without it, in seconds.
_PATIENCE = 10.0

_waiting = click.option("--wait", "waiting", is_flag=True, help="Follow the run to its end and show the results.")
_timeout = click.option(
    "--timeout", type=click.FloatRange(min=0), metavar="SECONDS", help="Stop waiting after that time (exit code 4)."
)
_picture = click.option("--picture", metavar="FILE", help="Write an SVG picture of the graph with its states.")
_json = click.option("--json", "as_json", is_flag=True, help="Write the run as JSON.")


@dataclass(frozen=True)
class _Output:
    """What the user wants to see in the end."""

    as_json: bool
    picture: str | None = None


@click.command(
    short_help="Run a graph now.",
    epilog=examples(
        "jobgraph run",
        "jobgraph run container_jobs --wait --picture graph.svg",
        "jobgraph run --wait --timeout 600 --json",
    ),
)
@click.argument("graph", required=False)
@_waiting
@_timeout
@_picture
@_json
@click.pass_context
def run(  # noqa: PLR0913  # one parameter for each option
    context: click.Context,
    graph: str | None,
    *,
    waiting: bool,
    timeout: float | None,
    picture: str | None,
    as_json: bool,
) -> None:
    """Run a graph now, out of its schedule.

    GRAPH may be left out if only one is deployed. With --wait the exit code is 0 only if every job is DONE, but for
    those that are disabled or whose condition was false. An interrupt (Ctrl-C) ends the waiting, not the run.
    """
    application: Application = context.obj
    found = lookup.graph(application, graph)
    watch = Watch(application.client, found, application.clock, timeout)
    asked = watch.execute()
    output = _Output(as_json, picture)
    if not waiting:
        _started(found, watch.find(asked, _PATIENCE), as_json=as_json)
        return
    note(f"Graph {found.key} was asked to run; waiting for its {len(found.jobs)} jobs.")
    run_id = _unless_interrupted(found, lambda: watch.find(asked))
    _end(context, found, _follow(watch, found, str(run_id), asked.since), output)


def _started(found: Deployed, run_id: str | None, *, as_json: bool) -> None:
    if as_json:
        show_json({"graph": found.key, "root_task": found.root_task, "run_id": run_id, "state": graph_run.PENDING})
    elif run_id:
        click.echo(f"Run {run_id} of graph {found.key} has begun.")
    else:
        click.echo(f"Graph {found.key} was asked to run; another run of it has to end first.")
    note(f"Next: jobgraph status {found.key}   jobgraph wait {found.key}")


@click.command(
    short_help="Wait for a run to end.", epilog=examples("jobgraph wait", "jobgraph wait container_jobs --timeout 600")
)
@click.argument("graph", required=False)
@run_option("The run to wait for; the newest unless given.")
@_timeout
@_picture
@_json
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
    found = lookup.graph(application, graph)
    output = _Output(as_json, picture)
    row = lookup.root_row(application.client, found, run_id)
    if row is None or row.scheduled is None:
        _end(context, found, lookup.run(application.client, found, run_id), output)
    watch = Watch(application.client, found, application.clock, timeout)
    _end(context, found, _follow(watch, found, row.run_id, row.scheduled), output)


@click.command(
    short_help="Run again what failed in the newest run.",
    epilog=examples("jobgraph retry", "jobgraph retry container_jobs --wait"),
)
@click.argument("graph", required=False)
@_waiting
@_timeout
@_picture
@_json
@click.pass_context
def retry(  # noqa: PLR0913  # one parameter for each option
    context: click.Context,
    graph: str | None,
    *,
    waiting: bool,
    timeout: float | None,
    picture: str | None,
    as_json: bool,
) -> None:
    """Run again what failed or was cancelled in the newest run, and what follows it.

    Snowflake allows it for the last run only, within 14 days, and not after the graph has changed.
    """
    application: Application = context.obj
    found = lookup.graph(application, graph)
    row = lookup.newest(application.client, found)
    watch = Watch(application.client, found, application.clock, timeout)
    attempt = lookup.attempt(application.client, found, row)
    application.client.rows(queries.retry_last(application.client.place, found.root_task))
    if not waiting or row.scheduled is None:
        _started(found, row.run_id, as_json=as_json)
        return
    _end(
        context,
        found,
        _follow(watch, found, row.run_id, row.scheduled, attempt),
        _Output(as_json, picture),
    )


def _unless_interrupted(found: Deployed, action: Callable[[], _Result]) -> _Result:
    """Return the action's result; an interrupt ends the command, and says that the run goes on."""
    try:
        return action()
    except KeyboardInterrupt:
        note(
            f"\nStopped waiting. The run goes on: `jobgraph wait {found.key}` waits again,"
            f" `jobgraph cancel {found.key}` stops it."
        )
        raise click.exceptions.Exit(EXIT_INTERRUPTED) from None


def _follow(watch: Watch, found: Deployed, run_id: str, since: datetime, after_attempt: int = 0) -> Run:
    def follow() -> Run:
        with progress.display() as show_progress:
            return watch.follow(run_id, since, show_progress, after_attempt)

    return _unless_interrupted(found, follow)


def _end(context: click.Context, found: Deployed, ended: Run, output: _Output) -> NoReturn:
    """Show an ended run; leaves with exit code 0 only if every job that was to run is DONE."""
    if output.as_json:
        show_json({**views.run_json(found, ended), "picture": output.picture})
    else:
        click.echo()
        show(views.headline(found, ended))
        show(views.run_table(ended, terminal=is_terminal()))
        show_failures(ended)
    if output.picture:
        write(pictures.svg(deployed.as_model(found), ended.task_states), output.picture)
    note(views.next_commands(found, ended))
    context.exit(EXIT_DONE if ended.state == graph_run.DONE else EXIT_RUN_FAILED)
