"""First paint of the operators' page in Chromium: all graphs, and the grid of a graph with 1,000 jobs.

The schema has 10,000 closed runs of one graph and 50 of another with 998 jobs, with root and finalizer
the most that Snowflake takes. Taken are the seconds from the request
of an address to the first drawn line or cell: of new visits to a page that was visited before, and of the very first.
"""

from __future__ import annotations

import statistics
import sys
import tempfile
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING

from playwright.sync_api import sync_playwright
from snowflake_sandbox import control

from jobgraph.account import client as connecting
from jobgraph.account.queries import Statement
from tests.bench.figure import Figure
from tests.page import world
from tests.page.serving import CHROMIUM, served
from tests.page.world import Made

if TYPE_CHECKING:
    from playwright.sync_api import Browser

GOAL = 2.0
LONG = Made(
    "long",
    world.layered(["PULL", "CLEAN", "JOIN", "TRAIN", "SCORE", "PUBLISH"], [2, 2, 1, 1], 1),
    runs=10_000,
    every=timedelta(hours=1),
    chance=0.3,
)
WIDE = Made(
    "wide",
    world.layered([f"SCENARIO_{number:04d}" for number in range(998)], [*[100] * 9, 98], 2),
    runs=50,
    every=timedelta(hours=12),
    chance=0.2,
)
VISITS = {
    "all graphs": ("", ".card .bar"),
    "grid of 10,000 runs": ("view=grid&graph=long", ".grid .row b"),
    "grid of 1,000 jobs": ("view=grid&graph=wide", ".grid .row b"),
    "timeline of 1,000 jobs": ("view=run&graph=wide", ".timeline .line"),
}


def measure(repeat: int) -> list[Figure]:
    """The medians of new visits, and the seconds of the first visit of all."""
    if CHROMIUM is None:
        print("no Chromium: apt-get install chromium", file=sys.stderr)
        return []
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        control.start(folder / "sandbox")
        try:
            variables = {**control.environment(folder / "sandbox"), **world.PLACE_VARIABLES}
            _fill(variables, folder)
            with served(variables) as address, sync_playwright() as playwright:
                browser = playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
                return list(_figures(browser, address, repeat))
        finally:
            control.stop(folder / "sandbox")


def _fill(variables: dict[str, str], folder: Path) -> None:
    client = connecting.connect(connecting.ConnectionChoice(environment=variables))
    for statement in world.deployment([LONG, WIDE]):
        client.rows(Statement(statement))
    for graph in (LONG, WIDE):
        world.load(client, folder, world.past(graph, datetime.now(UTC)))
    client.close()


def _figures(browser: Browser, address: str, repeat: int) -> list[Figure]:
    figures = []
    for name, (query, selector) in VISITS.items():
        first, *others = [_paint(browser, f"{address}/?{query}", selector) for _ in range(repeat + 1)]
        detail = f"first visit of all {first:.2f} s; then {min(others):.2f} to {max(others):.2f} s"
        figures.append(Figure(f"first paint, {name}", statistics.median(others), GOAL, detail, "s"))
    return figures


def _paint(browser: Browser, address: str, selector: str) -> float:
    page = browser.new_page(viewport={"width": 1280, "height": 820})
    start = time.perf_counter()
    page.goto(address, wait_until="commit")
    page.locator(selector).first.wait_for(timeout=120_000)
    seconds = time.perf_counter() - start
    page.close()
    return seconds
