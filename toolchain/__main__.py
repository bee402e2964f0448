"""The command `python -m jobgraph.toolchain`: `setup`, which `make setup` runs, and `doctor`.

Knows arguments, output and exit codes; the work is done elsewhere in this package.
"""

import os
import sys
import time
from pathlib import Path

import click

from jobgraph.toolchain import layout
from jobgraph.toolchain.errors import EXIT_CODE, ToolchainError
from jobgraph.toolchain.installed import report
from jobgraph.toolchain.progress import Reporter
from jobgraph.toolchain.setup import Setup
from jobgraph.toolchain.sources import Component, Source

PROJECT = click.option(
    "--project", type=click.Path(path_type=Path, file_okay=False), default=layout.CODE, help="Folder of the clone."
)


@click.group()
def main() -> None:
    """Get the Pulumi command line and its plugins, or tell what is there."""


@main.command()
@PROJECT
def setup(project: Path) -> None:
    """Get `pulumi`, its Python language host and the Snowflake plugin onto this machine. Safe to run again."""
    search = os.environ.get("PATH", os.defpath)
    show(Setup(project.resolve(), search, layout.cache_folder(), Reporter(time.monotonic)).run())


@main.command()
@PROJECT
def doctor(project: Path) -> None:
    """Tell which parts are used and where they come from; exit code 5 if one is missing."""
    rows = report(project.resolve())
    show(rows)
    if any(row.source is Source.MISSING for row in rows):
        click.echo("Something is missing: run `make setup`.", err=True)
        sys.exit(EXIT_CODE)


def show(rows: list[Component]) -> None:
    """Print the parts, each with its path on a line of its own, as paths are long."""
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
