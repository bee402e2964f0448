"""The stored evaluations of alerts, and the function ALERT_HISTORY.

Knows the store's table and the documented arguments, columns and limits (sql-reference/functions/alert_history).
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

from snowflake_sandbox.access import access
from snowflake_sandbox.catalog import catalog
from snowflake_sandbox.data.function_arguments import Arguments
from snowflake_sandbox.result import Result, columns

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Mapping

    from snowflake_sandbox.call import Call, World
    from snowflake_sandbox.catalog.catalog import SnowflakeObject
    from snowflake_sandbox.errors import SnowflakeError
    from snowflake_sandbox.store import Snapshot, Transaction

TABLES = """
CREATE TABLE IF NOT EXISTS alert_due (alert_id INTEGER PRIMARY KEY, due TEXT NOT NULL);
CREATE TABLE IF NOT EXISTS alert_run (
    id INTEGER PRIMARY KEY,
    alert_id INTEGER NOT NULL,
    name TEXT NOT NULL,
    database_name TEXT NOT NULL,
    schema_name TEXT NOT NULL,
    owner TEXT NOT NULL,
    condition TEXT NOT NULL,
    condition_query_id TEXT,
    action TEXT NOT NULL,
    action_query_id TEXT,
    state TEXT NOT NULL,
    error_code INTEGER,
    error_message TEXT,
    scheduled TEXT NOT NULL,
    completed TEXT,
    scheduled_from TEXT NOT NULL,
    runbook TEXT,
    was_auto_suspended INTEGER,
    config TEXT
);
CREATE TABLE IF NOT EXISTS alert_snapshot (alert_id INTEGER PRIMARY KEY, rows TEXT NOT NULL);
CREATE TRIGGER IF NOT EXISTS alert_dues_go AFTER DELETE ON object WHEN OLD.kind = 'ALERT' BEGIN
    DELETE FROM alert_due WHERE alert_id = OLD.id;
END;
CREATE TRIGGER IF NOT EXISTS alert_snapshots_go AFTER DELETE ON object WHEN OLD.kind = 'ALERT' BEGIN
    DELETE FROM alert_snapshot WHERE alert_id = OLD.id;
END;
"""
EXECUTING, CANCELLED, FAILED = "EXECUTING", "CANCELLED", "FAILED"
TRIGGERED, CONDITION_FALSE = "TRIGGERED", "CONDITION_FALSE"
CONDITION_FAILED, ACTION_FAILED = "CONDITION_FAILED", "ACTION_FAILED"
_COLUMNS = columns(
    "NAME DATABASE_NAME SCHEMA_NAME CONDITION CONDITION_QUERY_ID ACTION ACTION_QUERY_ID STATE SQL_ERROR_CODE#"
    " SQL_ERROR_MESSAGE SCHEDULED_TIME@ COMPLETED_TIME@ SCHEDULED_FROM RUNBOOK WAS_AUTO_SUSPENDED? CONFIG"
)
_DEFAULT_LIMIT, _MAX_LIMIT = 100, 10_000
_LOOK_BACK, _LOOK_AHEAD = timedelta(days=7), timedelta(days=8)


@dataclass(frozen=True)
class Ending:
    """How an evaluation ended, and the ids of the queries that it ran."""

    state: str
    error: SnowflakeError | None = None
    condition_query_id: str | None = None
    action_query_id: str | None = None


def begin(tx: Transaction, alert: SnowflakeObject, scheduled: datetime, scheduled_from: str) -> int:
    """Record that an evaluation has begun, and return its key."""
    return tx.run(
        "INSERT INTO alert_run (alert_id, name, database_name, schema_name, owner, condition, action, state, scheduled,"
        " scheduled_from, runbook, config) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
        alert.id,
        alert.name.name,
        alert.name.database,
        alert.name.schema,
        alert.owner,
        alert["condition"],
        alert["action"],
        EXECUTING,
        scheduled.isoformat(),
        scheduled_from,
        alert["runbook"],
        alert["config"],
    )


def end(tx: Transaction, run: int, ending: Ending, now: datetime, *, suspended: bool) -> None:
    """Record how an evaluation ended; `suspended`: whether the alert was suspended because it failed too often."""
    error = ending.error
    tx.run(
        "UPDATE alert_run SET state = ?, error_code = ?, error_message = ?, condition_query_id = ?, action_query_id ="
        " ?, completed = ?, was_auto_suspended = ? WHERE id = ?",
        ending.state,
        None if error is None else error.errno,
        None if error is None else error.message,
        ending.condition_query_id,
        ending.action_query_id,
        now.isoformat(),
        suspended,
        run,
    )


def forget(tx: Transaction, run: int) -> None:
    """Remove an evaluation: an alert on new data whose condition was false has no row in the history."""
    tx.run("DELETE FROM alert_run WHERE id = ?", run)


def last_success(tx: Snapshot, alert_id: int) -> datetime | None:
    """Return the scheduled time of an alert's newest evaluation without an error; None if there is none."""
    row = tx.row(
        "SELECT MAX(scheduled) AS scheduled FROM alert_run WHERE alert_id = ? AND state IN (?, ?)",
        alert_id,
        TRIGGERED,
        CONDITION_FALSE,
    )
    return datetime.fromisoformat(row["scheduled"]) if row is not None and row["scheduled"] else None


