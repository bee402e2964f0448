"""What the commands `run`, `wait` and `retry` share: their options, following a run, and showing how it ended.

Knows when such a command counts as failed. Must not know how a run is found.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NoReturn, TypeVar

import click

from jobgraph.cli import json_forms, progress, views
from jobgraph.cli.application import is_terminal, note, say, show, show_json, spelled
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
    "--timeout", type=click.FloatRange(min=0), metavar="SECONDS", help="Stop waiting after that time (exit code 4)."
)
picture_option = click.option("--picture", metavar="FILE", help="Write an SVG picture of the graph with its states.")
json_option = click.option("--json", "as_json", is_flag=True, help="Write the run as JSON.")


@dataclass(frozen=True)
class Output:
    """What the user wants to see in the end."""

    as_json: bool
    picture: str | None = None


def check_waiting_options(*, waiting: bool, timeout: float | None, picture: str | None) -> None:
    """Refuse options that say how to wait from a command that does not wait.

    Raises:
        UsageError: if there is one.
    """
    name = "--timeout" if timeout is not None else "--picture" if picture is not None else ""
    if name and not waiting:
        raise UsageError(f"{name} has no effect without --wait", remedy="Add --wait, or leave it out.")


def show_started(key: str, root_task: str, run_id: str | None, asked: Mapping[str, Any] | None = None) -> None:
    """Tell that a run was asked for, and its id if that is known; as JSON with what was `asked`, if that is given."""
    if asked is not None:
        state = {"graph": key, "root_task": root_task, "run_id": run_id, "state": graph_run.PENDING}
        show_json({**asked, **state})
    elif run_id:
        say(f"Run {run_id} of graph {key} has begun.")
    else:
        say(f"Graph {key} was asked to run; another run of it has to end first.")
    note(f"Next: jobgraph status {key}   jobgraph wait {key}")


def unless_interrupted(key: str, action: Callable[[], _Result], remedy: str = "") -> _Result:
    """Return the action's result; an interrupt ends the command, and says that the run goes on.

    `remedy` is what can be done then, if not what is done about a run in progress.
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
    """Show an ended run; leaves with exit code 0 only if every job that was to run is DONE."""
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
    """Write why jobs failed, apart from the table above it; nothing if none did."""
    lines = views.failures(run)
    if lines:
        click.echo("\n" + "\n".join(map(spelled, lines)))
