"""Schedules when the machine's clock is set back, and when the store fails under the scheduler's thread."""

from __future__ import annotations

import queue
import sqlite3
from contextlib import suppress
from typing import TYPE_CHECKING

import pytest
from snowflake_sandbox import due_work

if TYPE_CHECKING:
    from datetime import datetime

    from tests.sandbox.tasks.conftest import Tasks

DAY = 86_400


def test_a_clock_set_back_by_a_day_does_not_stop_the_schedules(tasks: Tasks) -> None:
    tasks.run("CREATE TASK ROOT WAREHOUSE = W SCHEDULE = '1 MINUTE' AS SELECT TEST$GATE('x')", "ALTER TASK ROOT RESUME")
    tasks.clock.move(61)
    assert tasks.entered.get(timeout=20) == "x"
    tasks.open("x")
    tasks.idle()
    tasks.clock.move(-DAY)
    tasks.scheduler.wake()
    for _ in range(100):
        # The scheduler may look at the clock before or after any of these moves.
        tasks.clock.move(30)
        with suppress(queue.Empty):
            assert tasks.entered.get(timeout=0.2) == "x"
            return
    pytest.fail("nothing was started within 50 minutes")


def test_the_scheduler_goes_on_when_the_store_fails(tasks: Tasks, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(due_work, "_RETRY_SECONDS", 0.001)
    fire, failures = tasks.scheduler._fire, [1, 2, 3]

    def failing(now: datetime) -> None:
        if failures:
            failures.pop()
            raise sqlite3.OperationalError("database or disk is full")
        fire(now)

    monkeypatch.setattr(tasks.scheduler, "_fire", failing)
    tasks.run("CREATE TASK ROOT WAREHOUSE = W SCHEDULE = '1 MINUTE' AS SELECT TEST$GATE('x')", "ALTER TASK ROOT RESUME")
    tasks.clock.move(61)
    assert tasks.entered.get(timeout=20) == "x"
    assert not failures
