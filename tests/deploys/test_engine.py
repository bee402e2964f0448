"""Deploys with the real engine: the root changed once, nothing sent for nothing, every re-wiring, kills."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from tests.deploys.driver import SCHEMA, Deploys, deploys, root_changes, summary
from tests.deploys.proxy import Trouble

if TYPE_CHECKING:
    from collections.abc import Iterator

pytestmark = pytest.mark.engine

ONCE = ["SUSPEND", "RESUME"]
BEFORE: dict[str, Any] = {
    "jobs": {"a": [], "b": ["a"], "c": ["a"], "d": ["b", "c"], "e": ["d"], "f": [], "g": ["f"], "x": [], "z": ["x"]}
}
# a diamond turned, a root's child made a grandchild, two swapped, predecessors emptied, a job renamed
AFTER: dict[str, Any] = {
    "jobs": {"d": [], "b": ["d"], "c": ["d"], "a": ["b", "c"], "e": [], "g": [], "f": ["g"], "y": ["e"], "z": ["y"]}
}


@pytest.fixture(scope="module")
def deployed(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Deploys]:
    with deploys(tmp_path_factory.mktemp("deploys") / "project") as made:
        made.up({"one": BEFORE})
        yield made


def test_no_change_sends_nothing_but_reads(deployed: Deploys) -> None:
    deployed.write({"one": BEFORE})
    assert deployed.up() == []
    assert deployed.pulumi("preview", "--expect-no-changes")[0] == 0


def test_any_rewiring_changes_the_root_once(deployed: Deploys) -> None:
    before = deployed.tasks()
    assert root_changes(deployed.up({"one": AFTER}), "ONE_ROOT") == ONCE
    assert deployed.tasks()["A"]["predecessors"] == f'["{SCHEMA}.B","{SCHEMA}.C"]'
    assert "X" not in deployed.tasks()
    # of jobs and schedule at once, and back
    assert root_changes(deployed.up({"one": BEFORE | {"schedule": "2 hours"}}), "ONE_ROOT") == ONCE
    assert root_changes(deployed.up({"one": BEFORE}), "ONE_ROOT") == ONCE
    assert deployed.tasks() == before


def test_a_job_becomes_the_finalizer_and_a_job_again(deployed: Deploys) -> None:
    before = deployed.tasks()
    jobs = {name: after for name, after in BEFORE["jobs"].items() if name != "z"}
    assert root_changes(deployed.up({"one": {"jobs": jobs, "finalizer_task": "Z"}}), "ONE_ROOT") == ONCE
    assert "FinalizedRootTask" in deployed.tasks()["Z"]["task_relations"]
    assert "ONE_FINALIZER" not in deployed.tasks()
    assert root_changes(deployed.up({"one": BEFORE}), "ONE_ROOT") == ONCE
    assert deployed.tasks() == before


def test_a_graph_is_split_renamed_and_joined_again(deployed: Deploys) -> None:
    before = deployed.tasks()
    kept = {"jobs": {name: BEFORE["jobs"][name] for name in "abcde"}}
    left = {"jobs": {name: BEFORE["jobs"][name] for name in "fgxz"}}
    # the new graph's root comes before the old one's suspension
    changes = root_changes(deployed.up({"one": kept, "two": left}), "ONE_ROOT")
    assert [change.rstrip("!") for change in changes] == ONCE
    assert {name: row["state"] for name, row in deployed.tasks().items()} == dict.fromkeys(
        [*before, "TWO_ROOT", "TWO_FINALIZER"], "started"
    )
    assert deployed.up() == []
    deployed.up({"three": kept, "two": left})
    assert not {"ONE_ROOT", "ONE_FINALIZER"} & deployed.tasks().keys()
    assert {row["state"] for row in deployed.tasks().values()} == {"started"}
    assert deployed.up() == []
    deployed.up({"one": BEFORE})
    assert deployed.tasks() == before


def test_two_graphs_exchange_jobs_crosswise(deployed: Deploys) -> None:
    left: dict[str, Any] = {"jobs": {"a": [], "b": ["a"], "c": ["b"]}}
    right: dict[str, Any] = {"jobs": {"x": [], "y": ["x"], "z": ["y"]}}
    deployed.up({"one": left, "two": right})
    deployed.up({"one": {"jobs": {"y": [], "b": ["y"], "c": ["b"]}}, "two": {"jobs": {"x": [], "a": [], "z": ["a"]}}})
    rows = deployed.tasks()
    assert {row["state"] for row in rows.values()} == {"started"}
    found = {name: row["predecessors"].replace(f"{SCHEMA}.", "") for name, row in rows.items()}
    edges = {"Y": '["ONE_ROOT"]', "B": '["Y"]', "C": '["B"]', "A": '["TWO_ROOT"]', "Z": '["A"]', "X": '["TWO_ROOT"]'}
    assert {name: found[name] for name in edges} == edges
    assert deployed.pulumi("preview", "--refresh", "--expect-no-changes")[0] == 0
    deployed.up({"one": BEFORE})


def test_an_operators_suspension_survives_a_deploy_and_the_preview_says_so(deployed: Deploys) -> None:
    deployed.project.query(f"ALTER TASK {SCHEMA}.ONE_ROOT SUSPEND")
    deployed.write({"one": AFTER})
    assert "its root ONE_ROOT is suspended although it has a schedule" in deployed.pulumi("preview")[1]
    assert root_changes(deployed.up(), "ONE_ROOT") == ["SUSPEND!"]
    assert deployed.tasks()["ONE_ROOT"]["state"] == "suspended"
    assert deployed.pulumi("preview", "--expect-no-changes")[0] == 0
    deployed.project.query(f"ALTER TASK {SCHEMA}.ONE_ROOT RESUME")
    assert deployed.pulumi("preview", "--expect-no-changes")[0] == 0
    assert root_changes(deployed.up({"one": BEFORE}), "ONE_ROOT") == ONCE


def test_a_schedule_goes_and_comes_back_after_a_refresh(deployed: Deploys) -> None:
    before = deployed.tasks()
    assert deployed.pulumi("refresh", "--yes", "--expect-no-changes")[0] == 0
    deployed.up({"one": {"jobs": {"a": [], "z": ["a"]}, "schedule": None}})
    assert deployed.tasks()["ONE_ROOT"]["state"] == "suspended"
    assert deployed.pulumi("preview", "--refresh", "--expect-no-changes")[0] == 0
    deployed.up({"one": BEFORE})
    assert deployed.tasks() == before
    assert deployed.pulumi("preview", "--refresh", "--expect-no-changes")[0] == 0


def test_many_tasks_of_a_started_graph_that_were_changed_by_hand_are_mended_by_one_up(deployed: Deploys) -> None:
    before = deployed.tasks()
    statements = [f"ALTER TASK {SCHEMA}.{name} MODIFY AS SELECT 1" for name in "ABCD"]
    statements += [f"ALTER TASK {SCHEMA}.{name} SUSPEND" for name in "DEFG"]
    statements += [f"ALTER TASK {SCHEMA}.G ADD AFTER {SCHEMA}.A", f"DROP TASK {SCHEMA}.Z", f"DROP TASK {SCHEMA}.X"]
    root = f"ALTER TASK {SCHEMA}.ONE_ROOT"
    for statement in (f"{root} SUSPEND", *statements, f"{root} RESUME"):
        deployed.project.query(statement)
    deployed.proxy.clear()
    code, out = deployed.pulumi("up", "--refresh", "--yes", "--skip-preview")
    assert code == 0, summary(out)
    assert root_changes(list(deployed.proxy.writes), "ONE_ROOT") == ONCE
    assert deployed.tasks() == before
    assert deployed.pulumi("preview", "--refresh", "--expect-no-changes")[0] == 0


def test_tasks_that_were_changed_by_hand_are_mended_although_nothing_was_refreshed(deployed: Deploys) -> None:
    before = deployed.tasks()
    changes = ("A MODIFY AS SELECT 1", "D REMOVE AFTER {}.B", "E SUSPEND", "ONE_ROOT SET SCHEDULE = '5 HOURS'")
    deployed.project.query(f"ALTER TASK {SCHEMA}.ONE_ROOT SUSPEND")
    for change in changes:
        deployed.project.query(f"ALTER TASK {SCHEMA}.{change.format(SCHEMA)}")
    deployed.project.query(f"ALTER TASK {SCHEMA}.ONE_ROOT RESUME")
    assert "not as planned when deploy" in deployed.pulumi("preview", "--diff")[1]
    assert root_changes(deployed.up(), "ONE_ROOT") == ONCE
    assert deployed.tasks() == before
    assert deployed.up() == []
    assert deployed.pulumi("preview", "--refresh", "--expect-no-changes")[0] == 0


def test_a_task_that_somebody_dropped_can_leave_the_configuration(deployed: Deploys) -> None:
    before = deployed.tasks()
    root = f"ALTER TASK {SCHEMA}.ONE_ROOT"
    for statement in (f"{root} SUSPEND", f"DROP TASK {SCHEMA}.X", f"DROP TASK {SCHEMA}.Z", f"{root} RESUME"):
        deployed.project.query(statement)
    deployed.up({"one": {"jobs": {name: after for name, after in BEFORE["jobs"].items() if name not in "xz"}}})
    assert deployed.tasks().keys() == before.keys() - {"X", "Z"}
    deployed.up({"one": BEFORE})
    assert deployed.tasks() == before


def test_a_deploy_of_a_target_is_finished_by_the_next(deployed: Deploys) -> None:
    """The engine leaves out all other resources, among them a new graph's component, but reads what a refresh shows."""
    before = deployed.tasks()
    deployed.write({"one": {"jobs": BEFORE["jobs"] | {"n": ["a"]}}, "two": {"jobs": {"m": []}}})
    code, out = deployed.pulumi("up", "--yes", "--skip-preview", "--target", "**jobgraph-N")
    assert code == 0, summary(out)
    assert "this deploy leaves out the step that suspends the root, ONE_ROOT-gate" in out
    deployed.up()
    assert {row["state"] for row in deployed.tasks().values()} == {"started"}
    assert deployed.tasks().keys() == before.keys() | {"N", "M", "TWO_ROOT", "TWO_FINALIZER"}
    assert deployed.up() == []
    deployed.up({"one": BEFORE})
    assert deployed.tasks() == before


