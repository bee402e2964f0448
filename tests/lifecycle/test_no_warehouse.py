"""A deploy needs no warehouse in its connection: none is there before the first, and later steps name the stack's.

The provider itself needs one where it reads a view (INFORMATION_SCHEMA.POLICY_REFERENCES): the user's default.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from tests.lifecycle import stack

if TYPE_CHECKING:
    from tests.lifecycle.project import Project


def test_a_whole_life_without_a_warehouse_in_the_connection(fresh: Project) -> None:
    bare = replace(
        fresh, environment={name: value for name, value in fresh.environment.items() if name != "SNOWFLAKE_WAREHOUSE"}
    )
    bare.query("ALTER USER SANDBOX_ADMIN SET DEFAULT_WAREHOUSE = SMALL_WAREHOUSE")
    bare.up()
    assert fresh.jobgraph("run", "--wait").returncode == 0
    # a job that goes and one that comes, then other procedures: both run procedures of ours, and write to the stage
    bare.edit("      t_myjob_6:", "      t_myjob_7:")
    bare.up()
    assert "T_MYJOB_7" in stack.names(bare, f"SHOW TASKS IN SCHEMA {stack.PLACE}")
    stack.choose(bare, snowpark_version="1.40.0")
    bare.up()
    bare.pulumi("preview", "--refresh", "--expect-no-changes")
    bare.pulumi("destroy", "--yes", "--skip-preview")
    assert stack.names(bare, "SHOW WAREHOUSES") == []
