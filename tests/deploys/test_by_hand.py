"""What was done to a graph by hand, or read by a refresh, before a deploy: mended or kept, the root changed once."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

import pytest
from snowflake_sandbox.errors import SnowflakeError
from snowflake_sandbox.tasks.statements import TaskStatement

from jobgraph.deploy import removal
from tests.deploys.driver import root_changes
from tests.deploys.turns import Disturbance, Trouble
from tests.reliability.deploys import Case

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

ONCE = ["SUSPEND", "RESUME"]
JOBS = {f"j{number}": {"after": [f"j{number - 3}"] if number >= 3 else []} for number in range(12)}
GRAPH: dict[str, Any] = {"one": {"jobs": JOBS}}
FEWER: dict[str, Any] = {"one": {"jobs": {name: JOBS[name] for name in ("j0", "j1", "j2", "j3")}}}
BY_HAND: dict[str, Any] = {"one": {**FEWER["one"], "schedule": None}}
ROOT = "D.STACK.ONE_ROOT"


class Stack(Case):
    """A deployed graph."""

    def up(self, graphs: dict[str, Any]) -> list[str]:
        """Deploy; the writes."""
        return self.stack.up(*self.planned(graphs, "STACK"))

    def by_hand(self, *statements: str) -> None:
        """Change the graph as somebody else would: between a suspension and a resumption of its root."""
        for statement in (f"ALTER TASK {ROOT} SUSPEND", *statements, f"ALTER TASK {ROOT} RESUME"):
            self.stack.rows(statement)

    def state(self, task: str) -> str:
        """Whether a task is started."""
        (row,) = self.stack.rows(f"SHOW TASKS LIKE '{task}' IN SCHEMA D.STACK")
        return str(row["state"])


@pytest.fixture
def stack(tmp_path: Path) -> Iterator[Stack]:
    made = Stack(1, tmp_path)
    made.up(GRAPH)
    yield made
    made.close()


def test_a_schedule_that_goes_and_comes_back_after_a_refresh(stack: Stack) -> None:
    fresh = stack.shown("STACK")
    stack.stack.refresh()
    assert stack.up(GRAPH) == []
    stack.up(BY_HAND)
    assert stack.state("ONE_ROOT") == "suspended"
    stack.up(GRAPH)
    assert stack.shown("STACK") == fresh
    stack.stack.refresh()
    assert stack.up(GRAPH) == []


def test_an_operators_suspension_survives_a_refresh_and_a_change_of_the_root(stack: Stack) -> None:
    stack.stack.refresh()
    stack.stack.rows(f"ALTER TASK {ROOT} SUSPEND")
    assert root_changes(stack.up({"one": {"jobs": JOBS, "schedule": "2 hours"}}), "ONE_ROOT") == ["SUSPEND!"]
    assert stack.state("ONE_ROOT") == "suspended"
    assert stack.up({"one": {"jobs": JOBS, "schedule": "2 hours"}}) == []
    stack.up(FEWER)
    assert stack.state("ONE_ROOT") == "suspended"


def test_what_was_changed_by_hand_is_mended_without_a_refresh(stack: Stack) -> None:
    fresh = stack.shown("STACK")
    stack.by_hand(
        *(f"ALTER TASK D.STACK.J{number} MODIFY AS SELECT 1" for number in range(4)),
        "ALTER TASK D.STACK.J5 SUSPEND",
        "ALTER TASK D.STACK.J7 ADD AFTER D.STACK.J0",
        "ALTER TASK D.STACK.J7 REMOVE AFTER D.STACK.J4",
        "ALTER TASK D.STACK.ONE_FINALIZER UNSET FINALIZE",
        f"ALTER TASK {ROOT} SET SCHEDULE = '5 HOURS'",
    )
    assert root_changes(stack.up(GRAPH), "ONE_ROOT") == ONCE
    assert stack.shown("STACK") == fresh
    assert stack.up(GRAPH) == []


def test_a_change_of_a_task_changed_by_hand_leaves_nothing_to_do(stack: Stack) -> None:
    stack.by_hand("ALTER TASK D.STACK.J3 MODIFY AS SELECT 1", f"ALTER TASK {ROOT} SET COMMENT = 'mine'")
    other = {"one": {"jobs": {**JOBS, "j3": {"after": ["j1", "j2"]}}, "schedule": "2 hours"}}
    stack.up(other)
    made = stack.shown("STACK")
    assert "RUN_JOB" in made["J3"]
    assert "mine" not in made["ONE_ROOT"]
    assert stack.up(other) == []


def test_many_tasks_changed_by_hand_are_mended_while_the_root_is_suspended_once(stack: Stack) -> None:
    fresh = stack.shown("STACK")
    stack.by_hand(
        *(f"ALTER TASK D.STACK.J{number} MODIFY AS SELECT 1" for number in range(4)),
        *(f"ALTER TASK D.STACK.J{number} SUSPEND" for number in range(2, 6)),
        *(f"ALTER TASK D.STACK.J{number} SET COMMENT = 'mine'" for number in (6, 7)),
        *(f"ALTER TASK D.STACK.J{number} ADD AFTER D.STACK.J0" for number in (7, 8)),
        "DROP TASK D.STACK.J8",
        "DROP TASK D.STACK.ONE_FINALIZER",
    )
    stack.stack.refresh()
    assert root_changes(stack.up(GRAPH), "ONE_ROOT") == ONCE
    assert stack.shown("STACK") == fresh
    stack.stack.refresh()
    assert stack.up(GRAPH) == []


def test_a_root_whose_parameter_was_changed_by_hand_is_started_after_the_deploy_that_mends_it(stack: Stack) -> None:
    fresh = stack.shown("STACK")
    stack.by_hand(f"ALTER TASK {ROOT} SET USER_TASK_TIMEOUT_MS = 5000")
    assert root_changes(stack.up(GRAPH), "ONE_ROOT") == ONCE
    assert stack.shown("STACK") == fresh
    assert stack.up(GRAPH) == []


def test_all_tasks_dropped_by_hand_come_back_again_and_again(stack: Stack) -> None:
    fresh = stack.shown("STACK")
    for _ in range(2):
        for statement in (f"ALTER TASK {ROOT} SUSPEND", *(f"DROP TASK D.STACK.{name}" for name in fresh)):
            stack.stack.rows(statement)
        stack.stack.refresh()
        stack.up(GRAPH)
        assert stack.shown("STACK") == fresh


def test_somebody_resumes_the_root_after_a_kill_and_the_next_deploy_still_has_no_race(stack: Stack) -> None:
    other = {"one": {"jobs": {name: {**job, "retries": 1} for name, job in JOBS.items()}}}
    stack.stack.up(*stack.planned(other, "STACK"), Disturbance(13, Trouble.KILLED))
    stack.stack.rows(f"ALTER TASK {ROOT} RESUME")
    # the interrupted deploy's own resumption comes on top of this one's
    assert [change.rstrip("!") for change in root_changes(stack.up(other), "ONE_ROOT")] == ONCE
    assert stack.up(other) == []


@pytest.mark.parametrize(("writes", "state"), [(0, "suspended"), (1, "started"), (2, "started"), (9, "started")])
def test_a_suspension_after_a_kill_is_kept_only_if_the_deploy_had_not_begun(
    stack: Stack, writes: int, state: str
) -> None:
    """The rule of decision 0009: once the mark of a deploy is noted, the next one ends as that would have ended."""
    other = {"one": {"jobs": {name: {**job, "retries": 1} for name, job in JOBS.items()}}}
    stack.stack.up(*stack.planned(other, "STACK"), Disturbance(writes + 1, Trouble.KILLED))
    stack.stack.rows(f"ALTER TASK {ROOT} SUSPEND")
    stack.up(other)
    assert stack.state("ONE_ROOT") == state
    assert stack.up(other) == []


def test_what_a_plugin_of_a_killed_engine_still_sends_is_mended_by_the_deploy_after(
    stack: Stack, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its network comes back within the next deploy, where the root is suspended: else Snowflake refuses it."""
    other = {"one": {"jobs": {name: {**job, "retries": 1} for name, job in JOBS.items()}}}
    stack.up(other)
    fresh = stack.shown("STACK")
    stack.up(GRAPH)
    stack.stack.up(*stack.planned(other, "STACK"), Disturbance(13, Trouble.KILLED))
    late = ["ALTER TASK D.STACK.J5 MODIFY AS SELECT 'late'"]
    send = stack.stack.rows

    def rows(sql: str) -> list[dict[str, Any]]:
        if late and "ONE_ROOT" in sql and "RESUME" in sql:
            send(late.pop())
        return send(sql)

    monkeypatch.setattr(stack.stack, "rows", rows)
    stack.up(other)
    assert not late
    assert stack.shown("STACK") != fresh
    stack.up(other)
    assert stack.shown("STACK") == fresh
    assert stack.up(other) == []


