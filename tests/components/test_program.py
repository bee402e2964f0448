"""The Pulumi program under recording mocks. UPDATE_GOLDENS=1 writes golden/quickstart.json anew; read its diff."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pulumi
import pytest

from jobgraph.config.model import Condition
from jobgraph.plan.conditions import read_condition
from tests.components.recorded import ROOT, Recorder, record
from tests.golden import compare

GOLDEN = Path(__file__).parent / "golden" / "quickstart.json"
# what reads or changes rows, and procedures in Python; a SELECT without FROM does not
NEEDS_A_WAREHOUSE = re.compile(r"CALL|COPY|INSERT|SELECT .* FROM |SHOW .* ->> SELECT", re.DOTALL)
PREFIX = '"PR_CONTAINER_ORCHESTRATION"."PUBLIC".'


def normalised(recorder: Recorder) -> list[dict[str, Any]]:
    """All resources by type and name; the procedures' texts, and hashes of them, are left out."""
    entries = json.loads(json.dumps(recorder.recorded))
    for entry in entries:
        if entry["type"].endswith(":ProcedurePython"):
            entry["inputs"]["procedureDefinition"] = "(text)"
    text = json.dumps(sorted(entries, key=lambda entry: (entry["type"], entry["name"])))
    text = re.sub(r"\b(RUN_JOB|FINALIZE_GRAPH|DROP_SUPERSEDED)_[0-9A-F]{8}(?=\b|-)", r"\1_(hash)", text)
    text = re.sub(r"\bdeploy [0-9a-f]{8}\b", "deploy (number)", text)
    # the finalizer's definition, and so its hash, names the procedures
    text = re.sub(r"(hash\W{1,8})[0-9a-f]{16}", r"\1(hash)", text)
    entries = json.loads(re.sub(r"content [0-9a-f]{16}", "content (hash)", text))
    return list(entries)


def test_the_quickstart_deploys_exactly_these_resources(quickstart: Recorder) -> None:
    compare(GOLDEN, json.dumps(normalised(quickstart), indent=1, sort_keys=True) + "\n")


def test_every_resource_belongs_to_a_component_of_a_stable_type(quickstart: Recorder) -> None:
    components = {entry["type"] for entry in quickstart.recorded if entry["type"].startswith("jobgraph:")}
    assert components == {
        f"jobgraph:index:{name}"
        for name in ("JobGraph", "Access", "Compute", "Storage", "History", "Runner", "TaskGraph", "RemovalGuard")
    }
    for entry in quickstart.recorded:
        owner = "Stack jobgraph-dev" if entry["type"].endswith(":JobGraph") else "JobGraph jobgraph"
        assert entry["parent"] == owner or not entry["type"].startswith("jobgraph:")
        assert entry["parent"]


def test_every_component_registers_its_outputs(quickstart: Recorder) -> None:
    assert quickstart.outputs["TaskGraph container_jobs"]["root"] == f'{PREFIX}"ROOT_TASK"'
    assert quickstart.outputs["Compute compute"]["pools"] == ["PR_STD_POOL_XS", "PR_STD_POOL_S"]
    components = {
        f"{e['type'].rpartition(':')[2]} {e['name']}" for e in quickstart.recorded if "jobgraph:" in e["type"]
    }
    assert components <= quickstart.outputs.keys()


def test_the_stack_exports_what_clients_need(quickstart: Recorder) -> None:
    exported = quickstart.outputs["Stack jobgraph-dev"]
    assert exported["graphs"] == ["container_jobs"]
    assert exported["roots"] == {"container_jobs": f'{PREFIX}"ROOT_TASK"'}
    assert exported["tables"] == [f'{PREFIX}"{t}"' for t in ("JOBS_RUN_STATS", "JOB_LOGS", "TASK_LOGGING_STATS")]
    assert exported["mermaid"]["container_jobs"].startswith("flowchart LR")


def test_a_task_per_job_with_its_edges(quickstart: Recorder) -> None:
    tasks = quickstart.of("Task")
    after = {
        name: [full.removeprefix(PREFIX).strip('"') for full in entry["inputs"].get("afters", [])]
        for name, entry in tasks.items()
    }
    assert after == {
        "ROOT_TASK": [],
        "T_MYJOB_1": ["ROOT_TASK"],
        "T_MYJOB_2": ["ROOT_TASK"],
        "T_MYJOB_3": ["T_MYJOB_2"],
        "T_MYJOB_4": ["T_MYJOB_2"],
        "T_MYJOB_5": ["T_MYJOB_1"],
        "T_MYJOB_6": ["T_MYJOB_3", "T_MYJOB_4", "T_MYJOB_5"],
        "GET_GRAPH_STATS": [],
    }
    assert tasks["GET_GRAPH_STATS"]["inputs"]["finalize"] == f'{PREFIX}"ROOT_TASK"'


