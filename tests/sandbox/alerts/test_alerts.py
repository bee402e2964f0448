"""Alerts: created suspended, evaluated when due or asked for, with the privileges of their owner, and their history."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING, Any

import pytest
from snowflake_sandbox import world
from snowflake_sandbox.protocol import logins

from tests import in_process
from tests.sandbox.conftest import Client, build

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

PATIENCE = 20.0
CREATE = (
    "CREATE ALERT A SCHEDULE = '5 MINUTE' IF (EXISTS (SELECT 1 FROM D.PUBLIC.GAUGE WHERE V > 200))"
    " THEN INSERT INTO D.PUBLIC.EXCEEDED SELECT 1"
)


class Alerts(Client):
    """A session of the administrator in D.PUBLIC, beside a running evaluation of alerts."""

    changed: threading.Condition

    def settled(self, count: int) -> list[dict[str, Any]]:
        """The evaluations that have ended, newest first, once there are so many."""
        with self.changed:
            assert self.changed.wait_for(lambda: len(self.ended()) >= count, PATIENCE), self.history()
        return self.ended()

    def ended(self) -> list[dict[str, Any]]:
        return [row for row in self.history() if row["STATE"] not in ("SCHEDULED", "EXECUTING")]

    def history(self) -> list[dict[str, Any]]:
        return self.rows("SELECT * FROM TABLE(D.INFORMATION_SCHEMA.ALERT_HISTORY())")

    def pass_minutes(self, minutes: int) -> None:
        self.world.clock.move(60 * minutes)  # type: ignore[attr-defined]  # the tests' clock


def serve(folder: Path) -> Iterator[Alerts]:
    built = build(folder)
    alerts = Alerts(built, logins.open_session(built, logins.ADMINISTRATOR, "ACCOUNTADMIN"))
    alerts.changed = threading.Condition()
    runner = built.parts["alerts"]
    runner._end = in_process.announced(runner._end, alerts.changed)
    alerts.rows("CREATE WAREHOUSE LOOKING")
    alerts.rows("CREATE DATABASE D")
    alerts.rows("USE SCHEMA D.PUBLIC")
    alerts.rows("CREATE TABLE GAUGE (V INT)")
    alerts.rows("CREATE TABLE EXCEEDED (N INT)")
    runner.start()
    yield alerts
    world.stop(built)


@pytest.fixture
def alerts(tmp_path: Path) -> Iterator[Alerts]:
    yield from serve(tmp_path / "sandbox")


def test_an_alert_is_created_suspended_and_evaluated_from_its_resumption_on(alerts: Alerts) -> None:
    alerts.rows(CREATE)
    alerts.pass_minutes(10)
    assert alerts.rows("SHOW ALERTS")[0]["state"] == "suspended"
    assert not alerts.history()
    alerts.rows("ALTER ALERT A RESUME")
    (row,) = alerts.history()
    assert row["STATE"] == "SCHEDULED"
    alerts.pass_minutes(5)
    assert [row["STATE"] for row in alerts.settled(1)] == ["CONDITION_FALSE"]
    alerts.rows("INSERT INTO GAUGE VALUES (300)")
    alerts.pass_minutes(5)
    (newest, _) = alerts.settled(2)
    assert (newest["STATE"], newest["SCHEDULED_FROM"]) == ("TRIGGERED", "SCHEDULE")
    assert newest["CONDITION_QUERY_ID"] != newest["ACTION_QUERY_ID"]
    assert alerts.values("SELECT COUNT(*) FROM EXCEEDED") == [(1,)]
    alerts.rows("ALTER ALERT A SUSPEND")
    alerts.pass_minutes(30)
    assert not [row for row in alerts.history() if row["STATE"] == "SCHEDULED"]


def test_an_alert_without_a_warehouse_is_charged_for_its_evaluations(alerts: Alerts) -> None:
    alerts.rows(CREATE.replace("SCHEDULE", "WAREHOUSE = LOOKING SCHEDULE"))
    alerts.rows("EXECUTE ALERT A")
    alerts.settled(1)
    charged = "SELECT ALERT_NAME, CREDITS_USED FROM SNOWFLAKE.ACCOUNT_USAGE.SERVERLESS_ALERT_HISTORY"
    assert alerts.values(charged) == []
    alerts.rows(CREATE.replace("ALERT A", "ALERT B"))
    evaluate = alerts.world.parts["alerts"]._evaluate

    def evaluated_in_ten_minutes(evaluation: Any) -> Any:
        alerts.pass_minutes(10)
        return evaluate(evaluation)

    alerts.world.parts["alerts"]._evaluate = evaluated_in_ten_minutes
    alerts.rows("EXECUTE ALERT B")
    alerts.settled(2)
    rows = alerts.values(charged)
    assert {name for name, _ in rows} == {"B"}
    assert sum(float(credits_) for _, credits_ in rows) == pytest.approx(0.15)
    function = "SELECT SUM(CREDITS_USED) FROM TABLE(D.INFORMATION_SCHEMA.SERVERLESS_ALERT_HISTORY(ALERT_NAME => 'B'))"
    assert float(alerts.values(function)[0][0]) == pytest.approx(0.15)


def test_an_alert_is_executed_by_hand_though_it_is_suspended(alerts: Alerts) -> None:
    alerts.rows(CREATE)
    alerts.rows("INSERT INTO GAUGE VALUES (300)")
    alerts.rows("EXECUTE ALERT A")
    (row,) = alerts.settled(1)
    assert (row["STATE"], row["SCHEDULED_FROM"]) == ("TRIGGERED", "EXECUTE ALERT")


def test_condition_and_action_that_fail_are_told_apart_and_suspend_it_in_the_end(alerts: Alerts) -> None:
    alerts.rows(CREATE.replace("EXCEEDED SELECT", "GONE SELECT") + "")
    alerts.rows("ALTER ALERT A SET SUSPEND_ALERT_AFTER_NUM_FAILURES = 2")
    alerts.rows("INSERT INTO GAUGE VALUES (300)")
    alerts.rows("ALTER ALERT A RESUME")
    alerts.pass_minutes(5)
    assert alerts.settled(1)[0]["STATE"] == "ACTION_FAILED"
    alerts.rows("DROP TABLE GAUGE")
    alerts.pass_minutes(5)
    newest = alerts.settled(2)[0]
    assert newest["STATE"] == "CONDITION_FAILED"
    assert newest["SQL_ERROR_CODE"] == 2003
    assert newest["WAS_AUTO_SUSPENDED"]
    (shown,) = alerts.rows("SHOW ALERTS")
    assert (shown["state"], shown["was_auto_suspended"]) == ("suspended", True)


def test_an_alert_has_the_privileges_of_its_owner(alerts: Alerts) -> None:
    for statement in (
        "CREATE ROLE R",
        "GRANT ROLE R TO ROLE SYSADMIN",
        "GRANT OWNERSHIP ON FUTURE ALERTS IN SCHEMA D.PUBLIC TO ROLE R",
        CREATE,
        "INSERT INTO GAUGE VALUES (300)",
    ):
        alerts.rows(statement)
    assert alerts.rows("SHOW ALERTS")[0]["owner"] == "R"
    needed = [
        "GRANT EXECUTE ALERT ON ACCOUNT TO ROLE R",
        "GRANT EXECUTE MANAGED ALERT ON ACCOUNT TO ROLE R",
    ]
    for grant in needed:
        assert alerts.errno("ALTER ALERT A RESUME") == 91089
        alerts.rows(grant)
    alerts.rows("ALTER ALERT A RESUME")
    alerts.pass_minutes(5)
    assert alerts.settled(1)[0]["STATE"] == "CONDITION_FAILED"
    for grant in ("USAGE ON DATABASE D", "USAGE ON SCHEMA D.PUBLIC", "SELECT ON TABLE D.PUBLIC.GAUGE"):
        alerts.rows(f"GRANT {grant} TO ROLE R")
    alerts.pass_minutes(5)
    assert alerts.settled(2)[0]["STATE"] == "ACTION_FAILED"
    alerts.rows("GRANT INSERT ON TABLE D.PUBLIC.EXCEEDED TO ROLE R")
    alerts.pass_minutes(5)
    assert alerts.settled(3)[0]["STATE"] == "TRIGGERED"


def test_condition_and_action_read_the_configuration(alerts: Alerts) -> None:
    alerts.rows("CREATE TABLE TEXTS (T VARCHAR)")
    alerts.rows(
        "CREATE ALERT A SCHEDULE = '5 MINUTE' CONFIG = $${\"n\": 1}$$ IF (EXISTS (SELECT 1 WHERE"
        " SYSTEM$GET_ALERT_CONFIG() IS NOT NULL)) THEN INSERT INTO TEXTS SELECT SYSTEM$GET_ALERT_CONFIG()"
    )
    assert alerts.errno("SELECT SYSTEM$GET_ALERT_CONFIG()") == 91092
    alerts.rows("EXECUTE ALERT A")
    alerts.settled(1)
    assert alerts.values("SELECT * FROM TEXTS") == [('{"n": 1}',)]


def test_a_part_of_the_configuration_is_read_by_its_path(alerts: Alerts) -> None:
    alerts.rows("CREATE TABLE TEXTS (T VARCHAR)")
    alerts.rows(
        'CREATE ALERT A SCHEDULE = \'5 MINUTE\' CONFIG = $${"limit": {"value": 250}}$$'
        " IF (EXISTS (SELECT V FROM GAUGE WHERE V > TRY_TO_NUMBER(SYSTEM$GET_ALERT_CONFIG('limit.value'))))"
        " THEN INSERT INTO TEXTS"
        " SELECT COALESCE(SYSTEM$GET_ALERT_CONFIG('nothing'), SYSTEM$GET_ALERT_CONFIG('limit.value'))"
    )
    alerts.rows("INSERT INTO GAUGE VALUES (200)")
    alerts.rows("EXECUTE ALERT A")
    assert alerts.settled(1)[0]["STATE"] == "CONDITION_FALSE"
    alerts.rows("INSERT INTO GAUGE VALUES (300)")
    alerts.rows("EXECUTE ALERT A")
    assert alerts.settled(2)[0]["STATE"] == "TRIGGERED"
    assert alerts.values("SELECT * FROM TEXTS") == [("250",)]


def test_an_alert_knows_when_it_was_scheduled_and_the_good_one_before(alerts: Alerts) -> None:
    """The example of user-guide/alerts: what came between the last good evaluation and this one."""
    alerts.rows("CREATE TABLE SEEN (THIS TIMESTAMP_LTZ, LAST TIMESTAMP_LTZ)")
    alerts.rows(
        "CREATE ALERT A SCHEDULE = '5 MINUTE' IF (EXISTS (SELECT 1)) THEN INSERT INTO SEEN"
        " SELECT SNOWFLAKE.ALERT.SCHEDULED_TIME(), SNOWFLAKE.ALERT.LAST_SUCCESSFUL_SCHEDULED_TIME()"
    )
    assert alerts.errno("SELECT SNOWFLAKE.ALERT.SCHEDULED_TIME()") == 91092
    alerts.rows("ALTER ALERT A RESUME")
    alerts.pass_minutes(5)
    first = alerts.settled(1)[0]["SCHEDULED_TIME"]
    alerts.rows("ALTER TABLE SEEN RENAME TO HIDDEN")
    alerts.pass_minutes(5)
    assert alerts.settled(2)[0]["STATE"] == "ACTION_FAILED"
    alerts.rows("ALTER TABLE HIDDEN RENAME TO SEEN")
    alerts.pass_minutes(5)
    third = alerts.settled(3)[0]["SCHEDULED_TIME"]
    assert alerts.values("SELECT THIS, LAST FROM SEEN ORDER BY THIS") == [(first, None), (third, first)]


def test_the_action_reads_what_the_condition_gave(alerts: Alerts) -> None:
    alerts.rows(
        "CREATE ALERT A SCHEDULE = '5 MINUTE' IF (EXISTS (SELECT V FROM GAUGE WHERE V > 200)) THEN INSERT INTO EXCEEDED"
        " SELECT V FROM TABLE(RESULT_SCAN(SNOWFLAKE.ALERT.GET_CONDITION_QUERY_UUID()))"
    )
    alerts.rows("INSERT INTO GAUGE VALUES (300), (100), (400)")
    alerts.rows("EXECUTE ALERT A")
    assert alerts.settled(1)[0]["STATE"] == "TRIGGERED"
    assert sorted(alerts.values("SELECT N FROM EXCEEDED")) == [(300,), (400,)]


def test_what_is_executed_by_hand_takes_the_place_of_what_was_planned(alerts: Alerts) -> None:
    alerts.rows(CREATE)
    alerts.rows("ALTER ALERT A RESUME")
    (planned,) = alerts.history()
    alerts.rows("EXECUTE ALERT A")
    alerts.settled(1)
    (again,) = [row for row in alerts.history() if row["STATE"] == "SCHEDULED"]
    assert (again["SCHEDULED_TIME"] - planned["SCHEDULED_TIME"]).total_seconds() == 300


def test_who_executes_an_alert_needs_the_privilege(alerts: Alerts) -> None:
    for statement in (
        "CREATE ROLE R",
        "GRANT ROLE R TO ROLE SYSADMIN",
        "GRANT USAGE ON DATABASE D TO ROLE R",
        "GRANT USAGE ON SCHEMA D.PUBLIC TO ROLE R",
        CREATE,
        "GRANT OPERATE ON ALERT A TO ROLE R",
        "USE ROLE R",
    ):
        alerts.rows(statement)
    assert alerts.errno("EXECUTE ALERT D.PUBLIC.A") == 3001
    alerts.rows("USE ROLE ACCOUNTADMIN")
    alerts.rows("GRANT EXECUTE ALERT ON ACCOUNT TO ROLE R")
    alerts.rows("USE ROLE R")
    alerts.rows("EXECUTE ALERT D.PUBLIC.A")


def test_an_evaluation_that_a_kill_interrupted_was_cancelled(tmp_path: Path) -> None:
    served = serve(tmp_path / "sandbox")
    alerts = next(served)
    alerts.rows(CREATE)
    with alerts.world.store.transaction() as tx:
        tx.run(
            "INSERT INTO alert_run (alert_id, name, database_name, schema_name, owner, condition, action, state,"
            " scheduled, scheduled_from) VALUES (1, 'A', 'D', 'PUBLIC', 'R', '', '', 'EXECUTING', ?, 'SCHEDULE')",
            alerts.world.clock.now().isoformat(),
        )
    next(served, None)
    reopened = build(tmp_path / "sandbox")
    again = Alerts(reopened, logins.open_session(reopened, logins.ADMINISTRATOR, "ACCOUNTADMIN", warehouse="LOOKING"))
    reopened.parts["alerts"].start()
    assert [row["STATE"] for row in again.history()] == ["CANCELLED"]
    world.stop(reopened)


@pytest.mark.parametrize(
    ("statement", "errno"),
    [
        ("CREATE ALERT X IF (EXISTS (SELECT 1)) THEN SELECT 1", 2),
        ("CREATE ALERT X SCHEDULE = '11521 MINUTE' IF (EXISTS (SELECT 1)) THEN SELECT 1", 1008),
        ("CREATE ALERT X SCHEDULE = '1 HOUR' IF (EXISTS (SELECT 1)) THEN SELECT 1", 1008),
        ("CREATE ALERT X SCHEDULE = '5 MINUTE' IF (EXISTS (DELETE FROM T)) THEN SELECT 1", 1003),
        ("CREATE ALERT X SCHEDULE = '5 MINUTE' IF (EXISTS (SELECT 1)) THEN", 1003),
        ("CREATE ALERT X SCHEDULE = '5 MINUTE'", 2029),
        ("CREATE ALERT X SCHEDULE = '5 MINUTE' CONFIG = '[1]' IF (EXISTS (SELECT 1)) THEN SELECT 1", 1008),
        ("CREATE ALERT X WAREHOUSE = NOPE SCHEDULE = '5 MINUTE' IF (EXISTS (SELECT 1)) THEN SELECT 1", 2003),
        ("CREATE ALERT X IF (EXISTS (SHOW TABLES)) THEN SELECT 1", 2),
        ("CREATE ALERT X IF (EXISTS (CALL P())) THEN SELECT 1", 2),
        ("CREATE ALERT X IF (EXISTS (WITH C AS (SELECT * FROM GAUGE) SELECT * FROM C)) THEN SELECT 1", 2),
        ("CREATE ALERT X IF (EXISTS (SELECT 1 FROM GAUGE JOIN EXCEEDED ON TRUE)) THEN SELECT 1", 2),
        ("CREATE ALERT X IF (EXISTS (SELECT 1 FROM GAUGE WHERE V IN (SELECT N FROM EXCEEDED))) THEN SELECT 1", 2),
        ("CREATE ALERT X IF (EXISTS (SELECT 1 FROM TABLE(RESULT_SCAN('x')))) THEN SELECT 1", 2),
        ("EXECUTE ALERT NOPE", 2003),
    ],
)
def test_what_is_no_alert_is_refused(alerts: Alerts, statement: str, errno: int) -> None:
    assert alerts.errno(statement) == errno
