"""The command `setup`: installs the Pulumi command line and its plugins for a project.

Knows the output. Must not know where the tools come from (`jobgraph.toolchain`).
"""

from __future__ import annotations

import click

from jobgraph.cli import tables
from jobgraph.cli.application import Application, examples, is_terminal, note, show
from jobgraph.errors import UsageError


@click.command(short_help="Get `pulumi` and its plugins.", epilog=examples("jobgraph setup"))
@click.pass_context
def setup(context: click.Context) -> None:
    """Get `pulumi` and its plugins for this project; safe to run again.

    Takes `pulumi` from the PATH, or from its official download, or builds it with Go. Stand-ins of this project, which
    are made for the sandbox, replace plugins that cannot be downloaded.
    """
    from jobgraph import toolchain  # noqa: PLC0415  # only few commands need it

    application: Application = context.obj
    try:
        parts = toolchain.set_up(application.folder)
    except toolchain.errors.ToolchainError as error:
        problem, _, remedy = str(error).partition("\n")
        raise UsageError(problem, remedy=remedy) from error
    rows = ((part.component, part.version or "?", part.source.value, str(part.path or "")) for part in parts)
    show(tables.table(("component", "version", "from", "path"), rows, terminal=is_terminal()))
    note("Next: jobgraph sandbox start")
