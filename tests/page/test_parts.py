"""Runs of a part of a graph on the page: shown as the newest, named as parts, and cancelled as any other."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import pytest

from jobgraph.page import reading
from jobgraph.page.markup.cards import cards_html
from jobgraph.page.markup.grid import grid_html
from jobgraph.page.markup.runs import run_html
from jobgraph.page.views import live
from jobgraph.page_model.address import Address
from jobgraph.page_model.grid import grid
from jobgraph.page_model.strip import cards
from jobgraph.page_model.timeline import timeline
from jobgraph.procedures.requested.request import REQUEST, Request
from jobgraph.runs.deployed import Task
from jobgraph.runs.graph_run import GraphRun, JobRun
from jobgraph.runs.overview import GraphOverview
from jobgraph.runs.records import GraphRecord
from jobgraph.runs.shapes import Shape
from tests.page.test_views import KEY, server

if TYPE_CHECKING:
    from tests.page.conftest import Visit

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)
SHAPE = Shape("nightly", "ROOT_NIGHTLY", (Task("LOAD", (), started=True), Task("REPORT", ("LOAD",), started=True)))
WHOLE = GraphRun(
    SHAPE,
    "whole",
    "FAILED",
    ended=True,
    jobs=(JobRun("LOAD", "FAILED", 1), JobRun("REPORT", "SKIPPED")),
    started=NOW - timedelta(hours=2),
    duration=60.0,
)
PART = replace(
    WHOLE,
    run_id="part",
    state="RUNNING",
    ended=False,
    jobs=(JobRun("LOAD", "LEFT_OUT"), JobRun("REPORT", "RUNNING", 1)),
    started=NOW - timedelta(minutes=1),
    request=Request(left_out=("LOAD",)),
)


def test_a_card_has_the_part_as_its_newest_bar_and_says_so() -> None:
    overview = GraphOverview(GraphRecord("nightly", ("ROOT_NIGHTLY",)), run=WHOLE, part=PART)
    older = replace(WHOLE, run_id="older")
    (card,) = cards([overview], {"nightly": [WHOLE, older]}, NOW)
    assert [mark.run.run_id for mark in card.marks] == ["older", "whole", "part"]
    (closed,) = cards([replace(overview, part=replace(PART, ended=True))], {"nightly": [PART, WHOLE, older]}, NOW)
    assert [mark.run.run_id for mark in closed.marks] == ["older", "whole", "part"]
    assert "then a part:" in cards_html([card], NOW)


def test_views_of_a_part_say_that_it_is_one() -> None:
    html = run_html(PART, timeline(PART), Address(), NOW)
    assert "a part, without" in html
    assert "a part, without" not in run_html(WHOLE, timeline(WHOLE), Address(), NOW)
    assert "a part, running" in grid_html(grid([PART, WHOLE]), Address())


@pytest.mark.parametrize("view", ["grid", "run", "picture"])
def test_a_part_under_way_is_shown_and_can_be_cancelled(visit: Visit, view: str) -> None:
    client = server("running")
    client.config = f'{{"{REQUEST}": {{"left_out": ["T_MYJOB_1"]}}}}'
    visit.client = client
    app = visit.open(view=view, graph=KEY)
    assert not app.error, app.error[0].value
    assert "do-cancel" in {button.key for button in app.button}


def test_what_runs_is_at_most_five_seconds_old() -> None:
    """A look may show what another one read just before it was to be read again, until the next look."""
    slowest_read = 0.5
    assert reading.FRESH + live.RUNNING + slowest_read <= 5


def test_where_links_lead_nowhere_controls_lead_to_every_view(visit: Visit) -> None:
    visit.client = server("failing")
    app = visit.open()
    ways = {box.label: box for box in app.selectbox}
    assert ways["Graph"].value == "All graphs"
    ways["Graph"].set_value(KEY).run()
    assert (app.query_params["view"], app.query_params["graph"]) == ("grid", KEY)
    {box.label: box for box in app.selectbox}["View"].set_value("attempt").run()
    assert app.query_params["view"] == "attempt"
    {box.label: box for box in app.selectbox}["Job"].set_value("T_MYJOB_3").run()
    assert app.query_params["job"] == "T_MYJOB_3"
    assert not app.error
    {box.label: box for box in app.selectbox}["Graph"].set_value("All graphs").run()
    assert "graph" not in app.query_params
