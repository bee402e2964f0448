"""A few of the cases of `python -m tests.reliability deploys`, and proof that the claims can fail."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from components.task_graph import TaskGraphComponent
from tests.reliability.deploys import claims

if TYPE_CHECKING:
    from collections.abc import Mapping

    import pulumi

MOST_JOBS = 14


# Jobs that move from one graph into another, with edges between the two: one `up` is refused (docs/decisions/0009).
MOVES = pytest.mark.xfail(strict=True, reason="edges between a graph and the one that a job leaves in the same deploy")


@pytest.mark.parametrize("seed", [pytest.param(1, marks=MOVES), 2, 3, 4])
def test_a_change_ends_as_a_fresh_deploy_does_and_so_does_a_killed_one(seed: int) -> None:
    assert claims(seed, MOST_JOBS) == []


def test_the_claims_fail_when_tasks_do_not_wait_for_the_gate(monkeypatch: pytest.MonkeyPatch) -> None:
    fill = TaskGraphComponent.fill

    def without_the_gate(component: TaskGraphComponent, gates: Mapping[str, pulumi.Resource]) -> None:
        component._around = component._around[:1]  # the bug that is planted
        fill(component, gates)

    monkeypatch.setattr(TaskGraphComponent, "fill", without_the_gate)
    assert [failure for seed in range(1, 9) for failure in claims(seed, MOST_JOBS)]
