"""Resource monitors hold their warehouses to a quota of credits a month, and budgets keep what they are told."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from tests.sandbox.compute.conftest import Compute

EXCEEDED = 90073


def test_a_warehouse_that_has_used_its_quota_is_not_resumed_until_the_next_month(compute: Compute) -> None:
    compute.rows(
        "CREATE RESOURCE MONITOR M WITH CREDIT_QUOTA = 2 TRIGGERS ON 80 PERCENT DO NOTIFY ON 100 PERCENT DO SUSPEND"
    )
    compute.rows("CREATE WAREHOUSE W AUTO_SUSPEND = 0 RESOURCE_MONITOR = M")
    compute.clock.move(2 * 3600 - 60)
    assert compute.rows("SELECT * FROM T") == []
    compute.clock.move(120)
    assert compute.errno("SELECT * FROM T") == EXCEEDED
    (row,) = compute.rows("SHOW RESOURCE MONITORS")
    assert (row["credit_quota"], row["level"], row["notify_at"], row["suspend_at"]) == (
        "2.00",
        "WAREHOUSE",
        "80%",
        "100%",
    )
    assert float(row["used_credits"]) == pytest.approx(2.02, abs=0.02)
    assert compute.rows("SHOW WAREHOUSES LIKE 'W'")[0]["resource_monitor"] == "M"
    # a higher quota lets it go on, and so does a month that begins
    compute.rows("ALTER RESOURCE MONITOR M SET CREDIT_QUOTA = 3")
    assert compute.rows("SELECT * FROM T") == []
    compute.rows("ALTER WAREHOUSE W SUSPEND")
    compute.rows("ALTER RESOURCE MONITOR M SET CREDIT_QUOTA = 1")
    assert compute.errno("SELECT * FROM T") == EXCEEDED
    compute.clock.move(31 * 86_400)
    assert compute.rows("SELECT * FROM T") == []


def test_who_is_only_told_is_not_stopped_and_a_dropped_monitor_stops_nobody(compute: Compute) -> None:
    compute.rows("CREATE RESOURCE MONITOR M WITH CREDIT_QUOTA = 1 TRIGGERS ON 100 PERCENT DO NOTIFY")
    compute.rows("CREATE WAREHOUSE W AUTO_SUSPEND = 0 RESOURCE_MONITOR = M")
    compute.clock.move(5 * 3600)
    assert compute.rows("SELECT * FROM T") == []
    compute.rows("ALTER RESOURCE MONITOR M TRIGGERS ON 100 PERCENT DO SUSPEND")
    assert compute.errno("SELECT * FROM T") == EXCEEDED
    compute.rows("DROP RESOURCE MONITOR M")
    assert compute.rows("SELECT * FROM T") == []


def test_only_an_account_administrator_makes_a_monitor(compute: Compute) -> None:
    assert compute.as_role("PUBLIC").errno("CREATE RESOURCE MONITOR M WITH CREDIT_QUOTA = 1") == 3001
    assert compute.errno("CREATE WAREHOUSE W RESOURCE_MONITOR = NOPE") == 2003
    assert compute.errno("CREATE RESOURCE MONITOR M WITH TRIGGERS ON 100 PERCENT DO SUSPEND_IMMEDIATE") == 2


def test_a_budget_keeps_its_limit_whom_it_tells_and_what_it_watches(compute: Compute) -> None:
    compute.rows("CREATE WAREHOUSE W")
    compute.rows("CREATE COMPUTE POOL P MIN_NODES = 1 MAX_NODES = 1 INSTANCE_FAMILY = CPU_X64_XS")
    compute.rows("CREATE SNOWFLAKE.CORE.BUDGET IF NOT EXISTS D.PUBLIC.B ()")
    compute.rows("CREATE SNOWFLAKE.CORE.BUDGET OTHER()")
    assert compute.rows("CALL B!GET_SPENDING_LIMIT()") == [{"GET_SPENDING_LIMIT": "-1"}]
    compute.rows("CALL B!SET_SPENDING_LIMIT(500)")
    compute.rows("CALL D.PUBLIC.B!SET_EMAIL_NOTIFICATIONS('a@example.com, b@example.com')")
    for kind, name in (("COMPUTE_POOL", '"P"'), ("WAREHOUSE", "W")):
        reference = f"SELECT SYSTEM$REFERENCE('{kind}', '{name}', 'SESSION', 'APPLYBUDGET')"
        assert "Success" in next(iter(compute.values(f"CALL B!ADD_RESOURCE({reference})")[0]))
    assert compute.rows("CALL B!GET_SPENDING_LIMIT()") == [{"GET_SPENDING_LIMIT": "500"}]
    assert compute.values("CALL B!GET_NOTIFICATION_EMAIL()") == [("a@example.com, b@example.com",)]
    linked = compute.rows("CALL B!GET_LINKED_RESOURCES()")
    assert [(row["DOMAIN"], row["NAME"]) for row in linked] == [("COMPUTE_POOL", "P"), ("WAREHOUSE", "W")]
    # an object is in one budget at a time
    compute.rows("CALL OTHER!ADD_RESOURCE(SELECT SYSTEM$REFERENCE('WAREHOUSE', 'W', 'SESSION', 'APPLYBUDGET'))")
    assert [row["NAME"] for row in compute.rows("CALL B!GET_LINKED_RESOURCES()")] == ["P"]
    assert [row["name"] for row in compute.rows("SHOW SNOWFLAKE.CORE.BUDGET IN SCHEMA D.PUBLIC")] == ["B", "OTHER"]
    compute.rows("DROP SNOWFLAKE.CORE.BUDGET IF EXISTS D.PUBLIC.B")
    assert compute.errno("CALL B!GET_SPENDING_LIMIT()") == 2003


def test_a_budget_takes_what_its_owner_may_hand_on(compute: Compute) -> None:
    compute.rows("CREATE SNOWFLAKE.CORE.BUDGET B()")
    for limit in ("0", "-3", "'x'"):
        assert compute.errno(f"CALL B!SET_SPENDING_LIMIT({limit})") == 1008
    assert compute.errno("CALL B!ADD_RESOURCE('ENT_REF_X')") == 1008
    assert compute.errno("SELECT SYSTEM$REFERENCE('WAREHOUSE', 'NOPE', 'SESSION', 'APPLYBUDGET')") == 2003
    compute.rows("CREATE ROLE R")
    compute.rows("GRANT USAGE ON DATABASE D TO ROLE R")
    compute.rows("GRANT USAGE ON SCHEMA D.PUBLIC TO ROLE R")
    other = compute.as_role("R")
    assert other.errno("CREATE SNOWFLAKE.CORE.BUDGET D.PUBLIC.MINE()") == 3001
    compute.rows("GRANT CREATE SNOWFLAKE.CORE.BUDGET ON SCHEMA D.PUBLIC TO ROLE R")
    assert other.errno("CREATE SNOWFLAKE.CORE.BUDGET D.PUBLIC.MINE()") == 3001, "and the database role"
    compute.rows("GRANT DATABASE ROLE SNOWFLAKE.BUDGET_CREATOR TO ROLE R")
    other.rows("CREATE SNOWFLAKE.CORE.BUDGET D.PUBLIC.MINE()")


def test_what_was_charged_is_seen_with_the_database_role(compute: Compute) -> None:
    compute.rows("CREATE ROLE BELOW")
    compute.rows("CREATE ROLE ABOVE")
    compute.rows("GRANT ROLE BELOW TO ROLE ABOVE")
    compute.rows("CREATE WAREHOUSE W")
    compute.rows("GRANT USAGE ON WAREHOUSE W TO ROLE BELOW")
    other, sight = compute.as_role("ABOVE"), "SELECT * FROM SNOWFLAKE.ACCOUNT_USAGE.WAREHOUSE_METERING_HISTORY"
    other.rows("USE WAREHOUSE W")
    assert other.errno(sight) == 2003
    compute.rows("GRANT DATABASE ROLE SNOWFLAKE.USAGE_VIEWER TO ROLE BELOW")
    other.rows(sight)
    shown = {(row["privilege"], row["granted_on"], row["name"]) for row in compute.rows("SHOW GRANTS TO ROLE BELOW")}
    assert ("USAGE", "DATABASE_ROLE", "SNOWFLAKE.USAGE_VIEWER") in shown
    (holder,) = compute.rows("SHOW GRANTS OF DATABASE ROLE SNOWFLAKE.USAGE_VIEWER")
    assert holder["grantee_name"] == "BELOW"
    assert "USAGE_VIEWER" not in str(other.rows("SELECT CURRENT_AVAILABLE_ROLES() AS A"))
    compute.rows("REVOKE DATABASE ROLE SNOWFLAKE.USAGE_VIEWER FROM ROLE BELOW")
    assert other.errno(sight) == 2003


def test_a_database_role_is_an_account_administrators_to_grant(compute: Compute) -> None:
    compute.rows("CREATE ROLE R")
    compute.rows("GRANT MANAGE GRANTS ON ACCOUNT TO ROLE R")
    assert compute.as_role("R").errno("GRANT DATABASE ROLE SNOWFLAKE.USAGE_VIEWER TO ROLE R") == 3001
    assert compute.errno("GRANT DATABASE ROLE SNOWFLAKE.NOPE TO ROLE R") == 2003
    assert compute.errno("GRANT DATABASE ROLE SNOWFLAKE.USAGE_VIEWER TO ROLE NOBODY") == 2003
