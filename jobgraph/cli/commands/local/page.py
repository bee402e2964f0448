"""The command `page`: show the operators' page in a browser, from this machine.

Knows how Streamlit is started. Must not know what the page shows.
"""

from __future__ import annotations

import os
import sys
from importlib.resources import as_file, files
from importlib.util import find_spec
from typing import TYPE_CHECKING

import click

from jobgraph.cli.application import Application, examples, note
from jobgraph.errors import UsageError
from jobgraph.page import options

if TYPE_CHECKING:
    from collections.abc import Mapping

    from jobgraph.account.client import ConnectionChoice

_PORT = 8501


@click.command(
    short_help="Show the operators' page in a browser.",
    epilog=examples("jobgraph page", "jobgraph page --port 8600 --open"),
)
@click.option("--port", type=click.IntRange(1, 65535), default=_PORT, show_default=True, help="Port to listen on.")
@click.option("--open", "opening", is_flag=True, help="Open it in the browser of this machine.")
@click.pass_context
def page(context: click.Context, *, port: int, opening: bool) -> None:
    """Show all graphs, their runs, jobs, logs and cost in a browser, until you interrupt it (Ctrl-C).

    It listens on 127.0.0.1 only, and does what it does with the connection that the other commands use: who can open
    it on this machine can see, and start and stop, what you can. A stack with `page: true` has the same page in
    Snowflake.
    """
    application: Application = context.obj
    if find_spec("streamlit") is None:
        raise UsageError("The page needs Streamlit, which is not installed.", remedy="pip install 'jobgraph[page]'")
    # a wrong connection is told here, not in the browser
    client = application.client
    note(f"The page of {client.place} on {client.server}: http://127.0.0.1:{port}   (Ctrl-C ends it)")
    application.close()
    command = [sys.executable, "-m", "streamlit", "run", _app(), *options.arguments(port, opening=opening)]
    # instead of this process, not below it: whoever ends the command ends the page
    os.execve(sys.executable, command, variables(os.environ, application.choice))  # noqa: S606  # no shell is wanted


def _app() -> str:
    """Return the path of the app; it is installed as a file, so it stays after the `with`."""
    with as_file(files("jobgraph.page") / "app.py") as app:
        return str(app)


def variables(environment: Mapping[str, str], choice: ConnectionChoice) -> dict[str, str]:
    """Return the variables of the page's process: those of this one, and what the command line says."""
    own = {
        options.CONNECTION: choice.connection,
        options.DATABASE: choice.database,
        options.SCHEMA: choice.schema,
    }
    return {**environment, **{name: value for name, value in own.items() if value}}
