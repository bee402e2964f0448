"""What the last deploy of a graph changed.

Must not know how that is found out.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from jobgraph.page import reading
from jobgraph.page.board import board
from jobgraph.page.markup.elements import empty
from jobgraph.page.markup.frame import changes_html
from jobgraph.page_model.changes import last_deploy
from jobgraph.runs import shapes

if TYPE_CHECKING:
    from jobgraph.page_model.address import Address


def show(here: Address) -> None:
    """Show what the last deploy of the address's graph changed."""
    graph = reading.graph(here.graph).deployed
    if graph is None:
        board(empty("The graph is no longer deployed."), "changes")
        return
    deploy = last_deploy(graph, shapes.of_deployed(graph), reading.runs(here.graph)[0])
    board(changes_html(deploy, reading.now()), "changes")
