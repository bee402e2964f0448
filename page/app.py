"""The entry point of the page: reads the address and shows its view.

Knows which views there are. Must not know what any of them shows. Streamlit runs this file anew for each visit and each
click.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import streamlit as st

from jobgraph.errors import UserError
from jobgraph.page import reading
from jobgraph.page.board import board
from jobgraph.page.markup.frame import frame_html, tabs_html
from jobgraph.page.refusals import refuse_view
from jobgraph.page.views import actions, alerts, attempt, changes, cost, graphs, grid, job, picture, run, ways, why
from jobgraph.page.visitors import require_own_name
from jobgraph.page_model import address

if TYPE_CHECKING:
    from jobgraph.page_model.address import Address

_VIEWS = {
    address.GRAPHS: graphs.show,
    address.GRID: grid.show,
    address.RUN: run.show,
    address.PICTURE: picture.show,
    address.JOB: job.show,
    address.ATTEMPT: attempt.show,
    address.COST: cost.show,
    address.ALERTS: alerts.show,
    address.CHANGES: changes.show,
    address.WHY: why.show,
}
# What Streamlit leaves free around a page is more than a page of tables can spare. It dims what is being drawn anew:
# each look would flicker where Snowflake takes a second, so only what takes long is dimmed.
_SPACE = """<style>
.block-container { padding: 1.1rem 2rem 3rem; max-width: 1600px; }
@media (max-width: 760px) { .block-container { padding: 0.9rem 0.8rem 3rem; } }
[data-testid="stVerticalBlock"] { gap: 0.7rem; }
[data-testid="stAlert"] :is(pre, code, code span) { white-space: pre-wrap !important; overflow-wrap: anywhere; }
header[data-testid="stHeader"] { display: none; }
.stElementContainer[data-stale="true"] { transition: opacity 0.4s ease-in 2.5s !important; }
@media (max-width: 760px) { .st-key-ways { flex-direction: column; align-items: stretch; }
  .st-key-ways > div { flex: 0 0 auto; width: 100%; min-height: 0; } }
</style>"""


def main() -> None:
    """Show the view of the address."""
    st.set_page_config(page_title="jobgraph", page_icon="◆", layout="wide", initial_sidebar_state="collapsed")
    st.html(_SPACE)
    here = address.read(st.query_params)
    try:
        require_own_name()
        client = reading.source().client
        board(frame_html(here, f"{client.place} on {client.server}"), "frame")
        if here.graph:
            # before anything that asks for the graph: of an unknown one, this is the way back
            ways.show(here)
            actions.dialog(here.graph)
            with st.container(horizontal=True, vertical_alignment="bottom", gap="small", key="ways"):
                board(tabs_html(here), "tabs")
                beside = st.container(width="content")
            # the view comes before the buttons, because it is what the visitor came for
            _show(here)
            with beside:
                actions.buttons(here.graph)
        else:
            ways.show(here)
            _show(here)
    except UserError as error:
        refuse_view(error, "page")


def _show(here: Address) -> None:
    """Show a view, or in its place what is wrong with its address."""
    try:
        _VIEWS.get(here.view, graphs.show)(here)
    except UserError as error:
        refuse_view(error, "view")


if __name__ == "__main__":
    main()
