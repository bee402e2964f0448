"""What was changed behind the program: found exactly, told property by property, and mended by the next `up`."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

from tests.lifecycle import stack
from tests.lifecycle.project import local

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.lifecycle.project import Project

S = stack.PLACE
ROLE = "SPCS_DEMO_ROLE"

# What is done behind the program -> resource and property that must be shown; GONE: the object itself is missing. None:
# a graph's tasks change only while its root is suspended, and a root that an operator suspended is no drift.
GONE = ""
DRIFTS: dict[str, tuple[str, str] | None] = {
    f"ALTER TASK {S}.ROOT_TASK SUSPEND": None,
    f"ALTER TASK {S}.T_MYJOB_2 SUSPEND": ("T_MYJOB_2", "started"),
    f"ALTER TASK {S}.T_MYJOB_3 SET COMMENT = 'other'": ("T_MYJOB_3", "comment"),
    f"ALTER TASK {S}.T_MYJOB_4 SET WAREHOUSE = OTHER_WAREHOUSE": ("T_MYJOB_4", "warehouse"),
    f"ALTER TASK {S}.T_MYJOB_5 MODIFY AS SELECT 1": ("T_MYJOB_5", "sqlStatement"),
    f"ALTER TASK {S}.T_MYJOB_1 SET USER_TASK_TIMEOUT_MS = 5000": ("T_MYJOB_1", "userTaskTimeoutMs"),
    f"ALTER TASK {S}.T_MYJOB_6 REMOVE AFTER {S}.T_MYJOB_5": ("T_MYJOB_6", "afters"),
    f"DROP TASK {S}.GET_GRAPH_STATS": ("GET_GRAPH_STATS", GONE),
    f"ALTER TASK {S}.ROOT_TASK SET SCHEDULE = '7 MINUTES'": ("ROOT_TASK", "schedule"),
    "ALTER WAREHOUSE SMALL_WAREHOUSE SET WAREHOUSE_SIZE = 'LARGE'": ("SMALL_WAREHOUSE", "warehouseSize"),
    "ALTER WAREHOUSE SMALL_WAREHOUSE SET AUTO_SUSPEND = 999": ("SMALL_WAREHOUSE", "autoSuspend"),
    "ALTER WAREHOUSE SMALL_WAREHOUSE SET COMMENT = 'other'": ("SMALL_WAREHOUSE", "comment"),
    "ALTER COMPUTE POOL PR_STD_POOL_S SET MAX_NODES = 4": ("PR_STD_POOL_S", "maxNodes"),
    "ALTER COMPUTE POOL PR_STD_POOL_S SET MIN_NODES = 2": ("PR_STD_POOL_S", "minNodes"),
    "ALTER COMPUTE POOL PR_STD_POOL_S SET AUTO_SUSPEND_SECS = 999": ("PR_STD_POOL_S", "autoSuspendSecs"),
    "ALTER COMPUTE POOL PR_STD_POOL_XS SET COMMENT = 'other'": ("PR_STD_POOL_XS", "comment"),
    f"ALTER ROLE {ROLE} SET COMMENT = 'other'": (ROLE, "comment"),
    "ALTER DATABASE PR_CONTAINER_ORCHESTRATION SET COMMENT = 'other'": ("PR_CONTAINER_ORCHESTRATION", "comment"),
    f"ALTER SCHEMA {S} SET COMMENT = 'other'": (S, "comment"),
    f"ALTER STAGE {S}.JOBS SET COMMENT = 'other'": ("JOBS", "comment"),
    f"ALTER IMAGE REPOSITORY {S}.IMAGES SET COMMENT = 'other'": ("IMAGES", "comment"),
    f"ALTER TABLE {S}.JOBS_RUN_STATS SET COMMENT = 'other'": ("JOBS_RUN_STATS", "comment"),
    # the last one: a column comes back at the end, and the plugin tells another order as a change for ever
    f"ALTER TABLE {S}.JOBS_RUN_STATS DROP COLUMN LOG_LOCATION": ("JOBS_RUN_STATS", "columns"),
    f"DROP TABLE {S}.TASK_LOGGING_STATS": ("TASK_LOGGING_STATS", GONE),
    f"DROP VIEW {S}.FAILED_JOBS": ("FAILED_JOBS", GONE),
    f"ALTER VIEW {S}.JOB_DURATIONS SET COMMENT = 'other'": ("JOB_DURATIONS", "comment"),
    f"DROP FUNCTION {S}.TASK_GRAPH_RUN_STATS(VARCHAR, TIMESTAMP_LTZ)": ("TASK_GRAPH_RUN_STATS", GONE),
    f"REVOKE ROLE {ROLE} FROM ROLE SYSADMIN": (f"{ROLE}-to-role-SYSADMIN", GONE),
    f"REVOKE MONITOR ON COMPUTE POOL PR_STD_POOL_XS FROM ROLE {ROLE}": (f"{ROLE}-PR_STD_POOL_XS", "privileges"),
    f"REVOKE EXECUTE TASK ON ACCOUNT FROM ROLE {ROLE}": (f"{ROLE}-account", "privileges"),
    f"REVOKE USAGE ON WAREHOUSE SMALL_WAREHOUSE FROM ROLE {ROLE}": (f"{ROLE}-SMALL_WAREHOUSE", "privileges"),
}
# what the plugin computes of SHOW, DESCRIBE and SHOW PARAMETERS is told beside the property that changed
COMPUTED = {"showOutputs", "describeOutputs", "parameters"}
# grants on an object go with it
FOLLOW = {(f"{ROLE}-TASK_GRAPH_RUN_STATS", GONE), (f"{ROLE}-TASK_LOGGING_STATS", GONE)}


def shown(project: Project) -> set[tuple[str, str]]:
    """What `refresh --preview-only` shows: resource and property, or resource and GONE."""
    text = project.pulumi("refresh", "--preview-only", "--json").stdout
    steps = [one for one in json.loads(text[text.index("{") :])["steps"] if one["op"] not in {"refresh", "same"}]
    names = {one["urn"]: local(one["urn"]) for one in steps}
    reasons = {(names[one["urn"]], name) for one in steps for name in one.get("diffReasons") or [GONE]}
    return {(resource, name) for resource, name in reasons if name not in COMPUTED}


@pytest.fixture(scope="module")
def found(deployed: Project) -> Iterator[set[tuple[str, str]]]:
    """What is shown after everything was changed at once, and was not shown before."""
    assert shown(deployed) == set()
    deployed.query("CREATE WAREHOUSE OTHER_WAREHOUSE")
    deployed.query(f"GRANT USAGE ON WAREHOUSE OTHER_WAREHOUSE TO ROLE {ROLE}")
    (procedure,) = stack.names(deployed, f"SHOW PROCEDURES LIKE 'FINALIZE_GRAPH_%' IN SCHEMA {S}")
    deployed.query(f"DROP PROCEDURE {S}.{procedure}(VARCHAR)")
    for statement in DRIFTS:
        deployed.query(statement)
    yield {(name.replace(procedure, "FINALIZE_GRAPH"), what) for name, what in shown(deployed)}
    deployed.query("DROP WAREHOUSE OTHER_WAREHOUSE")


@pytest.mark.parametrize("statement", [statement for statement, drift in DRIFTS.items() if drift])
def test_each_drift_is_shown(statement: str, found: set[tuple[str, str]]) -> None:
    assert DRIFTS[statement] in found


def test_nothing_else_is_shown(found: set[tuple[str, str]]) -> None:
    procedures = {("FINALIZE_GRAPH", GONE), (f"{ROLE}-FINALIZE_GRAPH", GONE)}
    assert found == {drift for drift in DRIFTS.values() if drift} | FOLLOW | procedures


@pytest.mark.usefixtures("found")
def test_up_mends_all_of_it_at_once(deployed: Project) -> None:
    """Many tasks of a graph at once are mended while its root is suspended, as docs/changing-and-removing.md says."""
    deployed.up("--refresh")
    deployed.jobgraph("resume", "container_jobs")
    states = {row["name"]: row["state"] for row in deployed.query(f"SHOW TASKS IN SCHEMA {S}")}
    assert set(states.values()) == {"started"}
    assert len(states) == 8
    assert {"MONITOR", "USAGE"} <= {
        row["privilege"] for row in deployed.query("SHOW GRANTS ON COMPUTE POOL PR_STD_POOL_XS")
    }
    (pool,) = deployed.query("SHOW COMPUTE POOLS LIKE 'PR_STD_POOL_S'")
    assert (pool["min_nodes"], pool["max_nodes"], pool["auto_suspend_secs"]) == (1, 2, 300)
    stack.unchanged(deployed)
