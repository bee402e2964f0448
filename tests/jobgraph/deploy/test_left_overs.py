"""Tasks that a killed deploy left: which ones may be dropped, and when the engine's state is read to know that."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

from jobgraph.deploy.left_overs import Recorded, left_overs, orphans, recorded
from jobgraph.plan.observations import observation
from tests.jobgraph.deploy.test_root_changes import ONE, Row, planned, rows

if TYPE_CHECKING:
    from pathlib import Path

    from jobgraph.plan.planning import GraphPlan


@pytest.fixture
def graph(tmp_path: Path) -> GraphPlan:
    (graph,) = planned(tmp_path, ONE)
    return graph


@pytest.fixture
def other(tmp_path: Path) -> GraphPlan:
    """A graph with the same jobs under another key."""
    (graph,) = planned(tmp_path, {"other": ONE["g"] | {"root_task": "other_root"}})
    return graph


def by_name(*several: Row) -> dict[str, Row]:
    return {row["name"]: row for row in several}


def not_read() -> Recorded:
    raise AssertionError("the state is read although no deploy was killed")


def test_a_planned_task_of_the_graph_is_left_over_and_one_of_others_is_not(graph: GraphPlan) -> None:
    root, job, *_ = rows(graph, state="suspended")
    names = {graph.root.name, job["name"]}
    assert left_overs((graph,), by_name(root, job), not_read).keys() == names
    foreign = {**job, "definition": "CALL SOMETHING()"}
    assert left_overs((graph,), by_name(foreign, {**root, "comment": "mine"}), Recorded) == {}
    assert left_overs((graph,), by_name({**root, "state": "started"}, job), not_read).keys() == {job["name"]}


def test_a_root_resumed_right_after_its_create_is_left_over_until_followed(graph: GraphPlan) -> None:
    started = by_name(*rows(graph, state="started"))
    alone = {graph.root.name: started[graph.root.name]}
    assert left_overs((graph,), alone, not_read) == {graph.root.name: graph.root.full_name}
    assert graph.root.name not in left_overs((graph,), started, not_read)


def test_a_planned_task_of_a_graph_that_a_killed_deploy_began_is_left_over(graph: GraphPlan, other: GraphPlan) -> None:
    job = rows(other)[1]
    assert left_overs((graph,), by_name(job), Recorded) == {}
    assert left_overs((graph,), by_name(job), lambda: Recorded(graphs=frozenset({"other"}))).keys() == {job["name"]}


def test_only_unrecorded_tasks_of_this_stacks_graphs_are_dropped(graph: GraphPlan, other: GraphPlan) -> None:
    present = by_name(*rows(graph), *rows(other))
    assert orphans((graph,), by_name(*rows(graph)), not_read) == {}
    assert orphans((graph,), present, Recorded) == {}
    begun = Recorded(begun=frozenset({"OTHER_ROOT"}), graphs=frozenset({"other"}))
    # the jobs' rows are those of the other graph, below its root; the planned names are left out
    assert orphans((graph,), by_name(rows(other)[0]), lambda: begun) == {"OTHER_ROOT": "OTHER_ROOT"}
    known = Recorded(frozenset({"OTHER_ROOT"}), begun.begun, begun.graphs)
    assert orphans((graph,), by_name(rows(other)[0]), lambda: known) == {}


def test_a_job_that_left_the_plan_is_an_orphan_of_its_own_root(
    graph: GraphPlan,
) -> None:
    state = Recorded(graphs=frozenset({"g"}), begun=frozenset({graph.root.name}))
    row = {**rows(graph)[1], "name": "NEW"}
    elsewhere = {**row, "predecessors": json.dumps(["OF_ANOTHER_STACK"])}
    top = {**rows(graph)[0], "name": "OF_ANOTHER_STACK"}
    assert orphans((graph,), by_name(*rows(graph), row), lambda: state) == {"NEW": graph.root.name}
    assert orphans((graph,), by_name(*rows(graph), elsewhere, top), lambda: state) == {}


def test_a_state_is_read_by_the_names_and_texts_of_its_steps(graph: GraphPlan) -> None:
    resources = {
        f"{graph.root.name}-opening": ("snowflake:index/execute:Execute", {"revert": graph.opening.revert}),
        f"{graph.root.name}-gate": ("snowflake:index/execute:Execute", {"revert": graph.gate.revert}),
        "A": ("snowflake:index/task:Task", {}),
    }
    root = frozenset({graph.root.name})
    assert recorded(resources) == Recorded(frozenset({"A"}), root, frozenset({"g"}))
    query = observation("12345678", ["A"], unscheduled_root=graph.root.name)
    opening = ("snowflake:index/execute:Execute", {"revert": graph.opening.revert, "query": query})
    assert recorded({f"{graph.root.name}-opening": opening}).unscheduled == root
