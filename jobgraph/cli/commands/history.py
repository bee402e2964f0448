"""The command `history`: lists the finished runs of a graph, and what people did to it.

Knows its options and output. Must not know how a run is assembled.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from jobgraph.cli import json_forms, lookup, operating, operation_output, views
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
from jobgraph.runs import operations

if TYPE_CHECKING:
    from collections.abc import Sequence

    from jobgraph.runs.graph_run import GraphRun
    from jobgraph.runs.operations import Operation


@click.command(
    short_help="List the finished runs of a graph.",
    epilog=examples(
        "jobgraph history",
        "jobgraph history container_jobs --limit 50 --json",
        "jobgraph history --operations",
    ),
)
@graph_option
@click.option("--limit", type=click.IntRange(1, 1000), default=10, show_default=True, help="How many runs to show.")
@click.option("--operations", "only_operations", is_flag=True, help="Show only what people did.")
@click.option("--json", "as_json", is_flag=True, help="Write the runs, or what people did, as JSON.")
@click.pass_context
def history(context: click.Context, graph: str | None, *, limit: int, only_operations: bool, as_json: bool) -> None:
    """List the finished runs of a graph, newest first, from the history tables.

    Below them is what people did to the graph since the first of these runs: runs requested, retries, cancellations,
    suspensions, backfills, each with who, when and why. GRAPH may also be one that is no longer deployed.
    """
    application: Application = context.obj
    record = lookup.record(application, graph)
    runs = lookup.runs(application, record).history(limit)
    recorded = operating.recorded_operations(application.client, record.tables, record.key)
    runs_before = operating.runs_before(application.client, record, recorded, runs)
    done = None if recorded is None else operations.since(recorded, runs, runs_before, from_the_first=len(runs) < limit)
    if as_json and only_operations:
        show_json(None if done is None else [operation_output.operation_json(operation) for operation in done])
    elif as_json:
        show_json(
            [
                {
                    **json_forms.run_json(run),
                    "operations": operation_output.of_run_json(recorded, run, [*runs_before, *runs]),
                }
                for run in runs
            ]
        )
    else:
        _show(record.key, () if only_operations else runs, done, only_operations=only_operations)


def _show(key: str, runs: Sequence[GraphRun], done: Sequence[Operation] | None, *, only_operations: bool) -> None:
    if runs:
        show(views.history_table(runs, terminal=is_terminal(), width=terminal_width()))
    elif not only_operations:
        note(f"No run of graph {key} has ended yet. `jobgraph status {key}` shows one that is in progress.")
    if done:
        if runs and not is_terminal():
            click.echo()
        show(operation_output.table(done, terminal=is_terminal(), width=terminal_width()))
    elif only_operations and done is not None:
        note(f"No operations on graph {key} are recorded.")
