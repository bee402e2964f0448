"""Objects that were there before the stack: only used, or imported; both times without a difference afterwards."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from tests.lifecycle import stack

if TYPE_CHECKING:
    from tests.lifecycle.project import Project

CONTAINERS = ["role", "warehouse", "database", "schema", "image_repository"]
MADE_BY_ANOTHER_TEAM = (
    "CREATE ROLE TEAM_ROLE COMMENT = 'of the team'",
    "GRANT ROLE TEAM_ROLE TO ROLE SYSADMIN",
    "CREATE WAREHOUSE TEAM_WAREHOUSE WAREHOUSE_SIZE = 'SMALL' AUTO_SUSPEND = 77 COMMENT = 'of the team'",
    "CREATE DATABASE TEAM_DATABASE COMMENT = 'of the team'",
    "CREATE SCHEMA TEAM_DATABASE.JOBS COMMENT = 'of the team'",
    "CREATE IMAGE REPOSITORY TEAM_DATABASE.JOBS.TEAM_IMAGES",
    "CREATE COMPUTE POOL PR_STD_POOL_XS MIN_NODES = 1 MAX_NODES = 3 INSTANCE_FAMILY = CPU_X64_XS COMMENT = 'of a team'",
    "CREATE COMPUTE POOL PR_STD_POOL_S MIN_NODES = 1 MAX_NODES = 4 INSTANCE_FAMILY = CPU_X64_S COMMENT = 'of the team'",
)
NAMES = {
    "role": "TEAM_ROLE",
    "parent_roles": [],
    "warehouse": "TEAM_WAREHOUSE",
    "database": "TEAM_DATABASE",
    "schema": "JOBS",
    "image_repository": "TEAM_IMAGES",
    "retain": True,
}
OBJECTS = ("ROLES", "WAREHOUSES", "DATABASES", "SCHEMAS", "IMAGE REPOSITORIES", "COMPUTE POOLS")


def theirs(project: Project) -> dict[str, list[dict[str, Any]]]:
    """The properties of all objects that a deploy could change and that use alone does not."""
    return {
        kind: [
            {name: str(value) for name, value in row.items() if name in {"name", "comment", "owner", "created_on"}}
            | {
                name: str(row[name])
                for name in ("size", "auto_suspend", "max_nodes", "auto_suspend_secs")
                if name in row
            }
            for row in project.query(f"SHOW {kind}{' IN ACCOUNT' if kind in {'SCHEMAS', 'IMAGE REPOSITORIES'} else ''}")
        ]
        for kind in OBJECTS
    }


def kinds_created(project: Project) -> set[str]:
    """Types of the resources in the state."""
    state = json.loads(project.pulumi("stack", "export").stdout)
    return {one["type"].rpartition(":")[2] for one in state["deployment"]["resources"]}


def test_what_exists_is_used_or_imported_and_never_touched(fresh: Project) -> None:
    for statement in MADE_BY_ANOTHER_TEAM:
        fresh.query(statement)
    fresh.environment |= {
        "SNOWFLAKE_WAREHOUSE": "TEAM_WAREHOUSE",
        "SNOWFLAKE_DATABASE": "TEAM_DATABASE",
        "SNOWFLAKE_SCHEMA": "JOBS",
    }
    before = theirs(fresh)
    used(fresh)
    assert theirs(fresh) == before
    imported(fresh)
    assert theirs(fresh) == before


def used(project: Project) -> None:
    """Only referenced: no resource for any of it, a graph runs with the grants made, destroy leaves what holds data."""
    families = {"PR_STD_POOL_XS": "CPU_X64_XS", "PR_STD_POOL_S": "CPU_X64_S"}
    pools = {name: {"existing": True, "instance_family": family} for name, family in families.items()}
    stack.choose(project, **NAMES, existing=CONTAINERS, pools=pools)
    project.up()
    made = kinds_created(project)
    assert not made & {"AccountRole", "Warehouse", "Database", "Schema", "ImageRepository", "ComputePool"}
    stack.unchanged(project)
    project.jobgraph("run", "--wait")
    project.pulumi("destroy", "--yes", "--skip-preview")
    assert stack.names(project, "SHOW TASKS IN ACCOUNT") == []
    assert stack.names(project, "SHOW STAGES IN SCHEMA TEAM_DATABASE.JOBS") == ["JOBS"]


def imported(project: Project) -> None:
    """Taken over as it is, the stage and the history of an earlier deployment as well."""
    families = {"PR_STD_POOL_XS": "CPU_X64_XS", "PR_STD_POOL_S": "CPU_X64_S"}
    pools = {name: {"imported": True, "instance_family": family} for name, family in families.items()}
    stack.choose(project, **NAMES, imported=[*CONTAINERS, "stage", "history"], pools=pools)
    project.up()
    assert kinds_created(project) >= {
        "AccountRole",
        "Warehouse",
        "Database",
        "Schema",
        "ImageRepository",
        "ComputePool",
    }
    stack.unchanged(project)
    assert project.query("SELECT COUNT(*) AS N FROM JOBS_RUN_STATS")[0]["N"] == 6
    destroyed = project.pulumi("destroy", "--yes", "--skip-preview", "--diff").stdout.replace("\\", "")
    assert 'DROP DATABASE "TEAM_DATABASE"' in destroyed
    assert "DROP COMPUTE POOL PR_STD_POOL_S" in destroyed
    assert stack.names(project, "SHOW TASKS IN ACCOUNT") == []
