"""The command `python -m jobgraph.toolchain`: `setup`, which `make setup` runs, and `doctor`.

Knows arguments, output and exit codes; other modules of this package do the work.
"""

import os
import shlex
import sys
from pathlib import Path

import click

from jobgraph.toolchain import layout
from jobgraph.toolchain.errors import EXIT_CODE, ToolchainError
from jobgraph.toolchain.installed import environment, report
from jobgraph.toolchain.setup import set_up
from jobgraph.toolchain.sources import Component, Source

PROJECT = click.option(
    "--project", type=click.Path(path_type=Path, file_okay=False), default=Path(), help="Folder of the project."
)


@click.group()
def main() -> None:
    """Install the Pulumi command line and its plugins, or report what is installed."""


@main.command()
@PROJECT
def setup(project: Path) -> None:
    """Install `pulumi`, its Python language host and the Snowflake plugin on this machine. Safe to run again."""
    show(set_up(project))


@main.command()
@PROJECT
@click.option(
    "--expect-plugin", type=click.Choice(["official", "stand-in"]), help="Fail unless this Snowflake plugin is used."
)
def doctor(project: Path, expect_plugin: str | None) -> None:
    """Show which parts are used and where they come from; exit code 5 if one is missing or not the expected one."""
    rows = report(project.resolve())
    show(rows)
    plugin = next(row for row in rows if row.component == layout.SNOWFLAKE_PLUGIN)
    if expect_plugin and (plugin.source is Source.STAND_IN) != (expect_plugin == "stand-in"):
        click.echo(f"The Snowflake plugin is not the {expect_plugin} one.", err=True)
        sys.exit(EXIT_CODE)
    if any(row.source is Source.MISSING for row in rows):
        click.echo(f"Something is missing: run `{layout.setup_command(project)}`.", err=True)
        sys.exit(EXIT_CODE)


@main.command()
@PROJECT
def env(project: Path) -> None:
    """Print the variables with which a shell finds the parts, for CI: eval "$(python -m jobgraph.toolchain env)"."""
    for name, value in environment(project.resolve(), os.environ).items():
        click.echo(f"export {name}={shlex.quote(value)}")


def show(rows: list[Component]) -> None:
    """Print the parts, each with its path on a separate line, because paths are long."""
    for row in rows:
        click.echo(f"{row.component:<26} {row.version or '?':<9} {row.source.value}")
        if row.path:
            click.echo(f"{'':<26} {row.path}")


if __name__ == "__main__":
    try:
        main()
    except ToolchainError as error:
        click.echo(f"error: {error}", err=True)
        sys.exit(error.exit_code)
