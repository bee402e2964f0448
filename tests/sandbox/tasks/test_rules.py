"""Graphs that cannot run are made and refused when they are started, and every refusal has the words of accounts.

The words are those of public tests that run on accounts (the provider's, and another sandbox's).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from tests.sandbox.tasks.conftest import Tasks

TWO_ROOTS = "The graph has more than one root task (one without predecessors)"
START = ["ALTER TASK ROOT RESUME", "EXECUTE TASK ROOT", "SELECT SYSTEM$TASK_DEPENDENTS_ENABLE('ROOT')"]


def make(tasks: Tasks, name: str, clauses: str = "") -> None:
    tasks.run(f"CREATE TASK {name} WAREHOUSE = W {clauses} AS SELECT 1")


@pytest.fixture
def pair(tasks: Tasks) -> Tasks:
    """Two graphs, ROOT with A and its finalizer F, OTHER with B."""
    for name, clauses in (("ROOT", ""), ("A", "AFTER ROOT"), ("F", "FINALIZE = ROOT"), ("OTHER", ""), ("B", "AFTER A")):
        make(tasks, name, clauses)
    tasks.run("ALTER TASK B ADD AFTER OTHER", "ALTER TASK B REMOVE AFTER A")
    return tasks


@pytest.mark.parametrize("start", START)
@pytest.mark.parametrize("link", ["CREATE TASK C AFTER A, OTHER AS SELECT 1", "ALTER TASK B ADD AFTER A"])
def test_a_graph_with_two_roots_is_made_and_not_started(pair: Tasks, link: str, start: str) -> None:
    pair.run(link)
    assert TWO_ROOTS in pair.error(start).message
    assert [row["state"] for row in pair.rows("SHOW TASKS LIKE 'ROOT'")] == ["suspended"]
    assert TWO_ROOTS in pair.error("ALTER TASK OTHER RESUME").message


def test_a_graph_with_one_root_again_is_started(pair: Tasks) -> None:
    pair.run("ALTER TASK B ADD AFTER A")
    pair.error("ALTER TASK OTHER RESUME")
    pair.run("ALTER TASK B REMOVE AFTER OTHER", "ALTER TASK ROOT RESUME", "ALTER TASK OTHER RESUME")
    assert {row["name"] for row in pair.rows("SHOW TASKS IN SCHEMA D.S") if row["state"] == "started"} == {
        "ROOT",
        "OTHER",
    }


@pytest.mark.parametrize("start", START)
def test_a_graph_with_a_cycle_is_made_and_not_started(pair: Tasks, start: str) -> None:
    make(pair, "C", "AFTER A")
    make(pair, "D", "AFTER C")
    pair.run("ALTER TASK A ADD AFTER D")
    assert "Graph has at least one cycle containing task D.S." in pair.error(start).message
    pair.run("ALTER TASK A REMOVE AFTER D", start)


def test_a_cycle_above_a_graph_is_one_of_it(pair: Tasks) -> None:
    make(pair, "C", "AFTER OTHER")
    make(pair, "D", "AFTER C")
    pair.run("ALTER TASK C ADD AFTER D", "ALTER TASK C REMOVE AFTER OTHER", "ALTER TASK A ADD AFTER D")
    assert "at least one cycle" in pair.error("ALTER TASK ROOT RESUME").message


def test_each_root_above_a_task_must_be_suspended(pair: Tasks) -> None:
    pair.run("ALTER TASK OTHER RESUME")
    error = pair.error("CREATE TASK C AFTER A, OTHER AS SELECT 1")
    assert error.errno == 91421
    assert "D.S.OTHER" in error.message


def test_a_run_that_waits_is_dropped_when_its_graph_cannot_run_any_more(tasks: Tasks) -> None:
    tasks.graph(A="ROOT")
    tasks.run("EXECUTE TASK ROOT")
    assert tasks.arrive() == {"ROOT"}
    tasks.run("EXECUTE TASK ROOT", "ALTER TASK ROOT SUSPEND")
    make(tasks, "OTHER")
    tasks.run("ALTER TASK A ADD AFTER OTHER")
    tasks.open("ROOT", "A")
    tasks.idle()
    assert [state for _, state in tasks.history(where="NAME = 'ROOT'")] == ["SUCCEEDED"]


@pytest.mark.parametrize(
    ("statement", "message"),
    [
        ("CREATE TASK X FINALIZE = A AS SELECT 1", "Task D.S.X cannot finalize a non-root task D.S.A."),
        ("CREATE TASK X FINALIZE = F AS SELECT 1", "Task D.S.X cannot finalize a non-root task D.S.F."),
        ("CREATE TASK X FINALIZE = D.T.FAR AS SELECT 1", "Cannot finalize graph D.T.FAR in a different schema."),
        ("CREATE TASK X FINALIZE = T.NOPE AS SELECT 1", "Invalid finalized root task T.NOPE was specified."),
        (
            "CREATE TASK X FINALIZE = OTHER CONFIG = '{}' AS SELECT 1",
            "Task D.S.X cannot both be a non-root task and have a config.",
        ),
        (
            "CREATE TASK X ALLOW_OVERLAPPING_EXECUTION = TRUE AFTER A AS SELECT 1",
            "Cannot set allow_overlapping_execution on non-root task D.S.X.",
        ),
        (
            "ALTER TASK A SET ALLOW_OVERLAPPING_EXECUTION = TRUE",
            "Cannot set allow_overlapping_execution on non-root task D.S.A.",
        ),
        ("ALTER TASK A SET OVERLAP_POLICY = NO_OVERLAP", "Cannot set overlap policy on non-root task D.S.A."),
        (
            "ALTER TASK A SET TASK_AUTO_RETRY_ATTEMPTS = 2",
            "Cannot set parameter TASK_AUTO_RETRY_ATTEMPTS on non-root task A.",
        ),
        ("ALTER TASK A SET SCHEDULE = '5 MINUTE'", "Task A cannot have both a schedule and a predecessor."),
        ("ALTER TASK F SET SCHEDULE = '5 MINUTE'", "Task F cannot have a schedule and be a finalizer task."),
        ("ALTER TASK OTHER SET FINALIZE = ROOT", "Finalize target ROOT already have finalizer."),
        ("ALTER TASK OTHER SET FINALIZE = OTHER", "Task OTHER cannot finalize itself."),
        ("ALTER TASK ROOT ADD AFTER OTHER", "This task has a finalizer and cannot be made a child task."),
        ("ALTER TASK B ADD AFTER T.FAR", "Cannot have predecessor FAR from a different schema."),
        ("ALTER TASK B ADD AFTER T.FAR, NOPE", "Invalid predecessor NOPE was specified."),
        ("ALTER TASK B REMOVE AFTER NOPE, ROOT", "Task B does not have predecessor ROOT."),
        ("ALTER TASK B REMOVE AFTER OTHER, NOPE", "Invalid predecessor NOPE was specified."),
        ("ALTER TASK B ADD AFTER F", "Task D.S.F cannot have children as a finalizer task."),
        (
            "ALTER TASK A SET USER_TASK_MANAGED_INITIAL_WAREHOUSE_SIZE = 'XSMALL'",
            "Cannot set USER_TASK_MANAGED_INITIAL_WAREHOUSE_SIZE on a non-serverless task.",
        ),
        (
            "ALTER TASK ROOT SET TARGET_COMPLETION_INTERVAL = '5 MINUTES'",
            "TARGET_COMPLETION_INTERVAL is only allowed for serverless Tasks. D.S.ROOT is not a serverless task.",
        ),
        (
            "EXECUTE TASK ROOT RETRY LAST",
            "Cannot perform retry: no suitable run of graph with root task ROOT to retry.",
        ),
        ("EXECUTE TASK ROOT RETRY GRAPH RUN GROUP '7'", "Cannot perform retry: Graph run group with ID 7 not found."),
    ],
)
def test_words_of_accounts(pair: Tasks, statement: str, message: str) -> None:
    pair.run("CREATE SCHEMA D.T", "CREATE TASK D.T.FAR WAREHOUSE = W AS SELECT 1", "USE SCHEMA D.S")
    before = pair.rows("SHOW TASKS IN SCHEMA D.S")
    assert message in pair.error(statement).message
    assert pair.rows("SHOW TASKS IN SCHEMA D.S") == before


def test_a_root_with_children_is_no_finalizer(pair: Tasks) -> None:
    pair.run("ALTER TASK F UNSET FINALIZE")
    message = pair.error("ALTER TASK OTHER SET FINALIZE = ROOT").message
    assert message == "Task D.S.OTHER cannot have children as a finalizer task."


def test_a_run_without_failures_is_not_retried(tasks: Tasks) -> None:
    tasks.graph(A="ROOT")
    tasks.open("ROOT", "A")
    tasks.run("EXECUTE TASK ROOT")
    tasks.idle()
    error = tasks.error("EXECUTE TASK ROOT RETRY LAST")
    assert error.errno == 91456
    assert error.message.startswith("Cannot perform retry: run (GRAPH_RUN_GROUP_ID = ")
    assert error.message.endswith(", attempt = 1) of graph with root task ROOT had no failures.")
