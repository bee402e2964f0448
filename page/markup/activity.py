"""The messages about a graph and the actions on it, as HTML.

Pure. What was not taken, or nobody knows about, comes with its sign and with Snowflake's answer.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from jobgraph.page.markup.elements import brief, empty, heading, instant, link, table, text
from jobgraph.page_model import address

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

    from jobgraph.account.messages import SentMessage
    from jobgraph.page_model.address import Address
    from jobgraph.runs.operations import Operation

_SIGNS = {"SENT": ("good", "✓"), "REFUSED": ("bad", "✗"), "FAILED": ("bad", "✗")}


def activity_html(
    messages: Sequence[SentMessage], operations: Sequence[Operation], here: Address, now: datetime
) -> str:
    """Return both lists, newest first."""
    return (
        heading("Messages about its runs")
        + _messages(messages, here, now)
        + heading("What people did")
        + _operations(operations, here, now)
    )


def _messages(messages: Sequence[SentMessage], here: Address, now: datetime) -> str:
    if not messages:
        return empty("No message was sent about this graph. In the job configuration, notify says who is told of what.")
    return table(
        ("sent", "event", "run", "to", "subject", "answer"),
        (
            (
                f"{_state(message)} {instant(message.written, now)}",
                text(message.event),
                _run(message.run, here),
                f"{text(message.recipients)}<br><small>{text(message.channel)}</small>",
                text(message.subject),
                brief(message.answer),
            )
            for message in messages
        ),
    )


def _state(message: SentMessage) -> str:
    tone, sign = _SIGNS.get(message.state, ("stopped", "?"))
    return f'<span class="state {tone}"><i aria-hidden="true">{sign}</i>{text(message.state.lower())}</span>'


def _operations(operations: Sequence[Operation], here: Address, now: datetime) -> str:
    if not operations:
        return empty("Nobody has run, cancelled or changed it by hand.")
    return table(
        ("when", "what", "run", "who", "note"),
        (
            (
                instant(operation.at, now),
                text(operation.name),
                _run(operation.run_id, here),
                text(operation.user),
                brief(operation.note),
            )
            for operation in operations
        ),
    )


def _run(run_id: str, here: Address) -> str:
    return link(here.to(address.RUN, run=run_id), text(run_id)) if run_id else ""
