"""Refreshes a part of the page while it is visible, without reloading the page.

Knows how often. Must not know what is drawn.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import streamlit as st

from jobgraph.errors import UserError
from jobgraph.page import connection, reading
from jobgraph.page.refusals import refuse_view

if TYPE_CHECKING:
    from collections.abc import Callable

# Seconds between two refreshes. In Snowflake each one keeps a warehouse awake, so graphs at rest are refreshed rarely.
RUNNING = 2.5
QUIET_IN_SNOWFLAKE = 60.0


def live(draw: Callable[[], bool]) -> None:
    """Draw a part of the page and keep refreshing it; `draw` returns whether something in it is under way."""
    key = f"pause of {draw.__module__}.{draw.__qualname__}"
    pause = st.session_state.get(key, RUNNING)

    @st.fragment(run_every=pause)
    def part() -> None:
        try:
            running = draw()
            reading.drawn()
        except UserError as error:
            refuse_view(error, key)
            running = False
        next_pause = RUNNING if running or not connection.is_in_snowflake() else QUIET_IN_SNOWFLAKE
        if next_pause != pause:
            st.session_state[key] = next_pause
            st.rerun()

    part()
