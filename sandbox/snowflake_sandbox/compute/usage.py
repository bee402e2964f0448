"""The history of compute in the store: a row for each time in which a warehouse or pool had the same number of units.

Knows one SQLite table; must not know why units start and stop, nor what they cost (meter.py).
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

# `seen` of an open row: until when the sandbox is known to have run. Rows left open by a killed sandbox ended then.
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
    """Record that from now on a warehouse or pool has so many units; no effect if the number is the same as before."""
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
    """Record the time during which a serverless task or alert used compute."""
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
    """Record that the sandbox runs now, so that open rows last at least until now."""
    tx.run("UPDATE compute_usage SET seen = ? WHERE ended IS NULL", now.isoformat())


def close_left_open(tx: Transaction, now: datetime) -> None:
    """Close the rows that an earlier sandbox left open at the time recorded last; delete rows older than a year."""
    tx.run("UPDATE compute_usage SET ended = seen WHERE ended IS NULL")
    tx.run("DELETE FROM compute_usage WHERE ended < ?", (now - RETENTION).isoformat())


def spans(tx: Snapshot, kind: str, now: datetime) -> dict[tuple[int, str], list[Span]]:
    """Return the times of units, by id and name of the warehouse or pool, in order of time."""
    by_object: dict[tuple[int, str], list[Span]] = {}
    for row in tx.rows("SELECT * FROM compute_usage WHERE kind = ? ORDER BY started, id", kind):
        end = now if row["ended"] is None else instant(row["ended"])
        span = Span(instant(row["started"]), end, row["units"], row["rate"])
        by_object.setdefault((row["object_id"], row["name"]), []).append(span)
    return by_object
