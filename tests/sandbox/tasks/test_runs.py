"""Graph runs in process: from the statements to the history, by a clock that the test moves."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from tests.sandbox.tasks.conftest import Tasks

HOUR = 3600


def test_a_diamond_runs_in_order_and_its_finalizer_last(tasks: Tasks) -> None:
    tasks.graph(A="ROOT", B="ROOT", C="A B", F="ROOT")
    tasks.run("EXECUTE TASK ROOT")
    assert tasks.arrive() == {"ROOT"}
    tasks.open("ROOT")
    assert tasks.arrive(2) == {"A", "B"}
    tasks.open("A", "B")
    assert tasks.arrive() == {"C"}
    tasks.open("C")
    assert tasks.arrive() == {"F"}
    tasks.open("F")
    tasks.idle()
    assert sorted(tasks.history()) == [(name, "SUCCEEDED") for name in ("A", "B", "C", "F", "ROOT")]


def test_a_failure_skips_dependents_and_the_finalizer_runs_once(tasks: Tasks) -> None:
    tasks.graph(A="ROOT", B="ROOT", C="A B", F="ROOT")
    tasks.run("EXECUTE TASK ROOT")
    tasks.fail("A")
    tasks.open("ROOT", "B", "F")
    tasks.idle()
    found = {row[0]: row[1:] for row in tasks.history("NAME, STATE, ERROR_CODE, ERROR_MESSAGE")}
    assert found["A"] == ("FAILED", 100183, "A was told to fail")
    assert found["C"] == ("SKIPPED", None, None)
    assert found["F"][0] == "SUCCEEDED"
    graph = tasks.rows("SELECT * FROM TABLE(INFORMATION_SCHEMA.COMPLETE_TASK_GRAPHS())")[0]
    assert (graph["STATE"], graph["FIRST_ERROR_TASK_NAME"]) == ("FAILED", "A")


def test_a_task_works_as_its_owner_in_its_place_with_its_context(tasks: Tasks) -> None:
    tasks.run(
        "CREATE ROLE RUNNER",
        "GRANT ROLE RUNNER TO ROLE SYSADMIN",
        "GRANT OWNERSHIP ON FUTURE TASKS IN SCHEMA D.S TO ROLE RUNNER",
        "GRANT EXECUTE TASK ON ACCOUNT TO ROLE RUNNER",
        "GRANT USAGE ON WAREHOUSE W TO ROLE RUNNER",
        "GRANT USAGE ON DATABASE D TO ROLE RUNNER",
        "GRANT USAGE ON SCHEMA D.S TO ROLE RUNNER",
        "CREATE TABLE T (V VARCHAR)",
        "GRANT INSERT, SELECT ON TABLE T TO ROLE RUNNER",
        'CREATE TASK R WAREHOUSE = W CONFIG = \'{"a": {"b": 1}}\' AS INSERT INTO T SELECT CURRENT_ROLE()'
        " || CURRENT_WAREHOUSE() || CURRENT_SCHEMA() || SYSTEM$TASK_RUNTIME_INFO('CURRENT_TASK_NAME')"
        " || SYSTEM$TASK_RUNTIME_INFO('CURRENT_ROOT_TASK_NAME') || SYSTEM$GET_TASK_GRAPH_CONFIG('a.b')",
        "EXECUTE TASK R",
    )
    tasks.idle()
    assert tasks.history("STATE, ERROR_MESSAGE") == [("SUCCEEDED", None)]
    assert tasks.rows("SELECT V FROM T") == [{"V": "RUNNERWSRR1"}]


def test_return_values_reach_dependents_and_conditions(tasks: Tasks) -> None:
    tasks.run(
        "CREATE TABLE T (V VARCHAR)",
        "CREATE TASK R WAREHOUSE = W AS CALL SYSTEM$SET_RETURN_VALUE('go')",
        "CREATE TASK YES WAREHOUSE = W AFTER R WHEN SYSTEM$GET_PREDECESSOR_RETURN_VALUE('R') = 'go'"
        " AS INSERT INTO T SELECT SYSTEM$GET_PREDECESSOR_RETURN_VALUE()",
        "CREATE TASK NO WAREHOUSE = W AFTER R WHEN SYSTEM$GET_PREDECESSOR_RETURN_VALUE('R') = 'stop' AS SELECT 1",
        "SELECT SYSTEM$TASK_DEPENDENTS_ENABLE('R')",
        "EXECUTE TASK R",
    )
    tasks.idle()
    found = {row[0]: row[1:] for row in tasks.history("NAME, STATE, ERROR_CODE, RETURN_VALUE")}
    assert found == {
        "R": ("SUCCEEDED", None, "go"),
        "YES": ("SUCCEEDED", None, None),
        "NO": ("SKIPPED", 40003, None),
    }
    assert tasks.rows("SELECT V FROM T") == [{"V": "go"}]


def test_a_suspended_child_is_passed_over(tasks: Tasks) -> None:
    tasks.graph(A="ROOT", B="A")
    tasks.run("ALTER TASK ROOT SUSPEND", "ALTER TASK A SUSPEND", "EXECUTE TASK ROOT")
    tasks.open("ROOT", "B")
    tasks.idle()
    assert [row[0] for row in tasks.history()] == ["B", "ROOT"]


def test_a_schedule_starts_runs_and_leaves_out_what_would_overlap(tasks: Tasks) -> None:
    tasks.graph(schedule="SCHEDULE = '60 MINUTES'", A="ROOT")
    assert tasks.history("STATE, SCHEDULED_FROM") == [("SCHEDULED", "SCHEDULE")]
    tasks.clock.move(HOUR)
    assert tasks.arrive() == {"ROOT"}
    tasks.run("ALTER TASK ROOT SUSPEND", "ALTER TASK ROOT SET USER_TASK_TIMEOUT_MS = 0", "ALTER TASK ROOT RESUME")
    tasks.clock.move(600)
    tasks.open("ROOT", "A")
    tasks.idle()
    assert [row[0] for row in tasks.history(where="STATE = 'SUCCEEDED'")] == ["A", "ROOT"]


def test_an_overlapping_instant_is_left_out_but_not_where_overlap_is_allowed(tasks: Tasks) -> None:
    tasks.graph(schedule="SCHEDULE = '1 MINUTE'", root="USER_TASK_TIMEOUT_MS = 0")
    tasks.run(
        "CREATE TASK O WAREHOUSE = W SCHEDULE = '1 MINUTE' ALLOW_OVERLAPPING_EXECUTION = TRUE AS CALL TEST$GATE('O')"
    )
    tasks.run("ALTER TASK O RESUME")
    tasks.clock.move(60)
    assert tasks.arrive(2) == {"ROOT", "O"}
    tasks.clock.move(60)
    assert tasks.arrive() == {"O"}
    tasks.open("ROOT", "O")
    tasks.idle()
    names = [row[0] for row in tasks.history(where="STATE = 'SUCCEEDED'")]
    assert sorted(names) == ["O", "O", "ROOT"]


def test_a_manual_run_waits_and_a_further_one_replaces_it(tasks: Tasks) -> None:
    tasks.graph(A="ROOT")
    tasks.run("EXECUTE TASK ROOT")
    tasks.arrive()
    tasks.run("EXECUTE TASK ROOT USING CONFIG = '{\"n\": 1}'", "EXECUTE TASK ROOT USING CONFIG = '{\"n\": 2}'")
    assert tasks.history("STATE, CONFIG", "STATE = 'SCHEDULED'") == [("SCHEDULED", '{"n": 2}')]
    tasks.open("ROOT", "A")
    tasks.idle()
    assert tasks.history("NAME, CONFIG", "CONFIG IS NOT NULL") == [("A", '{"n": 2}'), ("ROOT", '{"n": 2}')]
    assert len(tasks.history()) == 4


def test_definitions_are_frozen_at_the_start(tasks: Tasks) -> None:
    tasks.graph(A="ROOT")
    tasks.run("EXECUTE TASK ROOT")
    tasks.arrive()
    tasks.run("ALTER TASK ROOT SUSPEND", "ALTER TASK A MODIFY AS CALL TEST$GATE('NEW')", "DROP TASK A")
    tasks.open("ROOT")
    assert tasks.arrive() == {"A"}
    tasks.open("A")
    tasks.idle()
    assert [row[0] for row in tasks.history()] == ["A", "ROOT"]


def test_the_graphs_timeout_fails_what_executes(tasks: Tasks) -> None:
    tasks.graph(A="ROOT", B="A", F="ROOT")
    tasks.run("EXECUTE TASK ROOT")
    tasks.open("ROOT", "F")
    tasks.arrive(2)
    tasks.clock.move(HOUR)
    tasks.idle()
    found = {row[0]: row[1:] for row in tasks.history("NAME, STATE, ERROR_CODE")}
    assert found["A"] == ("FAILED", 630)
    assert found["B"] == ("SKIPPED", None)
    assert found["F"] == ("SUCCEEDED", None)


def test_a_task_that_begins_later_is_ended_by_its_own_timeout_in_time(tasks: Tasks) -> None:
    tasks.graph(A="ROOT")
    tasks.run("ALTER TASK ROOT SUSPEND", "ALTER TASK A SET USER_TASK_TIMEOUT_MS = 3000", "ALTER TASK ROOT RESUME")
    tasks.run("EXECUTE TASK ROOT")
    tasks.arrive(1)
    tasks.open("ROOT")
    assert tasks.arrive(1) == {"A"}
    tasks.clock.move(4)
    tasks.idle()
    assert dict(tasks.history())["A"] == "FAILED"


def test_cancel_is_of_one_task(tasks: Tasks) -> None:
    tasks.graph(A="ROOT", B="ROOT", C="A", F="ROOT")
    tasks.run("EXECUTE TASK ROOT")
    tasks.open("ROOT", "F")
    tasks.arrive(3)
    answer = tasks.rows("SELECT SYSTEM$USER_TASK_CANCEL_ONGOING_EXECUTIONS('D.S.A') AS X")[0]["X"]
    assert "Canceled" in answer
    tasks.open("B")
    tasks.idle()
    found = dict(tasks.history())
    assert (found["A"], found["B"], found["C"], found["F"]) == ("CANCELLED", "SUCCEEDED", "SKIPPED", "SUCCEEDED")
    again = tasks.rows("SELECT SYSTEM$USER_TASK_CANCEL_ONGOING_EXECUTIONS('D.S.A') AS X")[0]["X"]
    assert "no ongoing" in again


def test_automatic_retries_run_only_what_failed(tasks: Tasks) -> None:
    tasks.graph(root="TASK_AUTO_RETRY_ATTEMPTS = 2", A="ROOT", B="ROOT", C="A")
    tasks.run("EXECUTE TASK ROOT")
    tasks.fail("A")
    tasks.open("ROOT", "B", "C")
    tasks.idle()
    rows = tasks.history("ATTEMPT_NUMBER, NAME, STATE, SCHEDULED_FROM")
    assert [row for row in rows if row[1] == "A"] == [
        (1, "A", "FAILED", "EXECUTE_TASK"),
        (2, "A", "FAILED", "AUTOMATIC RETRY"),
        (3, "A", "FAILED", "AUTOMATIC RETRY"),
    ]
    assert [row[0] for row in rows if row[1] in ("ROOT", "B")] == [1, 1]
    assert len(set(tasks.history("GRAPH_RUN_GROUP_ID"))) == 1


def test_retry_last(tasks: Tasks) -> None:
    tasks.graph(A="ROOT", B="A")
    assert "no suitable run of graph" in tasks.error("EXECUTE TASK ROOT RETRY LAST").message
    tasks.run("EXECUTE TASK ROOT")
    tasks.fail("A")
    tasks.open("ROOT", "B")
    tasks.idle()
    tasks.close("A")
    tasks.open("A")
    tasks.run("EXECUTE TASK ROOT RETRY LAST")
    tasks.idle()
    rows = tasks.history("NAME, STATE, SCHEDULED_FROM", "ATTEMPT_NUMBER = 2")
    assert rows == [("A", "SUCCEEDED", "MANUAL RETRY"), ("B", "SUCCEEDED", "MANUAL RETRY")]
    tasks.close("A")
    tasks.fail("A")
    tasks.run("EXECUTE TASK ROOT")
    tasks.idle()
    tasks.run("ALTER TASK ROOT SUSPEND", "ALTER TASK A MODIFY AS SELECT 2")
    assert "was modified since" in tasks.error("EXECUTE TASK ROOT RETRY LAST").message


def test_a_graph_is_suspended_after_too_many_failures(tasks: Tasks) -> None:
    tasks.graph(schedule="SCHEDULE = '60 MINUTES'", root="SUSPEND_TASK_AFTER_NUM_FAILURES = 2", A="ROOT")
    tasks.open("ROOT")
    tasks.fail("A")
    for _ in range(2):
        tasks.run("EXECUTE TASK ROOT")
        tasks.idle()
    assert [row[0] for row in tasks.history("STATE", "NAME = 'A'")] == ["FAILED", "FAILED_AND_AUTO_SUSPENDED"]
    root = tasks.rows("SHOW TASKS LIKE 'ROOT'")[0]
    assert (root["state"], root["last_suspended_reason"]) == ("suspended", "SUSPENDED_DUE_TO_ERRORS")
    assert tasks.history("STATE", "STATE = 'SCHEDULED'") == []


def test_an_interrupted_run_goes_on_in_the_next_sandbox_with_the_same_ids(tasks: Tasks) -> None:
    tasks.graph(A="ROOT", F="ROOT")
    tasks.run("EXECUTE TASK ROOT")
    tasks.open("ROOT")
    tasks.arrive(2)
    before = tasks.history("NAME, QUERY_ID, GRAPH_RUN_GROUP_ID")
    tasks.stop()
    tasks.start()
    assert tasks.arrive() == {"A"}
    assert tasks.history("NAME, QUERY_ID, GRAPH_RUN_GROUP_ID") == before
    tasks.open("A", "F")
    tasks.idle()
    assert sorted(tasks.history()) == [("A", "SUCCEEDED"), ("F", "SUCCEEDED"), ("ROOT", "SUCCEEDED")]


@pytest.mark.parametrize(("late", "runs"), [(60, 1), (HOUR, 0)])
def test_an_instant_missed_while_the_sandbox_was_down_is_made_up_for_if_it_is_recent(
    tasks: Tasks, late: int, runs: int
) -> None:
    tasks.graph(schedule="SCHEDULE = '60 MINUTES'")
    tasks.stop()
    tasks.clock.move(HOUR + late)
    tasks.start()
    tasks.open("ROOT")
    with tasks.changed:
        assert tasks.changed.wait_for(lambda: tasks.history(where="STATE = 'SCHEDULED'"), 10)
    tasks.idle()
    assert len(tasks.history(where="STATE = 'SUCCEEDED'")) == runs


def test_history_has_its_documented_limits(tasks: Tasks) -> None:
    tasks.graph()
    tasks.open("ROOT")
    for _ in range(3):
        tasks.run("EXECUTE TASK ROOT")
        tasks.idle()
    function = "SELECT COUNT(*) AS N FROM TABLE(D.INFORMATION_SCHEMA.TASK_HISTORY({}))"
    assert tasks.rows(function.format("RESULT_LIMIT => 2"))[0]["N"] == 2
    assert tasks.rows(function.format("TASK_NAME => 'root'"))[0]["N"] == 3
    assert tasks.rows(function.format("ERROR_ONLY => TRUE"))[0]["N"] == 0
    assert tasks.error(function.format("RESULT_LIMIT => 10001")).errno == 1008
    assert tasks.error(function.format("NAME => 'x'")).errno == 1044
    tasks.clock.move(timedelta(days=7, seconds=1).total_seconds())
    assert tasks.rows(function.format(""))[0]["N"] == 0
