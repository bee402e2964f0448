"""The picture of a graph, with the states of a run.

Must not know how a picture is laid out.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from jobgraph.drawing import pictures
from jobgraph.page import reading
from jobgraph.page.board import board
from jobgraph.page.markup.frame import picture_html
from jobgraph.page.views.live import live
from jobgraph.runs import shapes

if TYPE_CHECKING:
    from jobgraph.page_model.address import Address
    from jobgraph.runs.records import GraphRecord


def show(here: Address) -> None:
    """Show the graph as it was in its run, or as it is deployed if it has not run."""
    record = reading.graph(here.graph)

    def draw() -> bool:
        if not here.run and reading.newest(here.graph) is None:
            board(picture_html(_deployed(record)), "picture")
            return False
        run = reading.run(here.graph, here.run)
        board(picture_html(pictures.svg(shapes.as_model(run.shape), run.task_states)), "picture")
        return not run.ended

    live(draw)


def _deployed(record: GraphRecord) -> str:
    return pictures.svg(shapes.as_model(shapes.of_deployed(record.deployed))) if record.deployed else ""
