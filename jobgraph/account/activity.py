"""Messages about a graph, and operations of people on it: the newest rows of two history tables.

Knows those tables. A stack of an earlier version has neither; the result is then empty. Must not know what is shown.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from jobgraph.account import control_queries, messages
from jobgraph.account.client import AbsentError
from jobgraph.runs import operations

if TYPE_CHECKING:
    from jobgraph.account.client import Client
    from jobgraph.account.messages import SentMessage
    from jobgraph.account.queries import Tables
    from jobgraph.runs.operations import Operation


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