def test_a_deploy_goes_opening_root_gate_tasks_activation(quickstart: Recorder) -> None:
    tasks, steps = quickstart.of("Task"), quickstart.of("Execute")
    opening, gate, activation = (steps[name] for name in ("ROOT_TASK-opening", "ROOT_TASK-gate", "ROOT_TASK-activate"))
    assert "Execute ROOT_TASK-opening" in tasks["ROOT_TASK"]["dependencies"]
    assert gate["dependencies"] == ["Execute ROOT_TASK-opening", "Task ROOT_TASK"]
    jobs = [entry for name, entry in tasks.items() if name != "ROOT_TASK"]
    # the engine orders deletions by direct dependencies: through the root alone, the opening would go too early
    assert all({"Execute ROOT_TASK-gate", "Execute ROOT_TASK-opening"} <= set(e["dependencies"]) for e in jobs)
    assert {f"Task {entry['name']}" for entry in jobs} <= set(activation["dependencies"])
    assert tasks["ROOT_TASK"]["inputs"]["started"] is False
    assert tasks["ROOT_TASK"]["ignoreChanges"] == ["started", "showOutputs"]
    assert all(entry["inputs"]["started"] is True for entry in jobs)
    resume = f'ALTER TASK IF EXISTS {PREFIX}"ROOT_TASK" RESUME'
    assert opening["inputs"]["execute"].startswith("SELECT ")
    assert opening["inputs"]["revert"].startswith(f"{resume} /* graph container_jobs, content ")
    assert gate["inputs"]["execute"] == f'ALTER TASK IF EXISTS {PREFIX}"ROOT_TASK" SUSPEND'
    assert gate["inputs"]["revert"].startswith("SELECT ")
    assert activation["inputs"] == {"execute": resume, "revert": gate["inputs"]["execute"]}
    assert gate["replaceOnChanges"] == opening["replaceOnChanges"] == ["revert", "query"]
    assert activation["ignoreChanges"] == []


def test_the_root_waits_for_every_grant_procedure_and_table(quickstart: Recorder) -> None:
    needed = {
        f"{e['type'].rpartition(':')[2]} {e['name']}"
        for e in quickstart.recorded
        if e["type"].startswith("snowflake:") and e["parent"].split()[0] not in {"TaskGraph", "RemovalGuard"}
    }
    assert needed <= set(quickstart.of("Task")["ROOT_TASK"]["dependencies"])


def test_no_input_is_unknown_in_a_preview(quickstart: Recorder) -> None:
    def leaves(value: Any) -> list[Any]:
        if isinstance(value, dict):
            return [leaf for inner in value.values() for leaf in leaves(inner)]
        if isinstance(value, list):
            return [leaf for inner in value for leaf in leaves(inner)]
        return [value]

    found = {type(leaf) for entry in quickstart.recorded for leaf in leaves(entry["inputs"])}
    assert found <= {str, int, float, bool, type(None)}


def test_the_run_role_owns_future_tasks_and_is_never_the_deploying_role(quickstart: Recorder) -> None:
    (ownership,) = quickstart.of("GrantOwnership").values()
    assert ownership["inputs"]["accountRoleName"] == "SPCS_DEMO_ROLE"
    assert ownership["inputs"]["on"]["future"]["objectTypePlural"] == "TASKS"
    privileges = {p for e in quickstart.of("GrantPrivilegesToAccountRole").values() for p in e["inputs"]["privileges"]}
    assert "BIND SERVICE ENDPOINT" not in privileges
    assert not {p for p in privileges if p in {"OWNERSHIP", "ALL PRIVILEGES", "MODIFY", "OPERATE", "DELETE"}}
    changing = [
        e for e in quickstart.of("GrantPrivilegesToAccountRole").values() if "UPDATE" in e["inputs"]["privileges"]
    ]
    tables = {e["inputs"]["onSchemaObject"]["objectName"].rpartition(".")[2] for e in changing}
    assert tables == {'"BACKFILLS"', '"BACKFILL_INTERVALS"'}


