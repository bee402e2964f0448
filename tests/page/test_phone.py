"""The page on a phone, in Chromium: each view fits, is legible in light and dark, and has all ways to the others."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from playwright.sync_api import expect

from jobgraph.page_model import address
from tests.page import legible
from tests.page.browsing import picture
from tests.page.serving import CHROMIUM

if TYPE_CHECKING:
    from tests.page.browsing import Site

pytestmark = [
    pytest.mark.sandbox,
    pytest.mark.skipif(CHROMIUM is None, reason="no Chromium: apt-get install chromium"),
]
WIDTH = 390
PHONE = [
    *((view, "light") for view in address.VIEWS),
    *((view, "dark") for view in (address.GRID, address.RUN, address.ATTEMPT)),
]
DRAWN = {
    address.GRAPHS: ".card .name",
    address.GRID: ".grid .row b",
    address.RUN: ".timeline .line",
    address.PICTURE: ".picture svg",
    address.JOB: ".course .bar",
    address.ATTEMPT: ".log",
    address.COST: ".course",
    address.ALERTS: ".empty",
    address.CHANGES: "h3",
    address.WHY: ".reasons li",
}


@pytest.mark.parametrize(("view", "scheme"), PHONE, ids=str)
def test_a_view_is_legible_on_a_phone(site: Site, view: str, scheme: str) -> None:
    graph = {} if view == address.GRAPHS else {"graph": "nightly_sales", "job": "PUBLISH_REPORT"}
    with site.visited(WIDTH, scheme, view=view, **graph) as page:
        expect(page.locator(DRAWN[view]).first).to_be_visible()
        assert not legible.is_wider_than_window(page)
        assert legible.faint_texts(page) == []
        for tab in page.locator(".tab").all():
            expect(tab).to_be_in_viewport(ratio=1)


def test_what_went_wrong_is_readable_on_a_phone(site: Site) -> None:
    """An address of a run that is not there, and a statement that is shown before it is sent."""
    with site.visited(WIDTH, view=address.RUN, graph="nightly_sales", run="123") as page:
        words = page.get_by_test_id("stAlert").locator("code")
        expect(words).to_contain_text("jobgraph history nightly_sales")
        assert words.evaluate("node => node.closest('pre').scrollWidth <= node.closest('pre').clientWidth")
        page.get_by_role("button", name="Run", exact=True).first.click()
        statement = page.get_by_role("dialog").locator("code").first
        expect(statement).to_contain_text("EXECUTE TASK")
        assert statement.evaluate("node => node.closest('pre').scrollWidth <= node.closest('pre').clientWidth")
        assert legible.faint_texts(page) == []


def test_the_newest_run_is_in_sight_on_a_phone(site: Site) -> None:
    with site.visited(WIDTH, view="grid", graph="nightly_sales") as page:
        newest = page.locator(".grid .row").first.locator("b").last
        expect(newest).to_be_in_viewport()
        assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
        picture(page, "phone")
