"""The command `backfill list`: lists the backfills of the schema.

Knows its options and output. Must not know how a backfill is read.
"""

from __future__ import annotations

import click

from jobgraph.account.backfill_records import BackfillRecords
from jobgraph.cli import backfill_output, lookup
from jobgraph.cli.application import (
    Application,
    examples,
    graph_option,
    is_terminal,
    note,
    show,
    show_json,
    terminal_width,
)


@click.command("list", short_help="List them, newest first.", epilog=examples("jobgraph backfill list --json"))
@graph_option
@click.option("--json", "as_json", is_flag=True, help="Write them as JSON.")
@click.pass_context
def list_backfills(context: click.Context, graph: str | None, *, as_json: bool) -> None:
    """List the backfills of a graph, or of all graphs, newest first."""
    application: Application = context.obj
    record = lookup.record(application, graph) if graph else lookup.all_graphs(application)[0]
    listed = BackfillRecords(application.client, record.tables).of_graph(record.key if graph else None)
    if as_json:
        show_json([backfill_output.backfill_json(backfill) for backfill in listed])
    elif listed:
        show(backfill_output.list_table(listed, terminal=is_terminal(), width=terminal_width()))
    else:
        note("There are no backfills.")
