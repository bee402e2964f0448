"""The grid of a graph: its runs and jobs.

Knows its filters. Must not know what a cell means.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import streamlit as st

from jobgraph.page import reading
from jobgraph.page.board import board, is_alive
from jobgraph.page.markup.elements import empty
from jobgraph.page.markup.grid import grid_html
from jobgraph.page.views.controls import filter_field, group_field
from jobgraph.page.views.live import live
from jobgraph.page_model import address
from jobgraph.page_model.grid import grid

if TYPE_CHECKING:
    from jobgraph.page_model.address import Address


def show(here: Address) -> None:
    """Show the grid of the address's graph."""
    reading.graph(here.graph)
    with st.container(horizontal=True, vertical_alignment="center"):
        filter_field(here, "Jobs whose name contains")
        group_field(here)

    def draw() -> bool:
        place = address.read(st.query_params)
        runs, unread = reading.runs(here.graph)
        if not runs:
            board(empty("This graph has not run yet.", f"jobgraph run {here.graph}"), "grid")
            return False
        model = grid(runs, containing=place.filter, only=place.only)
        board(grid_html(model, place, unread=unread, whole=not is_alive()), "grid")
        return bool(unread) or not runs[0].ended

    live(draw)
