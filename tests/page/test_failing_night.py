"""A failing night from the failure to the good end, by the page: mail and webhook, the retry, the message that all is
well again, and a backfill. Real containers, the real finalizer, a real browser.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
import yaml
from playwright.sync_api import expect, sync_playwright

from tests.page.serving import CHROMIUM, served
from tests.runner.deployed import DEFAULTS, Deployed, deployed, write_image
from tests.runner.test_failing_night import JOBS, Hooks, hooks

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from playwright.sync_api import Page

pytestmark = [
    pytest.mark.sandbox,
    pytest.mark.skipif(CHROMIUM is None, reason="no Chromium: apt-get install chromium"),
]
NOTIFY = [{"email": ["ops@example.org"]}, {"webhook": {"type": "slack", "secret": "HOOK"}}]
# A busy machine is no defect.
PATIENCE = 120.0
expect.set_options(timeout=60_000)


@pytest.fixture
def receiver() -> Iterator[Hooks]:
    with hooks() as server:
        yield server


@pytest.fixture
def night(tmp_path: Path, receiver: Hooks) -> Iterator[Deployed]:
    write_image(tmp_path / "images")
    graph = {"notify": NOTIFY, "schedule": {"cron": "0 2 * * *", "timezone": "UTC"}, "jobs": JOBS}
    file = tmp_path / "jobs.yaml"
    file.write_text(yaml.safe_dump({"version": 1, "defaults": DEFAULTS, "graphs": {"nightly": graph}}))
    with deployed(tmp_path / "sandbox", tmp_path / "images", file, lambda task: task.sql) as deployment:
        deployment.world.webhook_receiver = f"http://127.0.0.1:{receiver.server_port}"
        deployment.rows("CREATE USER OPS EMAIL = 'ops@example.org'")
        deployment.rows("CREATE SECRET D.S.HOOK TYPE = GENERIC_STRING SECRET_STRING = 'T0/B0/s3cr3t'")
        for integration in deployment.planned.notifying.integrations:
            deployment.rows(integration.create)
            if integration.settle:
                deployment.rows(integration.settle)
        yield deployment


def variables(graph: Deployed) -> dict[str, str]:
    """How the page logs in."""
    host, port = graph.world.address
    place = {"SNOWFLAKE_DATABASE": "D", "SNOWFLAKE_SCHEMA": "S", "SNOWFLAKE_WAREHOUSE": "WH"}
    server = {"SNOWFLAKE_HOST": host, "SNOWFLAKE_PORT": str(port), "SNOWFLAKE_PROTOCOL": "http"}
    login = {"SNOWFLAKE_USER": "SANDBOX_ADMIN", "SNOWFLAKE_PASSWORD": "-", "SNOWFLAKE_ROLE": "ACCOUNTADMIN"}
    return {"SNOWFLAKE_ACCOUNT": "sandbox", **server, **login, **place}


def told(graph: Deployed, receiver: Hooks, count: int) -> tuple[str, str]:
    """Wait for so many webhooks; the newest one and the newest mail."""
    with receiver.changed:
        assert receiver.changed.wait_for(lambda: len(receiver.received) >= count, PATIENCE)
    graph.world.parts["notifications"].deliver()
    mails = sorted((graph.world.folder / "mail").glob("*.eml"))
    assert len(mails) == len(receiver.received) == count
    return receiver.received[-1][1], mails[-1].read_text()


def confirm(page: Page, action: str, statement: str) -> None:
    """Do an action as a person does, with a note where there is a field for it."""
    page.get_by_role("button", name=action, exact=True).first.click()
    dialog = page.get_by_role("dialog")
    expect(dialog.locator("code").first).to_contain_text(statement)
    dialog.get_by_role("button", name=action, exact=True).click()
    expect(dialog).to_be_hidden()


def test_a_failing_night_is_told_mended_and_told_again(night: Deployed, receiver: Hooks) -> None:
    night.start()
    night.finish(PATIENCE)
    hook, mail = told(night, receiver, 1)
    assert "Graph nightly failed: T_LOAD" in mail
    assert "T_LOAD FAILED: app_error, exit code 3, attempt 2 of 2" in hook
    with served(variables(night)) as home, sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        page = browser.new_page(viewport={"width": 1280, "height": 820})
        page.goto(f"{home}/?view=run&graph=nightly")
        expect(page.locator(".failures")).to_contain_text("T_LOAD")
        confirm(page, "Retry", "RETRY LAST")
        night.finish_all(2, PATIENCE)
        hook, mail = told(night, receiver, 2)
        assert "Graph nightly has recovered" in hook
        assert "Graph nightly has recovered" in mail
        expect(page.locator(".title .state").first).to_contain_text("done")
        page.goto(f"{home}/?view=alerts&graph=nightly")
        expect(page.locator(".board").last).to_contain_text("recovered")
        expect(page.locator(".board").last).to_contain_text("Graph nightly failed: T_LOAD")
        page.goto(f"{home}/?view=grid&graph=nightly")
        confirm(page, "Backfill", "BACKFILL_INTERVALS")
        browser.close()
    (backfill,) = night.rows("SELECT STATE FROM D.S.BACKFILLS")
    assert backfill["STATE"] in {"PENDING", "RUNNING"}
    assert len(night.rows("SELECT 1 FROM D.S.BACKFILL_INTERVALS")) >= 5
