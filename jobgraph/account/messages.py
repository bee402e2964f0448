"""Messages about runs: which were sent, whether they arrived, and test messages.

Knows the table of messages, and Snowflake's own record of notifications. Must not know what a message says
(`jobgraph.procedures.notifying`), nor how it is shown.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from jobgraph.account import queries
from jobgraph.account.queries import Statement
from jobgraph.errors import RunFailedError
from jobgraph.names import quoted
from jobgraph.procedures.notifying.messages import REFUSED, SENDING, SENT, TEST, Message, of_test, receiver_for

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from datetime import datetime

    from jobgraph.account.client import Client
    from jobgraph.procedures.notifying.outbox import SendingAnswer
    from jobgraph.runs.deployed import Deployed

_COLUMNS = (
    "MESSAGE_ID, STATE, EVENT, GRAPH_NAME, GRAPH_RUN_ID, CHANNEL, INTEGRATION, RECIPIENTS, SUBJECT, ANSWER, QUERY_ID,"
    " WRITTEN_TIME"
)
# how many days NOTIFICATION_HISTORY goes back
_DAYS_OF_DELIVERY = 13
_FAILED = "FAILED"


@dataclass(frozen=True)
class SentMessage:
    """A message and its state.

    `state` is SENT (Snowflake accepted it), FAILED (Snowflake could not deliver it), REFUSED (Snowflake did not accept
    it) or SENDING (not known). `answer` gives the reason.
    """

    event: str
    graph: str
    run: str
    channel: str
    recipients: str
    subject: str
    state: str
    answer: str
    written: datetime | None

    @property
    def arrived(self) -> bool:
        """Whether no failure to deliver it is known."""
        return self.state == SENT


def sent(client: Client, table: str, *, graph: str | None = None, limit: int = 20) -> list[SentMessage]:
    """Return the newest messages of one graph or of all, newest first."""
    where, binds = ("WHERE GRAPH_NAME = ?", (graph,)) if graph else ("", ())
    return _read(client, table, where, binds, limit)


def untold(client: Client, deployed: Deployed, run: str) -> list[SentMessage]:
    """Return the messages about a run that did not arrive; empty if the graph has no receivers."""
    if not deployed.notify:
        return []
    messages = _read(client, deployed.tables.notifications, "WHERE GRAPH_RUN_ID = ?", (run,), 100)
    return [message for message in messages if not message.arrived]


def _read(client: Client, table: str, where: str, binds: tuple[Any, ...], limit: int) -> list[SentMessage]:
    latest = (
        "QUALIFY ROW_NUMBER() OVER (PARTITION BY MESSAGE_ID"
        f" ORDER BY CASE WHEN STATE = '{SENDING}' THEN 1 ELSE 0 END, WRITTEN_TIME DESC) = 1"
    )
    statement = (
        f"SELECT {_COLUMNS} FROM {client.place.qualified(table)} {where} {latest}"
        f" ORDER BY WRITTEN_TIME DESC LIMIT {int(limit)}"
    )
    rows = client.rows(Statement(statement, binds))
    failures = _undelivered(client) if any(row["STATE"] == SENT for row in rows) else {}
    return [_message(row, failures.get(str(row["QUERY_ID"] or ""))) for row in rows]


def _undelivered(client: Client) -> dict[str, str]:
    """Return query id -> Snowflake's error, for notifications whose newest attempt to deliver them failed.

    NOTIFICATION_HISTORY has a row for each attempt: of a notification that arrived later, the failures before it, too.
    """
    function = f"{quoted(client.place.database)}.INFORMATION_SCHEMA.NOTIFICATION_HISTORY"
    newest = "QUALIFY ROW_NUMBER() OVER (PARTITION BY ID ORDER BY ATTEMPT DESC) = 1"
    statement = (
        "SELECT MESSAGE_SOURCE_INFO, STATUS, ERROR_MESSAGE FROM (SELECT * FROM"
        f" TABLE({function}(START_TIME => DATEADD('day', -{_DAYS_OF_DELIVERY}, CURRENT_TIMESTAMP()),"
        f" RESULT_LIMIT => 10000)) WHERE STATUS IN ('SUCCESS', 'FAILURE', 'RETRIABLE_FAILURE') {newest})"
        " WHERE STATUS <> 'SUCCESS'"
    )
    failures = {}
    for row in client.rows(Statement(statement)):
        query = json.loads(row["MESSAGE_SOURCE_INFO"] or "{}").get("query_id", "")
        more = " (it tries again)" if row["STATUS"] == "RETRIABLE_FAILURE" else ""
        failures[str(query)] = f"{row['ERROR_MESSAGE'] or row['STATUS']}{more}"
    return failures


def _message(row: Mapping[str, Any], failure: str | None) -> SentMessage:
    return SentMessage(
        event=str(row["EVENT"]),
        graph=str(row["GRAPH_NAME"]),
        run=str(row["GRAPH_RUN_ID"] or ""),
        channel=str(row["CHANNEL"]),
        recipients=str(row["RECIPIENTS"]),
        subject=str(row["SUBJECT"] or ""),
        state=_FAILED if failure is not None and row["STATE"] == SENT else str(row["STATE"]),
        answer=failure or str(row["ANSWER"] or ""),
        written=row["WRITTEN_TIME"],
    )


def tests(client: Client, deployed: Deployed, event: str) -> list[Message]:
    """Return a test message for each receiver of an event. They are unique each time, so that they are always sent."""
    occurrence = f"test {client.rows(queries.now())[0]['NOW'].isoformat()}"
    subject, body = of_test(deployed.key, event)
    receivers: Sequence[Mapping[str, Any]] = deployed.notify.get("receivers", ())
    return [
        Message(TEST, deployed.key, deployed.root_task, "", 0, occurrence, receiver_for(event, receiver), subject, body)
        for receiver in receivers
        if event in receiver["events"]
    ]


def send(client: Client, table: str, message: Message) -> SendingAnswer:
    """Send one message, record it in history, and return Snowflake's answer."""
    from jobgraph.procedures.history import insert_statement  # noqa: PLC0415  # loads Snowpark, which takes a second
    from jobgraph.procedures.notifying import outbox  # noqa: PLC0415  # likewise

    statement, binds = outbox.send_statement(message)
    try:
        rows = client.rows(Statement(statement, tuple(binds)))
        answer = outbox.SendingAnswer(SENT, str(next(iter(rows[0].values()), "")) if rows else "")
    except RunFailedError as error:
        answer = outbox.SendingAnswer(REFUSED, error.message)
    insert = insert_statement(client.place.qualified(table), outbox.MESSAGE_COLUMNS, outbox.MESSAGE_KEY)
    client.rows(Statement(insert, tuple(outbox.message_values(message, answer))))
    return answer


def refused(answer: SendingAnswer) -> bool:
    """Whether Snowflake did not accept the message."""
    return answer.state == REFUSED
