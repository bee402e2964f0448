"""Controls of several views; their values become part of the address.

Knows Streamlit's widgets. Must not know what is filtered.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import streamlit as st

from jobgraph.page_model import looks

if TYPE_CHECKING:
    from jobgraph.page_model.address import Address

# Pixels of a field for a name.
_WIDTH = 340
_GROUPS = {"All jobs": "", "With trouble": looks.TROUBLE, "Under way": looks.UNDER_WAY}


def filter_field(here: Address, label: str, parameter: str = "filter") -> None:
    """Show a field whose text is kept in the address."""
    key = f"field-{parameter}-{here.view}-{here.graph}"
    if key not in st.session_state:
        st.session_state[key] = getattr(here, parameter)

    def keep() -> None:
        _keep(parameter, str(st.session_state[key]).strip())

    st.text_input(label, key=key, placeholder=label, label_visibility="collapsed", on_change=keep, width=_WIDTH)


def group_field(here: Address) -> None:
    """Show a choice that filters jobs by state."""
    key = f"group-{here.view}-{here.graph}"
    words = {value: word for word, value in _GROUPS.items()}
    if key not in st.session_state:
        st.session_state[key] = words.get(here.only, "All jobs")

    def keep() -> None:
        _keep("only", _GROUPS.get(st.session_state[key] or "", ""))

    st.segmented_control("Jobs", list(_GROUPS), key=key, label_visibility="collapsed", on_change=keep)


def _keep(parameter: str, value: str) -> None:
    if value:
        st.query_params[parameter] = value
    elif parameter in st.query_params:
        del st.query_params[parameter]
