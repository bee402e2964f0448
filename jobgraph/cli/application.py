"""The environment of a command: the connection, the clock, the project's folder and the terminal.

Knows how these are created. Must not know any command, except the names of those that start runs. Tests create an
`Application` with a client and a clock of their own.
"""

from __future__ import annotations

import json
import re
import shlex
import shutil
import sys
from dataclasses import dataclass, field
from functools import partial, wraps
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click
from rich.console import Console
from rich.measure import Measurement
from rich.segment import Segment
from rich.text import Text

from jobgraph.account import client as connecting
from jobgraph.account.client import AbsentError
from jobgraph.account.places import absent_place
from jobgraph.cli.watching import SystemClock
from jobgraph.errors import EXIT_INTERRUPTED, UsageError, UserError
from jobgraph.procedures.logs import safe

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from rich.console import ConsoleOptions, RenderableType

    from jobgraph.account.client import Client, ConnectionChoice
    from jobgraph.cli.watching import Clock

CONFIGURATION = "jobconfig.yaml"
# The word for the newest run, in place of a run's id.
NEWEST = "last"
# The options that locate the graphs; a command without a connection ignores them.
_PLACE_OPTIONS = ("connection", "database", "schema")
_WITHOUT_CONNECTION = frozenset({"validate", "diff", "preview-summary", "privileges", "sandbox"})
# Commands that start runs.
_STARTING = frozenset({"run", "retry"})
# Wide enough that no cell is folded when the output goes to a file or a pipe.
_UNFOLDED = 10_000
# The key, in a command's context, of the remarks that are written only once.
_WRITTEN = "jobgraph.remarks"
# Blanks at the end of a line, optionally followed by the end of a colour.
_TRAILING = re.compile(r" +((?:\x1b\[[0-9;]*m)*)$")


def project_folder(start: Path) -> Path:
    """Return the nearest folder with a project, from `start` upwards; `start` itself if there is none."""
    for folder in (start, *start.parents):
        if (folder / CONFIGURATION).is_file() or (folder / "Pulumi.yaml").is_file():
            return folder
    return start


def program_name(called: str, folder: Path) -> str:
    """Return how to call this command from `folder`: by its name if it is on the PATH, else by its path."""
    file, on_path = Path(called), shutil.which("jobgraph")
    if file.name != "jobgraph" or (on_path and Path(on_path).resolve() == file.resolve()):
        return "jobgraph"
    absolute = file.absolute()
    return str(absolute.relative_to(folder)) if absolute.is_relative_to(folder) else str(absolute)


@dataclass
class Application:
    """The environment of a command. `connect` is called at most once, at the first use of `client`.

    `program` is the way to call the command in this shell.
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
            UsageError: if no connection is configured.
            NotConnectedError: if the server cannot be reached or rejects the login.
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
    """Return the number of characters in a line of the terminal; None if the output does not go to a terminal."""
    return Console().width if is_terminal() else None


class Harmless:
    """A table or text in which control characters are written out: names and errors come from others.

    A terminal would obey them: clear the screen, set its title, write from right to left.
    """

    def __init__(self, renderable: RenderableType) -> None:
        self._renderable = renderable

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> Iterator[Segment]:
        """Yield the parts of the text; colours are apart from them."""
        for segment in console.render(self._renderable, options):
            yield segment if segment.control else Segment(safe(segment.text), segment.style)

    def __rich_measure__(self, console: Console, options: ConsoleOptions) -> Measurement:
        """Return the width of the text."""
        return Measurement.get(console, options, self._renderable)


def show(renderable: RenderableType) -> None:
    """Write a table or text to standard output: in colour on a terminal, else plain, unfolded, without trailing blanks.

    Nothing is cut: the terminal wraps a line that is too wide, so that copied text is complete.
    """
    harmless = Harmless(renderable)
    if not is_terminal():
        _whole_lines(Console(width=_UNFOLDED, color_system=None), harmless)
        return
    unfolded = Console(width=_UNFOLDED)
    needed = Measurement.get(unfolded, unfolded.options, renderable)
    if needed.minimum > Console().width:
        _whole_lines(Console(width=needed.maximum), harmless)
    else:
        Console().print(harmless, soft_wrap=isinstance(renderable, Text))


def _whole_lines(console: Console, renderable: RenderableType) -> None:
    with console.capture() as captured:
        console.print(renderable)
    click.echo("\n".join(_TRAILING.sub(r"\1", line) for line in captured.get().splitlines()))


def say(text: str | Text) -> None:
    """Write a line to standard output; the commands in it are spelled so that they work in this shell."""
    if isinstance(text, Text):
        show(text if spelled(text.plain) == text.plain else Text(spelled(text.plain)))
    else:
        click.echo(safe(spelled(text)))


def show_text(text: str, *, to_error: bool = False) -> None:
    """Write a text of several lines as it is, but with control characters written out: it may have words of others."""
    click.echo(safe(text), nl=False, err=to_error)


def show_json(value: Any) -> None:
    """Write a value to standard output as JSON."""
    click.echo(json.dumps(value, indent=2))


def note(text: str) -> None:
    """Write a remark to standard error; the commands in it are spelled so that they work in this shell."""
    click.echo(safe(spelled(text)), err=True)


def note_once(text: str) -> None:
    """Write a remark as `note` does, but at most once per command."""
    context = click.get_current_context(silent=True)
    written: set[str] = context.meta.setdefault(_WRITTEN, set()) if context else set()
    if text not in written:
        written.add(text)
        note(text)


def spelled(text: str) -> str:
    """Return a text whose commands work in this shell: with this program's name and the present connection options."""
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
    """Return the option --run of a command whose default is the newest run, which `last` also means."""

    def newest(_context: click.Context, _option: click.Parameter, value: str | None) -> str | None:
        return None if value == NEWEST else value

    return click.option("--run", "run_id", metavar="ID", callback=newest, help=text)


def graph_option(function: Callable[..., Any]) -> Callable[..., Any]:
    """Let a command take its graph as an argument or, as other commands do, by the option --graph."""

    @wraps(function)
    def with_graph(*arguments: Any, graph: str | None, graph_name: str | None, **options: Any) -> Any:
        return function(*arguments, graph=_same("GRAPH", graph, "--graph", graph_name), **options)

    named = click.option("--graph", "graph_name", metavar="NAME", help="The same as GRAPH.")(with_graph)
    return click.argument("graph", required=False)(named)


def job_option(function: Callable[..., Any]) -> Callable[..., Any]:
    """Let a command take its job as an argument or, as other commands do, by the option --job."""

    @wraps(function)
    def with_job(*arguments: Any, job: str | None, job_name: str | None, **options: Any) -> Any:
        return function(*arguments, job=_same("JOB", job, "--job", job_name), **options)

    named = click.option("--job", "job_name", metavar="NAME", help="The same as JOB.")(with_job)
    return click.argument("job", required=False)(named)


def _same(first: str, value: str | None, second: str, other: str | None) -> str | None:
    """Return the value that was given in one of two ways.

    Raises:
        UsageError: if two different ones were given.
    """
    if value is not None and other is not None and value != other:
        raise UsageError(f"{first} is {value!r}, and {second} is {other!r}", remedy="Give one of them.")
    return other if value is None else value


def examples(*lines: str) -> str:
    """Return the end of a help text: example commands, one per line."""
    # \b stops click from joining the lines of a paragraph
    return "\b\n" + "\n".join(["Examples:" if len(lines) > 1 else "Example:", *(f"  {line}" for line in lines)])


class Group(click.Group):
    """A group of commands that reports a UserError by its text and exit code. Other exceptions keep their traceback."""

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
