"""Saying on the page what went wrong, in the words of the command line.

Knows Streamlit's box for errors, which reads Markdown. Must not know what may go wrong.
"""

from __future__ import annotations

import re

import streamlit as st

_FENCES = re.compile(r"`{3,}")


def refuse(error: object) -> None:
    """Show an error as it is written; what it quotes may hold backticks of its own."""
    text = str(error)
    fence = "`" * max((len(match[0]) + 1 for match in _FENCES.finditer(text)), default=3)
    st.error(f"{fence}\n{text}\n{fence}", icon=":material/error:")
