"""Two stacks of one file in one account, from two clones: deployed, run and destroyed beside each other."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tests.lifecycle import project as projects
from tests.lifecycle import stack

if TYPE_CHECKING:
    from pathlib import Path

    from tests.lifecycle.project import Project

DEV = "DEV_ORCHESTRATION"
# a job on each pool
GRAPH = """\
version: 1
defaults: {image: "my_job_image:1.1.0", compute_pool: PR_STD_POOL_XS}
graphs:
  container_jobs:
    schedule: 59 minutes
    jobs:
      first: {command: ["true"]}
      second: {after: [first], compute_pool: PR_STD_POOL_S, command: ["true"]}
"""


def clone(first: Project, folder: Path) -> Project:
    """Another clone, with a state of its own, on the first one's sandbox."""
    second = projects.make(folder, forking=True)
    second.jobgraph("sandbox", "stop")
    login = {name: value for name, value in first.environment.items() if name.startswith("SNOWFLAKE_")}
    own = {"SNOWFLAKE_DATABASE": DEV, "SNOWFLAKE_WAREHOUSE": "DEV_WAREHOUSE"}
    second.environment |= login | own
    return second


def owned(project: Project, role: str) -> set[str]:
    """What in the account belongs to a role or bears the name of a stack."""
    kinds = ("ROLES", "WAREHOUSES", "COMPUTE POOLS", "DATABASES")
    return {name for kind in kinds for name in stack.names(project, f"SHOW {kind}") if name.startswith(role)}


def test_two_stacks_live_beside_each_other(fresh: Project, tmp_path: Path) -> None:
    second = clone(fresh, tmp_path / "second")
    stack.choose(
        second,
        database=DEV,
        role="DEV_JOB_ROLE",
        warehouse="DEV_WAREHOUSE",
        pools={
            "PR_STD_POOL_XS": {"name": "DEV_POOL_XS", "instance_family": "CPU_X64_XS"},
            "PR_STD_POOL_S": {"name": "DEV_POOL_S", "instance_family": "CPU_X64_S", "max_nodes": 2},
        },
    )
    for clones in (fresh, second):
        (clones.folder / "jobconfig.yaml").write_text(GRAPH)
        clones.up()
    assert owned(fresh, "DEV_") == {"DEV_JOB_ROLE", "DEV_WAREHOUSE", "DEV_POOL_XS", "DEV_POOL_S", DEV}
    fresh.jobgraph("run", "--wait")
    second.jobgraph("run", "--wait")
    pools = f"SELECT DISTINCT COMPUTE_POOL AS POOL FROM {DEV}.PUBLIC.JOBS_RUN_STATS ORDER BY 1"
    assert [row["POOL"] for row in fresh.query(pools)] == ["DEV_POOL_S", "DEV_POOL_XS"]
    assert {row["owner"] for row in fresh.query(f"SHOW TASKS IN DATABASE {DEV}")} == {"DEV_JOB_ROLE"}
    stack.unchanged(fresh)
    stack.unchanged(second)

    second.pulumi("destroy", "--yes", "--skip-preview")
    assert owned(fresh, "DEV_") == set()
    stack.unchanged(fresh)
    fresh.jobgraph("run", "--wait")
    fresh.pulumi("destroy", "--yes", "--skip-preview")
