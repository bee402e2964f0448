"""The control plane's memory: one SQLite file in the data folder, every change a transaction that survives a kill.

Knows tables and transactions; must not know Snowflake's statements, nor table data (data.py keeps that in DuckDB).
Each part of the sandbox hands in its own tables (`TABLES` of objects/catalog.py, objects/access.py, logins.py, tasks/
and services/).
"""

from __future__ import annotations

import json
import logging
import sqlite3
import threading
import time
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence

# Raise it when a table changes: an older folder is then refused with the remedy instead of misread.
FORMAT = 1


_log = logging.getLogger("sandbox.store")
# A machine's trouble (a full disk) ends by somebody's doing; until then writing is tried again at this pace.
_RETRY_SECONDS = 0.5


class DataFolderError(Exception):
    """The data folder cannot be used as it is; the text names the file and says what to do."""

    def __init__(self, path: Path, problem: str) -> None:
        super().__init__(
            f"{path} {problem}. Nothing was changed. Put the file back from a copy of the folder, or start afresh with"
            " `jobgraph sandbox reset` (deletes all local Snowflake data)."
        )


class StoreFormatError(DataFolderError):
    """The data folder was written by another version of the sandbox."""

    def __init__(self, path: Path, found: int) -> None:
        Exception.__init__(
            self,
            f"{path} was written by another version of the sandbox (format {found}, this one reads {FORMAT})."
            " Usual cause: the project was updated. Use that version again, or start afresh with"
            " `jobgraph sandbox reset` (deletes all local Snowflake data).",
        )


def refuse_damage(path: Path, witnesses: Iterable[Path]) -> None:
    """Refuse to make a store anew beside files that only a sandbox with a store can have left.

    Raises:
        DataFolderError: the file is missing or empty.
    """
    if (path.exists() and path.stat().st_size) or not any(witness.exists() for witness in witnesses):
        return
    raise DataFolderError(path, "is empty" if path.exists() else "is missing, though this folder was used before")


def insist(action: Callable[[], object], stopping: Callable[[], bool]) -> None:
    """Do something that writes, and again while the machine cannot: the end of a statement or process must be kept."""
    told = False
    while True:
        try:
            action()
        except (OSError, sqlite3.OperationalError) as error:
            if stopping():
                return
            if not told:
                _log.error("cannot write now, trying again every %s s: %s", _RETRY_SECONDS, error)
                told = True
            time.sleep(_RETRY_SECONDS)
        else:
            return


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
        DataFolderError: the file is no SQLite file, or cannot be written.
        StoreFormatError: the file has another format.
    """

    def __init__(self, path: Path | str, tables: Sequence[str]) -> None:
        self._lock = threading.RLock()
        self._depth = 0
        try:
            self._connection = sqlite3.connect(str(path), check_same_thread=False, isolation_level=None)
            try:
                self._open(Path(path), tables)
            except BaseException:
                self._connection.close()
                raise
        except sqlite3.Error as error:
            raise DataFolderError(Path(path), f"cannot be used ({error})") from error

    def _open(self, path: Path, tables: Sequence[str]) -> None:
        self._connection.row_factory = sqlite3.Row
        version = self._connection.execute("PRAGMA user_version").fetchone()[0]
        if version not in (0, FORMAT):
            raise StoreFormatError(path, version)
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
                    self._roll_back()
                raise
            else:
                if self._depth == 1:
                    self._commit()
            finally:
                self._depth -= 1

    def _commit(self) -> None:
        try:
            self._connection.execute("COMMIT")
        except BaseException:
            # Left open, it would make every later transaction fail.
            self._roll_back()
            raise

    def _roll_back(self) -> None:
        # BEGIN may have failed, or SQLite rolled back by itself.
        if self._connection.in_transaction:
            self._connection.execute("ROLLBACK")

    def close(self) -> None:
        """Close the file."""
        with self._lock:
            self._connection.close()


def to_json(value: Any) -> str:
    """Properties as text, keys sorted so that equal values are equal texts."""
    return json.dumps(value, sort_keys=True, separators=(",", ":"))
