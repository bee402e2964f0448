"""How long and odd texts are laid out, in Chromium: the markup of a view with the page's own style sheet, no server."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from playwright.sync_api import sync_playwright

from jobgraph.account.messages import SentMessage
from jobgraph.page.markup.activity import activity_html
from jobgraph.page.markup.frame import reasons_html
from jobgraph.page_model.address import ALERTS, Address
from jobgraph.page_model.reasons import LOOK, Reason
from jobgraph.runs.operations import Operation
from tests.page import legible
from tests.page.serving import CHROMIUM

if TYPE_CHECKING:
    from collections.abc import Iterator

    from playwright.sync_api import Page

pytestmark = pytest.mark.skipif(CHROMIUM is None, reason="no Chromium: apt-get install chromium")
STYLE = (Path(__file__).parents[2] / "page" / "assets" / "board.css").read_text("utf-8")
NOW = datetime(2026, 11, 30, 12, tzinfo=UTC)
HERE = Address(view=ALERTS, graph="nightly")
RUN = "1796069479889"
INTEGRATION = "JOBS_PUBLIC_JOBGRAPH_PAGERDUTY_ED035B14"
# 10 kB without a place to break it
LONG = '"x\\$$' * 2000


def message(state: str = "SENT", **changes: str) -> SentMessage:
    """A message to PagerDuty about a failure."""
    texts = {"recipients": INTEGRATION, "subject": "Graph nightly failed: LOAD_ORDERS", "answer": "Enqueued", **changes}
    return SentMessage("recovered", "nightly", RUN, "pagerduty", state=state, written=NOW, **texts)


def operation(note: str) -> Operation:
    """A retry, and why somebody asked for it."""
    return Operation("retry", "nightly", (), note=note, run_id=RUN, user="SANDBOX_ADMIN", at=NOW)


@pytest.fixture(scope="module")
def page() -> Iterator[Page]:
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        yield browser.new_page()
        browser.close()


def shown(page: Page, html: str, width: int) -> None:
    page.set_viewport_size({"width": width, "height": 820})
    page.set_content(f"<style>{STYLE}</style><div class='board'>{html}</div>")


@pytest.mark.parametrize("width", [1280, 390])
@pytest.mark.parametrize("answer", ["True", LONG], ids=["short", "long"])
def test_words_of_a_table_stay_whole(page: Page, answer: str, width: int) -> None:
    html = activity_html([message(), message("FAILED", answer=answer)], [operation(answer)], HERE, NOW)
    shown(page, html, width)
    assert legible.broken_words(page) == []
    assert not legible.is_wider_than_window(page)
    assert legible.cut_off(page) == []


@pytest.mark.parametrize("width", [1280, 390])
def test_a_name_without_end_takes_no_more_than_its_place(page: Page, width: int) -> None:
    shown(page, activity_html([message(recipients="X" * 255, subject="Y" * 250)], [operation("")], HERE, NOW), width)
    cells = page.locator("table").first.locator("td").all()
    assert max(cell.bounding_box()["width"] for cell in cells[:-1]) < 440  # type: ignore[index]  # each is shown
    assert legible.broken_words(page) == []


@pytest.mark.parametrize("width", [1280, 390])
def test_the_whole_of_a_reason_is_in_sight(page: Page, width: int) -> None:
    shown(page, reasons_html([Reason(LOOK, f"LOAD is FAILED in run {RUN}: {LONG[:300]}.")]), width)
    assert legible.cut_off(page) == []
    assert page.locator(".reasons span").evaluate("node => node.scrollWidth <= node.clientWidth + 1")


def test_what_finds_such_defects_finds_them(page: Page) -> None:
    """A cell of one letter's width, and a line that runs out of the window."""
    shown(page, "<ul><li style='overflow-wrap:anywhere;width:9px'>failure</li></ul>", 390)
    assert legible.broken_words(page) == ["failure"]
    shown(page, "<p>" + "x" * 300 + "</p>", 390)
    assert legible.cut_off(page)
