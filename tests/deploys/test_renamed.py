"""Names that change while the objects stay: keys, roots, finalizers, jobs, in every combination, by one deploy."""

from __future__ import annotations

from itertools import product
from typing import TYPE_CHECKING, Any

import pytest

from jobgraph.deploy import removal
from jobgraph.toolchain.standins.provider.errors import ProviderError
from tests.deploys.model import Deployer
from tests.reliability.deploys import Case

if TYPE_CHECKING:
    from pathlib import Path

BEFORE: dict[str, Any] = {
    "one": {"root_task": "start", "finalizer_task": "end", "jobs": {"a": {"after": []}, "b": {"after": ["a"]}}}
}
COMBINATIONS = [renamed for renamed in product((False, True), repeat=4) if any(renamed)]


def renamed(*, key: bool, root: bool, finalizer: bool, job: bool) -> dict[str, Any]:
    """The graph with other names."""
    jobs = {"a": {"after": []}, "c" if job else "b": {"after": ["a"]}}
    graph = {"root_task": "begin" if root else "start", "finalizer_task": "close" if finalizer else "end"}
    return {"two" if key else "one": graph | {"jobs": jobs}}


@pytest.mark.parametrize("names", COMBINATIONS, ids=lambda names: "".join("x" if one else "-" for one in names))
def test_one_deploy_ends_as_a_fresh_one_does_and_leaves_nothing_to_do(names: tuple[bool, ...], tmp_path: Path) -> None:
    after = renamed(**dict(zip(("key", "root", "finalizer", "job"), names, strict=True)))
    case = Case(1, tmp_path)
    try:
        case.stack.up(*case.planned(BEFORE, "STACK"))
        case.stack.up(*case.planned(after, "STACK"))
        Deployer(case.world, case.session, case.random).up(*case.planned(after, "FRESH"))
        assert case.shown("STACK") == case.shown("FRESH")
        assert case.stack.up(*case.planned(after, "STACK")) == []
    finally:
        case.close()


@pytest.mark.parametrize("root", [False, True])
def test_an_operators_suspension_survives_another_key_and_another_root(tmp_path: Path, *, root: bool) -> None:
    case = Case(1, tmp_path)
    after = renamed(key=True, root=root, finalizer=False, job=False)
    try:
        case.stack.up(*case.planned(BEFORE, "STACK"))
        case.stack.rows("ALTER TASK D.STACK.START SUSPEND")
        case.stack.up(*case.planned(after, "STACK"))
        states = {row["name"]: row["state"] for row in case.stack.rows("SHOW TASKS IN SCHEMA D.STACK")}
        assert states["BEGIN" if root else "START"] == "suspended"
    finally:
        case.close()


def test_a_root_of_which_a_run_is_under_way_is_not_taken_apart(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    case = Case(1, tmp_path)
    after = renamed(key=False, root=True, finalizer=False, job=False)
    refusing = "SELECT '1 run is under way'::NUMBER"
    monkeypatch.setattr(removal, "refuse_departures", lambda _settings, roots: refusing if roots else None)
    try:
        case.stack.up(*case.planned(BEFORE, "STACK"))
        before = case.shown("STACK")
        with pytest.raises(ProviderError, match="1 run is under way"):
            case.stack.up(*case.planned(after, "STACK"))
        assert case.shown("STACK") == before
        assert case.stack.up(*case.planned(BEFORE, "STACK")) == []
    finally:
        case.close()


def test_who_forces_the_removal_is_not_asked(tmp_path: Path) -> None:
    case = Case(1, tmp_path)
    try:
        _, settings = case.planned(BEFORE, "STACK")
        assert removal.refuse_departures(settings, {}) is None
        assert "IN ('START')" in str(removal.refuse_departures(settings, {"START": "g"}))
    finally:
        case.close()
