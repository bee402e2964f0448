"""The lifecycle claims with the real engine: first up, nothing to do, a change converges, destroy leaves nothing."""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING

from tests.lifecycle import stack

if TYPE_CHECKING:
    from tests.lifecycle.project import Project

FEATURES = "  snowflake:experimentalFeaturesEnableds: [{}, ACCOUNT_ROLE_SHOW_CACHING]\n"
JOBS = [f"T_MYJOB_{number}" for number in range(1, 7)]


def test_the_first_up_creates_every_object_of_the_quickstart(deployed: Project) -> None:
    tasks = {row["name"]: row for row in deployed.query("SHOW TASKS IN SCHEMA PR_CONTAINER_ORCHESTRATION.PUBLIC")}
    assert set(tasks) == {"ROOT_TASK", "GET_GRAPH_STATS", *JOBS}
    assert {row["state"] for row in tasks.values()} == {"started"}
    assert {row["owner"] for row in tasks.values()} == {"SPCS_DEMO_ROLE"}
    # the plugin sends predecessors in any order
    assert sorted(json.loads(tasks["T_MYJOB_6"]["predecessors"])) == [
        f"PR_CONTAINER_ORCHESTRATION.PUBLIC.T_MYJOB_{number}" for number in (3, 4, 5)
    ]
    assert [row["name"] for row in deployed.query("SHOW COMPUTE POOLS LIKE 'PR_STD_POOL_%S'")] == [
        "PR_STD_POOL_S",
        "PR_STD_POOL_XS",
    ]
    for statement, name in [
        ("SHOW WAREHOUSES LIKE 'SMALL_WAREHOUSE'", "SMALL_WAREHOUSE"),
        ("SHOW ROLES LIKE 'SPCS_DEMO_ROLE'", "SPCS_DEMO_ROLE"),
        ("SHOW IMAGE REPOSITORIES LIKE 'IMAGES'", "IMAGES"),
        ("SHOW STAGES LIKE 'JOBS'", "JOBS"),
        ("SHOW TABLES LIKE 'JOBS_RUN_STATS'", "JOBS_RUN_STATS"),
        ("SHOW TABLES LIKE 'TASK_LOGGING_STATS'", "TASK_LOGGING_STATS"),
        ("SHOW USER FUNCTIONS LIKE 'TASK_GRAPH_RUN_STATS'", "TASK_GRAPH_RUN_STATS"),
    ]:
        assert [row["name"] for row in deployed.query(statement)] == [name], statement
    staged = [row["name"] for row in deployed.query("LIST @PR_CONTAINER_ORCHESTRATION.PUBLIC.JOBS")]
    assert any("jobconfig" in name for name in staged), staged


def test_experimental_features_of_the_provider_reach_its_plugin_and_change_nothing(deployed: Project) -> None:
    file = deployed.folder / stack.FILE
    text = file.read_text()
    try:
        file.write_text(text.replace("config:\n", f"config:\n{FEATURES.format('GRANT_SHOW_CACHING')}", 1))
        refused = deployed.pulumi("preview", check=False)
        assert refused.returncode != 0
        assert "GRANT_SHOW_CACHING is not an experimental feature of the snowflake provider." in refused.stdout
        file.write_text(text.replace("config:\n", f"config:\n{FEATURES.format('GRANTS_SHOW_CACHING')}", 1))
        assert deployed.changes() == {}
    finally:
        file.write_text(text)


def test_the_run_role_holds_what_it_needs_and_no_more(deployed: Project) -> None:
    privileges: dict[str, set[str]] = {}
    for row in deployed.query("SHOW GRANTS TO ROLE SPCS_DEMO_ROLE"):
        # what jobs have made is the role's own
        if row["privilege"] != "OWNERSHIP" or row["granted_on"] == "TASK":
            privileges.setdefault(row["granted_on"], set()).add(row["privilege"])
    assert privileges == {
        "ACCOUNT": {"EXECUTE MANAGED TASK", "EXECUTE TASK"},
        "COMPUTE_POOL": {"MONITOR", "USAGE"},
        "DATABASE": {"USAGE"},
        "FUNCTION": {"USAGE"},
        "IMAGE_REPOSITORY": {"READ"},
        "PROCEDURE": {"USAGE"},
        "SCHEMA": {"CREATE SERVICE", "CREATE TABLE", "USAGE"},
        "STAGE": {"READ", "WRITE"},
        "TABLE": {"INSERT", "SELECT", "UPDATE"},  # UPDATE: states of backfills
        "TASK": {"OWNERSHIP"},
        "WAREHOUSE": {"USAGE"},
    }


