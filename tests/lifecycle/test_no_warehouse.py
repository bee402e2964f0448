"""A deploy needs no warehouse in its connection: none is there before the first, and later ones name the stack's."""

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
    bare.up()
    assert fresh.jobgraph("run", "--wait").returncode == 0
    refused = bare.jobgraph("history", check=False)
    assert refused.returncode == 1
    assert "No warehouse is active" in refused.stderr
    assert "SNOWFLAKE_WAREHOUSE" in refused.stderr
    # another image makes another text of each task; a job that goes, and a renamed procedure, run procedures of ours
    bare.edit("      t_myjob_6:", "      t_myjob_7:")
    bare.edit("defaults: {", 'defaults: {timeout: "50 minutes", ')
    bare.up()
    assert "T_MYJOB_7" in stack.names(bare, f"SHOW TASKS IN SCHEMA {stack.PLACE}")
    stack.choose(bare, snowpark_version="1.40.0", keep_services_days=7)
    bare.up()
    bare.pulumi("preview", "--refresh", "--expect-no-changes")
    bare.pulumi("destroy", "--yes", "--skip-preview")
    assert stack.names(bare, "SHOW WAREHOUSES") == []
