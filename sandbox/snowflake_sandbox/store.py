"""The control plane's memory: one SQLite file in the data folder, every change a transaction that survives a kill.

Knows tables and transactions; must not know Snowflake's statements, nor table data (data.py keeps that in DuckDB).
Each part of the sandbox hands in its own tables (`TABLES` of objects/catalog.py, objects/access.py, logins.py, tasks/
and services/).
"""

from __future__ import annotations

import json
import sqlite3
import threading
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

# Raise it when a table changes: an older folder is then refused with the remedy instead of misread.
FORMAT = 1


class StoreFormatError(Exception):
    """The data folder was written by another version of the sandbox."""

    def __init__(self, path: Path, found: int) -> None:
        super().__init__(
            f"{path} was written by another version of the sandbox (format {found}, this one reads {FORMAT})."
            " Usual cause: the project was updated. Use that version again, or start afresh with"
            " `jobgraph sandbox reset` (deletes all local Snowflake data)."
        )


class Transaction:
    """A transaction in progress. Rows are `sqlite3.Row`: by position and by column name."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._connection = connection

    def run(self, sql: str, *values: Any) -> int:
        """Execute one statement with bound values; the id of the inserted row."""
        return self._connection.execute(sql, values).lastrowid or 0

    def changed(self, sql: str, *values: Any) -> int:
        """Execute one statement; the number of rows it changed."""
        return self._connection.execute(sql, values).rowcount

    def rows(self, sql: str, *values: Any) -> list[sqlite3.Row]:
        """All rows of a query."""
        return self._connection.execute(sql, values).fetchall()

    def row(self, sql: str, *values: Any) -> sqlite3.Row | None:
        """The first row of a query, if any."""
        row: sqlite3.Row | None = self._connection.execute(sql, values).fetchone()
        return row


class Store:
    """The SQLite file. Safe for threads: one transaction at a time, nested ones join the outer one.

    Args:
        path: the file, made if missing; ":memory:" for tests.
        tables: `CREATE TABLE IF NOT EXISTS …` scripts of the parts that keep something.

    Raises:
        StoreFormatError: the file has another format.
    """

    def __init__(self, path: Path | str, tables: Sequence[str]) -> None:
        self._lock = threading.RLock()
        self._connection = sqlite3.connect(str(path), check_same_thread=False, isolation_level=None)
        self._connection.row_factory = sqlite3.Row
        self._depth = 0
        found = self._connection.execute("PRAGMA user_version").fetchone()[0]
        if found not in (0, FORMAT):
            self._connection.close()
            raise StoreFormatError(Path(path), found)
        # WAL + NORMAL: a killed process loses nothing; a machine that loses power may lose the last moments,
        # which is enough for development.
        self._connection.executescript("PRAGMA journal_mode=WAL; PRAGMA synchronous=NORMAL; PRAGMA foreign_keys=ON;")
        for script in tables:
            self._connection.executescript(script)
        self._connection.execute(f"PRAGMA user_version={FORMAT}")

    @contextmanager
    def transaction(self) -> Iterator[Transaction]:
        """All or nothing. Never block on anything else inside."""
        with self._lock:
            self._depth += 1
            try:
                if self._depth == 1:
                    self._connection.execute("BEGIN IMMEDIATE")
                yield Transaction(self._connection)
            except BaseException:
                if self._depth == 1:
                    self._connection.execute("ROLLBACK")
                raise
            else:
                if self._depth == 1:
                    self._connection.execute("COMMIT")
            finally:
                self._depth -= 1

    def close(self) -> None:
        """Close the file."""
        with self._lock:
            self._connection.close()


def to_json(value: Any) -> str:
    """Properties as text, keys sorted so that equal values are equal texts."""
    return json.dumps(value, sort_keys=True, separators=(",", ":"))
