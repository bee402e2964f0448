"""Functions that `run`, `wait` and `retry` share: options, following a run, and showing its result.

Knows when such a command counts as failed. Must not know how a run is found.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NoReturn, TypeVar

import click

from jobgraph.cli import json_forms, progress, views
from jobgraph.cli.application import is_terminal, note, say, show, show_json
from jobgraph.cli.commands.graph import write
from jobgraph.drawing import pictures
from jobgraph.errors import EXIT_DONE, EXIT_INTERRUPTED, EXIT_RUN_FAILED, UsageError
from jobgraph.runs import graph_run, shapes

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from jobgraph.account.run_records import RunRows
    from jobgraph.cli.watching import Watch
    from jobgraph.runs.graph_run import GraphRun

_Result = TypeVar("_Result")

waiting_option = click.option("--wait", "waiting", is_flag=True, help="Follow the run to its end and show the results.")
timeout_option = click.option(
    "--timeout", type=click.FloatRange(min=0), metavar="SECONDS", help="Stop waiting after this time (exit code 4)."
)
picture_option = click.option("--picture", metavar="FILE", help="Write an SVG picture of the graph with its states.")
json_option = click.option("--json", "as_json", is_flag=True, help="Write the run as JSON.")


@dataclass(frozen=True)
class Output:
    """The form in which the result of a run is written."""

    as_json: bool
    picture: str | None = None


def check_waiting_options(*, waiting: bool, timeout: float | None, picture: str | None) -> None:
    """Refuse options on waiting if the command does not wait.

    Raises:
        UsageError: if there is such an option.
    """
    name = "--timeout" if timeout is not None else "--picture" if picture is not None else ""
    if name and not waiting:
        raise UsageError(f"{name} has no effect without --wait", remedy="Add --wait, or leave it out.")


def show_started(key: str, root_task: str, run_id: str | None, request: Mapping[str, Any] | None = None) -> None:
    """Write that a run was requested, with its id if known; as JSON, together with `request`, if that is not None."""
    if request is not None:
        state = {"graph": key, "root_task": root_task, "run_id": run_id, "state": graph_run.PENDING}
        show_json({**request, **state})
    elif run_id:
        say(f"Run {run_id} of graph {key} has begun.")
    else:
        say(f"A run of graph {key} was requested; it starts when the run in progress has ended.")
    note(f"Next: jobgraph status {key}   jobgraph wait {key}")


def unless_interrupted(key: str, action: Callable[[], _Result], remedy: str = "") -> _Result:
    """Return the action's result. An interrupt ends the command with the remark that the run goes on.

    `remedy` replaces the usual advice, which is for a run in progress.
    """
    try:
        return action()
    except KeyboardInterrupt:
        usual = f"The run goes on: `jobgraph wait {key}` waits again, `jobgraph cancel {key}` stops it."
        note(f"\nStopped waiting. {remedy or usual}")
        raise click.exceptions.Exit(EXIT_INTERRUPTED) from None


def follow(watch: Watch, rows: RunRows, attempt: int = 1) -> GraphRun:
    """Follow a run to its end, with its progress on standard error."""

    def following() -> GraphRun:
        with progress.display() as show_progress:
            return watch.follow(rows, show_progress, attempt)

    return unless_interrupted(rows.shape.key, following)


def end(context: click.Context, run: GraphRun, output: Output) -> NoReturn:
    """Show an ended run and exit: with code 0 only if all of its jobs are DONE."""
    if output.as_json:
        show_json({**json_forms.run_json(run), "picture": output.picture})
    else:
        click.echo()
        show(views.headline(run))
        show(views.run_table(run, terminal=is_terminal()))
        show_failures(run)
    if output.picture:
        write(pictures.svg(shapes.as_model(run.shape), run.task_states), output.picture)
    note(views.next_commands(run))
    context.exit(EXIT_DONE if run.state == graph_run.DONE else EXIT_RUN_FAILED)


def show_failures(run: GraphRun) -> None:
    """Write the causes of failed jobs, below the table of the run; nothing if none failed."""
    lines = views.failures(run)
    if lines:
        say("\n" + "\n".join(lines))
