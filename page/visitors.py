"""Who may see the page on this machine: a browser in which it was opened by one of the machine's own names.

A web site may have its own host name lead to this machine (DNS rebinding). Its scripts then count as the page's own,
and could see and do what the connection may. Streamlit accepts any name. Must not know what the page shows.
"""

from __future__ import annotations

import streamlit as st

from jobgraph.errors import UsageError
from jobgraph.page import connection

_OWN_NAMES = ("127.0.0.1", "localhost")


def require_own_name() -> None:
    """Refuse a visit by another name than the machine's own; in Snowflake, Snowflake knows who visits.

    Raises:
        UsageError: with the address to open.
    """
    host = str(st.context.headers.get("Host") or "")
    name, _, port = host.lower().partition(":")
    if not host or name in _OWN_NAMES or connection.is_in_snowflake():
        return
    raise UsageError(
        f"The page was opened as {host}, which may be a web site's name for this machine",
        cause="A web site that has its own name lead here could act with your connection.",
        remedy=f"Open http://localhost:{port}" if port else "Open the address that `jobgraph page` wrote.",
    )
