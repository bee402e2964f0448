"""How the page is started: Streamlit's options, and the environment variables that pass on the connection.

Pure. Knows Streamlit's command line. Must not know who starts it.
"""

from __future__ import annotations

# By which variables `jobgraph page` passes on what was said on its command line.
CONNECTION, DATABASE, SCHEMA = "JOBGRAPH_PAGE_CONNECTION", "JOBGRAPH_PAGE_DATABASE", "JOBGRAPH_PAGE_SCHEMA"

_OPTIONS = {
    "server.address": "127.0.0.1",
    "server.fileWatcherType": "none",
    "server.runOnSave": "false",
    "browser.gatherUsageStats": "false",
    "client.toolbarMode": "minimal",
    "client.showErrorDetails": "none",
    "global.developmentMode": "false",
    "logger.level": "warning",
}
# One accent in light and dark: the colour of what is well (assets/board.css).
_THEMES = {
    "light": {"primaryColor": "#1a5fb8", "backgroundColor": "#ffffff", "textColor": "#1c2430"},
    "dark": {"primaryColor": "#62a4f5", "backgroundColor": "#12171f", "textColor": "#e4e8ee"},
}


def arguments(port: int, *, opening: bool) -> list[str]:
    """Return the options of `streamlit run` for a page on that port."""
    values = {**_OPTIONS, "server.port": str(port), "server.headless": str(not opening).lower()}
    values |= {f"theme.{name}.{key}": value for name, theme in _THEMES.items() for key, value in theme.items()}
    return [f"--{name}={value}" for name, value in values.items()]
