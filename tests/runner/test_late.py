"""What no finalizer can tell: a root that was suspended by hand is told of within one interval of the alert, once."""

from __future__ import annotations

import threading
from datetime import UTC, datetime, timedelta
from email import message_from_bytes
from email.policy import default
from functools import partial
from typing import TYPE_CHECKING, Any

import pytest
import yaml
from snowflake_sandbox.clock import ManualClock

from jobgraph.procedures.notifying.watch_graphs import Facts, occurrences
from tests import in_process
from tests.runner.deployed import Deployed, deployed

if TYPE_CHECKING:
    from pathlib import Path

NOTIFY = [
    {"email": ["ops@example.org"], "late_after": "30 minutes"},
    {"webhook": {"type": "pagerduty", "secret": "HOOK"}, "late_after": "30 minutes"},
]
HOURLY = {"cron": "0 * * * *", "timezone": "UTC"}
JOBS: dict[str, dict[str, Any]] = {"load": {}}
PATIENCE = 60.0


@pytest.mark.sandbox
def test_a_root_that_was_suspended_by_hand_is_told_of_within_one_interval(tmp_path: Path) -> None:
    file = tmp_path / "jobs.yaml"
    defaults = {"image": "job:1", "compute_pool": "POOL"}
    graphs = {"hourly": {"schedule": HOURLY, "notify": NOTIFY, "jobs": JOBS}}
    file.write_text(yaml.safe_dump({"version": 1, "defaults": defaults, "graphs": graphs}))
    # the graph is there for two hours; statements have the machine's time
    clock = ManualClock(datetime.now(UTC) - timedelta(hours=2))
    with deployed(tmp_path / "sandbox", tmp_path, file, lambda _: "SELECT 1", clock) as graph:
        alert, changed = graph.planned.alert, threading.Condition()
        assert alert is not None
        runner = graph.world.parts["alerts"]
        runner._end = in_process.announced(runner._end, changed)
        graph.rows("CREATE USER OPS EMAIL = 'ops@example.org'")
        graph.rows("CREATE SECRET D.S.HOOK TYPE = GENERIC_STRING SECRET_STRING = 'key'")
        for integration in graph.planned.notifying.integrations:
            graph.rows(integration.create)
            if integration.settle:
                graph.rows(integration.settle)
        graph.rows(alert.create)
        graph.rows(alert.resume)
        graph.rows(f"ALTER TASK {graph.graph.root.full_name} SUSPEND")
        history = "SELECT STATE FROM TABLE(D.INFORMATION_SCHEMA.ALERT_HISTORY()) WHERE COMPLETED_TIME IS NOT NULL"
        sent = "SELECT EVENT FROM D.S.NOTIFICATIONS WHERE STATE = 'SENT'"
        for count in (1, 2):
            clock.move(5 * 60)
            with changed:
                assert changed.wait_for(partial(_has_rows, graph, history, count), PATIENCE)
            assert [row["EVENT"] for row in graph.rows(sent)] == ["late", "late"], f"after {count} intervals"
        assert {row["STATE"] for row in graph.rows(history)} == {"TRIGGERED"}
        graph.world.parts["notifications"].deliver()
        (mail,) = (graph.world.folder / "mail").glob("*.eml")
        message = message_from_bytes(mail.read_bytes(), policy=default)
        assert message["Subject"].startswith("Graph hourly is late: no run that was due at ")
        text = message.get_content()
        assert "Its root has been suspended since " in text
        assert "(USER_SUSPENDED)" in text
        assert "ALTER TASK HOURLY_ROOT RESUME" in text

        graph.start()
        graph.finish()
        told = graph.rows("SELECT EVENT, CHANNEL FROM D.S.NOTIFICATIONS WHERE STATE = 'SENT' ORDER BY WRITTEN_TIME")
        assert [(row["EVENT"], row["CHANNEL"]) for row in told[2:]] == [("recovered", "pagerduty")]


def _has_rows(graph: Deployed, statement: str, count: int) -> bool:
    return len(graph.rows(statement)) >= count


NOW = datetime(2026, 11, 29, 6, 0, tzinfo=UTC)
GRAPH: dict[str, Any] = {
    "graph": "nightly",
    "root": "ROOT",
    "finalizer": "END",
    "schedule": {"cron": "0 2 * * *", "timezone": "UTC"},
    "timeout": 3600,
    "receivers": [{"channel": "slack", "integration": "I", "events": ["late"], "late_after": 3 * 3600}],
}


def facts(now: datetime = NOW, **more: Any) -> Facts:
    root = {"name": "ROOT", "state": "started", "created_on": datetime(2026, 1, 1, tzinfo=UTC)}
    values: dict[str, Any] = {
        "tasks": {"ROOT": root},
        "in_flight": (),
        "last_starts": {"ROOT": datetime(2026, 11, 29, 2, 0, 5, tzinfo=UTC)},
        "failed": (),
    }
    return Facts(now, **{**values, **more})


def test_nothing_is_told_of_a_graph_whose_run_has_ended_in_time() -> None:
    assert not list(occurrences(GRAPH, facts()))


def test_a_run_is_late_from_its_deadline_on_under_one_key() -> None:
    yesterday = {"ROOT": datetime(2026, 11, 28, 2, 0, 5, tzinfo=UTC)}
    by = datetime(2026, 11, 29, 5, 0, tzinfo=UTC)
    before, at, later = (
        list(occurrences(GRAPH, facts(by + timedelta(minutes=minutes), last_starts=yesterday)))
        for minutes in (-1, 0, 60)
    )
    assert not before
    assert [entry.key for entry in at] == [entry.key for entry in later] == ["late 2026-11-29T02:00:00+00:00"]
    assert at[0].headline == "no run that was due at 2026-11-29 02:00:00 UTC has ended by 2026-11-29 05:00:00 UTC"
    assert at[0].why == ("No run is in progress.",)


def test_a_run_that_goes_on_beyond_all_limits_is_stuck() -> None:
    row = {"ROOT_TASK_NAME": "ROOT", "GRAPH_RUN_GROUP_ID": 7, "QUERY_START_TIME": NOW - timedelta(minutes=76)}
    (stuck,) = occurrences(GRAPH, facts(in_flight=[row]))
    assert stuck.key == "stuck 7"
    assert "and may take 1 h" in stuck.headline
    assert not list(occurrences(GRAPH, facts(in_flight=[row | {"QUERY_START_TIME": NOW - timedelta(minutes=74)}])))


def test_a_root_that_snowflake_suspended_is_told_of_at_once() -> None:
    root = {
        **facts().tasks["ROOT"],
        "state": "suspended",
        "last_suspended_reason": "SUSPENDED_DUE_TO_ERRORS",
        "last_suspended_on": "2026-11-29 02:30",
    }
    (suspended,) = occurrences(GRAPH, facts(tasks={"ROOT": root}))
    assert suspended.key == "suspended 2026-11-29 02:30"
    by_hand = root | {"last_suspended_reason": "USER_SUSPENDED"}
    assert not list(occurrences(GRAPH, facts(tasks={"ROOT": by_hand})))


def test_a_finalizer_that_failed_is_told_of_by_run_and_attempt() -> None:
    row = {"NAME": "END", "STATE": "FAILED", "GRAPH_RUN_GROUP_ID": 7, "ATTEMPT_NUMBER": 2, "ERROR_MESSAGE": "no\nway"}
    (failed,) = occurrences(GRAPH, facts(failed=[row, row | {"NAME": "OTHER"}]))
    assert failed.key == "finalizer 7 2"
    assert failed.why == ("Error: no way",)
