"""First paint of the operators' page in Chromium: all graphs, and the grid of a graph with 1,000 jobs.

The schema has 10,000 closed runs of one graph, and 50 of another with 998 jobs: with root and finalizer, the most that
Snowflake allows. What is measured is the time from the request of an address to the first drawn line or cell, for new
visits to a page that was visited before, and for the very first visit. Visits of an empty Streamlit page alternate with
them: on a busy machine, the ratio tells more than the seconds.
"""

from __future__ import annotations

import statistics
import subprocess
import sys
import tempfile
import time
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING

from playwright.sync_api import sync_playwright
from snowflake_sandbox import control

from jobgraph.account import client as connecting
from jobgraph.account.queries import Statement
from jobgraph.page import options
from tests.bench.figure import Figure
from tests.page import world
from tests.page.serving import CHROMIUM, free_port, served
from tests.page.world import Made

if TYPE_CHECKING:
    from collections.abc import Iterator

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
            with served(variables) as address, _empty_page(folder) as empty, sync_playwright() as playwright:
                browser = playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
                return list(_figures(browser, address, empty, repeat))
        finally:
            control.stop(folder / "sandbox")


def _fill(variables: dict[str, str], folder: Path) -> None:
    client = connecting.connect(connecting.ConnectionChoice(environment=variables))
    for statement in world.deployment([LONG, WIDE]):
        client.rows(Statement(statement))
    for graph in (LONG, WIDE):
        world.load(client, folder, world.past(graph, datetime.now(UTC)))
    client.close()


@contextmanager
def _empty_page(folder: Path) -> Iterator[str]:
    """The address of a Streamlit page with one word and nothing behind it."""
    app, port = folder / "empty.py", free_port()
    app.write_text("import streamlit as st\nst.html('<b class=seen>seen</b>')\n", encoding="utf-8")
    command = [sys.executable, "-m", "streamlit", "run", str(app), *options.arguments(port, opening=False)]
    with subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as server:
        try:
            yield f"http://127.0.0.1:{port}"
        finally:
            server.terminate()
            server.wait(20)


def _figures(browser: Browser, address: str, empty: str, repeat: int) -> list[Figure]:
    figures = []
    for name, (query, selector) in VISITS.items():
        first, *pairs = [
            (_paint(browser, f"{address}/?{query}", selector), _paint(browser, empty, ".seen"))
            for _ in range(repeat + 1)
        ]
        seconds, bare = [pair[0] for pair in pairs], statistics.median(pair[1] for pair in pairs)
        detail = f"first visit of all {first[0]:.2f} s; then {min(seconds):.2f} to {max(seconds):.2f} s"
        detail += f"; an empty page {bare:.2f} s, ratio {statistics.median(seconds) / bare:.1f}"
        figures.append(Figure(f"first paint, {name}", statistics.median(seconds), GOAL, detail, "s"))
    return figures


def _paint(browser: Browser, address: str, selector: str) -> float:
    page = browser.new_page(viewport={"width": 1280, "height": 820})
    start = time.perf_counter()
    page.goto(address, wait_until="commit")
    drawn, end = page.locator(selector).first, start + 120
    # `wait_for` would look only every half second
    while not drawn.is_visible():
        assert time.perf_counter() < end, f"nothing was drawn in 120 seconds: {address}"
        page.wait_for_timeout(10)
    seconds = time.perf_counter() - start
    page.close()
    return seconds
