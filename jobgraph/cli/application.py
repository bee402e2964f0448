"""What every command is given: the connection, the clock, the project's folder and the terminal.

Knows how these are put together. Must not know any command, but for the names of those that start runs.
Tests make one with a client and a clock of their own.
"""

from __future__ import annotations

import json
import re
import shlex
import shutil
import sys
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click
from rich.console import Console
from rich.measure import Measurement
from rich.text import Text

from jobgraph.account import client as connecting
from jobgraph.account.client import AbsentError
from jobgraph.account.places import absent_place
from jobgraph.cli.watching import SystemClock
from jobgraph.errors import EXIT_INTERRUPTED, UserError

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from rich.console import RenderableType

    from jobgraph.account.client import Client, ConnectionChoice
    from jobgraph.cli.watching import Clock

CONFIGURATION = "jobconfig.yaml"
# What people may say instead of a run's id.
NEWEST = "last"
# The options that say where the graphs are; commands that need no connection need none of them.
_PLACE_OPTIONS = ("connection", "database", "schema")
_WITHOUT_CONNECTION = frozenset({"validate", "diff", "preview-summary", "privileges", "sandbox"})
# Commands that start runs.
_STARTING = frozenset({"run", "retry"})
# Wide enough that no cell is ever folded when the output goes to a file or a pipe.
_UNFOLDED = 10_000
# Where a command's context remembers the remarks that are written only once.
_WRITTEN = "jobgraph.remarks"
# Blanks at the end of a line, perhaps before the end of a colour.
_TRAILING = re.compile(r" +((?:\x1b\[[0-9;]*m)*)$")


def project_folder(start: Path) -> Path:
    """Return the nearest folder from `start` upwards that holds a project; `start` itself if there is none."""
    for folder in (start, *start.parents):
        if (folder / CONFIGURATION).is_file() or (folder / "Pulumi.yaml").is_file():
            return folder
    return start


def program_name(called: str, folder: Path) -> str:
    """Return how this command is called again in `folder`: by its name if the PATH has it, else by its path."""
    file, on_path = Path(called), shutil.which("jobgraph")
    if file.name != "jobgraph" or (on_path and Path(on_path).resolve() == file.resolve()):
        return "jobgraph"
    absolute = file.absolute()
    return str(absolute.relative_to(folder)) if absolute.is_relative_to(folder) else str(absolute)


@dataclass
class Application:
    """The surroundings of a command. `connect` is called at most once, by the first use of `client`.

    `program` is how the command is called in this shell.
    """

    choice: ConnectionChoice = field(default_factory=connecting.ConnectionChoice)
    connect: Callable[[ConnectionChoice], Client] = connecting.connect
    clock: Clock = field(default_factory=SystemClock)
    folder: Path = field(default_factory=lambda: project_folder(Path.cwd()))
    program: str = "jobgraph"
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


def say(text: str | Text) -> None:
    """Write a line to standard output, with the commands in it as they work in this shell."""
    if isinstance(text, Text):
        show(text if spelled(text.plain) == text.plain else Text(spelled(text.plain)))
    else:
        click.echo(spelled(text))


def show_json(value: Any) -> None:
    """Write a value to standard output as JSON."""
    click.echo(json.dumps(value, indent=2))


def note(text: str) -> None:
    """Write a remark to standard error, with the commands in it as they work in this shell."""
    click.echo(spelled(text), err=True)


def note_once(text: str) -> None:
    """Write a remark as `note` does, but only once in a command."""
    context = click.get_current_context(silent=True)
    written: set[str] = context.meta.setdefault(_WRITTEN, set()) if context else set()
    if text not in written:
        written.add(text)
        note(text)


def spelled(text: str) -> str:
    """Return a text with its commands as they work in this shell: `jobgraph` as it was called, on the same place."""
    context = click.get_current_context(silent=True)
    root = context.find_root() if context else None
    if root is None or not isinstance(root.command, click.Group):
        return text
    application = root.obj if isinstance(root.obj, Application) else Application()
    names = "|".join(map(re.escape, root.command.commands))
    return re.sub(
        rf"(?<![\w./-])jobgraph (?=(?P<command>{names})\b)", partial(_spelled, application, root.params), text
    )


def _spelled(application: Application, options: Mapping[str, Any], match: re.Match[str]) -> str:
    chosen = {} if match["command"] in _WITHOUT_CONNECTION else options
    words = [f"--{name} {shlex.quote(value)} " for name in _PLACE_OPTIONS if (value := chosen.get(name))]
    return f"{application.program} {''.join(words)}"


def run_option(text: str) -> Callable[[click.decorators.FC], click.decorators.FC]:
    """Return the option --run of a command for which the newest run is the usual one; `last` means that, too."""

    def newest(_context: click.Context, _option: click.Parameter, value: str | None) -> str | None:
        return None if value == NEWEST else value

    return click.option("--run", "run_id", metavar="ID", callback=newest, help=text)


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
        except AbsentError as error:
            note(f"error: {_absent_place(ctx) or error}")
            ctx.exit(error.exit_code)
        except UserError as error:
            note(f"error: {error}")
            ctx.exit(error.exit_code)
        except KeyboardInterrupt:
            started = ctx.invoked_subcommand in _STARTING
            note("\nInterrupted." + (" A run that had been asked for goes on: `jobgraph status`." if started else ""))
            ctx.exit(EXIT_INTERRUPTED)


def _absent_place(context: click.Context) -> AbsentError | None:
    """Return the error for the schema that the command was to look at; None if it is there, or nothing was asked."""
    application = context.obj
    return absent_place(application.client) if isinstance(application, Application) else None
