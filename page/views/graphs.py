"""All graphs: the state, last runs and next start of each.

Knows the filter of the list. Must not know how a graph's line is put together.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import streamlit as st

from jobgraph.page import reading
from jobgraph.page.board import board
from jobgraph.page.markup.cards import cards_html
from jobgraph.page.markup.elements import empty
from jobgraph.page.views.controls import filter_field
from jobgraph.page.views.live import live
from jobgraph.page_model.strip import cards

if TYPE_CHECKING:
    from jobgraph.page_model.address import Address

# From so many graphs on, a field to search them is worth its place.
_MANY = 8


def show(here: Address) -> None:
    """Show all graphs."""
    if len(reading.graphs()) >= _MANY:
        filter_field(here, "Graphs whose name contains")

    def draw() -> bool:
        lines = reading.lines()
        if not lines:
            board(empty("No graph is deployed here yet.", "pulumi up"), "graphs")
            return False
        containing = st.query_params.get("filter", "")
        board(cards_html(cards(lines, reading.strips(), reading.now(), containing=containing), reading.now()), "graphs")
        return any(line.newest is not None and not line.newest.ended for line in lines)

    live(draw)
