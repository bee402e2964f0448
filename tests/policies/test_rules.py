"""Each rule: what keeps it passes, and what breaks it is named with the remedy."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest
from click.testing import CliRunner

from policies.__main__ import main
from policies.rules import RULES, PlannedResource, over_budget, resources, violations
from tests.jobgraph.cli.cost.test_cost import whole
from tests.jobgraph.preview.previews import TEXT

if TYPE_CHECKING:
    from pathlib import Path

POOL = {"autoSuspendSecs": 300, "autoResume": "true"}
BODY = 'CALL RUN(\'T\', $${"specification": {"spec": {"containers": [{"image": "/d/s/images/%s"}]}}}$$)'
DIGEST = f"sha256:{'a' * 64}"


def task(image: str = "job:1.0.0", **inputs: Any) -> PlannedResource:
    return PlannedResource("Task", "T", {"userTaskTimeoutMs": 60_000, "sqlStatement": BODY % image, **inputs})


GOOD = [
    PlannedResource("pulumi:providers:snowflake", "default", {"role": "JOBGRAPH_DEPLOYER"}),
    PlannedResource("pulumi:providers:snowflake", "default", {}),
    PlannedResource("GrantOwnership", "owner-of-tasks", {"accountRoleName": "SPCS_DEMO_ROLE"}),
    PlannedResource("ComputePool", "P", POOL),
    PlannedResource("Warehouse", "W", {"autoSuspend": 60}),
    task(),
    task(f"job@{DIGEST}"),
    task(f"job:latest@{DIGEST}"),
    task(userTaskTimeoutMs=None, finalize="ROOT"),
    PlannedResource("Database", "D", {"name": "D"}),
]
BAD = [
    ("no-administrator-owns", PlannedResource("pulumi:providers:snowflake", "default", {"role": "AccountAdmin"})),
    ("no-administrator-owns", PlannedResource("GrantOwnership", "x", {"accountRoleName": '"SYSADMIN"'})),
    ("pools-suspend", PlannedResource("ComputePool", "P", {**POOL, "autoSuspendSecs": 0})),
    ("pools-suspend", PlannedResource("ComputePool", "P", {**POOL, "autoSuspendSecs": 3601})),
    ("pools-suspend", PlannedResource("ComputePool", "P", {**POOL, "autoResume": "false"})),
    ("warehouses-suspend", PlannedResource("Warehouse", "W", {"autoSuspend": 0})),
    ("warehouses-suspend", PlannedResource("Warehouse", "W", {})),
    ("tasks-end", task(userTaskTimeoutMs=None)),
    ("tags-stay", task("job:latest")),
    ("tags-stay", task("job")),
    ("tags-stay", task("job:PROD")),
]


def test_what_keeps_every_rule_passes() -> None:
    assert violations(GOOD) == []


@pytest.mark.parametrize(("rule", "resource"), BAD)
def test_what_breaks_a_rule_is_named(rule: str, resource: PlannedResource) -> None:
    (violation,) = violations([*GOOD, resource])
    assert violation.rule == rule
    assert str(violation).startswith(f"{rule}: {resource.name}: ")


@pytest.mark.parametrize(("settings", "rules"), [({}, ["no-administrator-owns"]), ({"role": "MINE"}, [])])
def test_the_role_of_a_provider_without_one_is_that_of_the_environment(
    settings: dict[str, str], rules: list[str]
) -> None:
    urn = "urn:pulumi:dev::jobgraph::pulumi:providers:snowflake::default"
    state = {"type": "pulumi:providers:snowflake", "urn": urn, "inputs": settings}
    planned = resources({"steps": [{"op": "same", "newState": state}]}, "ACCOUNTADMIN")
    assert [violation.rule for violation in violations(planned)] == rules


def test_every_rule_is_broken_once_and_says_what_it_demands() -> None:
    assert {rule for rule, _ in BAD} == RULES.keys()
    assert all(check.__doc__ for check in RULES.values())


def test_what_goes_and_what_is_only_read_is_not_looked_at() -> None:
    def step(op: str) -> dict[str, Any]:
        state = {"type": "snowflake:index/computePool:ComputePool", "urn": "urn:pulumi:s::p::t::P", "inputs": {}}
        return {"op": op, "urn": state["urn"], "newState": None if op == "delete" else state}

    preview = {"steps": [step("delete"), step("read"), step("same"), step("update")]}
    assert [resource.name for resource in resources(preview)] == ["P", "P"]


def test_a_budget_is_kept_or_said_to_be_broken() -> None:
    assert over_budget(100, 100) is None
    assert "budget is 99" in str(over_budget(100, 99))


def test_the_budget_of_the_stack_is_held_too(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "Pulumi.yaml").write_text("name: jobgraph\nruntime: python\n")
    (tmp_path / "preview.json").write_text(json.dumps(whole(tmp_path, TEXT, TEXT)))
    for limit, is_told in ((1, True), (1_000_000, False)):
        content = {"config": {"jobgraph:settings": {"budget": {"credits_per_month": limit}}}}
        (tmp_path / "Pulumi.dev.yaml").write_text(json.dumps(content))
        done = CliRunner().invoke(main, ["preview.json"])
        assert ("budget is 1" in done.output) is is_told, (done.output, done.exception)
