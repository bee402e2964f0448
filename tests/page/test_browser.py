"""The page in a real browser, Chromium, against a sandbox: what is drawn, live runs, links, keys, and each action.

Where there is no Chromium these are skipped, and say so. With UPDATE_GOLDENS=1 they write the pictures of docs/images.
"""

from __future__ import annotations

import json
from contextlib import suppress
from typing import TYPE_CHECKING

import pytest
from playwright.sync_api import expect

from jobgraph.page_model import address
from tests.page import world
from tests.page.browsing import BACKTEST, JOBS, UPDATES, picture
from tests.page.serving import CHROMIUM

if TYPE_CHECKING:
    from pathlib import Path

    from playwright.sync_api import Page

    from tests.page.browsing import Site
    from tests.page.conftest import Visit

pytestmark = [
    pytest.mark.sandbox,
    pytest.mark.skipif(CHROMIUM is None, reason="no Chromium: apt-get install chromium"),
]


def test_all_graphs_the_failed_one_first(site: Site) -> None:
    with site.visited() as page:
        cards = page.locator(".card:not(.head)")
        expect(cards).to_have_count(7 if UPDATES else 6)
        expect(cards.first).to_contain_text("nightly_sales")
        expect(cards.first.locator(".last .state")).to_have_text("✗failed")
        expect(cards.first.locator(".strip .bar")).to_have_count(24)
        expect(page.locator(".card", has_text="month_end_close")).to_contain_text(
            "suspended by an operator or a deploy"
        )
        expect(page.locator(".card", has_text="image_training")).to_contain_text("never ran")
        picture(page, "graphs")


def test_a_grid_of_fifty_runs_and_three_hundred_jobs_needs_no_scrolling_sideways(site: Site, tmp_path: Path) -> None:
    if not UPDATES:
        site.add(tmp_path, BACKTEST)
    with site.visited(view="grid", graph="backtest") as page:
        rows = page.locator(".grid .row")
        expect(rows).to_have_count(300)
        expect(rows.first.locator("b")).to_have_count(50)
        assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
        grid = page.locator(".grid")
        assert grid.evaluate("node => node.scrollWidth <= node.clientWidth")
        # rows out of sight have no cells yet
        expect(rows.last.locator("b")).to_have_count(0)
        rows.last.scroll_into_view_if_needed()
        expect(rows.last.locator("b")).to_have_count(50)


def test_a_click_and_the_keys_lead_to_an_attempt_and_the_address_with_them(site: Site) -> None:
    with site.visited(view="grid", graph="nightly_sales") as page:
        page.evaluate("window.loaded = 'once'")
        expect(page.locator(".grid .row b").first).to_be_visible()
        picture(page, "grid")
        page.locator(".grid").focus()
        page.keyboard.press("ArrowLeft")
        page.keyboard.press("ArrowDown")
        expect(page.locator(".grid .chosen")).to_have_count(1)
        assert "CUSTOMERS" in page.locator(".told").inner_text() or page.locator(".told").inner_text()
        page.locator(".grid .row b.bad").last.click()
        expect(page.locator(".reason").first).to_be_visible()
        assert "view=attempt" in page.url
        assert "run=" in page.url
        assert page.evaluate("window.loaded") == "once"  # no full reload
        page.go_back()
        expect(page.locator(".grid")).to_be_visible()


def test_a_run_has_a_timeline_and_its_address_is_enough(site: Site) -> None:
    with site.visited(view="run", graph="nightly_sales") as page:
        expect(page.locator(".timeline .line")).to_have_count(len(JOBS))
        assert page.locator(".timeline .line.critical").count() >= 2
        expect(page.locator(".failures li")).to_have_count(1)
        picture(page, "run")
        page.locator(".crumbs a").nth(1).click()
        page.locator(".grid .head .bar").nth(-2).click()
        expect(page.locator(".title .state").first).to_be_visible()
        copied = page.url
    with site.visited() as other:
        other.goto(copied)
        run_id = copied.partition("run=")[2].partition("&")[0]
        expect(other.locator(".facts code").first).to_have_text(run_id)


def test_a_log_is_searched_in_place(site: Site) -> None:
    with site.visited(view="grid", graph="nightly_sales", only="trouble") as page:
        page.locator(".grid .row b.bad").last.click()
        expect(page.locator(".log")).to_be_visible()
        assert page.locator(".log").evaluate("node => node.scrollTop > 0")  # its end, where the failure is
        field = page.get_by_placeholder("Lines of the log that contain")
        field.fill("batch 17")
        field.press("Enter")
        expect(page.locator(".log mark")).to_have_count(1)
        assert "find=batch+17" in page.url
        field.fill("")
        field.press("Enter")
        expect(page.locator(".log mark")).to_have_count(0)
        picture(page, "attempt")