def test_a_deploy_that_is_killed_is_finished_by_the_next(deployed: Deploys) -> None:
    """Killed at one statement; `make reliability` kills it at each, before and after Snowflake has it."""
    goal = deployed.tasks()
    deployed.up({"one": AFTER})
    deployed.write({"one": BEFORE})
    assert deployed.killed("up", 11, forward=True)
    assert deployed.tasks()["ONE_ROOT"]["state"] == "suspended"
    said = deployed.project.jobgraph("status", "one", check=False)
    assert "`pulumi up --refresh` finishes" in said.stdout + said.stderr
    deployed.up()
    assert deployed.tasks() == goal
    assert deployed.up() == []


@pytest.mark.parametrize(("at", "trouble"), [(4, Trouble.REFUSED), (9, Trouble.LOST)])
def test_a_change_that_was_refused_or_whose_answer_was_lost_is_made_up_for(
    deployed: Deploys, at: int, trouble: Trouble
) -> None:
    """The provider notes the task as changed, so the engine does not ask for that change again."""
    goal = deployed.tasks()
    deployed.up({"one": AFTER})
    deployed.write({"one": BEFORE})
    deployed.proxy.trap(at, lambda: None, forward=False, trouble=trouble)
    assert deployed.pulumi("up", "--yes", "--skip-preview")[0] != 0
    deployed.proxy.clear()
    assert deployed.tasks() != goal
    deployed.up()
    assert deployed.tasks() == goal
    assert deployed.up() == []
    assert deployed.pulumi("preview", "--refresh", "--expect-no-changes")[0] == 0