def test_a_changed_job_changes_only_its_task_the_gate_and_the_staged_configuration(
    quickstart: Recorder,
    tmp_path: Path,
) -> None:
    changed = tmp_path / "jobs.yaml"
    changed.write_text((ROOT / "jobconfig.yaml").read_text().replace("results_4", "results_four"))
    before = {(e["type"], e["name"]): e["inputs"] for e in quickstart.recorded}
    after = {(e["type"], e["name"]): e["inputs"] for e in record(file=str(changed)).recorded}
    assert before.keys() == after.keys()
    different = {name for kind, name in before if before[kind, name] != after[kind, name]}
    assert different == {"T_MYJOB_4", "ROOT_TASK-gate", "ROOT_TASK-opening", "configuration"}


def test_settings_reach_the_resources() -> None:
    settings = {
        "database": "other",
        "schema": "jobs",
        "role": "runner",
        "users": ["anna@example.org"],
        "parent_roles": [],
        "pools": {
            "PR_STD_POOL_XS": {"max_nodes": 3, "auto_suspend_secs": 60},
            "PR_STD_POOL_S": {"instance_family": "HIGHMEM_X64_S"},
        },
    }
    recorder = record(settings)
    assert recorder.of("Task")["T_MYJOB_1"]["inputs"]["afters"] == ['"OTHER"."JOBS"."ROOT_TASK"']
    assert recorder.of("ComputePool")["PR_STD_POOL_XS"]["inputs"]["maxNodes"] == 3
    assert [e["inputs"]["userName"] for e in recorder.of("GrantAccountRole").values()] == ["anna@example.org"]


def test_a_graph_without_a_schedule_never_has_its_root_resumed(tmp_path: Path) -> None:
    file = tmp_path / "jobs.yaml"
    text = (ROOT / "jobconfig.yaml").read_text().replace("    schedule: 59 minutes\n", "")
    file.write_text(text)
    recorder = record(file=str(file))
    steps = recorder.of("Execute")
    assert "schedule" not in recorder.of("Task")["ROOT_TASK"]["inputs"]
    for name in ("ROOT_TASK-gate", "ROOT_TASK-activate"):
        assert "RESUME" not in steps[name]["inputs"]["execute"] + steps[name]["inputs"]["revert"]
    # only a replaced opening sends its revert; on destroy the root is gone by then
    assert not steps["ROOT_TASK-opening"]["replaceOnChanges"]


def shown(name: str, **columns: Any) -> dict[str, Any]:
    """A task as `getTasks` shows it."""
    return {"name": name, "state": "started", "schedule": "59 MINUTES", "definition": "", "predecessors": [], **columns}


def test_hooks_are_the_same_in_each_deploy() -> None:
    """The engine writes its whole state anew for each resource whose hooks have changed."""
    jobs = [shown(f"T_MYJOB_{number}", definition='CALL R($${"graph": "container_jobs"}$$)') for number in range(1, 7)]
    first, second = (
        {(one["type"], one["name"]): one["before"] + one["onError"] for one in recorder.recorded}
        for recorder in (record(), record(tasks=[shown("ROOT_TASK"), *jobs]))
    )
    assert first == second


def test_a_root_that_an_operator_suspended_is_not_resumed_even_if_a_refresh_saw_it_started() -> None:
    recorder = record(tasks=[shown("ROOT_TASK", state="SUSPENDED", lastSuspendedReason="USER_SUSPENDED")])
    opening = recorder.of("Execute")["ROOT_TASK-opening"]
    assert not opening["replaceOnChanges"]
    assert opening["ignoreChanges"] == ["query"]
    root = recorder.of("Task")["ROOT_TASK"]
    assert (root["inputs"]["started"], root["ignoreChanges"]) == (False, ["showOutputs"])
    # only the activation of a root that is not there may be sent anew
    assert recorder.of("Execute")["ROOT_TASK-activate"]["ignoreChanges"] == ["execute"]


def test_a_root_that_failed_too_often_is_resumed_by_the_next_deploy() -> None:
    root = shown("ROOT_TASK", state="suspended", lastSuspendedReason="SUSPENDED_DUE_TO_ERRORS")
    recorder = record(tasks=[root])
    opening = recorder.of("Execute")["ROOT_TASK-opening"]
    assert opening["replaceOnChanges"] == ["revert", "query"]
    assert "ROOT_TASK" in opening["inputs"]["query"]
    assert recorder.of("Task")["ROOT_TASK"]["ignoreChanges"] == ["started", "showOutputs"]


