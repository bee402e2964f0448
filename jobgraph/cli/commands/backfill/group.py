"""The command `backfill`: without a subcommand, it starts one.

Knows its subcommands. Must not know what they do.
"""

from __future__ import annotations

import click

from jobgraph.cli.application import examples
from jobgraph.cli.commands.backfill import list_, show, start, steering

_START = "start"


class _Backfill(click.Group):
    """A group whose default subcommand is `start`: `jobgraph backfill GRAPH --from ...`."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """Insert the default subcommand before arguments that name none."""
        is_named = args and (args[0] in self.commands or args[0] in ctx.help_option_names)
        return super().parse_args(ctx, args if is_named else [_START, *args])


@click.group(
    cls=_Backfill,
    short_help="Run a graph for intervals of the past.",
    epilog=examples(
        "jobgraph backfill container_jobs --from 2026-11-01 --to 2026-11-05 --every day --dry-run",
        "jobgraph backfill list",
    ),
)
def backfill() -> None:
    """Run a graph once for each interval of a period in the past, one after the other.

    Snowflake itself drives it: the end of one run starts the next, so you need not stay connected. `jobgraph
    backfill GRAPH --from DATE --to DATE` starts one; for a graph with the name of a subcommand, use `backfill start`.
    """


for command in (start.start, list_.list_backfills, show.show, steering.pause, steering.resume, steering.cancel):
    backfill.add_command(command)
