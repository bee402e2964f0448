"""What every command is given: the connection, the clock, the project's folder and the terminal.

Knows how these are put together. Must not know any command, but for the names of those that start runs.
Tests make one with a client and a clock of their own.
"""

from __future__ import annotations

import json
import re
import sys
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click
from rich.console import Console
from rich.measure import Measurement
from rich.text import Text

from jobgraph.account import client as connecting
from jobgraph.cli.watching import SystemClock
from jobgraph.errors import EXIT_INTERRUPTED, UserError

if TYPE_CHECKING:
    from collections.abc import Callable

    from rich.console import RenderableType

    from jobgraph.account.client import Choice, Client
    from jobgraph.cli.watching import Clock

CONFIGURATION = "jobconfig.yaml"
# What people may say instead of a run's id.
NEWEST = "last"
# Commands that start runs.
_STARTING = frozenset({"run", "retry"})
# Wide enough that no cell is ever folded when the output goes to a file or a pipe.
_UNFOLDED = 10_000
# Blanks at the end of a line, perhaps before the end of a colour.
_TRAILING = re.compile(r" +((?:\x1b\[[0-9;]*m)*)$")


def project_folder(start: Path) -> Path:
    """Return the nearest folder from `start` upwards that holds a project; `start` itself if there is none."""
    for folder in (start, *start.parents):
        if (folder / CONFIGURATION).is_file() or (folder / "Pulumi.yaml").is_file():
            return folder
    return start


@dataclass
class Application:
    """The surroundings of a command. `connect` is called at most once, by the first use of `client`."""

    choice: Choice = field(default_factory=connecting.Choice)
    connect: Callable[[Choice], Client] = connecting.connect
    clock: Clock = field(default_factory=SystemClock)
    folder: Path = field(default_factory=lambda: project_folder(Path.cwd()))
    _client: Client | None = field(default=None, repr=False)

    @property
    def client(self) -> Client:
        """The connection.

        Raises:
            UsageError: if nothing says where to connect to.
            NotConnectedError: if the server is not there or does not accept the login.
        """
        if self._client is None:
            self._client = self.connect(self.choice)
        return self._client

    def close(self) -> None:
        """End the session on the server, if there is one."""
        if isinstance(self._client, connecting.SnowflakeClient):
            self._client.close()


def is_terminal() -> bool:
    """Whether standard output is a terminal."""
    return sys.stdout.isatty()


def terminal_width() -> int | None:
    """Return how many characters a line of the terminal has; None if the output goes elsewhere, where none is cut."""
    return Console().width if is_terminal() else None


def show(renderable: RenderableType) -> None:
    """Write a table or text to standard output: coloured on a terminal, else plain, unfolded, no trailing blanks.

    Nothing is ever cut: a line that is too wide is wrapped by the terminal, so that what is copied from it is whole.
    """
    if not is_terminal():
        _whole_lines(Console(width=_UNFOLDED, color_system=None), renderable)
        return
    unfolded = Console(width=_UNFOLDED)
    needed = Measurement.get(unfolded, unfolded.options, renderable)
    if needed.minimum > Console().width:
        _whole_lines(Console(width=needed.maximum), renderable)
    else:
        Console().print(renderable, soft_wrap=isinstance(renderable, Text))


def _whole_lines(console: Console, renderable: RenderableType) -> None:
    with console.capture() as captured:
        console.print(renderable)
    click.echo("\n".join(_TRAILING.sub(r"\1", line) for line in captured.get().splitlines()))


def show_json(value: Any) -> None:
    """Write a value to standard output as JSON."""
    click.echo(json.dumps(value, indent=2))


def note(text: str) -> None:
    """Write a remark to standard error."""
    click.echo(text, err=True)


def run_option(what: str) -> Callable[[click.decorators.FC], click.decorators.FC]:
    """Return the option --run of a command for which the newest run is the usual one; `last` means that, too."""

    def newest(_context: click.Context, _option: click.Parameter, given: str | None) -> str | None:
        return None if given == NEWEST else given

    return click.option("--run", "run_id", metavar="ID", callback=newest, help=what)


def examples(*lines: str) -> str:
    """Return the end of a help text: example commands, one on a line."""
    # \b keeps click from joining the lines of a paragraph
    return "\b\n" + "\n".join(["Examples:" if len(lines) > 1 else "Example:", *(f"  {line}" for line in lines)])


class Group(click.Group):
    """A group of commands that turns a user's error into its text and exit code; a defect keeps its traceback."""

    def invoke(self, ctx: click.Context) -> Any:
        """Run the command."""
        try:
            return super().invoke(ctx)
        except UserError as error:
            note(f"error: {error}")
            ctx.exit(error.exit_code)
        except KeyboardInterrupt:
            started = ctx.invoked_subcommand in _STARTING
            note("\nInterrupted." + (" A run that had been asked for goes on: `jobgraph status`." if started else ""))
            ctx.exit(EXIT_INTERRUPTED)
