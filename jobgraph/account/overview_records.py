"""Reading the rows for the overview of a schema's graphs in few statements, because a schema may have many graphs.

Knows which rows are queried. Must not know how a line is shown.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from jobgraph.account import control_queries, queries, unclosed_queries, unclosed_runs
from jobgraph.account.client import AbsentError, NotAllowedError, rows_of
from jobgraph.account.run_records import RunRecords
from jobgraph.runs import operations, overview, task_runs

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from jobgraph.account.client import Client
    from jobgraph.runs.graph_run import GraphRun
    from jobgraph.runs.overview import GraphOverview
    from jobgraph.runs.records import GraphRecord

# The usual duration of a graph is the median of this many runs.
_SPANS = 20
# The newest operations of a graph that are searched: for those of a run, and for who suspended it.
MOST_OPERATIONS = 500


def lines(
    client: Client, graphs: Sequence[GraphRecord], closed: Mapping[str, Sequence[GraphRun]] | None = None
) -> list[GraphOverview]:
    """Return the overview of each graph, those that need attention first.

    `closed`: the newest closed runs of each graph, newest first, if they have been read; then most graphs need no
    statement of their own.

    Raises:
        AbsentError: if there is no history table, or the role may not read it.
    """
    place, tables = client.place, graphs[0].tables
    roots = [root for graph in graphs for root in graph.root_tasks]
    statements = [queries.roots_history(place, roots), queries.spans(place, tables, _SPANS)]
    if closed is not None:
        statements.append(unclosed_queries.unclosed_ids(place, tables, roots))
    history_rows, span_rows, *unclosed_rows = rows_of(client, *statements)
    history, spans = task_runs.read(history_rows), overview.good_spans(span_rows)
    unclosed = unclosed_runs.ids(unclosed_rows[0]) if unclosed_rows else ()

    def line(graph: GraphRecord) -> GraphOverview:
        runs = None if closed is None else overview.settled(graph, closed.get(graph.key, ()), history, unclosed)
        runs = RunRecords(client, graph, history).since_whole() if runs is None else runs
        shown = overview.line(graph, runs, history, spans)
        return replace(shown, suspender=_suspender(client, graph)) if shown.suspended else shown

    return overview.ordered(map(line, graphs))


def _suspender(client: Client, graph: GraphRecord) -> str:
    """Return who suspended a graph's root; empty if that is not recorded, or the role may not read it."""
    if graph.deployed is None or graph.deployed.suspended_by_failures:
        return ""
    statement = control_queries.operations_of(client.place, graph.tables, graph.key, MOST_OPERATIONS)
    try:
        suspension = operations.suspension(operations.read(client.rows(statement)))
    except (AbsentError, NotAllowedError):
        return ""
    return suspension.user if suspension else ""
