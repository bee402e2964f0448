"""Sends messages, each once, and records them in history.

Knows Snowflake's sending procedures, and the table of messages. Must not know the texts of messages. Shipped as a part
of stored procedures' texts.

A message is recorded as SENDING before it is passed to Snowflake, and as SENT or REFUSED after that. If a message
stayed at SENDING, the next caller looks for its statement in the query history, by a tag that no other statement has.
It sends the message unless the statement succeeded, or was killed but is in the notification history. So no message is
lost, and it is sent twice only if the histories do not show the statement (yet, or any more).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

from snowflake.snowpark.exceptions import SnowparkSQLException

from jobgraph.procedures.attempt import identifier, object_name, one_line
from jobgraph.procedures.history import WRITTEN, insert_statement
from jobgraph.procedures.notifying.messages import (
    EMAIL,
    MOST_SUBJECT,
    REFUSED,
    SENDING,
    SENT,
    message_content,
    shortened,
)
from jobgraph.procedures.sending import TIMES_SENT, error_code, error_text, is_refusal, send

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from jobgraph.procedures.notifying.messages import Message
    from jobgraph.procedures.sending import Tagged

MESSAGE_KEY = ("MESSAGE_ID", "STATE")
MESSAGE_COLUMNS = {  # column -> expression of its value; each `?` is a bind
    **dict.fromkeys((*MESSAGE_KEY, "EVENT", "GRAPH_NAME", "ROOT_TASK_NAME", "GRAPH_RUN_ID", "ATTEMPT_NUMBER"), "?"),
    **dict.fromkeys(
        ("OCCURRENCE", "CHANNEL", "INTEGRATION", "RECIPIENTS", "SUBJECT", "BODY", "ANSWER", "QUERY_ID"), "?"
    ),
    "WRITTEN_TIME": "CURRENT_TIMESTAMP()",
    **WRITTEN,
}
SEND_EMAIL = "CALL SYSTEM$SEND_EMAIL(?, ?, ?, ?)"
SEND_WEBHOOK = (
    "CALL SYSTEM$SEND_SNOWFLAKE_NOTIFICATION("
    "SNOWFLAKE.NOTIFICATION.TEXT_PLAIN(SNOWFLAKE.NOTIFICATION.SANITIZE_WEBHOOK_CONTENT(?)),"
    " SNOWFLAKE.NOTIFICATION.INTEGRATION(?))"
)
TAKEN_BEFORE = "taken before an interruption"
# errors of notifications and of their integrations
NOT_SENT = range(391_000, 396_000)


class SendingAnswer(NamedTuple):
    """Snowflake's answer to a message, and the id of the query that sent it."""

    state: str
    text: str
    query_id: str = ""


def deliver(session: Tagged, place: Mapping[str, Any], messages: Sequence[Message]) -> list[str]:
    """Send the messages that were not sent before. Return the failures, which must not fail the run."""
    unsent = []
    states = _message_states(session, place, messages)
    for message in messages:
        if states.get(message.id, "") in {SENT, REFUSED}:
            continue
        try:
            answer = _send_once(session, place, message, in_doubt=message.id in states)
        except SnowparkSQLException as error:
            unsent.append(f"{message.recipients}: not known whether it was sent: {one_line(error_text(error))}")
            continue
        if answer.state == REFUSED:
            unsent.append(f"{message.recipients}: {answer.text}")
    return unsent


def _message_states(session: Tagged, place: Mapping[str, Any], messages: Sequence[Message]) -> dict[str, str]:
    """Return the state of each message by its id."""
    if not messages:
        return {}
    marks = ", ".join("?" for _ in messages)
    # a message has a row SENDING, and at most one row with another state
    statement = (
        f"SELECT MESSAGE_ID, MAX(IFF(STATE = '{SENDING}', '', STATE)) AS STATE"
        f" FROM {object_name(place, 'notifications_table')} WHERE MESSAGE_ID IN ({marks}) GROUP BY MESSAGE_ID"
    )
    rows = send(session, statement, [message.id for message in messages])
    return {str(row["MESSAGE_ID"]): str(row["STATE"] or SENDING) for row in rows}


