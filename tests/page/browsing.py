"""Graphs with a past in a sandbox, the page that is served for it, and a browser that looks at it.

Knows Chromium, driven by Playwright. With UPDATE_GOLDENS=1 `picture` writes those of docs/images. Must not know what
the page shows.
"""

from __future__ import annotations

import os
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import urlencode

import pytest
from playwright.sync_api import expect, sync_playwright

from jobgraph.account import client as connecting
from jobgraph.account.queries import Statement
from tests.page import running, world
from tests.page.serving import CHROMIUM, served
from tests.page.world import Made

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from playwright.sync_api import Browser, BrowserContext, Page

    from jobgraph.account.client import Client

IMAGES = Path(__file__).resolve().parent.parent.parent / "docs" / "images"
STEPS = ("ORDERS", "CUSTOMERS", "RETURNS", "PRICES", "STOCK")
JOBS = [
    *(f"{verb}_{step}" for verb in ("LOAD", "CLEAN") for step in STEPS),
    *("FEATURES_BASKET", "FEATURES_CHURN", "FEATURES_DEMAND", "TRAIN_DEMAND", "TRAIN_CHURN", "SCORE_DEMAND"),
    *("SCORE_CHURN", "PUBLISH_REPORT"),
]
SALES = Made(
    "nightly_sales",
    world.layered(JOBS, [5, 5, 3, 2, 2, 1], 1),
    runs=60,
    schedule="USING CRON 0 2 * * * UTC",
    every=timedelta(hours=24),
    usual=90,
    config={"market": "eu", "days": 7},
    last="FAILED",
)
EVENTS = Made(
    "hourly_events",
    world.layered(["PULL_WEB", "PULL_APP", "PULL_SHOP", "MERGE", "SESSIONS", "PUBLISH"], [3, 1, 1, 1], 2),
    runs=60,
    schedule="60 MINUTE",
    usual=20,
    chance=0.4,
    last="DONE",
)
BACKTEST = Made(
    "backtest",
    world.layered([*(f"SCENARIO_{number:03d}" for number in range(298)), "COLLECT", "REPORT"], [100, 100, 98, 1, 1], 3),
    runs=50,
    every=timedelta(hours=12),
    usual=40,
    chance=0.25,
)
CLOSE = Made(
    "month_end_close",
    world.layered(["LEDGER", "TAX", "FX", "CLOSE"], [3, 1], 4),
    runs=14,
    schedule="USING CRON 0 6 1 * * UTC",
    started=False,
    every=timedelta(days=30),
    usual=300,
    last="DONE",
)
NEW = Made("image_training", world.layered(["PREPARE", "TRAIN", "EVALUATE"], [1, 1, 1], 5))
# Those of every site; the largest takes longer to deploy than the others and their tests, so that its test adds it.
GRAPHS = (SALES, EVENTS, CLOSE, NEW)
UPDATES = bool(os.environ.get("UPDATE_GOLDENS"))
# A busy machine is no defect.
expect.set_options(timeout=40_000)


@dataclass
class Site:
    """A page that is served, and the sandbox that it shows."""

    address: str
    client: Client
    browser: Browser
    contexts: dict[tuple[int, str], BrowserContext] = field(default_factory=dict)

    def _context(self, width: int, scheme: str) -> BrowserContext:
        """The profile of a person at such a screen: kept, as the page's own code is then loaded once."""
        if (width, scheme) not in self.contexts:
            self.contexts[width, scheme] = self.browser.new_context(
                viewport={"width": width, "height": 820},
                color_scheme=scheme,  # type: ignore[arg-type]  # light or dark
            )
        return self.contexts[width, scheme]

    @contextmanager
    def visited(self, width: int = 1280, scheme: str = "light", **parameters: str) -> Iterator[Page]:
        """A visit of an address; whatever the browser calls an error fails the test."""
        page = self._context(width, scheme).new_page()
        errors: list[str] = []
        page.on("pageerror", lambda error: errors.append(str(error)))
        page.goto(f"{self.address}/?{urlencode(parameters)}")
        expect(page.locator(".board header")).to_be_visible(timeout=30_000)
        yield page
        page.close()
        assert errors == []

    def send(self, *statements: str) -> list[dict[str, Any]]:
        """The rows of the last of some statements."""
        rows: list[dict[str, Any]] = []
        for text in statements:
            rows = self.client.rows(Statement(text))
        return rows

    def add(self, folder: Path, *graphs: Made) -> None:
        """Deploy graphs, and write the history of their runs."""
        self.send(*world.deployment(graphs))
        for graph in graphs:
            world.load(self.client, folder, world.past(graph, datetime.now(UTC) - timedelta(minutes=20)))


@pytest.fixture(scope="module")
def site(snowflake_sandbox_server: Mapping[str, str], tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    variables = {**snowflake_sandbox_server, **world.PLACE_VARIABLES}
    client = connecting.connect(connecting.ConnectionChoice(environment=variables))
    with served(variables) as home, sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox", "--disable-gpu"])
        site = Site(home, client, browser)
        site.add(tmp_path_factory.mktemp("past"), *GRAPHS, *([BACKTEST] if UPDATES else ()))
        site.send(*running.live_graph(), *running.asked_graph())
        yield site
        browser.close()
    # the next module's site begins anew on the same sandbox
    client.rows(Statement(f'DROP DATABASE "{world.DATABASE}"'))
    client.close()


def picture(page: Page, name: str) -> None:
    """Keep a picture of the page for the documents, if they are written anew."""
    if UPDATES:
        page.mouse.move(0, 0)
        if "graph=" in page.url:
            expect(page.locator('[class*="st-key-do-"]').first).to_be_visible()
        expect(page.locator('.stElementContainer[data-stale="true"]')).to_have_count(0)
        page.wait_for_timeout(400)
        page.screenshot(path=IMAGES / f"page-{name}.png")