@pytest.mark.parametrize(
    ("view", "selector"),
    [
        ("picture", ".picture svg"),
        ("cost", ".course"),
        ("changes", "h3"),
        ("why", ".reasons li"),
        ("job", ".course"),
        ("alerts", ".empty"),
    ],
)
def test_the_other_views_are_drawn(site: Site, view: str, selector: str) -> None:
    with site.visited(view=view, graph="nightly_sales", job="LOAD_RETURNS" if view == "job" else "") as page:
        expect(page.locator(selector).first).to_be_visible()
        picture(page, view)


def every_view(visit: Visit, graph: str, job: str, *without: str) -> None:
    """Each view says something, and nothing of an error; a browser draws each in the tests around."""
    for view in (view for view in address.VIEWS if view not in without):
        app = visit.open(view=view, graph=graph, job=job)
        assert app.get("html"), view
        assert not [*app.error, *app.warning, *app.info, *app.success], view


def test_every_view_of_a_good_history(site: Site, visit: Visit) -> None:
    visit.client = site.client
    every_view(visit, "hourly_events", "MERGE")


def test_every_view_of_a_graph_that_has_not_run(site: Site, visit: Visit) -> None:
    visit.client = site.client
    every_view(visit, "image_training", "TRAIN", address.ATTEMPT)


def test_dark_is_dark_and_light_is_light(site: Site) -> None:
    with site.visited(scheme="dark", view="grid", graph="nightly_sales") as page:
        expect(page.locator(".board.dark").first).to_be_visible()
        expect(page.locator(".grid .row b").first).to_be_visible()
        picture(page, "dark")
    with site.visited(view="grid", graph="nightly_sales") as page:
        expect(page.locator(".grid")).to_be_visible()
        expect(page.locator(".board.dark")).to_have_count(0)


def confirm(page: Page, action: str, statement: str, note: str = "") -> None:
    """Do an action as a person does: its button, a look at the statement, the button of the dialog."""
    page.get_by_role("button", name=action, exact=True).first.click()
    dialog = page.get_by_role("dialog")
    expect(dialog.locator("code").first).to_contain_text(statement)
    if action == "Run":
        picture(page, "action")
    if note:
        dialog.get_by_placeholder("The reason, recorded in history").fill(note)
        dialog.get_by_placeholder("The reason, recorded in history").press("Enter")
    dialog.get_by_role("button", name=action, exact=True).click()
    expect(dialog).to_be_hidden()


def test_every_action_from_failure_to_good(site: Site, visit: Visit) -> None:
    """Run: it fails, and shows so without a reload. Retry after the mend. Cancel. Suspend. Resume."""
    with site.visited(view="run", graph="live") as page:
        expect(page.locator(".empty")).to_contain_text("has not run yet")
        page.evaluate("window.loaded = 'once'")
        confirm(page, "Run", "EXECUTE TASK", "first try")
        expect(page.locator(".failures")).to_contain_text("GATED", timeout=20_000)
        expect(page.locator(".title .state").first).to_contain_text("failed", timeout=20_000)
        site.send(f"CREATE TABLE {world.PLACE}.GATE (X NUMBER)", f"INSERT INTO {world.PLACE}.GATE SELECT 1")
        confirm(page, "Retry", "RETRY LAST", "the gate is there")
        line = page.locator(".timeline .line", has_text="SLOW")
        expect(line.locator(".state")).to_contain_text("running", timeout=20_000)
        picture(page, "running")
        visit.client = site.client
        every_view(visit, "live", "SLOW")
        confirm(page, "Cancel", "SYSTEM$USER_TASK_CANCEL_ONGOING_EXECUTIONS", "it takes too long")
        expect(page.locator(".title .state").first).to_contain_text("cancelled", timeout=30_000)
        confirm(page, "Suspend", "SUSPEND", "until Monday")
        expect(page.get_by_role("button", name="Resume", exact=True)).to_be_visible()
        (root,) = site.send(f"SHOW TASKS LIKE 'ROOT_LIVE' IN SCHEMA {world.PLACE}")
        assert root["state"] == "suspended"
        confirm(page, "Resume", "RESUME", "it is Monday")
        expect(page.get_by_role("button", name="Suspend", exact=True)).to_be_visible()
        assert page.evaluate("window.loaded") == "once"
    assert notes(site, "live") == [
        ("run", "first try"),
        ("retry", "the gate is there"),
        ("cancel", "it takes too long"),
        ("suspend", "until Monday"),
        ("resume", "it is Monday"),
    ]


