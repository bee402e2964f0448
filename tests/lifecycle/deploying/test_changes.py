"""Edits that the provider would overlook are shown, edits that mean nothing are not, changed settings converge."""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Any

import yaml

from tests.lifecycle import stack
from tests.lifecycle.project import ROOT

if TYPE_CHECKING:
    from tests.lifecycle.project import Project

S = stack.PLACE
CONFIGURATION = (ROOT / "jobconfig.yaml").read_text()
(DEFAULTS,) = re.findall(r"^defaults: .*$", CONFIGURATION, re.MULTILINE)
IMAGE: str = yaml.safe_load(DEFAULTS)["defaults"]["image"]
OTHER = {
    "warehouse_size": "MEDIUM",
    "warehouse_auto_suspend": 120,
    "parent_roles": ["USERADMIN"],
    "users": ["SANDBOX_ADMIN"],
    "pools": {
        "PR_STD_POOL_XS": {"min_nodes": 2, "max_nodes": 3, "auto_suspend_secs": 60},
        "PR_STD_POOL_S": {"instance_family": "CPU_X64_M", "max_nodes": 2},
        "ANOTHER_POOL": {},
    },
    "stage": "FILES",
    "image_repository": "PICTURES",
    "job_logs_table": "LOGS",
    "task_runs_function": "RUNS_OF_GRAPH",
    "keep_services_days": 7,
}


def summary(project: Project) -> dict[str, Any]:
    """What `jobgraph preview-summary` says of a preview, as a workflow would ask it."""
    preview = project.pulumi("preview", "--json", "--show-sames").stdout
    (project.folder / "preview.json").write_text(preview)
    found: dict[str, Any] = json.loads(project.jobgraph("preview-summary", "preview.json", "--format", "json").stdout)
    return found


def edited_fields(told: dict[str, Any]) -> dict[str, dict[str, bool]]:
    """Task -> changed field -> whether only case or white space differ."""
    tasks = [task for graph in told["graphs"] for task in graph["tasks"]]
    return {
        task["name"]: {field["field"]: field["only_case_or_white_space"] for field in task["fields"]} for task in tasks
    }


def test_a_root_that_its_failures_suspended_is_said_to_be_resumed(deployed: Project) -> None:
    deployed.edit("    schedule: 59 minutes\n", "    schedule: 59 minutes\n    suspend_after_failures: 1\n")
    deployed.edit("current_time() as time,'hello'\", \"--result_table=results_1", 'nothing", "--result_table=results_1')
    try:
        deployed.up()
        assert deployed.jobgraph("run", "--only", "t_myjob_1", "--wait", check=False).returncode == 1
        told = summary(deployed)
        assert told["graphs"][0]["notes"] == [
            "ROOT_TASK, which Snowflake suspended because its runs failed, is resumed"
        ]
        assert "Nothing changes" not in deployed.jobgraph("preview-summary", "preview.json").stdout
        deployed.up()
        assert summary(deployed)["graphs"] == []
        assert deployed.query(f"SHOW TASKS LIKE 'ROOT_TASK' IN SCHEMA {S}")[0]["state"] == "started"
    finally:
        deployed.restore()
        deployed.up()


def test_case_white_space_and_secrets_are_shown_job_by_job(deployed: Project) -> None:
    deployed.edit("results_1", "Results_1")
    deployed.edit("'hello'\", \"--result_table=results_2", "  'hello'\", \"--result_table=results_2")
    deployed.edit("after: [t_myjob_1]", "after: [t_myjob_1]\n        secrets: [{secret: api_key, env: API_KEY}]")
    try:
        told = summary(deployed)
        comment = deployed.jobgraph("preview-summary", "preview.json", "--format", "markdown", "--running").stdout
    finally:
        deployed.restore()
    assert edited_fields(told) == {
        "T_MYJOB_1": {"args": True},
        "T_MYJOB_2": {"args": True},
        "T_MYJOB_5": {"secrets.API_KEY.env": False},
    }
    picture = told["graphs"][0]["mermaid"]
    assert "T_MYJOB_2 --> T_MYJOB_4" in picture
    assert [line for line in picture.splitlines() if "style T_MYJOB_1 " in line]
    assert not [line for line in picture.splitlines() if "style T_MYJOB_4 " in line]
    assert "Changes: tasks: 3 changed" in comment
    assert told["destructive"] == []