def test_after_up_there_is_nothing_to_do(deployed: Project) -> None:
    deployed.pulumi("preview", "--expect-no-changes")


def test_refresh_finds_nothing_after_a_deploy(deployed: Project) -> None:
    deployed.pulumi("refresh", "--preview-only", "--expect-no-changes")


def test_a_changed_job_shows_exactly_that_task_and_the_steps_around_it(deployed: Project) -> None:
    deployed.edit("results_4", "results_four")
    try:
        changes = deployed.changes()
        tasks = {name for name in changes if "T_MYJOB" in name.upper()}
        assert len(tasks) == 1, changes
        assert "4" in tasks.pop()
        others = {name: op for name, op in changes.items() if "T_MYJOB" not in name.upper()}
        assert all(re.search("gate|opening|config", name, re.IGNORECASE) for name in others), others
    finally:
        deployed.restore()


def test_a_change_converges_and_so_does_its_undoing(deployed: Project) -> None:
    deployed.edit("after: [t_myjob_1]", "after: [t_myjob_2]")
    try:
        deployed.up()
        deployed.pulumi("preview", "--expect-no-changes")
        task = deployed.query("SHOW TASKS LIKE 'T_MYJOB_5' IN SCHEMA PR_CONTAINER_ORCHESTRATION.PUBLIC")[0]
        assert json.loads(task["predecessors"]) == ["PR_CONTAINER_ORCHESTRATION.PUBLIC.T_MYJOB_2"]
        root = deployed.query("SHOW TASKS LIKE 'ROOT_TASK' IN SCHEMA PR_CONTAINER_ORCHESTRATION.PUBLIC")[0]
        assert root["state"] == "started"
    finally:
        deployed.restore()
        deployed.up()
    deployed.pulumi("preview", "--expect-no-changes")


def test_what_was_changed_behind_pulumi_is_found_and_mended(deployed: Project) -> None:
    schema = "PR_CONTAINER_ORCHESTRATION.PUBLIC"
    deployed.query(f"ALTER TASK {schema}.ROOT_TASK SUSPEND")
    deployed.query(f"ALTER TASK {schema}.T_MYJOB_2 SUSPEND")
    deployed.query(f"ALTER TASK {schema}.ROOT_TASK RESUME")
    deployed.query("ALTER COMPUTE POOL PR_STD_POOL_S SET MAX_NODES = 4")
    deployed.query(f"DROP TABLE {schema}.TASK_LOGGING_STATS")
    found = deployed.pulumi("refresh", "--yes", "--skip-preview", "--json", check=False)
    assert found.returncode == 0, found.stderr
    changes = deployed.changes()
    assert {"T_MYJOB_2", "PR_STD_POOL_S", "TASK_LOGGING_STATS"} <= {name.upper().split(".")[-1] for name in changes}
    deployed.up()
    task = deployed.query(f"SHOW TASKS LIKE 'T_MYJOB_2' IN SCHEMA {schema}")[0]
    assert task["state"] == "started"
    root = deployed.query(f"SHOW TASKS LIKE 'ROOT_TASK' IN SCHEMA {schema}")[0]
    assert root["state"] == "started"
    pool = deployed.query("SHOW COMPUTE POOLS LIKE 'PR_STD_POOL_S'")[0]
    assert pool["max_nodes"] == 2
    assert deployed.query(f"SHOW TABLES LIKE 'TASK_LOGGING_STATS' IN SCHEMA {schema}")
    deployed.pulumi("preview", "--expect-no-changes")


def test_destroy_leaves_no_object_behind(undeployed: Project) -> None:
    before = inventory(undeployed)
    undeployed.up()
    assert inventory(undeployed) != before
    undeployed.pulumi("destroy", "--yes", "--skip-preview")
    assert inventory(undeployed) == before


def inventory(project: Project) -> dict[str, list[str]]:
    """Names of everything in the account, by kind."""
    kinds = ["ROLES", "WAREHOUSES", "COMPUTE POOLS", "DATABASES", "TASKS IN ACCOUNT", "SERVICES IN ACCOUNT"]
    found = {kind: sorted(row["name"] for row in project.query(f"SHOW {kind}")) for kind in kinds}
    return {**found, "grants": [str(row["privilege"]) for row in project.query("SHOW GRANTS ON ACCOUNT")]}
