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


YAML = """
spec:
  containers:
  - name: a
    image: /d/s/images/%s
"""
SPACED = BODY.replace('"image": "', '"image" :\n "') % "job:latest"
SECRET = "4dabf18193072939515e22adb298388d"
# what stands in a preview for a value that only the deploy knows
UNKNOWN = "04da6b54-80e4-46f7-96ec-b56ff0331ba9"


def step(text: str) -> PlannedResource:
    return PlannedResource("Execute", "E", {"execute": text, "revert": "SELECT 1"})


def task(image: str = "job:1.0.0", **inputs: Any) -> PlannedResource:
    return PlannedResource("Task", "T", {"userTaskTimeoutMs": 60_000, "sqlStatement": BODY % image, **inputs})


GOOD = [
    PlannedResource("pulumi:providers:snowflake", "default", {"role": "JOBGRAPH_DEPLOYER"}),
    PlannedResource("GrantOwnership", "owner-of-tasks", {"accountRoleName": "SPCS_DEMO_ROLE"}),
    PlannedResource("ComputePool", "P", POOL),
    PlannedResource("Warehouse", "W", {"autoSuspend": 60}),
    task(),
    task(f"job@{DIGEST}"),
    task(f"job:latest@{DIGEST}"),
    task(userTaskTimeoutMs=None, finalize="ROOT"),
    task("job:2026.11-latest"),
    task("job:release-7"),
    PlannedResource("Database", "D", {"name": "D"}),
    PlannedResource("JobService", "J", {"fromSpecification": {"text": YAML % "job:1.0.0"}}),
    step("CREATE WAREHOUSE W AUTO_SUSPEND = 60; ALTER COMPUTE POOL P SET AUTO_SUSPEND_SECS = 300"),
    step("CREATE WAREHOUSE W"),
    step('USE ROLE DEPLOYER; GRANT OWNERSHIP ON ALL TASKS IN SCHEMA S TO ROLE "RUNS"; GRANT ROLE R TO ROLE SYSADMIN'),
    step("CREATE OR REPLACE TASK T USER_TASK_TIMEOUT_MS = 60000 AS SELECT 1"),
    step("CREATE TASK T FINALIZE = R AS SELECT 1"),
    step(f"EXECUTE JOB SERVICE IN COMPUTE POOL P FROM SPECIFICATION $${YAML % 'job:1.0.0'}$$"),
    step(UNKNOWN),
    PlannedResource("Execute", "E", {"execute": "SELECT 'CREATE TASK without a limit', 'image: x'"}),
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
    ("tags-stay", task("job:latest-amd64")),
    ("tags-stay", task("job:main.latest")),
    ("tags-stay", PlannedResource("Task", "T", {"userTaskTimeoutMs": 1, "sqlStatement": SPACED})),
    ("tags-stay", PlannedResource("JobService", "J", {"fromSpecification": {"text": YAML % "job:latest"}})),
    ("tags-stay", PlannedResource("Service", "J", {"fromSpecification": {"text": "spec: {containers: [{image: j}]}"}})),
    ("tags-stay", PlannedResource("Service", "J", {"fromSpecification": {"text": UNKNOWN}})),
    ("tags-stay", step(f"EXECUTE JOB SERVICE IN COMPUTE POOL P FROM SPECIFICATION $${YAML % 'job:edge'}$$")),
    ("no-administrator-owns", step('GRANT OWNERSHIP ON TASK D.S.T TO ROLE "SYSADMIN" COPY CURRENT GRANTS')),
    ("no-administrator-owns", step("use role accountadmin ->> CREATE TABLE T (A INT)")),
    ("no-administrator-owns", PlannedResource("pulumi:providers:snowflake", "default", {})),
    ("no-administrator-owns", PlannedResource("pulumi:providers:snowflake", "default", {"role": UNKNOWN})),
    ("no-administrator-owns", PlannedResource("GrantOwnership", "x", {"accountRoleName": UNKNOWN})),
    ("pools-suspend", PlannedResource("ComputePool", "P", {**POOL, "autoSuspendSecs": UNKNOWN})),
    ("pools-suspend", PlannedResource("ComputePool", "P", {**POOL, "autoSuspendSecs": "[secret]"})),
    ("pools-suspend", PlannedResource("ComputePool", "P", {**POOL, "autoSuspendSecs": {SECRET: "x"}})),
    ("pools-suspend", PlannedResource("ComputePool", "P", {**POOL, "autoSuspendSecs": "soon"})),
    ("pools-suspend", PlannedResource("ComputePool", "P", {**POOL, "autoResume": UNKNOWN})),
    ("pools-suspend", step("CREATE COMPUTE POOL IF NOT EXISTS P INSTANCE_FAMILY = X AUTO_SUSPEND_SECS = 0")),
    ("pools-suspend", step("ALTER COMPUTE POOL P SET AUTO_RESUME = FALSE")),
    ("warehouses-suspend", PlannedResource("Warehouse", "W", {"autoSuspend": UNKNOWN})),
    ("warehouses-suspend", step("CREATE OR REPLACE WAREHOUSE W WAREHOUSE_SIZE = XSMALL AUTO_SUSPEND = NULL")),
    ("warehouses-suspend", step("ALTER WAREHOUSE W SET AUTO_SUSPEND=86400")),
    ("tasks-end", task(userTaskTimeoutMs=UNKNOWN)),
    ("tasks-end", step("CREATE TASK IF NOT EXISTS T SCHEDULE = '1 MINUTE' AS CALL P()")),
    ("tasks-end", PlannedResource("Execute", "E", {"execute": "SELECT 1", "revert": "CREATE TASK T AS SELECT 1"})),
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


@pytest.mark.parametrize(
    ("preview", "words"),
    [
        ({"steps": [], "diagnostics": [{"severity": "error", "message": "x"}]}, "The preview failed"),
        ({"steps": [{"op": "create", "urn": "u"}], "diagnostics": [{"severity": "error"}]}, "The preview failed"),
        ({"steps": [{"op": "create", "urn": "u"}], "changeSummary": {"create": 1, "same": 80}}, "--show-sames"),
    ],
)
def test_a_preview_that_leaves_resources_out_is_refused(tmp_path: Path, preview: dict[str, Any], words: str) -> None:
    (tmp_path / "preview.json").write_text(json.dumps(preview))
    done = CliRunner().invoke(main, [str(tmp_path / "preview.json")])
    assert done.exit_code == 2, done.output
    assert words in done.stderr


def test_the_budget_of_the_stack_is_held_too(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "Pulumi.yaml").write_text("name: jobgraph\nruntime: python\n")
    (tmp_path / "preview.json").write_text(json.dumps(whole(tmp_path, TEXT, TEXT)))
    for limit, is_told in ((1, True), (1_000_000, False)):
        content = {"config": {"jobgraph:settings": {"budget": {"credits_per_month": limit}}}}
        (tmp_path / "Pulumi.dev.yaml").write_text(json.dumps(content))
        done = CliRunner().invoke(main, ["preview.json"])
        assert ("budget is 1" in done.output) is is_told, (done.output, done.exception)
