"""The TASK kind: statements in the provider's form, what SHOW gives back, and every rule that refuses a change."""

from __future__ import annotations

import json
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any

import pytest
from snowflake_sandbox.tasks import task

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.sandbox.tasks.conftest import Tasks

PATIENCE = 20.0
TRACKING = ' --terraform_provider_usage_tracking {"json_schema_version":"1","operation":"create"}'
NOT_SUSPENDED = "Unable to update graph with root task D.S.ROOT since that root task is not suspended."


def with_graph(tasks: Tasks) -> Tasks:
    """ROOT, A after it, F finalizing it; all suspended; as the provider writes them."""
    tasks.run(
        'CREATE TASK "D"."S"."ROOT" WAREHOUSE = "W" SCHEDULE = \'59 MINUTE\' CONFIG = $${"a":1}$$'
        f" USER_TASK_TIMEOUT_MS = 60000 COMMENT = 'it\\'s' AS select 1{TRACKING}",
        'CREATE TASK "D"."S"."A" USER_TASK_MANAGED_INITIAL_WAREHOUSE_SIZE = \'XSMALL\' AUTOCOMMIT = true,'
        ' QUERY_TAG = \'q\', TIMEZONE = \'UTC\' AFTER "D"."S"."ROOT" WHEN (1 = cast(1 as int))'
        f" AS call x('a'){TRACKING}",
        f'CREATE TASK "D"."S"."F" WAREHOUSE = "W" FINALIZE = "D"."S"."ROOT" AS select 2{TRACKING}',
    )
    return tasks


@pytest.fixture
def graph(tasks: Tasks) -> Tasks:
    return with_graph(tasks)


@pytest.fixture(scope="module")
def kept(shared_tasks: Tasks) -> Tasks:
    """The same graph, for statements that change nothing."""
    return with_graph(shared_tasks)


@pytest.fixture
def started(kept: Tasks) -> Iterator[Tasks]:
    kept.run("SELECT SYSTEM$TASK_DEPENDENTS_ENABLE('D.S.ROOT')")
    yield kept
    kept.run("ALTER TASK ROOT SUSPEND")


def show(tasks: Tasks, name: str) -> Any:
    return tasks.rows(f'SHOW TASKS LIKE \'{name}\' IN SCHEMA "D"."S"')[0]


def test_show_gives_back_what_was_sent(graph: Tasks) -> None:
    root, child, finalizer = show(graph, "ROOT"), show(graph, "A"), show(graph, "F")
    assert root["definition"] == "select 1"
    assert (root["schedule"], root["config"], root["comment"]) == ("59 MINUTE", '{"a":1}', "it's")
    assert (root["warehouse"], root["state"], root["predecessors"]) == ("W", "suspended", "[]")
    assert json.loads(str(root["task_relations"])) == {"Predecessors": [], "FinalizerTask": '"D"."S"."F"'}
    assert (child["definition"], child["condition"]) == ("call x('a')", "(1 = cast(1 as int))")
    assert (child["warehouse"], child["schedule"], child["predecessors"]) == (None, None, '["D.S.ROOT"]')
    assert json.loads(str(child["task_relations"])) == {"Predecessors": ['"D"."S"."ROOT"']}
    assert json.loads(str(finalizer["task_relations"])) == {
        "Predecessors": [],
        "FinalizedRootTask": '"D"."S"."ROOT"',
    }
    assert root["allow_overlapping_execution"] == "false"


def test_parameters_have_their_level(graph: Tasks) -> None:
    shown = {row["key"]: row for row in graph.rows('SHOW PARAMETERS IN TASK "D"."S"."ROOT"')}
    assert len(shown) == 62
    assert (shown["USER_TASK_TIMEOUT_MS"]["value"], shown["USER_TASK_TIMEOUT_MS"]["level"]) == ("60000", "TASK")
    assert (shown["TASK_AUTO_RETRY_ATTEMPTS"]["value"], shown["TASK_AUTO_RETRY_ATTEMPTS"]["level"]) == ("0", "")
    child = {row["key"]: row["value"] for row in graph.rows("SHOW PARAMETERS IN TASK A") if row["level"] == "TASK"}
    assert child == {
        "AUTOCOMMIT": "true",
        "QUERY_TAG": "q",
        "TIMEZONE": "UTC",
        "USER_TASK_MANAGED_INITIAL_WAREHOUSE_SIZE": "XSMALL",
    }


def test_suspend_and_resume_are_idempotent_and_children_resume_below_a_suspended_root(graph: Tasks) -> None:
    graph.run(
        "ALTER TASK ROOT SUSPEND",
        "ALTER TASK ROOT SUSPEND",
        "ALTER TASK A RESUME",
        "ALTER TASK A RESUME",
        "ALTER TASK F RESUME",
        "ALTER TASK ROOT RESUME",
        "ALTER TASK ROOT RESUME",
        "ALTER TASK A RESUME",
    )
    assert [show(graph, name)["state"] for name in ("ROOT", "A", "F")] == ["started"] * 3


