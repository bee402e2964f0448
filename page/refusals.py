"""Shows errors on the page in the same words as the command line.

Knows Streamlit's box for errors, which reads Markdown. Must not know what may go wrong.
"""

from __future__ import annotations

import streamlit as st

from jobgraph.page.board import board
from jobgraph.page.markup.frame import ways_back_html
from jobgraph.page.markup.markdown import block
from jobgraph.page_model import address


def refuse_view(error: object, key: str) -> None:
    """Show an error in place of a view, with links to where the visitor can go on; `key` is unique on the page."""
    refuse(error)
    here = address.read(st.query_params)
    if here.graph:
        board(ways_back_html(here), f"back-{key}")


def refuse(error: object) -> None:
    """Show an error verbatim, even if it contains backticks."""
    st.error(block(error), icon=":material/error:")
