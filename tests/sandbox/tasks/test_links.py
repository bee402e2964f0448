"""How tasks lose their links, and what counts as a modification of a graph."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from tests.sandbox.tasks.conftest import Tasks


def states(tasks: Tasks) -> dict[str, tuple[str, str]]:
    return {row["name"]: (row["state"], row["predecessors"]) for row in tasks.rows("SHOW TASKS IN SCHEMA D.S")}


def test_a_task_without_predecessors_left_is_suspended(tasks: Tasks) -> None:
    tasks.graph(A="ROOT", B="ROOT A", C="B", F="ROOT")
    tasks.run("ALTER TASK ROOT SUSPEND", "ALTER TASK B REMOVE AFTER A")
    assert states(tasks)["B"] == ("started", '["D.S.ROOT"]')
    tasks.run("ALTER TASK B REMOVE AFTER ROOT", "ALTER TASK F UNSET FINALIZE")
    found = states(tasks)
    assert found["B"] == ("suspended", "[]")
    assert found["F"] == ("suspended", "[]")
    assert found["C"] == ("started", '["D.S.B"]')
    assert found["A"] == ("started", '["D.S.ROOT"]')


@pytest.mark.parametrize("statement", ["DROP TASK B", "CREATE OR REPLACE TASK B WAREHOUSE = W AS SELECT 1"])
def test_a_task_that_goes_takes_its_links_along(tasks: Tasks, statement: str) -> None:
    tasks.graph(A="ROOT", B="ROOT", C="B", E="A B")
    tasks.run("ALTER TASK ROOT SUSPEND", statement)
    found = states(tasks)
    assert (found["C"], found["E"]) == (("suspended", "[]"), ("started", '["D.S.A"]'))
    assert found.get("B") in (None, ("suspended", "[]"))


def test_a_standalone_task_is_dropped_as_it_is_and_a_schema_with_all_it_holds(tasks: Tasks) -> None:
    tasks.run("CREATE TASK ALONE WAREHOUSE = W SCHEDULE = '60 MINUTES' AS SELECT 1", "ALTER TASK ALONE RESUME")
    tasks.run("DROP TASK ALONE")
    tasks.graph(schedule="SCHEDULE = '60 MINUTES'", A="ROOT", F="ROOT")
    tasks.run("DROP SCHEMA D.S", "CREATE SCHEMA D.S")
    assert states(tasks) == {}


def test_a_single_task_with_another_owner_is_on_its_own(tasks: Tasks) -> None:
    tasks.graph(A="ROOT", B="A", F="ROOT")
    tasks.run("CREATE ROLE R", "ALTER TASK ROOT SUSPEND", "GRANT OWNERSHIP ON TASK A TO ROLE R")
    found = states(tasks)
    assert (found["A"], found["B"]) == (("suspended", "[]"), ("suspended", "[]"))
    assert found["F"][0] == "started"


def test_all_tasks_of_a_schema_keep_their_links_with_a_new_owner(tasks: Tasks) -> None:
    tasks.graph(A="ROOT", F="ROOT")
    tasks.run("CREATE ROLE R", "ALTER TASK ROOT SUSPEND", "GRANT OWNERSHIP ON ALL TASKS IN SCHEMA D.S TO ROLE R")
    found = states(tasks)
    assert found["A"] == ("suspended", '["D.S.ROOT"]')
    assert "FinalizerTask" in tasks.rows("SHOW TASKS LIKE 'ROOT'")[0]["task_relations"]


def failed_run(tasks: Tasks) -> None:
    tasks.graph(A="ROOT")
    tasks.run("EXECUTE TASK ROOT")
    assert tasks.arrive() == {"ROOT"}
    tasks.open("ROOT")
    assert tasks.arrive() == {"A"}
    tasks.fail("A")
    tasks.idle()
    tasks.close("A")


@pytest.mark.parametrize(
    "change",
    [
        ["ALTER TASK A SET COMMENT = 'new'"],
        ["ALTER TASK A MODIFY AS SELECT 2", "ALTER TASK A MODIFY AS CALL TEST$GATE('A')"],
        ["ALTER TASK ROOT SET CONFIG = '{}'"],
        ["ALTER TASK A SUSPEND"],
        ["CREATE TASK B WAREHOUSE = W AFTER A AS SELECT 1"],
        ["CREATE TASK B WAREHOUSE = W FINALIZE = ROOT AS SELECT 1"],
        ["CREATE OR REPLACE TASK A WAREHOUSE = W AFTER ROOT AS CALL TEST$GATE('A')", "ALTER TASK A RESUME"],
        ["CREATE OR REPLACE TASK ROOT WAREHOUSE = W AS CALL TEST$GATE('ROOT')", "ALTER TASK A ADD AFTER ROOT"],
        ["DROP TASK A"],
    ],
)
def test_a_modified_graph_is_not_retried(tasks: Tasks, change: list[str]) -> None:
    failed_run(tasks)
    tasks.run("ALTER TASK ROOT SUSPEND", *change, "ALTER TASK ROOT RESUME")
    error = tasks.error("EXECUTE TASK ROOT RETRY LAST")
    assert error.errno in (91088, 91457)
    assert "was modified since its last run" in error.message or "no suitable run of graph" in error.message


def test_a_graph_that_was_only_suspended_and_resumed_is_retried(tasks: Tasks) -> None:
    failed_run(tasks)
    tasks.run("ALTER TASK ROOT SUSPEND", "EXECUTE TASK ROOT RETRY LAST")
    assert tasks.arrive() == {"A"}
    tasks.run("ALTER TASK ROOT RESUME")
    tasks.fail("A")
    tasks.idle()
    tasks.close("A")
    tasks.run("EXECUTE TASK ROOT RETRY LAST")
    assert tasks.arrive() == {"A"}
    tasks.open("A")
    tasks.idle()
    assert tasks.history("NAME, STATE, ATTEMPT_NUMBER, GRAPH_VERSION", "NAME = 'A'") == [
        ("A", "FAILED", 1, 1),
        ("A", "FAILED", 2, 1),
        ("A", "SUCCEEDED", 3, 1),
    ]


def test_a_run_keeps_the_version_that_it_started_with(tasks: Tasks) -> None:
    tasks.graph(A="ROOT")
    tasks.run("EXECUTE TASK ROOT")
    assert tasks.arrive() == {"ROOT"}
    tasks.run("ALTER TASK ROOT SUSPEND", "ALTER TASK A MODIFY AS SELECT 2", "ALTER TASK ROOT RESUME")
    tasks.run("CREATE TASK B WAREHOUSE = W AS SELECT 1")
    tasks.open("ROOT", "A")
    assert tasks.arrive() == {"A"}
    tasks.idle()
    tasks.run("EXECUTE TASK ROOT")
    tasks.idle()
    shown = tasks.history("NAME, QUERY_TEXT, GRAPH_VERSION", "NAME = 'A'")
    assert shown == [("A", "CALL TEST$GATE('A')", 1), ("A", "SELECT 2", 2)]


def test_a_root_made_anew_has_no_past(tasks: Tasks) -> None:
    failed_run(tasks)
    (before,) = tasks.rows("SHOW TASKS LIKE 'ROOT'")
    tasks.run("ALTER TASK ROOT SUSPEND", "CREATE OR REPLACE TASK ROOT WAREHOUSE = W AS CALL TEST$GATE('ROOT')")
    (after,) = tasks.rows("SHOW TASKS LIKE 'ROOT'")
    assert (after["state"], after["id"] != before["id"]) == ("suspended", True)
    tasks.run("EXECUTE TASK ROOT")
    assert tasks.arrive() == {"ROOT"}
    tasks.idle()
    where = f"ROOT_TASK_ID = '{after['id']}'"
    assert tasks.history("NAME, STATE, GRAPH_VERSION", where) == [("ROOT", "SUCCEEDED", 1)]