def _send_once(session: Tagged, place: Mapping[str, Any], message: Message, *, in_doubt: bool) -> SendingAnswer:
    """Send a message, and record and return the answer.

    Raises:
        SnowparkSQLException: if faults persist, so that it is unknown whether the message was sent.
    """
    _write_message(session, place, message, SendingAnswer(SENDING, ""))
    answer = (
        SendingAnswer(SENT, TAKEN_BEFORE, _query_that_took(session, place, message))
        if in_doubt
        else SendingAnswer(SENDING, "")
    )
    for turn in range(TIMES_SENT):
        if answer.query_id:
            break
        try:
            answer = _handed_over(session, message)
            break
        except SnowparkSQLException as error:
            if _is_final_refusal(error):
                answer = SendingAnswer(REFUSED, one_line(error_text(error)))
                break
            if turn == TIMES_SENT - 1:
                raise
            answer = SendingAnswer(SENT, TAKEN_BEFORE, _query_that_took(session, place, message))
    _write_message(session, place, message, answer)
    return answer


def _is_final_refusal(error: SnowparkSQLException) -> bool:
    return is_refusal(error) or error_code(error) in NOT_SENT


def message_tag(message: Message) -> str:
    """Return the tag of the only statement that sends a message."""
    return f"jobgraph message {message.id}"


def send_statement(message: Message) -> tuple[str, list[str]]:
    """Return the statement that passes a message to Snowflake, and its binds."""
    text, integration = message_content(message), identifier(message.receiver["integration"])
    if message.receiver["channel"] == EMAIL:
        return SEND_EMAIL, [integration, message.recipients, shortened(message.subject, MOST_SUBJECT), text]
    return SEND_WEBHOOK, [text, integration]


def _handed_over(session: Tagged, message: Message) -> SendingAnswer:
    statement, binds = send_statement(message)
    with session.session.query_history() as sent:
        rows = session._replace(tag=message_tag(message)).collect(statement, binds)
    text = str(rows[0][0]) if rows else ""
    return SendingAnswer(SENT, text, str(sent.queries[-1].query_id) if sent.queries else "")


def _query_that_took(session: Tagged, place: Mapping[str, Any], message: Message) -> str:
    """Return the id of an earlier query that sent a message; empty if there is none.

    A killed query may have sent it nevertheless; the notification history names the query then.
    """
    functions = f'"{identifier(place["database"])}".INFORMATION_SCHEMA'
    statement = (
        f"SELECT QUERY_ID, EXECUTION_STATUS FROM TABLE({functions}.QUERY_HISTORY(RESULT_LIMIT => 10000))"
        " WHERE QUERY_TAG = ? AND QUERY_TYPE = 'CALL'"
    )
    rows = send(session, statement, [message_tag(message)])
    took = [str(row["QUERY_ID"]) for row in rows if row["EXECUTION_STATUS"] == "SUCCESS"]
    return next(iter(took or _queries_that_sent(session, functions, [str(row["QUERY_ID"]) for row in rows])), "")


def _queries_that_sent(session: Tagged, functions: str, query_ids: Sequence[str]) -> list[str]:
    """Return the queries that sent a notification, according to the notification history of the last 14 days."""
    if not query_ids:
        return []
    query_id = "MESSAGE_SOURCE_INFO:query_id::VARCHAR"
    statement = (
        f"SELECT {query_id} AS QUERY_ID FROM TABLE({functions}.NOTIFICATION_HISTORY("
        "START_TIME => DATEADD('day', -13, CURRENT_TIMESTAMP()), RESULT_LIMIT => 10000))"
        f" WHERE {query_id} IN ({', '.join('?' for _ in query_ids)})"
    )
    return [str(row["QUERY_ID"]) for row in send(session, statement, list(query_ids))]


def _write_message(session: Tagged, place: Mapping[str, Any], message: Message, answer: SendingAnswer) -> None:
    statement = insert_statement(object_name(place, "notifications_table"), MESSAGE_COLUMNS, MESSAGE_KEY)
    send(session, statement, message_values(message, answer))


def message_values(message: Message, answer: SendingAnswer) -> list[Any]:
    """Return the binds of a message's row."""
    receiver = message.receiver
    return [
        *(message.id, answer.state, message.event, message.graph, message.root, message.group or None),
        *(message.attempt or None, message.occurrence, receiver["channel"], receiver["integration"]),
        *(message.recipients, message.subject, message.body, answer.text or None, answer.query_id or None),
    ]
