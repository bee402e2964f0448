"""The SQL for how long runs took and what Snowflake charged: one function per statement, with its text and binds.

Knows the history tables and the metering views of SNOWFLAKE.ACCOUNT_USAGE. Must not know how a statement is sent, nor
what anything costs.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from jobgraph.account.queries import Place, Statement, Tables

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime


def job_times(place: Place, tables: Tables, days: int) -> Statement:
    """How long the containers of each job ran in one run, over all attempts: see `_times`."""
    per_run = (
        "SELECT ROOT_TASK_NAME, TASK_NAME, GRAPH_RUN_ID AS RUN_ID, SUM(DURATION_IN_SECS) AS SECONDS"
        f" FROM {place.qualified(tables.job_runs)}"
        " WHERE GRAPH_START_TIME >= DATEADD('day', ?, CURRENT_TIMESTAMP()) GROUP BY 1, 2, 3"
    )
    return _times(per_run, days)


def task_times(place: Place, tables: Tables, days: int) -> Statement:
    """How long each task took in one run, over all attempts of the graph: see `_times`."""
    per_run = (
        "SELECT ROOT_TASK_NAME, NAME AS TASK_NAME, GRAPH_RUN_GROUP_ID AS RUN_ID, SUM(DURATION_IN_SECS) AS SECONDS"
        f" FROM {place.qualified(tables.task_runs)}"
        " WHERE QUERY_START_TIME::TIMESTAMP_NTZ >= DATEADD('day', ?, CURRENT_TIMESTAMP())::TIMESTAMP_NTZ"
        " GROUP BY 1, 2, 3"
    )
    return _times(per_run, days)


def _times(per_run: str, days: int) -> Statement:
    """Return the statement for seconds by task: RUNS, and the 10th, 50th and 90th percentiles LOW, USUAL and HIGH."""
    shares = {"LOW": 0.1, "USUAL": 0.5, "HIGH": 0.9}
    columns = ", ".join(
        f"PERCENTILE_CONT({share}) WITHIN GROUP (ORDER BY SECONDS) AS {name}" for name, share in shares.items()
    )
    return Statement(
        f"SELECT ROOT_TASK_NAME, TASK_NAME, COUNT(*) AS RUNS, {columns} FROM ({per_run}) AS RUNS_OF_TASKS"
        " WHERE SECONDS IS NOT NULL GROUP BY ROOT_TASK_NAME, TASK_NAME ORDER BY ROOT_TASK_NAME, TASK_NAME",
        (-days,),
    )


def ended_attempts(place: Place, tables: Tables, since: datetime) -> Statement:
    """The attempts that ended since a timezone-aware time, with when and where they ran, oldest first."""
    return Statement(
        "SELECT GRAPH_NAME, ROOT_TASK_NAME, TASK_NAME, GRAPH_RUN_ID, ATTEMPT, COMPUTE_POOL, NODE_FAMILY, REPLICAS,"
        f" STARTED_TIME, COMPLETED_TIME, SERVICE_NAME FROM {place.qualified(tables.job_runs)}"
        " WHERE STARTED_TIME IS NOT NULL AND COMPLETED_TIME >= ?::TIMESTAMP_LTZ"
        " ORDER BY COMPLETED_TIME, TASK_NAME, ATTEMPT",
        (since.isoformat(),),
    )


def root_runs(place: Place, tables: Tables, since: datetime) -> Statement:
    """The executions of root tasks that ended since a timezone-aware time; roots are serverless tasks."""
    return Statement(
        "SELECT GRAPH_NAME, ROOT_TASK_NAME, GRAPH_RUN_GROUP_ID AS GRAPH_RUN_ID, ATTEMPT_NUMBER AS ATTEMPT,"
        f" STARTED_TIME, ENDED_TIME AS COMPLETED_TIME FROM {place.qualified(tables.task_runs)}"
        " WHERE NAME = ROOT_TASK_NAME AND STARTED_TIME IS NOT NULL AND ENDED_TIME >= ?::TIMESTAMP_LTZ"
        " ORDER BY ENDED_TIME, ROOT_TASK_NAME",
        (since.isoformat(),),
    )


def metered_pools(names: Sequence[str], since: datetime) -> Statement:
    """Credits charged for compute pools, per hour: NAME, START_TIME, END_TIME, CREDITS; rows are up to 3 hours late."""
    return _metered("SNOWPARK_CONTAINER_SERVICES_HISTORY", "COMPUTE_POOL_NAME", names, since)


def metered_warehouses(names: Sequence[str], since: datetime) -> Statement:
    """Credits charged for the compute of warehouses, per hour; columns as for pools."""
    return _metered("WAREHOUSE_METERING_HISTORY", "WAREHOUSE_NAME", names, since, credits_="CREDITS_USED_COMPUTE")


def metered_tasks(place: Place, names: Sequence[str], since: datetime) -> Statement:
    """Credits charged for serverless tasks of a schema, per hour; columns as for pools."""
    return _metered("SERVERLESS_TASK_HISTORY", "TASK_NAME", names, since, place)


def metered_alerts(place: Place, names: Sequence[str], since: datetime) -> Statement:
    """Credits charged for serverless alerts of a schema, per hour; columns as for pools."""
    return _metered("SERVERLESS_ALERT_HISTORY", "ALERT_NAME", names, since, place)


def _metered(  # noqa: PLR0913  # what differs between four views
    view: str,
    name: str,
    names: Sequence[str],
    since: datetime,
    place: Place | None = None,
    *,
    credits_: str = "CREDITS_USED",
) -> Statement:
    marks = ", ".join("?" for _ in names)
    inside = " AND DATABASE_NAME = ? AND SCHEMA_NAME = ?" if place else ""
    return Statement(
        # in the views for serverless compute, credits are text
        f"SELECT {name} AS NAME, START_TIME, END_TIME, SUM({credits_}::FLOAT) AS CREDITS"
        f" FROM SNOWFLAKE.ACCOUNT_USAGE.{view} WHERE {name} IN ({marks}){inside} AND START_TIME >= ?::TIMESTAMP_LTZ"
        " GROUP BY 1, 2, 3 ORDER BY 2, 1",
        (*names, *((place.database, place.schema) if place else ()), since.isoformat()),
    )
