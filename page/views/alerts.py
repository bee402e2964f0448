"""The messages about a graph's runs, and the actions on it.

Must not know where either is kept.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from jobgraph.account import activity
from jobgraph.page import reading
from jobgraph.page.board import board
from jobgraph.page.markup.activity import activity_html
from jobgraph.page.views.live import live

if TYPE_CHECKING:
    from jobgraph.page_model.address import Address

_NEWEST = 50


def show(here: Address) -> None:
    """Show the messages and actions of the address's graph."""
    record = reading.graph(here.graph)

    def draw() -> bool:
        client = reading.source().client
        messages = activity.told(client, record.tables, record.key, _NEWEST)
        operations = activity.done(client, record.tables, record.key, _NEWEST)
        board(activity_html(messages, operations, here, reading.now()), "alerts")
        return False

    live(draw)
