"""Alerts on new data: evaluated when rows come, over those rows alone (user-guide/alerts)."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from snowflake_sandbox import world
from snowflake_sandbox.alerts import history, new_data
from snowflake_sandbox.alerts.runner import NEW_ROWS, _Evaluation
from snowflake_sandbox.catalog import catalog
from snowflake_sandbox.protocol import logins
from snowflake_sandbox.result import Result, columns

from tests.sandbox.alerts.test_alerts import Alerts, serve
from tests.sandbox.conftest import build

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

CREATE = (
    "CREATE ALERT A IF (EXISTS (SELECT V FROM GAUGE WHERE V > 200)) THEN INSERT INTO EXCEEDED"
    " SELECT V FROM TABLE(RESULT_SCAN(SNOWFLAKE.ALERT.GET_CONDITION_QUERY_UUID()))"
)


@pytest.fixture
def alerts(tmp_path: Path) -> Iterator[Alerts]:
    for served in serve(tmp_path / "sandbox"):
        served.rows("ALTER TABLE GAUGE SET CHANGE_TRACKING = TRUE")
        yield served


def exceeded(alerts: Alerts) -> list[int]:
    return sorted(value for (value,) in alerts.values("SELECT N FROM EXCEEDED"))


def test_new_rows_alone_are_looked_at(alerts: Alerts) -> None:
    alerts.rows("INSERT INTO GAUGE VALUES (300)")
    alerts.rows(CREATE)
    (shown,) = alerts.rows("SHOW ALERTS")
    assert (shown["state"], shown["schedule"]) == ("suspended", None)
    alerts.rows("ALTER ALERT A RESUME")
    assert alerts.history() == []  # nothing is ever SCHEDULED
    alerts.rows("INSERT INTO GAUGE VALUES (301), (100), (301)")
    (row,) = alerts.settled(1)
    assert (row["STATE"], row["SCHEDULED_FROM"]) == ("TRIGGERED", "TRIGGER")
    assert exceeded(alerts) == [301, 301]
    alerts.rows("INSERT INTO GAUGE VALUES (300)")  # as one that was there before
    alerts.settled(2)
    assert exceeded(alerts) == [300, 301, 301]


def test_rows_that_do_not_meet_the_condition_leave_no_trace(alerts: Alerts) -> None:
    alerts.rows(CREATE)
    alerts.rows("ALTER ALERT A RESUME")
    alerts.rows("INSERT INTO GAUGE VALUES (1)")
    alerts.rows("DELETE FROM GAUGE")
    alerts.rows("INSERT INTO GAUGE VALUES (300)")
    (row,) = alerts.settled(1)
    assert row["STATE"] == "TRIGGERED"
    assert len(alerts.history()) == 1


def test_rows_count_when_they_are_committed(alerts: Alerts) -> None:
    alerts.rows(CREATE)
    alerts.rows("ALTER ALERT A RESUME")
    alerts.rows("BEGIN")
    alerts.rows("INSERT INTO GAUGE VALUES (300)")
    alerts.rows("ROLLBACK")
    alerts.rows("BEGIN")
    alerts.rows("INSERT INTO GAUGE VALUES (301)")
    assert alerts.history() == []
    alerts.rows("COMMIT")
    alerts.settled(1)
    assert exceeded(alerts) == [301]


def test_a_suspended_one_looks_at_what_comes_after_its_resumption(alerts: Alerts) -> None:
    alerts.rows(CREATE)
    alerts.rows("ALTER ALERT A RESUME")
    alerts.rows("ALTER ALERT A SUSPEND")
    alerts.rows("INSERT INTO GAUGE VALUES (300)")
    alerts.rows("ALTER ALERT A RESUME")
    alerts.rows("INSERT INTO GAUGE VALUES (301)")
    alerts.settled(1)
    assert exceeded(alerts) == [301]


def test_a_view_and_a_column_that_came_later(alerts: Alerts) -> None:
    alerts.rows("CREATE VIEW HIGH CHANGE_TRACKING = TRUE AS SELECT * FROM GAUGE WHERE V > 250")
    alerts.rows(CREATE.replace("FROM GAUGE", "FROM D.PUBLIC.HIGH AS H"))
    alerts.rows("INSERT INTO GAUGE VALUES (300)")
    alerts.rows("ALTER ALERT A RESUME")
    alerts.rows("INSERT INTO GAUGE VALUES (220), (310)")
    alerts.settled(1)
    assert exceeded(alerts) == [310]
    alerts.rows("ALTER ALERT A MODIFY CONDITION EXISTS (SELECT V FROM GAUGE WHERE V > 200)")
    alerts.rows("ALTER TABLE GAUGE ADD COLUMN NOTE VARCHAR")
    alerts.rows("INSERT INTO GAUGE VALUES (320, 'new')")
    alerts.settled(2)
    assert exceeded(alerts) == [310, 320]


def test_a_look_that_an_alteration_overtook_changes_nothing(alerts: Alerts) -> None:
    """It read another table: what it saw is not to be what the alert has seen."""
    alerts.rows(CREATE)
    alerts.rows("ALTER ALERT A RESUME")
    runner = alerts.world.parts["alerts"]
    runner.stop()
    with alerts.world.store.reading() as tx:
        (alert,) = catalog.listing(tx, "ALERT")
    late = _Evaluation(None, alert, alerts.world.clock.now(), NEW_ROWS)
    alerts.rows("ALTER TABLE EXCEEDED SET CHANGE_TRACKING = TRUE")
    alerts.rows("INSERT INTO EXCEEDED VALUES (1), (2)")
    alerts.rows("ALTER ALERT A MODIFY CONDITION EXISTS (SELECT N FROM EXCEEDED)")
    assert runner._new_rows(late) is None
    with alerts.world.store.reading() as tx:
        assert json.loads(history.snapshot(tx, alert.id) or "")["rows"] == [["1"], ["2"]]


@pytest.mark.parametrize(
    ("before", "errno"),
    [
        ("ALTER TABLE GAUGE SET CHANGE_TRACKING = FALSE", 2026),
        ("DROP TABLE GAUGE", 2003),
        ("GRANT OWNERSHIP ON ALERT A TO ROLE R", 2003),
    ],
)
def test_a_table_that_cannot_be_watched_is_told_at_the_resumption(alerts: Alerts, before: str, errno: int) -> None:
    for statement in (
        "CREATE ROLE R",
        "GRANT ROLE R TO ROLE SYSADMIN",
        "GRANT EXECUTE ALERT ON ACCOUNT TO ROLE R",
        "GRANT EXECUTE MANAGED ALERT ON ACCOUNT TO ROLE R",
        CREATE,
        before,
    ):
        alerts.rows(statement)
    assert alerts.errno("ALTER ALERT A RESUME") == errno


def test_a_table_that_goes_fails_the_condition_and_suspends_it_in_the_end(alerts: Alerts) -> None:
    alerts.rows(CREATE)
    alerts.rows("ALTER ALERT A SET SUSPEND_ALERT_AFTER_NUM_FAILURES = 1")
    alerts.rows("ALTER ALERT A RESUME")
    alerts.rows("DROP TABLE GAUGE")
    row = alerts.settled(1)[0]
    assert (row["STATE"], row["SQL_ERROR_CODE"], row["WAS_AUTO_SUSPENDED"]) == ("CONDITION_FAILED", 2003, True)


@pytest.mark.parametrize(
    "statement",
    [
        "EXECUTE ALERT A",
        "ALTER ALERT A SET SCHEDULE = '5 MINUTE'",
        "ALTER ALERT A MODIFY CONDITION EXISTS (SELECT 1 FROM GAUGE, EXCEEDED)",
        "ALTER ALERT TIMED UNSET SCHEDULE",
    ],
)
def test_what_an_alert_on_new_data_cannot_have_is_refused(alerts: Alerts, statement: str) -> None:
    alerts.rows(CREATE)
    alerts.rows("CREATE ALERT TIMED SCHEDULE = '5 MINUTE' IF (EXISTS (SELECT 1)) THEN SELECT 1")
    assert alerts.errno(statement) == 2


def test_rows_that_came_while_the_sandbox_was_down_are_new(tmp_path: Path) -> None:
    """What was seen is kept: a kill between the commit and the look loses nothing."""
    folder = tmp_path / "sandbox"
    served = serve(folder)
    alerts = next(served)
    for statement in ("ALTER TABLE GAUGE SET CHANGE_TRACKING = TRUE", CREATE, "ALTER ALERT A RESUME"):
        alerts.rows(statement)
    alerts.world.parts["alerts"].stop()
    alerts.rows("INSERT INTO GAUGE VALUES (300)")
    next(served, None)
    reopened = build(folder)
    again = Alerts(reopened, logins.open_session(reopened, logins.ADMINISTRATOR, "ACCOUNTADMIN", warehouse="LOOKING"))
    ended = again.changed = alerts.changed
    runner = reopened.parts["alerts"]
    end = runner._end

    def announced(*arguments: Any) -> None:
        end(*arguments)
        with ended:
            ended.notify_all()

    runner._end = announced
    runner.start()
    assert [row["STATE"] for row in again.settled(1)] == ["TRIGGERED"]
    world.stop(reopened)


ROWS = st.lists(st.tuples(st.integers(0, 3) | st.none(), st.sampled_from(["", "a", "'"])), max_size=8)


@given(ROWS, ROWS, st.randoms())
def test_new_rows_are_those_that_were_added_whatever_the_order(
    before: list[tuple[Any, ...]], added: list[tuple[Any, ...]], random: Any
) -> None:
    names = columns("N# T")
    later = [*before, *added]
    random.shuffle(later)
    new = new_data.since(new_data.snapshot(Result(names, before)), Result(names, later)).rows
    assert sorted(map(repr, new)) == sorted(map(repr, added))
