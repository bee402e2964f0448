"""What a deploy may do to graphs that are there: whose root it suspends and resumes, and what it takes over."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest

from jobgraph.config.reading import read
from jobgraph.deploy import root_changes
from jobgraph.deploy.drift import root_parameters
from jobgraph.deploy.root_changes import RootChange
from jobgraph.errors import UsageError
from jobgraph.plan.planning import Procedures, plan
from jobgraph.plan.sql import SUSPENDED_BY_A_DEPLOY
from jobgraph.settings import read_settings

if TYPE_CHECKING:
    from pathlib import Path

    from jobgraph.plan.planning import GraphPlan

Row = dict[str, Any]


def planned(folder: Path, graphs: dict[str, dict[str, Any]]) -> tuple[GraphPlan, ...]:
    """Plans of graphs given as key -> schedule, root_task and jobs (name -> predecessors)."""
    document = {
        "version": 1,
        "defaults": {"image": "i:1", "compute_pool": "PR_STD_POOL_XS"},
        "graphs": {
            key: {
                **{name: value for name, value in graph.items() if name != "jobs"},
                "jobs": {name: {"after": after} for name, after in graph["jobs"].items()},
            }
            for key, graph in graphs.items()
        },
    }
    file = folder / "jobs.yaml"
    file.write_text(json.dumps(document))
    settings = read_settings({}, "test")
    return plan(read(str(file), settings.pool_families), settings, Procedures("a", "b")).graphs


def rows(graph: GraphPlan, state: str = "started", schedule: str | None = "59 MINUTES", **root: Any) -> list[Row]:
    """SHOW TASKS after a deploy of a graph."""
    found: list[Row] = [
        {
            "name": task.name,
            "state": "started",
            "schedule": None,
            "definition": task.sql,
            "comment": task.comment,
            "warehouse": "SMALL_WAREHOUSE",
            "predecessors": json.dumps(list(task.after)),
        }
        for task in graph.tasks
    ]
    finalizer = graph.finalizer
    if finalizer is not None:
        relations = json.dumps({"FinalizedRootTask": graph.root.full_name})
        closing = {
            "name": finalizer.name,
            "state": "started",
            "definition": finalizer.sql,
            "warehouse": "SMALL_WAREHOUSE",
        }
        found.append(closing | {"comment": finalizer.comment, "task_relations": relations})
    top = {"name": graph.root.name, "state": state, "schedule": schedule, "definition": graph.root.sql}
    top |= {"comment": graph.root.comment, "last_suspended_reason": "USER_SUSPENDED"}
    return [top | {"parameters": root_parameters(graph)} | root, *found]


def changes(graphs: tuple[GraphPlan, ...], present: list[Row]) -> dict[str, RootChange]:
    """What a deploy may do, leaving out which tasks are not as planned."""
    found = root_changes.changes(graphs, present)
    return {key: replace(change, differing=(), root_differs=False) for key, change in found.items()}


ONE: dict[str, Any] = {"g": {"schedule": "59 minutes", "jobs": {"a": [], "b": ["a"]}}}
BY_HAND: dict[str, Any] = {"g": {"jobs": {"a": []}}}


@pytest.mark.parametrize(
    ("document", "shown", "expected"),
    [
        (ONE, None, RootChange()),
        (BY_HAND, None, RootChange(resume=False)),
        (ONE, {}, RootChange()),
        (ONE, {"state": "suspended"}, RootChange(suspend=False, resume=False, stays_suspended=True)),
        (ONE, {"state": "suspended", "schedule": None}, RootChange(suspend=False)),
        (ONE, {"state": "suspended", "comment": f"any{SUSPENDED_BY_A_DEPLOY}"}, RootChange(suspend=False)),
        (
            ONE,
            {"state": "suspended", "last_suspended_reason": "SUSPENDED_DUE_TO_ERRORS"},
            RootChange(suspend=False, failed=True),
        ),
        (BY_HAND, {"state": "suspended", "schedule": None}, RootChange(suspend=False, resume=False)),
        (BY_HAND, {}, RootChange(resume=False, loses_schedule=True)),
    ],
)
def test_who_suspends_and_resumes_the_root(
    document: dict[str, Any], shown: Row | None, expected: RootChange, tmp_path: Path
) -> None:
    graphs = planned(tmp_path, document)
    assert changes(graphs, [] if shown is None else rows(graphs[0], **shown)) == {"g": expected}


def test_a_graph_whose_root_has_another_name_takes_the_old_one_over(tmp_path: Path) -> None:
    (old,) = planned(tmp_path, {"old": {"schedule": "59 minutes", "jobs": {"a": [], "b": ["a"]}}})
    graphs = planned(tmp_path, {"new": {"schedule": "59 minutes", "jobs": {"a": [], "c": ["a"]}}})
    assert changes(graphs, rows(old))["new"] == RootChange(former_root="OLD_ROOT")


def test_jobs_of_a_split_graph_wait_for_the_gate_of_the_one_that_they_leave(tmp_path: Path) -> None:
    (before,) = planned(tmp_path, {"one": {"schedule": "1 hour", "jobs": {"a": [], "b": ["a"], "c": ["b"]}}})
    after = planned(
        tmp_path,
        {
            "one": {"schedule": "1 hour", "jobs": {"a": []}},
            "two": {"schedule": "1 hour", "jobs": {"b": [], "c": ["b"]}},
        },
    )
    found = changes(after, rows(before))
    assert found["one"] == RootChange()
    assert found["two"] == RootChange(moved={"B": "one", "C": "one"})


def test_jobs_of_a_graph_that_goes_wait_until_its_root_is_suspended(tmp_path: Path) -> None:
    document = {
        "one": {"schedule": "1 hour", "jobs": {"a": []}},
        "two": {"schedule": "1 hour", "jobs": {"b": [], "c": ["b"]}},
    }
    before = planned(tmp_path, document)
    after = planned(tmp_path, {"one": {"schedule": "1 hour", "jobs": {"a": [], "b": ["a"]}}})
    found = changes(after, [row for graph in before for row in rows(graph)])
    assert found["one"] == RootChange(abandoned={"B": "TWO_ROOT"})


def test_of_two_graphs_that_come_from_one_the_larger_takes_the_root_over(tmp_path: Path) -> None:
    (before,) = planned(tmp_path, {"one": {"schedule": "1 hour", "jobs": {"a": [], "b": ["a"], "c": ["b"]}}})
    after = planned(
        tmp_path,
        {
            "left": {"schedule": "1 hour", "jobs": {"a": []}},
            "right": {"schedule": "1 hour", "jobs": {"b": [], "c": ["b"]}},
        },
    )
    found = changes(after, rows(before))
    assert found["right"] == RootChange(former_root="ONE_ROOT")
    assert found["left"] == RootChange(moved={"A": "right"})


def test_a_deploy_has_to_suspend_the_root_where_tasks_are_not_as_planned(tmp_path: Path) -> None:
    graphs = planned(tmp_path, ONE)
    present = rows(graphs[0])
    assert root_changes.changes(graphs, present)["g"].differing == ()
    assert root_changes.changes(graphs, None)["g"].differing == ()
    present[1]["definition"] = "SELECT 1"
    assert root_changes.changes(graphs, present)["g"] == RootChange(differing=("A",))
    assert root_changes.changes(graphs, present[1:])["g"] == RootChange(differing=("G_ROOT", "A"), root_differs=True)


def test_a_root_that_failed_too_often_is_told_apart_from_a_suspended_one(
    tmp_path: Path,
) -> None:
    graphs = planned(tmp_path, ONE)
    failed = rows(graphs[0], "suspended", last_suspended_reason="SUSPENDED_DUE_TO_ERRORS")
    assert root_changes.changes(graphs, failed)["g"] == RootChange(suspend=False, failed=True, differing=("G_ROOT",))
    assert root_changes.changes(graphs, rows(graphs[0], "suspended"))["g"].differing == ()


def test_a_root_that_is_there_does_not_become_a_job_in_one_deploy(tmp_path: Path) -> None:
    (before,) = planned(tmp_path, {"g": {"schedule": "59 minutes", "root_task": "top", "jobs": {"a": []}}})
    renamed = planned(
        tmp_path, {"g": {"schedule": "59 minutes", "root_task": "other", "jobs": {"a": [], "top": ["a"]}}}
    )
    with pytest.raises(UsageError, match="task TOP is the root of a graph now, and graph g wants it for a job"):
        root_changes.refuse_roots_that_become_jobs(renamed, rows(before))
    (gone,) = planned(tmp_path, {"g": {"schedule": "59 minutes", "root_task": "other", "jobs": {"a": []}}})
    root_changes.refuse_roots_that_become_jobs((gone,), rows(before))
    root_changes.refuse_roots_that_become_jobs(renamed, rows(gone))
    root_changes.refuse_roots_that_become_jobs(renamed, None)


def test_a_deploy_that_would_put_too_many_tasks_behind_one_for_a_while_is_refused(tmp_path: Path) -> None:
    def wide(letter: str, count: int) -> tuple[GraphPlan, ...]:
        jobs: dict[str, list[str]] = {f"{letter}{number}": [] for number in range(count)}
        return planned(tmp_path, {"g": {"root_task": "top", "jobs": jobs}})

    (before,) = wide("a", 60)
    with pytest.raises(UsageError, match=r"TOP \(41 of this file, 60 that leave it\)"):
        root_changes.refuse_crowded_tasks(wide("b", 41), rows(before))
    root_changes.refuse_crowded_tasks(wide("b", 40), rows(before))
    root_changes.refuse_crowded_tasks(wide("a", 100), rows(before))
    root_changes.refuse_crowded_tasks(wide("b", 100), None)