@pytest.mark.parametrize(
    "statement",
    [
        "ALTER TASK A SUSPEND",
        "ALTER TASK A MODIFY AS SELECT 1",
        "ALTER TASK A MODIFY WHEN 1 = 1",
        "ALTER TASK A REMOVE WHEN",
        "ALTER TASK A SET COMMENT = 'x'",
        "ALTER TASK A REMOVE AFTER ROOT",
        "ALTER TASK F UNSET FINALIZE",
        "ALTER TASK ROOT SET SCHEDULE = '5 MINUTES'",
        "CREATE TASK B WAREHOUSE = W AFTER A AS SELECT 1",
        "DROP TASK A",
        "DROP TASK F",
        "DROP TASK ROOT",
        "CREATE OR REPLACE TASK ROOT WAREHOUSE = W AS SELECT 1",
        "CREATE OR REPLACE TASK A WAREHOUSE = W AFTER ROOT AS SELECT 1",
    ],
)
def test_a_graph_whose_root_is_started_is_not_changed(started: Tasks, statement: str) -> None:
    before = started.rows("SHOW TASKS IN SCHEMA D.S")
    error = started.error(statement)
    assert (error.errno, error.message) == (91421, NOT_SUSPENDED)
    assert started.rows("SHOW TASKS IN SCHEMA D.S") == before


def test_a_child_below_a_started_root_is_not_resumed(graph: Tasks) -> None:
    graph.run("ALTER TASK ROOT RESUME")
    error = graph.error("ALTER TASK A RESUME")
    assert (error.errno, error.message) == (91421, NOT_SUSPENDED)
    assert show(graph, "A")["state"] == "suspended"


def test_every_alteration(graph: Tasks) -> None:
    graph.run(
        "CREATE TASK B WAREHOUSE = W AS SELECT 1",
        "ALTER TASK A MODIFY AS call y()",
        "ALTER TASK A MODIFY WHEN 1 = 2",
        "ALTER TASK A UNSET AUTOCOMMIT, QUERY_TAG",
        "ALTER TASK A SET USER_TASK_TIMEOUT_MS = 5, COMMENT = 'c'",
        "ALTER TASK B ADD AFTER ROOT, A",
        "ALTER TASK B REMOVE AFTER ROOT",
        "ALTER TASK F UNSET FINALIZE",
        "ALTER TASK F SET FINALIZE = D.S.ROOT",
    )
    child = show(graph, "A")
    assert (child["definition"], child["condition"], child["comment"]) == ("call y()", "1 = 2", "c")
    assert show(graph, "B")["predecessors"] == '["D.S.A"]'
    assert "FinalizerTask" in str(show(graph, "ROOT")["task_relations"])
    graph.run("ALTER TASK A REMOVE WHEN")
    assert show(graph, "A")["condition"] is None


@pytest.mark.parametrize(
    ("statement", "message"),
    [
        ("CREATE TASK B AFTER NOPE AS SELECT 1", "Invalid predecessor NOPE was specified."),
        ("CREATE TASK B AFTER D.PUBLIC.ROOT AS SELECT 1", "Invalid predecessor D.PUBLIC.ROOT was specified."),
        ("CREATE TASK B AFTER F AS SELECT 1", "Task D.S.F cannot have children as a finalizer task."),
        ("CREATE TASK B FINALIZE = ROOT AS SELECT 1", "Finalize target ROOT already have finalizer."),
        ("CREATE TASK B FINALIZE = A AS SELECT 1", "cannot finalize a non-root task"),
        (
            "CREATE TASK B SCHEDULE = '5 MINUTES' AFTER ROOT AS SELECT 1",
            "Task B cannot have both a schedule and a predecessor.",
        ),
        ("CREATE TASK B SCHEDULE = '5 PARSECS' AS SELECT 1", "invalid value [5 PARSECS] for parameter 'SCHEDULE'"),
        ("CREATE TASK B CONFIG = 'no json' AS SELECT 1", "invalid value [no json] for parameter 'CONFIG'"),
        ("CREATE TASK B COLOUR = 'red' AS SELECT 1", "invalid property 'COLOUR'"),
        ("CREATE TASK B WAREHOUSE = W", "Missing option(s): [AS]"),
        ("CREATE TASK B WHEN SYSTEM$STREAM_HAS_DATA('x') AS SELECT 1", "SYSTEM$STREAM_HAS_DATA"),
        ("CREATE TASK A AS SELECT 1", "already exists"),
        ("ALTER TASK ROOT ADD AFTER A", "Task D.S.ROOT cannot both be a non-root task and have a config."),
        ("ALTER TASK ROOT SET FINALIZE = A", "Task D.S.ROOT cannot finalize a non-root task D.S.A."),
        ("ALTER TASK A ADD AFTER A", "Task A cannot use itself as its predecessor."),
        ("EXECUTE TASK A", "Execute task cannot be called on non-root task D.S.A. Call EXECUTE TASK on the root"),
        ("EXECUTE TASK NOPE", "does not exist or not authorized"),
        ("EXECUTE TASK ROOT USING CONFIG = '[]'", "invalid value [[]] for parameter 'CONFIG'"),
        ("SELECT SYSTEM$TASK_RUNTIME_INFO('CURRENT_TASK_NAME')", "must be called from within a task"),
    ],
)
def test_what_snowflake_refuses_is_refused_and_leaves_nothing(kept: Tasks, statement: str, message: str) -> None:
    before = kept.rows("SHOW TASKS IN SCHEMA D.S")
    assert message in kept.error(statement).message
    assert kept.rows("SHOW TASKS IN SCHEMA D.S") == before


