"""Shows errors on the page in the same words as the command line.

Knows Streamlit's box for errors, which reads Markdown. Must not know what may go wrong.
"""

from __future__ import annotations

import re

import streamlit as st

from jobgraph.page.board import board
from jobgraph.page.markup.frame import ways_back_html
from jobgraph.page_model import address

_FENCES = re.compile(r"`{3,}")


def refuse_view(error: object, key: str) -> None:
    """Show an error in place of a view, with links to where the visitor can go on; `key` is unique on the page."""
    refuse(error)
    here = address.read(st.query_params)
    if here.graph:
        board(ways_back_html(here), f"back-{key}")


def refuse(error: object) -> None:
    """Show an error verbatim, even if it contains backticks."""
    text = str(error)
    fence = "`" * max((len(match[0]) + 1 for match in _FENCES.finditer(text)), default=3)
    st.error(f"{fence}\n{text}\n{fence}", icon=":material/error:")
