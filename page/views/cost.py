"""The cost of a graph's newest runs.

Must not know any rate.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from jobgraph.cost.rates import published
from jobgraph.page import reading
from jobgraph.page.board import board
from jobgraph.page.markup.costs import charges_html, costs_html
from jobgraph.page.markup.elements import empty
from jobgraph.page_model.costs import costs

if TYPE_CHECKING:
    from jobgraph.page_model.address import Address


def show(here: Address) -> None:
    """Show the cost of the newest runs of the address's graph."""
    runs, _ = reading.runs(here.graph)
    if not runs:
        board(empty("This graph has not run yet, so it has cost nothing.", "jobgraph cost"), "cost")
        return
    rates = published()
    shown = costs_html(costs(runs, rates.families), here, rates.credit_price, rates.effective)
    board(charges_html(reading.charges(here.graph), reading.CHARGED_DAYS) + shown, "cost")
