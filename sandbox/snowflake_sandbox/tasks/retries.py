"""EXECUTE TASK … RETRY LAST: which run of a graph can be retried, and why another one cannot.

Knows runs and versions of graphs in the store (sql-reference/sql/execute-task). Must not know how a retry runs.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from snowflake_sandbox.tasks import rules, runs
from snowflake_sandbox.tasks.machine import TaskState

if TYPE_CHECKING:
    import sqlite3

    from snowflake_sandbox.catalog.catalog import SnowflakeObject
    from snowflake_sandbox.store import Transaction


def retriable(tx: Transaction, root: SnowflakeObject, group_id: int | None, now: datetime) -> sqlite3.Row:
    """Return the graph_run row of the last attempt, or of the last one of the run with that id.

    Raises:
        SnowflakeError: there is none, it did not fail, it is too old, the graph has changed since, or a run goes on.
    """
    last = runs.last_run(tx, root)
    if group_id is not None:
        last = tx.row(
            "SELECT * FROM graph_run WHERE root_uuid = ? AND group_id = ? ORDER BY attempt DESC LIMIT 1",
            root["uuid"],
            group_id,
        )
        if last is None:
            raise rules.refused(f"Cannot perform retry: Graph run group with ID {group_id} not found.")
    name = root.name.name
    if last is None:
        raise rules.refused(f"Cannot perform retry: no suitable run of graph with root task {name} to retry.", 91457)
    if last["state"] not in (TaskState.FAILED, TaskState.CANCELLED):
        raise rules.refused(
            f"Cannot perform retry: run (GRAPH_RUN_GROUP_ID = {last['group_id']}, attempt = {last['attempt']}) of graph"
            f" with root task {name} had no failures.",
            91456,
        )
    version, _ = runs.version_of(tx, root)
    if version != last["version"]:
        raise rules.refused(
            f"Cannot perform retry: the task graph with root {root.name.qualified} was modified since its last run."
        )
    if now - datetime.fromisoformat(last["original_time"]) > timedelta(days=14):
        raise rules.refused("Cannot perform retry: the last run is more than 14 days old.")
    if runs.is_running(tx, root.id):
        raise rules.refused(f"Cannot perform retry: task graph with root {root.name.qualified} is running.")
    return last
