"""The command `page`: shows the operators' page in a browser, from this machine.

Knows how Streamlit is started. Must not know what the page shows.
"""

from __future__ import annotations

import os
import socket
import sys
from contextlib import closing
from importlib.resources import as_file, files
from importlib.util import find_spec
from typing import TYPE_CHECKING

import click

from jobgraph.cli.application import Application, examples, note
from jobgraph.errors import UsageError
from jobgraph.page import options

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from jobgraph.account.client import ConnectionChoice

# The default ports of the page; it listens on the first free one.
_PORTS = range(8501, 8521)
_HOST = "127.0.0.1"


@click.command(
    short_help="Show the operators' page in a browser.",
    epilog=examples("jobgraph page", "jobgraph page --port 8600 --open"),
)
@click.option(
    "--port",
    type=click.IntRange(1, 65535),
    help=f"Port to listen on.  [default: {_PORTS[0]}, or the next one that is free]",
)
@click.option("--open", "opening", is_flag=True, help="Open it in the browser of this machine.")
@click.pass_context
def page(context: click.Context, *, port: int | None, opening: bool) -> None:
    """Show all graphs, their runs, jobs, logs and cost in a browser, until you interrupt it (Ctrl-C).

    It listens only on 127.0.0.1, and uses the same connection as the other commands. So anyone who can open it on
    this machine can see, start and stop whatever you can. A stack with `page: true` has the same page in Snowflake.
    """
    application: Application = context.obj
    if find_spec("streamlit") is None:
        raise UsageError("The page needs Streamlit, which is not installed.", remedy="pip install 'jobgraph[page]'")
    # a wrong connection is reported here, not in the browser
    client = application.client
    if port is None and not is_free(_PORTS[0]):
        note(
            f"Port {_PORTS[0]} is in use, usually by a page that was started before; this one uses the next free port."
        )
    port = free_port(port, is_free)
    note(f"The page of {client.place} on {client.server}: http://{_HOST}:{port}   (Ctrl-C ends it)")
    application.close()
    command = [sys.executable, "-m", "streamlit", "run", _app(), *options.arguments(port, opening=opening)]
    # The page replaces this process instead of being its child, so that ending the command ends the page.
    os.execve(sys.executable, command, variables(os.environ, application.choice))  # noqa: S606  # no shell is wanted


def free_port(chosen: int | None, is_free: Callable[[int], bool]) -> int:
    """Return the port to listen on: the chosen one, else the first free default one.

    Raises:
        UsageError: if the chosen port or all default ones are in use.
    """
    if chosen is not None and is_free(chosen):
        return chosen
    port = next((port for port in _PORTS if is_free(port)), None)
    if chosen is None and port is not None:
        return port
    ports = f"Port {chosen}" if chosen is not None else f"Each port from {_PORTS[0]} to {_PORTS[-1]}"
    advice = f"use another port: `jobgraph page --port {port}`" if port is not None else "choose another with --port"
    raise UsageError(
        f"{ports} is in use: another program listens there",
        cause="Usually a page that was started earlier and is still running.",
        remedy=f"End that program, or {advice}.",
    )


def is_free(port: int) -> bool:
    """Return whether no program listens on a port of this machine."""
    with closing(socket.socket()) as probe:
        # as servers set it: a port whose last program has just ended counts as free
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((_HOST, port))
        except OSError:
            return False
    return True


def _app() -> str:
    """Return the path of the app. It is installed as a file, so the path stays valid after the `with`."""
    with as_file(files("jobgraph.page") / "app.py") as app:
        return str(app)


def variables(environment: Mapping[str, str], choice: ConnectionChoice) -> dict[str, str]:
    """Return the variables of the page's process: those of this process, and the command line's connection options."""
    own = {
        options.CONNECTION: choice.connection,
        options.DATABASE: choice.database,
        options.SCHEMA: choice.schema,
    }
    return {**environment, **{name: value for name, value in own.items() if value}}
