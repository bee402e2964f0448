"""JobGraph's names and former names, as the engine is told of them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pulumi

from jobgraph.components import JobGraph, JobGraphArgs, present, runner
from tests.components.recorded import ROOT, Recorder, run

if TYPE_CHECKING:
    from collections.abc import Callable

    import pytest


def requests(program: Callable[[], None]) -> list[Any]:
    """What the engine was asked to register, but for the JobGraphs themselves."""
    recorder = run(program, Recorder())
    return [request for request in recorder.requests if not request.type.endswith(":JobGraph")]


def deploy(*names: str, opts: pulumi.ResourceOptions | None = None) -> Callable[[], None]:
    """A program of these JobGraphs."""

    def program() -> None:
        for name in names:
            JobGraph(name, JobGraphArgs(str(ROOT / "jobconfig.yaml")), opts)

    return program


def test_the_heir_of_version_0_1_has_the_former_names() -> None:
    registered = requests(deploy("jobgraph"))
    assert registered
    for request in registered:
        assert request.name.startswith("jobgraph-")
        former = {alias.spec.name: alias.spec for alias in request.aliases}
        plain = request.name.removeprefix("jobgraph-")
        assert plain in former, request.name
        # components stood at the root of the program; what is in them is found through them
        assert former[plain].noParent is request.type.startswith("jobgraph:index:")


def test_two_share_no_name_and_take_nothing_over() -> None:
    registered = requests(deploy("sales", "ops"))
    urns = [(request.type, request.name) for request in registered]
    assert len(urns) == len(set(urns))
    assert {name.partition("-")[0] for _, name in urns} == {"sales", "ops"}
    assert not [alias for request in registered for alias in request.aliases if "-" not in alias.spec.name]


def test_what_deploys_replace_is_never_protected() -> None:
    registered = requests(deploy("jobs", opts=pulumi.ResourceOptions(protect=True)))
    kinds = {request.type.rpartition(":")[2]: request.protect for request in registered}
    assert [kind for kind, protect in kinds.items() if not protect and kind[0].isupper()] == sorted(
        {"Execute", "GrantAccountRole", "GrantOwnership", "GrantPrivilegesToAccountRole", "ProcedurePython", "View"},
        key=list(kinds).index,
    )


def test_before_the_first_deploy_nobody_asks_for_procedures(monkeypatch: pytest.MonkeyPatch) -> None:
    """The provider warns of a schema that does not exist, although nothing is wrong."""

    def no_schema(_place: Any, _options: Any) -> Any:
        raise Exception("Schema 'D.S' does not exist or not authorized.")  # noqa: TRY002  # as a failed invoke does

    asked: list[object] = []

    def superseded(parent: pulumi.Resource, _settings: object) -> frozenset[str]:
        asked.append(parent)
        return frozenset()

    monkeypatch.setattr(runner, "_superseded_procedures", superseded)
    run(deploy("jobgraph"), Recorder())
    assert len(asked) == 1
    monkeypatch.setattr(present, "_listed", no_schema)
    run(deploy("jobgraph"), Recorder())
    assert len(asked) == 1