def write_snapshot(tx: Transaction, alert_id: int, rows: str) -> None:
    """Store the snapshot of the rows that an alert on new data has seen."""
    tx.run("INSERT OR REPLACE INTO alert_snapshot VALUES (?, ?)", alert_id, rows)


def snapshot(tx: Snapshot, alert_id: int) -> str | None:
    """Return the snapshot of the rows that an alert on new data has seen; None if there is none."""
    row = tx.row("SELECT rows FROM alert_snapshot WHERE alert_id = ?", alert_id)
    return None if row is None else str(row["rows"])


def abandon(tx: Transaction, now: datetime) -> None:
    """Mark the evaluations that were interrupted when the process was killed as cancelled."""
    tx.run("UPDATE alert_run SET state = ?, completed = ? WHERE state = ?", CANCELLED, now.isoformat(), EXECUTING)


def register(world: World) -> None:
    """Add the table function to the world; queries call it as INFORMATION_SCHEMA.ALERT_HISTORY."""
    world.table_functions["INFORMATION_SCHEMA.ALERT_HISTORY"] = alert_history


def alert_history(call: Call, positional: tuple[Any, ...], by_name: Mapping[str, Any]) -> Result:
    """ALERT_HISTORY([SCHEDULED_TIME_RANGE_START] [, …_END] [, RESULT_LIMIT] [, ALERT_NAME]), newest first."""
    arguments = Arguments(
        "ALERT_HISTORY",
        "SCHEDULED_TIME_RANGE_START SCHEDULED_TIME_RANGE_END RESULT_LIMIT ALERT_NAME",
        positional,
        by_name,
    )
    limit = arguments.limit(_DEFAULT_LIMIT, _MAX_LIMIT)
    start = max(arguments.instant("SCHEDULED_TIME_RANGE_START") or call.now - _LOOK_BACK, call.now - _LOOK_BACK)
    end = arguments.instant("SCHEDULED_TIME_RANGE_END")
    name = arguments.text("ALERT_NAME")
    with call.world.store.reading() as tx:
        runs = tx.rows(
            "SELECT * FROM alert_run WHERE scheduled >= ? ORDER BY scheduled DESC, id DESC", start.isoformat()
        )
    rows = [*_scheduled(call), *(_row(row) for row in runs if _may_see(call, row["owner"]))]
    selected = [row for row in rows if (name is None or row[0] == name.upper()) and (end is None or row[10] <= end)]
    return Result(_COLUMNS, selected[:limit])


def _may_see(call: Call, owner: str) -> bool:
    roles = access.session_roles(call.world, call.session)
    return "ACCOUNTADMIN" in roles or owner in roles


def _scheduled(call: Call) -> list[tuple[Any, ...]]:
    """Return a row for the next evaluation of each started alert."""
    with call.world.store.reading() as tx:
        dues = tx.rows("SELECT * FROM alert_due ORDER BY due DESC")
        pairs = [(catalog.by_id(tx, row["alert_id"]), datetime.fromisoformat(row["due"])) for row in dues]
    return [
        (
            *(alert.name.name, alert.name.database, alert.name.schema, alert["condition"], None, alert["action"]),
            *(None, "SCHEDULED", None, None, due.astimezone(UTC), None, "SCHEDULE", alert["runbook"], None),
            alert["config"],
        )
        for alert, due in pairs
        if alert is not None and due <= call.now + _LOOK_AHEAD and _may_see(call, alert.owner)
    ]


def _row(row: sqlite3.Row) -> tuple[Any, ...]:
    return (
        *(row["name"], row["database_name"], row["schema_name"], row["condition"], row["condition_query_id"]),
        *(row["action"], row["action_query_id"], row["state"], row["error_code"], row["error_message"]),
        datetime.fromisoformat(row["scheduled"]),
        datetime.fromisoformat(row["completed"]) if row["completed"] else None,
        *(row["scheduled_from"], row["runbook"]),
        bool(row["was_auto_suspended"]),
        row["config"],
    )