def test_a_refused_removal_names_runs_graphs_and_commands(stack: Stack, monkeypatch: pytest.MonkeyPatch) -> None:
    """In the singular and the plural, of one graph and of several; the names of graphs are any that a file may have."""
    monkeypatch.setattr(TaskStatement, "start", lambda _: None)  # the runs do not end
    plans = {**GRAPH, "two": {"jobs": {"x": {"after": []}}}}
    graphs, settings = stack.planned(plans, "STACK")
    guard = removal.guard_of_all(graphs, settings)
    (two,) = [removal.guard(graph, settings) for graph in graphs if graph.key == "two"]
    stack.stack.up(graphs, settings)
    assert stack.stack.rows(guard.revert) == [{"RUNS_UNDER_WAY": 0}]

    def refusal(statement: str, *roots: str) -> str:
        for root in roots:
            stack.stack.rows(f"EXECUTE TASK D.STACK.{root}_ROOT")
        with pytest.raises(SnowflakeError) as refused:
            stack.stack.rows(statement)
        return re.sub(r"\d{6,}", "ID", str(refused.value))

    single = (
        "'1 run is under way: run ID of graph two. Wait for it (`jobgraph wait two`), cancel it (`jobgraph cancel"
        " two`), or set force_destroy: true in jobgraph:settings and run `pulumi up` first.'"
    )
    assert single in refusal(guard.revert, "TWO")
    assert single in refusal(two.revert, "ONE", "TWO")
    assert (
        "'2 runs are under way: run ID of graph one, run ID of graph two. Wait for them (`jobgraph wait one`, `jobgraph"
        " wait two`), cancel them (`jobgraph cancel one`, `jobgraph cancel two`), or set"
    ) in refusal(guard.revert, "ONE", "TWO")
    departures = str(removal.refuse_departures(settings, {"TWO_ROOT": "two"}))
    assert single in refusal(departures, "TWO")
