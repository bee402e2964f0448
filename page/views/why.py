"""Why a graph does not run.

Must not know what may be the reason.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from jobgraph.page import reading
from jobgraph.page.board import board
from jobgraph.page.markup.frame import reasons_html
from jobgraph.page.views.live import live
from jobgraph.page_model.reasons import reasons

if TYPE_CHECKING:
    from jobgraph.page_model.address import Address


def show(here: Address) -> None:
    """Show what decides whether the address's graph runs."""
    reading.graph(here.graph)

    def draw() -> bool:
        line = reading.line(here.graph)
        board(reasons_html(reasons(line, reading.now())), "why")
        return line.newest is not None and not line.newest.ended

    live(draw)