def test_tasks_that_are_not_as_planned_replace_opening_and_gate_in_every_deploy_anew() -> None:
    first, second = (record(tasks=[shown("ROOT_TASK")]).of("Execute") for _ in range(2))
    for name in ("ROOT_TASK-opening", "ROOT_TASK-gate"):
        assert not first[name]["ignoreChanges"]
        assert first[name]["inputs"]["query"] != second[name]["inputs"]["query"]
        assert "ROOT_TASK, T_MYJOB_1, T_MYJOB_2, T_MYJOB_5, T_MYJOB_3 and 3 more" in first[name]["inputs"]["query"]


@pytest.mark.parametrize(
    ("schedule", "expected"),
    [
        ("30 seconds", {"seconds": 30}),
        ("2 hours", {"hours": 2}),
        ("{cron: '0 2 * * *', timezone: Europe/Berlin}", {"usingCron": "0 2 * * * Europe/Berlin"}),
    ],
)
def test_schedules(schedule: str, expected: dict[str, Any], tmp_path: Path) -> None:
    file = tmp_path / "jobs.yaml"
    file.write_text((ROOT / "jobconfig.yaml").read_text().replace("59 minutes", schedule))
    assert record(file=str(file)).of("Task")["ROOT_TASK"]["inputs"]["schedule"] == expected


EVERYTHING = ROOT / "tests" / "jobgraph" / "golden" / "everything.yaml"
LARGE_POOLS = {
    "pools": {
        "PR_STD_POOL_XS": {},
        "PR_STD_POOL_S": {"instance_family": "CPU_X64_S"},
        "GPU_POOL": {"instance_family": "GPU_NV_S"},
    }
}


@pytest.fixture(scope="module")
def everything() -> Recorder:
    return record(LARGE_POOLS, str(EVERYTHING))


def test_options_of_graphs_and_jobs_reach_their_tasks(everything: Recorder) -> None:
    tasks = {name: entry["inputs"] for name, entry in everything.of("Task").items()}
    root = tasks["START"]
    assert root["userTaskTimeoutMs"] == 8 * 3600 * 1000  # environment dev
    assert (root["suspendTaskAfterNumFailures"], root["taskAutoRetryAttempts"]) == (3, 1)
    assert root["config"] == '{"days": [1, 2], "market": "eu"}'
    assert root["comment"] == "the nightly load"
    assert "schedule" not in root  # environment dev takes it away
    load = tasks["LOAD"]
    assert load["warehouse"] == "TASK_WH"
    assert read_condition(load["when"]) == Condition("CHECK", "above", 0, "rows_written")
    assert load["userTaskTimeoutMs"] == (20 * 60 + 10 * 60 + 300) * 1000
    assert tasks["SECOND"]["when"] == r"SYSTEM$GET_PREDECESSOR_RETURN_VALUE('ONLY')::VARCHAR <> 'it\'s'"
    assert {"TRAIN_EU_2", "TRAIN_US_3_5"} <= tasks.keys()


def test_a_destroy_of_several_graphs_asks_for_the_runs_of_all_before_any_guard_is_gone(everything: Recorder) -> None:
    steps = everything.of("Execute")
    assert {"Execute START-removal", "Execute BY_HAND_ROOT-removal"} <= set(steps["all-graphs-removal"]["dependencies"])
    assert "'START'" in steps["all-graphs-removal"]["inputs"]["revert"]


def test_a_destroy_that_is_refused_has_not_dropped_the_alert(everything: Recorder) -> None:
    steps = everything.of("Execute")
    alert = {"WATCH_GRAPHS", "WATCH_GRAPHS-resumed"}
    assert alert <= set(steps)
    assert {f"Execute {name}" for name in alert} <= set(steps["all-graphs-removal"]["dependencies"])


def test_the_guard_of_all_graphs_is_there_for_a_single_graph_too(quickstart: Recorder) -> None:
    assert [name for name in quickstart.of("Execute") if "graphs" in name] == ["all-graphs-removal"]


def test_a_graph_without_finalizer_has_none(everything: Recorder) -> None:
    tasks = everything.of("Task")
    assert "FINISH" in tasks
    assert "BY_HAND_FINALIZER" not in tasks


