"""The metering views follow what was up: warehouses, pools by their states, serverless tasks."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any

import pytest
from snowflake_sandbox.catalog import catalog
from snowflake_sandbox.compute import usage

from tests.sandbox.compute.conftest import until

if TYPE_CHECKING:
    from tests.sandbox.compute.conftest import Compute

VIEWS = {
    "WAREHOUSE_METERING_HISTORY": "WAREHOUSE_NAME",
    "SNOWPARK_CONTAINER_SERVICES_HISTORY": "COMPUTE_POOL_NAME",
    "SERVERLESS_TASK_HISTORY": "TASK_NAME",
    "SERVERLESS_ALERT_HISTORY": "ALERT_NAME",
}


def credits_of(compute: Compute, view: str, name: str) -> list[float]:
    """What each hour was charged, oldest first."""
    rows: list[dict[str, Any]] = compute.rows(
        f"SELECT CREDITS_USED AS C FROM SNOWFLAKE.ACCOUNT_USAGE.{view} WHERE {VIEWS[view]} = '{name}'"
        " ORDER BY START_TIME"
    )
    return [row["C"] for row in rows]


def test_a_warehouse_is_charged_while_it_is_awake(compute: Compute) -> None:
    compute.rows("CREATE WAREHOUSE LOOKING")
    compute.rows("CREATE WAREHOUSE W WAREHOUSE_SIZE = 'SMALL' AUTO_SUSPEND = 0")
    compute.clock.move(1800)
    compute.rows("ALTER WAREHOUSE W SUSPEND")
    compute.clock.move(86400)
    compute.rows("ALTER WAREHOUSE W RESUME")
    compute.clock.move(1)
    compute.rows("ALTER WAREHOUSE W SUSPEND")
    compute.rows("USE WAREHOUSE LOOKING")
    # half an hour of two credits, and a minute for the second that it was resumed for
    assert credits_of(compute, "WAREHOUSE_METERING_HISTORY", "W") == pytest.approx([1.0, 2 / 60])


def test_a_pool_is_charged_for_nodes_that_are_up_and_not_while_they_start(compute: Compute) -> None:
    compute.world.node_start = timedelta(minutes=2)
    pool = "CREATE COMPUTE POOL P MIN_NODES = 1 MAX_NODES = 2 INSTANCE_FAMILY = CPU_X64_S AUTO_SUSPEND_SECS = 600"
    compute.rows(pool)
    assert compute.rows("SHOW COMPUTE POOLS")[0]["state"] == "STARTING"
    compute.clock.move(120)
    # one that suspended would take time to start again, as the node does
    compute.rows("CREATE WAREHOUSE LOOKING AUTO_SUSPEND = 0")
    _until_state(compute, "IDLE")
    compute.clock.move(480)
    _until_state(compute, "SUSPENDED")
    compute.clock.move(3600)
    assert sum(credits_of(compute, "SNOWPARK_CONTAINER_SERVICES_HISTORY", "P")) == pytest.approx(0.11 * 480 / 3600)


def _until_state(compute: Compute, state: str) -> None:
    until(lambda: compute.rows("SHOW COMPUTE POOLS")[0]["state"] == state)


def test_a_serverless_task_is_charged_for_each_run(compute: Compute) -> None:
    compute.rows("CREATE WAREHOUSE LOOKING")
    compute.rows("CREATE TASK X AS SELECT 1")
    with compute.world.store.transaction() as tx:
        (task,) = catalog.listing(tx, "TASK")
        start = compute.clock.now()
        for _ in range(2):
            usage.add(tx, task, 0.9, start, start + timedelta(minutes=10))
    assert credits_of(compute, "SERVERLESS_TASK_HISTORY", "X") == pytest.approx([0.3])


def test_what_was_charged_is_for_administrators(compute: Compute) -> None:
    compute.rows("CREATE WAREHOUSE W")
    compute.rows("GRANT USAGE ON WAREHOUSE W TO ROLE PUBLIC")
    other = compute.as_role("PUBLIC")
    for view in VIEWS:
        assert other.errno(f"SELECT * FROM SNOWFLAKE.ACCOUNT_USAGE.{view}") == 2003
    for function in ("SERVERLESS_TASK_HISTORY", "SERVERLESS_ALERT_HISTORY"):
        assert other.errno(f"SELECT * FROM TABLE(D.INFORMATION_SCHEMA.{function}())") == 3001
