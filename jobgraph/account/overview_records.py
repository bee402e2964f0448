"""Reading the rows for the overview of a schema's graphs in few statements, because a schema may have many graphs.

Knows which rows are queried. Must not know how a line is shown.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from jobgraph.account import queries
from jobgraph.account.run_records import RunRecords
from jobgraph.runs import overview, task_runs

if TYPE_CHECKING:
    from collections.abc import Sequence

    from jobgraph.account.client import Client
    from jobgraph.runs.overview import GraphOverview
    from jobgraph.runs.records import GraphRecord
    from jobgraph.runs.task_runs import TaskRun

# The usual duration of a graph is the median of this many runs.
_SPANS = 20


def lines(client: Client, graphs: Sequence[GraphRecord]) -> list[GraphOverview]:
    """Return the overview of each graph, those that need attention first.

    Raises:
        AbsentError: if there is no history table, or the role may not read it.
    """
    roots = [root for graph in graphs for root in graph.root_tasks]
    history = task_runs.read(client.rows(queries.roots_history(client.place, roots)))
    spans = overview.good_spans(_spans(client, graphs))
    return overview.ordered(_line(client, graph, history, spans) for graph in graphs)


def _line(
    client: Client, graph: GraphRecord, history: Sequence[TaskRun], spans: dict[str, list[float]]
) -> GraphOverview:
    return overview.line(graph, RunRecords(client, graph, history).since_whole(), history, spans)


def _spans(client: Client, graphs: Sequence[GraphRecord]) -> list[dict[str, object]]:
    return client.rows(queries.spans(client.place, graphs[0].tables, _SPANS))