def test_the_overlap_policy_is_set_behind_the_gate_and_unset_before_it_is_changed(everything: Recorder) -> None:
    steps = everything.of("Execute")
    overlap = steps["START-overlap"]
    assert "BY_HAND_ROOT-overlap" not in steps
    assert (
        overlap["inputs"]["execute"] == f'ALTER TASK IF EXISTS {PREFIX}"START" SET OVERLAP_POLICY = ALLOW_CHILD_OVERLAP'
    )
    assert overlap["inputs"]["revert"] == f'ALTER TASK IF EXISTS {PREFIX}"START" UNSET OVERLAP_POLICY'
    assert "Execute START-gate" in overlap["dependencies"]
    assert overlap["deleteBeforeReplace"]
    assert "Execute START-overlap" in steps["START-activate"]["dependencies"]


def test_payloads_are_put_on_the_stage_before_any_task(everything: Recorder) -> None:
    (name,) = [name for name in everything.of("Execute") if name.startswith("payload_")]
    payload = everything.of("Execute")[name]["inputs"]
    assert f' ->> COPY INTO @{PREFIX}"JOBS"/{name} FROM ' in payload["execute"]
    assert payload["revert"].startswith("SELECT ")
    assert "Execute " + name in everything.of("Task")["START"]["dependencies"]


def test_a_step_that_needs_a_warehouse_names_the_stacks(everything: Recorder) -> None:
    """No session of the provider's has one at the first deploy: none is there that a login could name."""
    texts = [
        text
        for step in everything.of("Execute").values()
        for key in ("execute", "revert", "query")
        if (text := step["inputs"].get(key))
    ]
    needing = [text for text in texts if NEEDS_A_WAREHOUSE.match(text)]
    naming = [text for text in texts if text.startswith("USE WAREHOUSE ")]
    assert not needing
    assert {text.split(" ->> ")[1].split()[0] for text in naming} >= {"CALL", "COPY", "SELECT"}


def test_the_run_role_may_use_what_jobs_name(everything: Recorder) -> None:
    grants = everything.of("GrantPrivilegesToAccountRole")
    assert grants["SPCS_DEMO_ROLE-integration PYPI_ACCESS"]["inputs"]["onAccountObject"]["objectType"] == "INTEGRATION"
    assert (
        grants["SPCS_DEMO_ROLE-secret VAULT.SAFE.LOGIN"]["inputs"]["onSchemaObject"]["objectName"]
        == '"VAULT"."SAFE"."LOGIN"'
    )


def test_a_disabled_job_is_a_suspended_task(tmp_path: Path) -> None:
    file = tmp_path / "jobs.yaml"
    file.write_text((ROOT / "jobconfig.yaml").read_text().replace("retries: 2", "enabled: false"))
    started = {name: entry["inputs"]["started"] for name, entry in record(file=str(file)).of("Task").items()}
    assert [name for name, value in started.items() if not value] == ["ROOT_TASK", "T_MYJOB_3"]


def test_an_instance_family_that_is_too_small_is_an_error(tmp_path: Path) -> None:
    file = tmp_path / "jobs.yaml"
    file.write_text((ROOT / "jobconfig.yaml").read_text().replace("retries: 2", "resources: {cpu: 4}"))
    with pytest.raises(pulumi.RunError, match=r"a node of PR_STD_POOL_S \(CPU_X64_S\) has 3 processors"):
        record(file=str(file))


def test_config_problems_are_a_plain_error_of_the_program(tmp_path: Path) -> None:
    file = tmp_path / "jobs.yaml"
    file.write_text("version: 1\ngraphs: {g: {jobs: {a: {imag: x:1}}}}\n")
    with pytest.raises(pulumi.RunError, match=r"jobs\.yaml:2:.*`imag` is not a key here"):
        record(file=str(file))


def test_wrong_settings_are_a_plain_error_of_the_program() -> None:
    with pytest.raises(pulumi.RunError, match="`databse` is not a setting; perhaps you meant database"):
        record({"databse": "X"})
    with pytest.raises(pulumi.RunError, match="users: <PERSON_WHO_RUNS_JOBS> is a placeholder that nobody filled in"):
        record({"users": ["<PERSON_WHO_RUNS_JOBS>"]})


def test_a_job_on_a_pool_that_the_stack_lacks_is_an_error() -> None:
    with pytest.raises(pulumi.RunError, match="no compute pool `PR_STD_POOL_S`"):
        record({"pools": {"PR_STD_POOL_XS": {}}})