def test_white_space_in_a_procedure_and_a_moved_image_tag_are_shown(deployed: Project) -> None:
    source = deployed.folder / "procedures" / "run_job.py"
    text = source.read_text()
    # between the last two functions: what is around imports is not in the procedure's text
    source.write_text("\n\n\n\n".join(text.rsplit("\n\n\n", 1)))
    stack.choose(deployed, image_digests={IMAGE: f"sha256:{'0' * 64}"})
    try:
        told = summary(deployed)
    finally:
        source.write_text(text)
        stack.choose(deployed)
    jobs = {f"T_MYJOB_{number}": {"image": False, "runner (its code)": False} for number in range(1, 7)}
    # the finalizer knows which runner the jobs of its version call
    assert edited_fields(told) == {**jobs, "GET_GRAPH_STATS": {"procedures in use": False}}
    procedures = [one["name"] for one in told["others"] + told["kept"] if one["kind"] == "ProcedurePython"]
    assert len(procedures) == 2
    assert all(name.startswith("RUN_JOB_") for name in procedures)


def test_another_format_of_the_same_configuration_is_no_change(deployed: Project) -> None:
    path = deployed.folder / "jobconfig.yaml"
    text = path.read_text()
    other = (
        text.replace(
            DEFAULTS,
            (f"# a remark\ndefaults:\n    retries:   0\n    compute_pool: 'PR_STD_POOL_XS'\n    image: {IMAGE}\n"),
        )
        .replace("59 minutes", "'59 minutes'")
        .replace("[t_myjob_3, t_myjob_4, t_myjob_5]", "[T_MYJOB_3,t_myjob_4, t_myjob_5,]")
    )
    assert other.count("\n") > text.count("\n")
    path.write_text(other)
    try:
        deployed.pulumi("preview", "--expect-no-changes")
    finally:
        deployed.restore()


def test_changed_settings_converge_and_so_does_their_undoing(deployed: Project) -> None:
    stack.choose(deployed, **OTHER)
    try:
        deployed.up()
        stack.unchanged(deployed)
        (warehouse,) = deployed.query("SHOW WAREHOUSES LIKE 'SMALL_WAREHOUSE'")
        assert (warehouse["size"], warehouse["auto_suspend"]) == ("Medium", 120)
        pools = {row["name"]: row for row in deployed.query("SHOW COMPUTE POOLS")}
        assert pools["PR_STD_POOL_S"]["instance_family"] == "CPU_X64_M"
        assert (pools["PR_STD_POOL_XS"]["min_nodes"], pools["PR_STD_POOL_XS"]["max_nodes"]) == (2, 3)
        assert "ANOTHER_POOL" in pools
        holders = {row["grantee_name"] for row in deployed.query("SHOW GRANTS OF ROLE SPCS_DEMO_ROLE")}
        assert holders == {"USERADMIN", "SANDBOX_ADMIN"}
        assert stack.names(deployed, f"SHOW STAGES IN SCHEMA {S}") == ["FILES"]
        assert stack.names(deployed, f"SHOW IMAGE REPOSITORIES IN SCHEMA {S}") == ["PICTURES"]
        assert "LOGS" in stack.names(deployed, f"SHOW TABLES IN SCHEMA {S}")
        assert stack.names(deployed, f"SHOW USER FUNCTIONS IN SCHEMA {S}") == ["RUNS_OF_GRAPH"]
        deployed.jobgraph("run", "--only", "t_myjob_1", "--wait")
    finally:
        stack.choose(deployed)
        deployed.up()
    stack.unchanged(deployed)


def test_a_preview_tells_the_same_cost_as_the_file(deployed: Project) -> None:
    assert not summary(deployed)["cost"]["changes"]
    deployed.edit("    schedule: 59 minutes\n", "    schedule: 30 minutes\n")
    deployed.edit("retries: 2", "retries: 2\n        timeout: 20 minutes")
    pools = {"PR_STD_POOL_XS": {"min_nodes": 2, "max_nodes": 3}, "PR_STD_POOL_S": {"instance_family": "CPU_X64_S"}}
    stack.choose(deployed, warehouse_max_concurrency=2, pools=pools)
    try:
        told = summary(deployed)["cost"]
        text = deployed.jobgraph("preview-summary", "preview.json").stdout
        alone = json.loads(deployed.jobgraph("cost", "--format", "json").stdout)
    finally:
        deployed.restore()
        stack.choose(deployed)
    assert told["changes"]
    assert "Cost: " in text
    assert by_line(told["after"]) == by_line(alone)
    assert told["after"]["credits_a_month"] == alone["credits_a_month"]
    assert told["after"]["wider_than_warehouse"] == alone["wider_than_warehouse"] != []
    assert told["before"]["wider_than_warehouse"] == []


def by_line(estimate: dict[str, Any]) -> dict[tuple[str, ...], Any]:
    """The credits of each line, in whatever order they stand."""
    lines = [line for graph in estimate["graphs"] for line in graph["lines"]]
    return {(line["kind"], line["on"], str(line["job"])): line["credits_a_month"] for line in lines}
