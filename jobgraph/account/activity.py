"""Messages about a graph, and what people did to it: the newest rows of two history tables.

Knows those tables; a stack of an earlier version has neither, so the result is empty. Must not know what is shown.
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
    """Return what people did last to a graph and its runs, newest first."""
    try:
        return operations.read(client.rows(control_queries.operations_of(client.place, tables, graph, limit)))
    except AbsentError:
        return []
