"""Messages about a graph, and operations of people on it: the newest rows of two history tables.

Knows those tables. A stack of an earlier version has neither; the result is then empty. Must not know what is shown.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from jobgraph.account import control_queries, messages, queries
from jobgraph.account.client import AbsentError
from jobgraph.runs import operations, task_runs

if TYPE_CHECKING:
    from jobgraph.account.client import Client
    from jobgraph.account.messages import SentMessage
    from jobgraph.account.queries import Tables
    from jobgraph.runs.graph_run import GraphRun
    from jobgraph.runs.operations import Operation
    from jobgraph.runs.records import GraphRecord
    from jobgraph.runs.task_runs import TaskRun

# How many closed runs before a run are searched for one that came of the same request.
_EARLIER_RUNS = 100


def told(client: Client, tables: Tables, graph: str, limit: int) -> list[SentMessage]:
    """Return the newest messages about a graph, newest first."""
    try:
        return messages.sent(client, tables.notifications, graph=graph, limit=limit)
    except AbsentError:
        return []


def done(client: Client, tables: Tables, graph: str, limit: int) -> list[Operation]:
    """Return the newest operations of people on a graph and its runs, newest first."""
    try:
        return operations.read(client.rows(control_queries.operations_of(client.place, tables, graph, limit)))
    except AbsentError:
        return []


def starts_before(client: Client, graph: GraphRecord, run: GraphRun) -> list[TaskRun]:
    """Return the roots' rows of runs that may have come of the same request as a run: those of the day before it."""
    if run.scheduled is None:
        return []
    place, roots = client.place, graph.root_tasks
    closed = task_runs.read(
        client.rows(control_queries.roots_before(place, graph.tables, roots, run.run_id, _EARLIER_RUNS))
    )
    recent = task_runs.read(client.rows(queries.roots_history(place, roots)))
    root_id = graph.deployed.root_id if graph.deployed else ""
    own = [*filter(graph.has, closed), *(row for row in recent if row.root_id in {"", root_id})]
    since = run.scheduled - operations.LONGEST_WAIT
    # a retry has the id of its run, and came of another operation
    return [row for row in own if row.attempt == 1 and row.scheduled and since <= row.scheduled < run.scheduled]
