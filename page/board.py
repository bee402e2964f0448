"""Shows HTML on the page. Its links lead to other views without reloading the page.

Knows Streamlit's components, and what to do where there are none (in Snowflake, and before 1.51): then links load the
page, and `views.ways` has controls in their place. Must not know any view.
"""

from __future__ import annotations

from functools import cache
from importlib.resources import files
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qsl

import streamlit as st

from jobgraph.page import connection
from jobgraph.page_model import address

if TYPE_CHECKING:
    from jobgraph.page_model.address import Address


def board(html: str, key: str) -> None:
    """Show HTML; a click on a link opens its address."""
    component = _component()
    if component is None:
        st.html(f"<style>{_asset('board.css')}</style><div class='board'>{html}</div>")
        return
    result = component(data={"html": html}, key=key, on_to_change=_nothing)
    if result.to:
        go(address.read(dict(parse_qsl(str(result.to).lstrip("?")))))


def is_alive() -> bool:
    """Whether the HTML that `board` shows has a script behind it."""
    return _component() is not None


def go(place: Address) -> None:
    """Open another address of the page."""
    st.query_params.from_dict(place.parameters)
    st.rerun()


def _nothing() -> None:
    """Do nothing: `board` reads the clicked link when the page is next drawn."""


@cache
def _asset(name: str) -> str:
    return (files("jobgraph.page") / "assets" / name).read_text("utf-8")


@st.cache_resource(show_spinner=False)
def _component() -> Any:
    # an app on a warehouse has them not, whatever its version (developer-guide/streamlit/limitations)
    if connection.is_in_snowflake():
        return None
    components = getattr(st.components, "v2", None)
    if components is None:
        return None
    return components.component(
        "jobgraph_board", html='<div class="board"></div>', css=_asset("board.css"), js=_asset("board.js")
    )
