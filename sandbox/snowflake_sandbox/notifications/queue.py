"""The queue of notifications: what has to be sent, each attempt to send it, and its result.

Knows the store's tables. Must not know how notifications are sent. The queue contains no secrets, which are read when a
request is built.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import sqlite3

    from snowflake_sandbox.store import Snapshot, Transaction

TABLES = """
CREATE TABLE IF NOT EXISTS notification (
    id TEXT PRIMARY KEY,
    created TEXT NOT NULL,
    query_id TEXT NOT NULL,
    integration_id INTEGER NOT NULL,
    integration TEXT NOT NULL,
    content TEXT NOT NULL,
    due TEXT
);
CREATE TABLE IF NOT EXISTS notification_attempt (
    id TEXT NOT NULL REFERENCES notification (id),
    attempt INTEGER NOT NULL,
    status TEXT NOT NULL,
    processed TEXT,
    error TEXT,
    PRIMARY KEY (id, attempt)
);
CREATE INDEX IF NOT EXISTS notification_by_instant ON notification (created);
"""
QUEUED, SUCCESS, RETRIABLE_FAILURE, FAILURE = "QUEUED", "SUCCESS", "RETRIABLE_FAILURE", "FAILURE"
# Guesses: the page says that attempts are repeated, but not how often or when.
ATTEMPTS = 3
PAUSE = timedelta(minutes=1)


@dataclass(frozen=True)
class Notification:
    """A notification to be sent; `content` is an e-mail's headers and parts, or a webhook's message."""

    id: str
    created: datetime
    integration_id: int
    integration: str
    content: dict[str, Any]
    attempt: int


def add(tx: Transaction, notification: Notification, query_id: str) -> None:
    """Add a notification to the queue."""
    created = notification.created.isoformat()
    tx.run(
        "INSERT INTO notification VALUES (?, ?, ?, ?, ?, ?, ?)",
        notification.id,
        created,
        query_id,
        notification.integration_id,
        notification.integration,
        json.dumps(notification.content),
        created,
    )
    tx.run("INSERT INTO notification_attempt VALUES (?, 1, ?, NULL, NULL)", notification.id, QUEUED)


def due(tx: Snapshot, now: datetime) -> list[Notification]:
    """Return the notifications that are due, oldest first."""
    rows = tx.rows(
        "SELECT notification.*, MAX(attempt) AS attempt FROM notification JOIN notification_attempt USING (id)"
        " WHERE due <= ? GROUP BY notification.id ORDER BY created, notification.rowid",
        now.isoformat(),
    )
    return [
        Notification(
            row["id"],
            datetime.fromisoformat(row["created"]),
            row["integration_id"],
            row["integration"],
            json.loads(row["content"]),
            row["attempt"],
        )
        for row in rows
    ]


def next_instant(tx: Snapshot) -> datetime | None:
    """Return when the next notification is due; None if there is none."""
    row = tx.row("SELECT MIN(due) AS due FROM notification")
    return datetime.fromisoformat(row["due"]) if row is not None and row["due"] else None


def settle(tx: Transaction, notification: Notification, error: str | None, now: datetime) -> None:
    """Record the result of an attempt; a failed one is repeated unless it was the last."""
    last = notification.attempt >= ATTEMPTS
    status = SUCCESS if error is None else FAILURE if last else RETRIABLE_FAILURE
    tx.run(
        "UPDATE notification_attempt SET status = ?, processed = ?, error = ? WHERE id = ? AND attempt = ?",
        status,
        now.isoformat(),
        error,
        notification.id,
        notification.attempt,
    )
    again = (now + PAUSE).isoformat() if status == RETRIABLE_FAILURE else None
    tx.run("UPDATE notification SET due = ? WHERE id = ?", again, notification.id)
    if again is not None:
        tx.run(
            "INSERT INTO notification_attempt VALUES (?, ?, ?, NULL, NULL)",
            notification.id,
            notification.attempt + 1,
            QUEUED,
        )


def attempts(tx: Snapshot, start: datetime, end: datetime) -> list[sqlite3.Row]:
    """Return all attempts for notifications of a range of time, newest first."""
    return tx.rows(
        "SELECT notification.*, attempt, status, processed, error FROM notification JOIN notification_attempt USING"
        " (id) WHERE created BETWEEN ? AND ? ORDER BY created DESC, notification.rowid DESC, attempt DESC",
        start.isoformat(),
        end.isoformat(),
    )
