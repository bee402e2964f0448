"""A few of the cases of `python -m tests.reliability deploys`, and proof that the claims can fail."""

from __future__ import annotations

import pytest

from jobgraph.components.root_steps import RootSteps
from jobgraph.components.task_graph import TaskGraphComponent
from jobgraph.deploy.moving import Moves
from tests.reliability.deploys import FEW_JOBS, SMALL_JOBS, claims, disturbed_everywhere

MOST_JOBS = 14


@pytest.mark.parametrize("seed", [44, 1073])  # which found faults; `make reliability` begins with 1
def test_a_change_ends_as_a_fresh_deploy_does_and_so_does_a_killed_one(seed: int) -> None:
    assert claims(seed, MOST_JOBS) == []


def test_a_finalizer_that_goes_to_another_graph_is_freed_before_it_is_created_there() -> None:
    assert claims(82050, SMALL_JOBS) == []


def test_no_task_is_dropped_while_another_step_walks_through_it() -> None:
    assert claims(30008) == []


def test_the_claims_fail_when_it_is(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("jobgraph.deploy.moving._walking_through", lambda *_arguments: {})
    assert any("does not exist" in claim for claim in claims(30008))


# Where a task leaves its graph: a change of one that stays was done and not noted, or noted and not done.
LEFT_BEHIND = (30010, 5, range(19, 24))


def test_a_task_that_leaves_its_graph_takes_none_along_after_an_interrupted_deploy() -> None:
    assert disturbed_everywhere(*LEFT_BEHIND) == []


def test_the_claims_fail_when_it_leaves_before_those_that_the_engine_believes_behind_it(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("jobgraph.deploy.moving._perhaps_behind", lambda *_arguments: {})
    assert any("091085" in claim for claim in disturbed_everywhere(*LEFT_BEHIND))


def test_the_claims_fail_when_tasks_are_repaired_while_others_leave(monkeypatch: pytest.MonkeyPatch) -> None:
    close = TaskGraphComponent.close
    monkeypatch.setattr(TaskGraphComponent, "close", lambda component, _dropped: close(component, []))
    assert any("091085" in claim for claim in disturbed_everywhere(*LEFT_BEHIND))


def test_the_claims_fail_when_tasks_do_not_wait_for_the_gate(monkeypatch: pytest.MonkeyPatch) -> None:
    # the bug that is planted
    monkeypatch.setattr(RootSteps, "around", property(lambda steps: [steps._opening]))
    assert any(claims(seed, FEW_JOBS) for seed in range(1, 9))


def test_the_claims_fail_when_tasks_leave_their_graphs_in_any_order(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("jobgraph.components.task_graph.moving", lambda *_arguments: Moves())
    assert any(claims(seed, MOST_JOBS) for seed in (41, 56))
