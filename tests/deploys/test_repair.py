"""What makes tasks as planned where the engine's state says that they are: carried out by the sandbox, in process."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from jobgraph.deploy.drift import not_as_planned
from jobgraph.deploy.repair import before, repairs, unchanged
from tests.reliability.deploys import Case

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path
    from random import Random

    from jobgraph.plan.planning import GraphPlan
    from jobgraph.plan.task_rows import Row
    from jobgraph.settings import Settings

NAMES = [f"j{number}" for number in range(9)]
SCHEDULES = ("59 minutes", "2 hours", {"cron": "0 2 * * *", "timezone": "UTC"}, None)
ROOT = "D.STACK.ONE_ROOT"


def configuration(random: Random) -> dict[str, Any]:
    """A graph of the same nine jobs, tied in any way."""
    jobs: dict[str, Any] = {}
    for name in random.sample(NAMES, len(NAMES)):
        after = random.sample(sorted(jobs), min(len(jobs), random.choice((0, 1, 2, 3))))
        jobs[name] = {"after": after, "retries": random.choice((0, 1)), "enabled": random.random() < 0.7}
        told = [one for one in after if jobs[one]["enabled"]]
        if told and random.random() < 0.4:
            jobs[name]["when"] = {"job": told[0], "is": random.choice(("yes", "no"))}
    return {"one": {"jobs": jobs, "schedule": random.choice(SCHEDULES), "config": {"day": random.randint(1, 3)}}}


class Deployed(Case):
    """A graph that is deployed."""

    def plan(self) -> tuple[GraphPlan, Settings]:
        """The plan of a graph at random."""
        (graph,), settings = self.planned(configuration(self.random), "STACK")
        return graph, settings

    def rows(self) -> dict[str, Row]:
        """The tasks that are there."""
        return {row["name"]: row for row in self.stack.rows("SHOW TASKS IN SCHEMA D.STACK")}

    def send(self, statements: tuple[str, ...]) -> None:
        """Change the graph while its root is suspended."""
        for statement in (f"ALTER TASK {ROOT} SUSPEND", *statements):
            self.stack.rows(statement)


@pytest.fixture
def case(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Deployed]:
    made = Deployed(getattr(request, "param", 0), tmp_path)
    graph, settings = made.plan()
    made.stack.up([graph], settings)
    yield made
    made.close()


def names(graph: GraphPlan) -> set[str]:
    return {task.name for task in graph.all_tasks}


@pytest.mark.parametrize("case", range(4), indirect=True)
def test_any_graph_becomes_any_other_of_the_same_tasks(case: Deployed) -> None:
    graph, settings = case.plan()
    assert not_as_planned(graph, case.rows(), names(graph))
    case.send(repairs(graph, settings, case.rows(), names(graph)))
    assert not_as_planned(graph, case.rows(), names(graph)) == ()
    assert repairs(graph, settings, case.rows(), names(graph)) == ()
    case.stack.rows(f"ALTER TASK {ROOT} RESUME")  # Snowflake looks at the whole graph then


def test_only_the_tasks_and_columns_that_are_asked_for_are_changed(case: Deployed) -> None:
    graph, settings = case.plan()
    rows = case.rows()
    wrong = not_as_planned(graph, rows, names(graph))
    assert repairs(graph, settings, {}, names(graph)) == ()  # none is there
    (one, *others) = [name for name in wrong if name != "ONE_ROOT"]
    statements = repairs(graph, settings, rows, {one})
    assert statements
    assert all(f'"{one}"' in statement.partition(" AFTER ")[0] for statement in statements)
    assert not any("AFTER" in one for one in repairs(graph, settings, rows, {*others}, {"definition", "condition"}))


def test_the_state_of_a_task_and_the_finalizers_root_alone_are_put_right(case: Deployed) -> None:
    graph, settings = case.plan()
    assert graph.finalizer is not None
    case.send(repairs(graph, settings, case.rows(), names(graph)))
    (started, suspended) = (next(task for task in graph.tasks if task.started is wanted) for wanted in (True, False))
    case.send((f"ALTER TASK {started.full_name} SUSPEND", f"ALTER TASK {suspended.full_name} RESUME"))
    case.send((f"ALTER TASK {graph.finalizer.full_name} UNSET FINALIZE",))
    statements = repairs(graph, settings, case.rows(), names(graph))
    assert f"ALTER TASK {suspended.full_name} SUSPEND" in statements
    case.send(statements)
    assert not_as_planned(graph, case.rows(), names(graph)) == ()


def test_what_comes_before_a_task(case: Deployed) -> None:
    graph, _ = case.plan()
    for task in graph.members:
        found = before(graph, task.name)
        assert task.name not in found
        assert found >= {*task.predecessors, graph.root.name}
        assert all(found >= before(graph, name) for name in task.predecessors)


def test_the_provider_changes_nothing_of_what_is_the_same_in_its_inputs() -> None:
    olds = {"sqlStatement": "a", "afters": ["x", "y"], "comment": "c", "schedule": {"minutes": 5}, "started": True}
    news = olds | {"sqlStatement": "b", "afters": ["y", "x"], "schedule": {"hours": 1}}
    everything = {"definition", "condition", "comment", "warehouse", "predecessors", "task_relations", "schedule"}
    assert unchanged(olds, news) == (everything | {"config", "state"}) - {"definition", "schedule"}


@pytest.mark.parametrize(
    ("outputs", "inputs"),
    [
        ({"schedule": {"hours": 2.0, "minutes": 0.0, "seconds": 0.0, "usingCron": ""}}, {"schedule": {"hours": 2}}),
        (
            {"schedule": {"hours": 0.0, "minutes": 0.0, "seconds": 0.0, "usingCron": "0 2 * * * UTC"}},
            {"schedule": {"__defaults": [], "usingCron": "0 2 * * * UTC"}},
        ),
        ({"config": "", "when": "", "finalize": "", "afters": [], "started": False}, {}),
    ],
    ids=["interval", "cron", "empty"],
)
def test_the_providers_outputs_are_the_same_as_the_inputs_of_which_they_are_made(
    outputs: dict[str, Any], inputs: dict[str, Any]
) -> None:
    """Taken for changes, they would never be repaired after a refused ALTER: the root kept its former schedule."""
    assert {"schedule", "config", "condition", "task_relations", "predecessors", "state"} <= unchanged(outputs, inputs)
