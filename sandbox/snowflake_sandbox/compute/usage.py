"""What was up when, in the store: a row for each time in which a warehouse or pool had the same number of units up.

Knows one SQLite table; must not know what makes units come and go, nor what they cost together (meter.py).
"""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

from snowflake_sandbox.catalog.catalog import instant
from snowflake_sandbox.compute.meter import Span

if TYPE_CHECKING:
    from datetime import datetime

    from snowflake_sandbox.catalog.catalog import SnowflakeObject
    from snowflake_sandbox.store import Snapshot, Transaction

# An open row has `seen`: until when the sandbox certainly ran. What a killed one left open ended then.
TABLES = """
CREATE TABLE IF NOT EXISTS compute_usage (
    id INTEGER PRIMARY KEY,
    kind TEXT NOT NULL,
    object_id INTEGER NOT NULL,
    name TEXT NOT NULL,
    units INTEGER NOT NULL,
    rate REAL NOT NULL,
    started TEXT NOT NULL,
    ended TEXT,
    seen TEXT NOT NULL
);
CREATE INDEX IF NOT EXISTS compute_usage_by_object ON compute_usage (kind, object_id, started);
CREATE INDEX IF NOT EXISTS compute_usage_open ON compute_usage (object_id) WHERE ended IS NULL;
"""
RETENTION = timedelta(days=365)


def change(tx: Transaction, item: SnowflakeObject, units: int, rate: float, now: datetime) -> None:
    """From now on so many units of a warehouse or pool are up; the same as before changes nothing."""
    row = tx.row("SELECT * FROM compute_usage WHERE object_id = ? AND ended IS NULL", item.id)
    if row is not None and row["units"] == units and row["rate"] == rate:
        return
    if row is not None:
        tx.run("UPDATE compute_usage SET ended = ? WHERE id = ?", now.isoformat(), row["id"])
    if units:
        tx.run(
            "INSERT INTO compute_usage (kind, object_id, name, units, rate, started, seen)"
            " VALUES (?, ?, ?, ?, ?, ?, ?)",
            item.kind,
            item.id,
            item.name.name,
            units,
            rate,
            now.isoformat(),
            now.isoformat(),
        )


def add(tx: Transaction, item: SnowflakeObject, rate: float, start: datetime, end: datetime) -> None:
    """A serverless task or alert had compute for a time."""
    tx.run(
        "INSERT INTO compute_usage (kind, object_id, name, units, rate, started, ended, seen)"
        " VALUES (?, ?, ?, 1, ?, ?, ?, ?)",
        item.kind,
        item.id,
        item.name.qualified,
        rate,
        start.isoformat(),
        end.isoformat(),
        end.isoformat(),
    )


def see(tx: Transaction, now: datetime) -> None:
    """Note that what is up is up still."""
    tx.run("UPDATE compute_usage SET seen = ? WHERE ended IS NULL", now.isoformat())


def close_left_open(tx: Transaction, now: datetime) -> None:
    """End what an earlier sandbox left open, at the last instant of which it is known; forget what is a year old."""
    tx.run("UPDATE compute_usage SET ended = seen WHERE ended IS NULL")
    tx.run("DELETE FROM compute_usage WHERE ended < ?", (now - RETENTION).isoformat())


def spans(tx: Snapshot, kind: str, now: datetime) -> dict[tuple[int, str], list[Span]]:
    """What was up, by id and name of the warehouses or pools, in order of time."""
    by_object: dict[tuple[int, str], list[Span]] = {}
    for row in tx.rows("SELECT * FROM compute_usage WHERE kind = ? ORDER BY started, id", kind):
        end = now if row["ended"] is None else instant(row["ended"])
        span = Span(instant(row["started"]), end, row["units"], row["rate"])
        by_object.setdefault((row["object_id"], row["name"]), []).append(span)
    return by_object
