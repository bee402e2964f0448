"""A job across the runs of its graph.

Must not know how its history is computed.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from jobgraph.page import reading
from jobgraph.page.board import board
from jobgraph.page.markup.elements import empty
from jobgraph.page.markup.runs import job_html
from jobgraph.page.views.live import live
from jobgraph.page_model.job_history import job_history

if TYPE_CHECKING:
    from jobgraph.page_model.address import Address


def show(here: Address) -> None:
    """Show the job of the address."""
    reading.graph(here.graph)

    def draw() -> bool:
        runs, _ = reading.runs(here.graph)
        history = job_history(runs, here.job)
        if not history.points:
            words = (
                f"No recorded run has a job {here.job}." if here.job else "The address names no job: the grid has all."
            )
            board(empty(words), "job")
            return False
        board(job_html(history, here), "job")
        return not runs[0].ended

    live(draw)