def notes(site: Site, graph: str) -> list[tuple[str, str]]:
    """What was done to a graph and why, as history has it, oldest first."""
    rows = site.send(
        f"SELECT OPERATION, NOTE FROM {world.PLACE}.OPERATIONS WHERE GRAPH_NAME = '{graph}' ORDER BY CREATED_TIME"
    )
    return [(row["OPERATION"], row["NOTE"]) for row in rows]


def test_values_and_a_part_are_sent_as_shown_with_their_note(site: Site) -> None:
    with site.visited(view="grid", graph="asked") as page:
        page.get_by_role("button", name="Run", exact=True).first.click()
        dialog = page.get_by_role("dialog")
        field = dialog.get_by_label("market", exact=True)
        field.fill("us")
        field.press("Enter")
        expect(dialog.locator("code").first).to_contain_text('"market": "us"')
        dialog.get_by_text("A part of the graph").click()
        box = dialog.get_by_label("Only these jobs")
        # what is typed while the page is still drawn anew is lost
        for _ in range(6):
            box.fill("TAKE")
            box.press("Enter")
            with suppress(AssertionError):
                expect(dialog.locator("code").first).to_contain_text("LATER", timeout=5000)
                break
        expect(dialog.locator("code").first).to_contain_text("LATER")
        shown = dialog.locator("code").first.inner_text()
        note = dialog.get_by_placeholder("The reason, recorded in history")
        note.fill("only what is taken")
        note.press("Enter")
        dialog.get_by_role("button", name="Run", exact=True).click()
        expect(dialog).to_be_hidden()
    (kept,) = site.send(f"SELECT * FROM {world.PLACE}.OPERATIONS WHERE GRAPH_NAME = 'asked' AND OPERATION = 'run'")
    assert kept["NOTE"] == "only what is taken"
    assert "\n".join(json.loads(kept["STATEMENTS"])) == shown.rstrip(";")
    rows = site.send(
        f"SELECT CONFIG FROM TABLE({world.DATABASE}.INFORMATION_SCHEMA.TASK_HISTORY(TASK_NAME => 'ROOT_ASKED'))"
    )
    assert json.loads(rows[0]["CONFIG"])["market"] == "us"


def test_days_of_the_past_are_run_as_shown_with_their_note(site: Site) -> None:
    with site.visited(view="grid", graph="asked") as page:
        confirm(page, "Backfill", "BACKFILL_INTERVALS", "the old prices were wrong")
    (backfill,) = site.send(f"SELECT * FROM {world.PLACE}.BACKFILLS WHERE GRAPH_NAME = 'asked'")
    intervals = site.send(f"SELECT * FROM {world.PLACE}.BACKFILL_INTERVALS")
    assert {row["BACKFILL_ID"] for row in intervals} == {backfill["BACKFILL_ID"]}
    assert len(intervals) >= 7
    assert ("backfill", "the old prices were wrong") in notes(site, "asked")


def test_a_web_site_whose_name_leads_to_this_machine_sees_nothing(site: Site) -> None:
    """Its scripts count as the page's own, so that they could press its buttons."""
    rules = ["--no-sandbox", "--disable-gpu", "--host-resolver-rules=MAP evil.test 127.0.0.1"]
    browser = site.browser.browser_type.launch(executable_path=CHROMIUM, args=rules)
    page = browser.new_page()
    page.goto(site.address.replace("127.0.0.1", "evil.test"))
    expect(page.get_by_test_id("stAlert")).to_contain_text("opened as evil.test")
    expect(page.locator(".board")).to_have_count(0)
    assert "nightly_sales" not in page.content()
    browser.close()


def test_no_other_site_shows_it_in_a_frame(site: Site) -> None:
    """Who clicks there would press its buttons without knowing. Not every browser prevents it, as Chromium does now."""
    older = ["--no-sandbox", "--disable-gpu", "--disable-features=LocalNetworkAccessChecks"]
    browser = site.browser.browser_type.launch(executable_path=CHROMIUM, args=older)
    page = browser.new_page()
    frame = f'<iframe src="{site.address}" width="900" height="600"></iframe>'
    page.route("http://evil.test/", lambda route: route.fulfill(body=frame, content_type="text/html"))
    page.goto("http://evil.test/")
    body = page.frame_locator("iframe").locator("body")
    expect(body).to_contain_text("not shown within another site")
    expect(body).not_to_contain_text("nightly_sales")
    expect(body.get_by_role("button")).to_have_count(0)
    browser.close()
