"""What was told about a graph, and what people did to it: the newest rows of two tables of history.

Knows those tables; a stack of an earlier version has neither, and then there is nothing. Must not know what is shown.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from jobgraph.account import control_queries
from jobgraph.account.client import AbsentError
from jobgraph.account.queries import Statement
from jobgraph.runs import operations
from jobgraph.runs.attempts import instant

if TYPE_CHECKING:
    from datetime import datetime

    from jobgraph.account.client import Client
    from jobgraph.account.queries import Tables
    from jobgraph.runs.operations import Operation

SENDING = "SENDING"
_NOTIFICATIONS = "NOTIFICATIONS"


@dataclass(frozen=True)
class Notice:
    """A message about a run, as far as its last row says: SENT, REFUSED, or SENDING if nobody knows."""

    event: str
    state: str
    channel: str
    recipients: str
    subject: str
    answer: str
    run_id: str
    written: datetime | None


def notices(client: Client, graph: str, limit: int) -> list[Notice]:
    """Return the newest messages about a graph, newest first."""
    statement = Statement(
        "SELECT EVENT, STATE, CHANNEL, RECIPIENTS, SUBJECT, ANSWER, GRAPH_RUN_ID, WRITTEN_TIME"
        f" FROM {client.place.qualified(_NOTIFICATIONS)} WHERE GRAPH_NAME = ?"
        " QUALIFY ROW_NUMBER() OVER (PARTITION BY MESSAGE_ID"
        f" ORDER BY CASE WHEN STATE = '{SENDING}' THEN 1 ELSE 0 END, WRITTEN_TIME DESC) = 1"
        f" ORDER BY WRITTEN_TIME DESC LIMIT {int(limit)}",
        (graph,),
    )
    try:
        rows = client.rows(statement)
    except AbsentError:
        return []
    return [
        Notice(
            event=str(row["EVENT"]),
            state=str(row["STATE"]),
            channel=str(row["CHANNEL"]),
            recipients=str(row["RECIPIENTS"] or ""),
            subject=str(row["SUBJECT"] or ""),
            answer=str(row["ANSWER"] or ""),
            run_id=str(row["GRAPH_RUN_ID"] or ""),
            written=instant(row["WRITTEN_TIME"]),
        )
        for row in rows
    ]


def done(client: Client, tables: Tables, graph: str, limit: int) -> list[Operation]:
    """Return what people did last to a graph and its runs, newest first."""
    try:
        return operations.read(client.rows(control_queries.operations_of(client.place, tables, graph, limit)))
    except AbsentError:
        return []
