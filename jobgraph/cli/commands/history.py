"""The command `history`: the finished runs of a graph.

Knows its options and output. Must not know how a run is put together.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from jobgraph.cli import json_forms, lookup, operating, views
from jobgraph.cli.application import Application, examples, is_terminal, note, say, show, show_json, terminal_width
from jobgraph.runs import operations

if TYPE_CHECKING:
    from jobgraph.runs.graph_run import GraphRun
    from jobgraph.runs.operations import Operation


@click.command(
    short_help="List the finished runs of a graph.",
    epilog=examples("jobgraph history", "jobgraph history container_jobs --limit 50 --json"),
)
@click.argument("graph", required=False)
@click.option("--limit", type=click.IntRange(1, 1000), default=10, show_default=True, help="How many runs to show.")
@click.option("--json", "as_json", is_flag=True, help="Write the runs as JSON.")
@click.pass_context
def history(context: click.Context, graph: str | None, *, limit: int, as_json: bool) -> None:
    """List the finished runs of a graph, newest first, from the history tables.

    GRAPH may also be one that is no longer deployed.
    """
    application: Application = context.obj
    record = lookup.record(application, graph)
    runs = lookup.runs(application, record).history(limit)
    done = operating.kept(application.client, record.tables, record.key) if runs else []
    if as_json:
        show_json([{**json_forms.run_json(run), "operations": _operations_json(done, run)} for run in runs])
    elif runs:
        show(views.history_table(runs, terminal=is_terminal(), width=terminal_width()))
        for run in runs:
            for line in views.operations_lines(
                [operation for operation in operations.of_run(done, run) if operation.note]
            ):
                say(f"{run.run_id}: {line}")
    else:
        note(f"No run of graph {record.key} has ended yet. `jobgraph status {record.key}` shows one that is under way.")


def _operations_json(done: list[Operation], run: GraphRun) -> list[dict[str, Any]]:
    return [operating.kept_json(operation) for operation in operations.of_run(done, run)]
