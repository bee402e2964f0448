"""A deploy that takes a graph apart is killed, and the file is put back: the next deploy leaves the graph as it was."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from jobgraph.deploy.left_overs import Recorded
from jobgraph.deploy.repair import Repair
from jobgraph.toolchain.standins.provider.errors import ProviderError
from tests.deploys.turns import Disturbance, Trouble
from tests.reliability.deploys import Case, put_back

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

JOBS = {"a": {"after": []}, "b": {"after": ["a"]}}
ONE: dict[str, Any] = {"root_task": "start", "finalizer_task": "end", "jobs": JOBS}
KEPT: dict[str, Any] = {"root_task": "kept", "jobs": {"k": {"after": []}}}
BEFORE: dict[str, Any] = {"one": ONE, "kept": KEPT}
TAKEN: dict[str, dict[str, Any]] = {
    "its jobs go to another graph": {"kept": KEPT | {"jobs": KEPT["jobs"] | JOBS}},
    "its root has another name": BEFORE | {"one": ONE | {"root_task": "begin"}},
    "a graph and its root have other names": {"kept": KEPT, "two": ONE | {"root_task": "begin"}},
    "its schedule goes": BEFORE | {"one": ONE | {"schedule": None}},
    "its jobs go to two graphs": {
        "kept": KEPT | {"jobs": KEPT["jobs"] | {"a": {"after": []}}},
        "three": {"root_task": "third", "jobs": {"b": {"after": []}}},
    },
}
ROOT = "D.STACK.START"


@pytest.fixture
def case(tmp_path: Path) -> Iterator[Case]:
    case = Case(1, tmp_path)
    case.stack.up(*case.planned(BEFORE, "STACK"))
    yield case
    case.close()


def claims(case: Case, after: dict[str, Any], most: int | None = None) -> list[str]:
    """Deploy the other file, killed at each of its writes (or the first `most`), and then the file that was put back.

    What did not hold. The state is refreshed if the engine did not record the write: it may have been a DROP.
    """
    goal, file, other = case.shown("STACK"), case.planned(BEFORE, "STACK"), case.planned(after, "STACK")
    writes = len(case.stack.up(*other))
    case.stack.up(*file)
    assert case.shown("STACK") == goal
    for number in range(1, (most or writes) + 1):
        for trouble in (Trouble.KILLED, Trouble.KILLED_AFTER):
            case.stack.up(*other, Disturbance(number, trouble))
            if trouble is Trouble.KILLED_AFTER:
                case.stack.refresh()
            case.stack.up(*file)
            shown, again = case.shown("STACK"), case.stack.up(*file)
            if shown != goal or again:
                wrong = {name for name in shown.keys() | goal.keys() if shown.get(name) != goal.get(name)}
                return [f"{trouble.value} at {number}: {sorted(wrong)}, then {again[:2]}"]
    return []


@pytest.mark.parametrize("after", TAKEN.values(), ids=TAKEN.keys())
def test_at_its_first_writes(case: Case, after: dict[str, Any]) -> None:
    assert claims(case, after, 3) == []


@pytest.mark.parametrize("after", TAKEN.values(), ids=TAKEN.keys())
def test_at_every_write(case: Case, after: dict[str, Any]) -> None:
    assert claims(case, after) == []


def test_pairs_at_random() -> None:
    assert put_back(5, 5) == []


# by what the next deploy tells the suspension from an operator's
@pytest.mark.parametrize(
    ("target", "replacement", "after"),
    [
        ("jobgraph.deploy.root_changes.suspended_by_a_deploy", lambda _row: False, "its jobs go to another graph"),
        ("tests.deploys.model.Deployer.recorded", lambda _stack: Recorded(), "its jobs go to two graphs"),
        ("jobgraph.deploy.root_changes._suspended_by_a_killed_deploy", lambda *_: False, "its schedule goes"),
    ],
    ids=["without the mark", "without the state", "without the first step's text"],
)
def test_the_claims_fail(
    case: Case, monkeypatch: pytest.MonkeyPatch, target: str, replacement: Any, after: str
) -> None:
    monkeypatch.setattr(target, replacement)
    assert claims(case, TAKEN[after])


def rewired(case: Case) -> list[str]:
    """Deploys killed at each write after which `c` has another predecessor; then a file with neither of its two."""
    files: list[dict[str, list[str]]] = [
        {"a": [], "b": [], "c": ["a"]},
        {"a": [], "b": [], "c": ["b"]},
        {"a": [], "c": []},
    ]
    first, second, third = (
        case.planned({"one": ONE | {"jobs": {name: {"after": after} for name, after in jobs.items()}}}, "STACK")
        for jobs in files
    )
    case.stack.up(*third)
    goal = case.shown("STACK")
    case.stack.up(*first)
    writes = case.stack.up(*second)
    failures: list[str] = []
    for number in [number for number, text in enumerate(writes, 1) if '"C"' in text]:
        case.stack.up(*first)
        case.stack.up(*second, Disturbance(number, Trouble.KILLED_AFTER))
        case.stack.up(*third)
        failures += [f"write {number}: {case.shown('STACK')}"] if case.shown("STACK") != goal else []
        try:
            failures += case.stack.up(*third)
        except ProviderError as error:
            return [*failures, f"write {number}: {error}"]
    return failures


def test_a_third_file_loses_the_predecessors_that_only_the_killed_one_had(case: Case) -> None:
    assert rewired(case) == []


def test_the_claim_fails_where_they_stay(case: Case, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Repair, "extra_edges", lambda *_arguments: ())
    assert rewired(case)


@pytest.mark.parametrize("after", TAKEN.values(), ids=TAKEN.keys())
def test_an_operators_suspension_stays(case: Case, after: dict[str, Any]) -> None:
    file, other = case.planned(BEFORE, "STACK"), case.planned(after, "STACK")
    case.stack.rows(f"ALTER TASK {ROOT} SUSPEND")
    goal = case.shown("STACK")
    case.stack.up(*other, Disturbance(1, Trouble.KILLED))
    case.stack.up(*file)
    assert case.shown("STACK") == goal
    assert case.stack.up(*file) == []
