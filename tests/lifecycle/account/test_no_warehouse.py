"""A deploy needs no warehouse in its connection: none is there before the first, and later steps name the stack's.

The provider itself needs one where it reads a view (INFORMATION_SCHEMA.POLICY_REFERENCES), after the stack's warehouse
has been created: the user's default.
"""

from __future__ import annotations

import json
import re
from dataclasses import replace
from typing import TYPE_CHECKING

from tests.lifecycle import stack

if TYPE_CHECKING:
    from tests.lifecycle.project import Project


def _is_billed(project: Project) -> None:
    """What the run cost is read from the sandbox's metering views, as from an account's, and adds up to the bill."""
    told = json.loads(project.jobgraph("cost", "--since", "1d", "--environment", "dev", "--format", "json").stdout)
    bill = project.query(
        "SELECT SUM(CREDITS) AS CREDITS FROM (SELECT CREDITS_USED AS CREDITS FROM"
        " SNOWFLAKE.ACCOUNT_USAGE.WAREHOUSE_METERING_HISTORY UNION ALL SELECT CREDITS_USED FROM"
        " SNOWFLAKE.ACCOUNT_USAGE.SNOWPARK_CONTAINER_SERVICES_HISTORY UNION ALL SELECT CREDITS_USED FROM"
        " SNOWFLAKE.ACCOUNT_USAGE.SERVERLESS_TASK_HISTORY) AS METERED"
    )
    # the bill is read a moment later, and what is awake is charged all the time
    charged = told["credits_charged"]
    assert 0 < charged <= float(bill[0]["CREDITS"]) + 1e-9 <= charged * 1.5
    attempts = sum(group["credits"] - group["not_metered"] for group in told["groups"])
    assert abs(attempts + told["credits_idle"] - charged) < 1e-6
    assert {"T_MYJOB_1", "T_MYJOB_6"} <= {group["name"].split()[1] for group in told["groups"]}
    assert told["savings"]
    (root,) = [group for group in told["groups"] if group["name"].split()[1] == "ROOT_TASK"]
    assert root["serverless"] > 0 == root["attempts"]


def test_with_none_configured_at_all_only_the_reading_of_views_fails_and_says_what_to_set(fresh: Project) -> None:
    bare = replace(
        fresh, environment={name: value for name, value in fresh.environment.items() if name != "SNOWFLAKE_WAREHOUSE"}
    )
    done = bare.pulumi("up", "--yes", "--skip-preview", "--continue-on-error", check=False)
    text = done.stdout + done.stderr
    assert done.returncode != 0
    failed = set(re.findall(r"snowflake:index:(\w+) \S+ \*\*creating failed", text))
    assert failed == {"View"}, text
    assert "warning: the login has no warehouse" in text, text

    # as the message says
    fresh.up()
    stack.unchanged(fresh)


def test_a_whole_life_without_a_warehouse_in_the_connection(fresh: Project) -> None:
    bare = replace(
        fresh, environment={name: value for name, value in fresh.environment.items() if name != "SNOWFLAKE_WAREHOUSE"}
    )
    bare.query("ALTER USER SANDBOX_ADMIN SET DEFAULT_WAREHOUSE = SMALL_WAREHOUSE")
    bare.up()
    assert fresh.jobgraph("run", "--only", "t_myjob_1,t_myjob_6", "--wait").returncode == 0
    _is_billed(fresh)
    # a job that goes and one that comes, then other procedures: both run procedures of ours, and write to the stage
    bare.edit("      t_myjob_6:", "      t_myjob_7:")
    bare.up()
    assert "T_MYJOB_7" in stack.names(bare, f"SHOW TASKS IN SCHEMA {stack.PLACE}")
    stack.choose(bare, snowpark_version="1.40.0")
    bare.up()
    bare.pulumi("preview", "--refresh", "--expect-no-changes")
    bare.pulumi("destroy", "--yes", "--skip-preview")
    assert stack.names(bare, "SHOW WAREHOUSES") == []
