"""A run: its state, its timeline, and its jobs as a table.

Must not know how a timeline is computed.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import streamlit as st

from jobgraph.page import reading
from jobgraph.page.board import board
from jobgraph.page.markup.elements import empty
from jobgraph.page.markup.runs import jobs_table, run_html
from jobgraph.page.markup.timeline import timeline_html
from jobgraph.page.views.live import live
from jobgraph.page_model.timeline import timeline

if TYPE_CHECKING:
    from jobgraph.page_model.address import Address


def show(here: Address) -> None:
    """Show the run of the address, or the newest."""
    reading.graph(here.graph)

    def draw() -> bool:
        if not here.run and reading.newest(here.graph) is None:
            board(empty("This graph has not run yet.", f"jobgraph run {here.graph}"), "run")
            return False
        run = reading.run(here.graph, here.run)
        place = here.to(here.view, run=run.run_id)
        model = timeline(run)
        board(run_html(run, model, place, reading.now()) + timeline_html(model, place), "run")
        # of a large graph the table is as long as the timeline, so it is sent when it is asked for
        if st.toggle("As a table", key="as-a-table"):
            board(jobs_table(run, place), "jobs")
        return not run.ended

    live(draw)
