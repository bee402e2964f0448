"""What of a graph is not in Snowflake as it is planned, and what only looks different."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from jobgraph.deploy.drift import not_as_planned
from tests.jobgraph.deploy.test_root_changes import planned, rows

if TYPE_CHECKING:
    from pathlib import Path

    from jobgraph.plan.planning import GraphPlan

GRAPH: dict[str, Any] = {
    "g": {"schedule": "59 minutes", "config": {"a": 1}, "auto_retry": 1, "jobs": {"a": [], "b": ["a"]}}
}


@pytest.fixture
def graph(tmp_path: Path) -> GraphPlan:
    (found,) = planned(tmp_path, GRAPH)
    return found


def differing(graph: GraphPlan, task: str, **columns: Any) -> tuple[str, ...]:
    """What differs when these columns of a task are other than a deploy makes them."""
    shown = {row["name"]: row for row in rows(graph, config='{"a": 1}')}
    shown[task] |= columns
    return not_as_planned(graph, shown, shown.keys())


def test_nothing_differs_after_a_deploy(graph: GraphPlan) -> None:
    assert differing(graph, "A") == ()


@pytest.mark.parametrize(
    "columns",
    [
        {"state": "suspended"},
        {"definition": "SELECT 1"},
        {"condition": "TRUE"},
        {"comment": "mine"},
        {"comment": None},
        {"warehouse": "OTHER"},
        {"warehouse": None},
        {"predecessors": "[]"},
        {"predecessors": '["D.S.A", "D.S.G_ROOT"]'},
        {"task_relations": '{"FinalizedRootTask": "D.S.G_ROOT"}'},
    ],
)
def test_a_changed_task_differs(graph: GraphPlan, columns: dict[str, Any]) -> None:
    assert differing(graph, "B", **columns) == ("B",)


@pytest.mark.parametrize(
    "columns",
    [
        {"schedule": "7 MINUTES"},
        {"schedule": None},
        {"definition": "SELECT 2"},
        {"comment": "mine"},
        {"config": None},
        {"config": '{"a": 2}'},
        {"predecessors": '["D.S.OTHER"]'},
        {"parameters": {}},
        {"parameters": {"USER_TASK_TIMEOUT_MS": "5"}},
    ],
)
def test_a_changed_root_differs(graph: GraphPlan, columns: dict[str, Any]) -> None:
    assert differing(graph, "G_ROOT", **columns) == ("G_ROOT",)


@pytest.mark.parametrize(
    ("task", "columns"),
    [
        ("G_ROOT", {"state": "suspended"}),
        ("G_ROOT", {"schedule": "59 MINUTE"}),
        ("G_ROOT", {"parameters": None}),
        ("A", {"condition": "null"}),
        ("A", {"warehouse": '"small_warehouse"'}),
        ("B", {"predecessors": '["\\"D\\".\\"S\\".\\"A\\""]'}),
    ],
)
def test_what_says_the_same_does_not_differ(graph: GraphPlan, task: str, columns: dict[str, Any]) -> None:
    assert differing(graph, task, **columns) == ()


def test_case_and_white_space_of_a_body_make_no_difference(
    graph: GraphPlan,
) -> None:
    body = graph.tasks[0].sql
    assert differing(graph, "A", definition=body.replace(" ", "  ").lower()) == ()


def test_what_is_missing_and_what_is_to_be_dropped_differs_but_not_what_others_made(graph: GraphPlan) -> None:
    present = {row["name"]: row for row in rows(graph, config='{"a": 1}')}
    names = set(present)
    del present["B"]
    present["OLD"] = {**present["A"], "name": "OLD"}
    present["FOREIGN"] = {**present["A"], "name": "FOREIGN", "definition": "SELECT 1"}
    assert not_as_planned(graph, present, names) == ("B", "OLD")


def test_the_size_of_the_roots_warehouse_is_read_as_snowflake_writes_it(graph: GraphPlan) -> None:
    present = {row["name"]: row for row in rows(graph, config='{"a": 1}')}
    parameters = present["G_ROOT"]["parameters"]
    assert parameters["TASK_AUTO_RETRY_ATTEMPTS"] == "1"
    parameters["USER_TASK_MANAGED_INITIAL_WAREHOUSE_SIZE"] = "X-Small"
    assert not_as_planned(graph, present, set(present)) == ()
