"""The command `backfill show`: shows one backfill, interval by interval.

Knows its options and output. Must not know how a backfill is read.
"""

from __future__ import annotations

import click

from jobgraph.account.backfill_records import BackfillRecords
from jobgraph.cli import backfill_output, lookup, operating, operation_output
from jobgraph.cli.application import (
    Application,
    examples,
    is_terminal,
    note,
    say,
    show_json,
    terminal_width,
)
from jobgraph.cli.application import (
    show as show_table,
)
from jobgraph.runs import deployed as deployed_graphs


@click.command(short_help="Show one, interval by interval.", epilog=examples("jobgraph backfill show 1795266861347"))
@click.argument("backfill_id", metavar="ID")
@click.option("--json", "as_json", is_flag=True, help="Write it as JSON.")
@click.pass_context
def show(context: click.Context, backfill_id: str, *, as_json: bool) -> None:
    """Show a backfill: the state of each interval, and its run."""
    application: Application = context.obj
    tables = lookup.all_graphs(application)[0].tables
    records = BackfillRecords(application.client, tables)
    backfill = records.one(backfill_id)
    graph = deployed_graphs.named(lookup.deployed(application.client), backfill.graph)
    stalled = bool(graph and backfill.active and not records.is_driven(graph))
    if as_json:
        show_json({**backfill_output.backfill_json(backfill), "stalled": stalled})
        return
    show_table(backfill_output.headline(backfill, graph.schedule if graph else None))
    show_table(backfill_output.interval_table(backfill, terminal=is_terminal(), width=terminal_width()))
    done = operating.recorded_operations(application.client, tables, backfill.graph)
    about = [operation for operation in reversed(done or []) if operation.backfill_id == backfill_id]
    for line in operation_output.lines(about):
        say(line)
    for line in backfill_output.failed_intervals(backfill):
        note(line)
    for line in backfill_output.remarks(backfill, stalled=stalled, deployed=graph is not None):
        note(line)
