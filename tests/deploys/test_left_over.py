"""A task that a killed deploy created and nobody noted is made anew, whatever the next deploy plans under its name."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from tests.deploys.model import Deployer
from tests.deploys.turns import Disturbance, Trouble
from tests.reliability.deploys import Case

if TYPE_CHECKING:
    from pathlib import Path

BEFORE: dict[str, Any] = {"one": {"jobs": {"a": {"after": []}}}}
WITH_NEW: dict[str, Any] = {"one": {"jobs": {"a": {"after": []}, "new": {"after": ["a"]}}}}
PLANS: dict[str, dict[str, Any]] = {
    "nowhere": BEFORE,
    "as it was": WITH_NEW,
    "after another job": {"one": {"jobs": {"a": {"after": []}, "new": {"after": []}}}},
    "the finalizer": {"one": {**BEFORE["one"], "finalizer_task": "new"}},
    "a job of another graph": {**BEFORE, "two": {"jobs": {"new": {"after": []}}}},
    "the root of another graph": {**BEFORE, "two": {"root_task": "new", "jobs": {"b": {"after": []}}}},
}


@pytest.fixture(scope="module")
def creation(tmp_path_factory: pytest.TempPathFactory) -> int:
    """The number of the write that creates the task; the order is that of the seed."""
    case = Case(1, tmp_path_factory.mktemp("undisturbed"))
    try:
        case.stack.up(*case.planned(BEFORE, "STACK"))
        writes = case.stack.up(*case.planned(WITH_NEW, "STACK"))
    finally:
        case.close()
    (place,) = (place for place, text in enumerate(writes, 1) if text.startswith("CREATE TASK") and '"NEW"' in text)
    return place


@pytest.mark.parametrize("plan", PLANS.values(), ids=PLANS.keys())
def test_the_next_deploy_ends_as_a_fresh_one_does(tmp_path: Path, creation: int, plan: dict[str, Any]) -> None:
    case = Case(1, tmp_path)
    try:
        case.stack.up(*case.planned(BEFORE, "STACK"))
        case.stack.up(*case.planned(WITH_NEW, "STACK"), Disturbance(creation, Trouble.KILLED_AFTER))
        assert "NEW" in case.shown("STACK")
        case.stack.up(*case.planned(plan, "STACK"))
        Deployer(case.world, case.session, case.random).up(*case.planned(plan, "FRESH"))
        assert case.shown("STACK") == case.shown("FRESH")
        assert case.stack.up(*case.planned(plan, "STACK")) == []
    finally:
        case.close()