def test_a_dropped_predecessor_leaves_its_child_as_a_suspended_root(graph: Tasks) -> None:
    graph.run("ALTER TASK A RESUME", "DROP TASK ROOT")
    child = show(graph, "A")
    assert (child["predecessors"], child["state"]) == ("[]", "suspended")
    assert "FinalizedRootTask" not in str(show(graph, "F")["task_relations"])


def test_the_owner_needs_the_privileges_to_run(graph: Tasks) -> None:
    graph.run(
        "CREATE ROLE R",
        "GRANT ROLE R TO ROLE SYSADMIN",
        "GRANT OWNERSHIP ON FUTURE TASKS IN SCHEMA D.S TO ROLE R",
        "CREATE TASK X WAREHOUSE = W AS SELECT 1",
        "CREATE TASK Y AS SELECT 1",
    )
    assert show(graph, "X")["owner"] == "R"
    assert "EXECUTE TASK privilege must be granted to owner role" in graph.error("ALTER TASK X RESUME").message
    graph.run("GRANT EXECUTE TASK ON ACCOUNT TO ROLE R")
    assert "USAGE privilege on the task's warehouse" in graph.error("EXECUTE TASK X").message
    assert "EXECUTE MANAGED TASK privilege" in graph.error("ALTER TASK Y RESUME").message
    graph.run("GRANT USAGE ON WAREHOUSE W TO ROLE R", "ALTER TASK X RESUME")
    assert "must have the same owner" in graph.error("CREATE TASK Z AFTER ROOT AS SELECT 1").message


def test_a_graph_has_at_most_a_hundred_children_per_task(tasks: Tasks) -> None:
    tasks.run("CREATE TASK ROOT AS SELECT 1", *(f"CREATE TASK T{n} AFTER ROOT AS SELECT 1" for n in range(100)))
    assert "more than 100 child tasks" in tasks.error("CREATE TASK T100 AFTER ROOT AS SELECT 1").message


def test_dependents(graph: Tasks) -> None:
    graph.run("CREATE TASK B AFTER A AS SELECT 1")
    function = "SELECT NAME FROM TABLE(D.INFORMATION_SCHEMA.TASK_DEPENDENTS(TASK_NAME => 'D.S.ROOT', RECURSIVE => {}))"
    assert [row["NAME"] for row in graph.rows(function.format("TRUE"))] == ["ROOT", "A", "B"]
    assert [row["NAME"] for row in graph.rows(function.format("FALSE"))] == ["ROOT", "A"]


def test_a_finalizer_has_no_predecessors(graph: Tasks) -> None:
    assert "cannot have predecessors" in graph.error("ALTER TASK F ADD AFTER A").message
    graph.run("ALTER TASK F UNSET FINALIZE")
    assert "as a finalizer task" in graph.error("ALTER TASK A SET FINALIZE = ROOT").message


def test_a_resume_fails_when_another_client_changes_the_graph_meanwhile(
    graph: Tasks, monkeypatch: pytest.MonkeyPatch
) -> None:
    check = task.require_owner_privileges

    def race(*arguments: Any) -> None:
        check(*arguments)
        monkeypatch.setattr(task, "require_owner_privileges", check)
        with ThreadPoolExecutor(1) as another:
            another.submit(graph.run, "ALTER TASK A MODIFY AS select 3").result(PATIENCE)

    monkeypatch.setattr(task, "require_owner_privileges", race)
    error = graph.error("ALTER TASK ROOT RESUME")
    assert (error.errno, "was modified while attempting to RESUME TASK" in error.message) == (91423, True)
    assert show(graph, "ROOT")["state"] == "suspended"
    graph.run("ALTER TASK ROOT RESUME")
