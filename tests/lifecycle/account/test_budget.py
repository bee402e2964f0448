"""A budget on one deployment: made, changed, taken away; what it watches goes on in each step."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from tests.lifecycle import stack

if TYPE_CHECKING:
    from tests.lifecycle.project import Project

NAME = f"{stack.PLACE}.JOBGRAPH_BUDGET"


def is_muted(project: Project) -> str:
    (muted,) = project.query(f"CALL {NAME}!GET_NOTIFICATION_MUTE_FLAG()")
    return str(muted["GET_NOTIFICATION_MUTE_FLAG"])


def limits(project: Project) -> tuple[str, str, Any]:
    """The limit of the budget, the quota of the monitor, and the monitor of the warehouse."""
    (limit,) = project.query(f"CALL {NAME}!GET_SPENDING_LIMIT()")
    (monitor,) = project.query("SHOW RESOURCE MONITORS")
    (warehouse,) = project.query("SHOW WAREHOUSES LIKE 'SMALL_WAREHOUSE'")
    return limit["GET_SPENDING_LIMIT"], monitor["credit_quota"], warehouse["resource_monitor"]


def test_a_budget_is_made_changed_and_taken_away(deployed: Project) -> None:
    stack.choose(deployed, budget={"credits_per_month": 200, "notify": ["a@example.com"], "suspend": True})
    deployed.up()
    assert limits(deployed) == ("200", "200.00", "SMALL_WAREHOUSE_MONITOR")
    assert is_muted(deployed) == "FALSE"
    linked = deployed.query(f"CALL {NAME}!GET_LINKED_RESOURCES()")
    assert {row["NAME"] for row in linked} == {"PR_STD_POOL_XS", "PR_STD_POOL_S", "SMALL_WAREHOUSE"}
    stack.unchanged(deployed)
    stack.choose(deployed, budget={"credits_per_month": 300, "suspend": True})
    deployed.up()
    assert limits(deployed) == ("300", "300.00", "SMALL_WAREHOUSE_MONITOR")
    # its address is not in the settings any more
    assert is_muted(deployed) == "TRUE"
    assert {row["NAME"] for row in deployed.query(f"CALL {NAME}!GET_LINKED_RESOURCES()")} == {
        row["NAME"] for row in linked
    }
    stack.choose(deployed)
    deployed.up()
    assert deployed.query("SHOW RESOURCE MONITORS") == []
    assert deployed.query(f"SHOW SNOWFLAKE.CORE.BUDGET IN SCHEMA {stack.PLACE}") == []
    assert deployed.query("SHOW WAREHOUSES LIKE 'SMALL_WAREHOUSE'")[0]["resource_monitor"] == "null"
    stack.unchanged(deployed)
