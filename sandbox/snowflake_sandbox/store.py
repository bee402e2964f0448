"""The control plane's memory: one SQLite file in the data folder, every change a transaction that survives a kill.

A transaction may define tables, too, which DuckDB keeps in files of its own. Then DuckDB commits first, together with a
note of what this file is to be told, and this file follows: at once, or at the next start, if the process was killed
between the two. Files and folders that a transaction makes superfluous are removed after it (`Transaction.afterwards`).

Knows tables and transactions; must not know Snowflake's statements, nor table data (data/ keeps that in DuckDB).
Each part of the sandbox hands in its own tables (`TABLES` of objects/catalog.py, objects/access.py, logins.py, tasks/
and services/).
"""

from __future__ import annotations

import json
import logging
import queue
import sqlite3
import threading
import time
import uuid
from ast import literal_eval
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence

# Raise it when a table changes: an older folder is then refused with the remedy instead of misread.
FORMAT = 1


_log = logging.getLogger("sandbox.store")
# A machine's trouble (a full disk) ends by somebody's doing; until then writing is tried again at this pace.
_RETRY_SECONDS = 0.5
# How many threads read at a time.
_MOST_READERS = 16


# Notes of tables' definitions that this file has followed.
_FOLLOWED = "CREATE TABLE IF NOT EXISTS followed_definition (token TEXT PRIMARY KEY);"


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


class Snapshot:
    """What is read at one moment. Rows are `sqlite3.Row`: by position and by column name."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._connection = connection

    def rows(self, sql: str, *values: Any) -> list[sqlite3.Row]:
        """All rows of a query."""
        return self._connection.execute(sql, values).fetchall()

    def row(self, sql: str, *values: Any) -> sqlite3.Row | None:
        """The first row of a query, if any."""
        row: sqlite3.Row | None = self._connection.execute(sql, values).fetchone()
        return row


class Transaction(Snapshot):
    """A transaction in progress."""

    def __init__(self, connection: sqlite3.Connection, changes: Changes) -> None:
        super().__init__(connection)
        self._changes = changes

    def run(self, sql: str, *values: Any) -> int:
        """Execute one statement with bound values; the id of the inserted row."""
        row_id = self._connection.execute(sql, values).lastrowid or 0
        self._changes.written.append((sql, values))
        return row_id

    def changed(self, sql: str, *values: Any) -> int:
        """Execute one statement; the number of rows it changed."""
        count = self._connection.execute(sql, values).rowcount
        self._changes.written.append((sql, values))
        return count

    def define(self, database: str, *statements: str) -> None:
        """Have DuckDB run statements on a database's tables when this transaction is committed, all or nothing."""
        self._changes.definitions.setdefault(database, []).extend(statements)

    def forget_definitions(self, database: str) -> None:
        """Leave out what was to be defined in a database: it goes as a whole."""
        self._changes.definitions.pop(database, None)

    def otherwise(self, action: Callable[[], object]) -> None:
        """Do something if this transaction is undone, the last first; what it raises is logged."""
        self._changes.otherwise.append(action)

    def afterwards(self, action: Callable[[], object]) -> None:
        """Do something once this transaction is committed; what it raises is logged."""
        self._changes.afterwards.append(action)


@dataclass
class Changes:
    """What the transaction under way has changed, and is to bring about: statements with their values, in order."""

    written: list[tuple[str, tuple[Any, ...]]] = field(default_factory=list)
    definitions: dict[str, list[str]] = field(default_factory=dict)
    afterwards: list[Callable[[], object]] = field(default_factory=list)
    otherwise: list[Callable[[], object]] = field(default_factory=list)


@dataclass(frozen=True)
class Note:
    """What DuckDB keeps with a definition until this file has followed: a token, and the statements, as a text."""

    token: str
    written: str


class Readers:
    """Connections for reading: so many threads read at once, beside the one that writes, each at a moment of its own.

    A process has few files open at a time, and a connection has three, hence the bound.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._free: queue.LifoQueue[sqlite3.Connection | None] = queue.LifoQueue()
        for _ in range(_MOST_READERS):
            self._free.put(None)
        self._own = threading.local()

    @contextmanager
    def snapshot(self) -> Iterator[Snapshot]:
        """The file as it is now, until the block ends; within another one, as it was then."""
        outer: Snapshot | None = getattr(self._own, "snapshot", None)
        if outer is not None:
            yield outer
            return
        connection = self._free.get()
        try:
            connection = connection or self._connect()
            connection.execute("BEGIN")
            try:
                self._own.snapshot = Snapshot(connection)
                yield self._own.snapshot
            finally:
                self._own.snapshot = None
                if connection.in_transaction:
                    connection.execute("COMMIT")
        finally:
            self._free.put(connection)

    @property
    def is_reading(self) -> bool:
        """Whether this thread reads, and so would not see what it wrote."""
        return getattr(self._own, "snapshot", None) is not None

    def _connect(self) -> sqlite3.Connection:
        connection = sqlite3.connect(str(self._path), check_same_thread=False, isolation_level=None)
        connection.row_factory = sqlite3.Row
        connection.execute("PRAGMA query_only=ON")
        return connection

    def close(self) -> None:
        """Close them, each as soon as it is not read from."""
        for _ in range(_MOST_READERS):
            connection = self._free.get()
            if connection is not None:
                connection.close()


class Store:
    """The SQLite file. Safe for threads: one transaction at a time, nested ones join the outer one; readers never wait.

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
        self._changes = Changes()
        # The thread whose transaction is under way: what it reads, it reads in there.
        self._writer: int | None = None
        self._readers = Readers(Path(path))
        # The data plane's: takes statements by database, and the note to keep with them.
        self.define_tables: Callable[[Mapping[str, list[str]], Note], None] | None = None
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
        for script in (_FOLLOWED, *tables):
            self._connection.executescript(script)
        self._connection.execute(f"PRAGMA user_version={FORMAT}")

    @contextmanager
    def reading(self) -> Iterator[Snapshot]:
        """What is written at this moment, without waiting for anybody; within a transaction, that transaction's."""
        if self._writer == threading.get_ident():
            yield Snapshot(self._connection)
            return
        with self._readers.snapshot() as snapshot:
            yield snapshot

    def settle(self) -> None:
        """Wait until the transaction that is under way, if one is, has ended: what woke a reader is written then."""
        with self._lock:
            pass

    def aside(self, name: str, action: Callable[[], object], stopping: Callable[[], bool]) -> None:
        """Do something that writes in a thread of its own, as `insist` does, once the present transaction has ended.

        A defect is logged, as nobody waits for it.
        """

        def run() -> None:
            try:
                self.settle()
                insist(action, stopping)
            except Exception:  # noqa: BLE001  # the thread ends here, and nobody else would hear of it
                _log.exception("%s: failed inside the sandbox", name)

        threading.Thread(target=run, name=name, daemon=True).start()

    @contextmanager
    def transaction(self) -> Iterator[Transaction]:
        """All or nothing. Never block on anything else inside."""
        if self._readers.is_reading:
            raise RuntimeError("a transaction cannot begin where its thread is reading: it would not see its changes")
        with self._lock:
            self._depth += 1
            self._writer = threading.get_ident()
            try:
                if self._depth == 1:
                    self._changes = Changes()
                    self._connection.execute("BEGIN IMMEDIATE")
                yield Transaction(self._connection, self._changes)
            except BaseException:
                if self._depth == 1:
                    self._undo(self._changes)
                raise
            else:
                if self._depth == 1:
                    self._commit(self._changes)
            finally:
                self._depth -= 1
                if self._depth == 0:
                    self._writer = None

    def _commit(self, changes: Changes) -> None:
        note = None
        try:
            if changes.definitions and self.define_tables is not None:
                token = str(uuid.uuid4())
                note = Note(token, repr(changes.written))
                self._connection.execute("INSERT INTO followed_definition VALUES (?)", (token,))
                self.define_tables(changes.definitions, note)
        except BaseException:
            self._undo(changes)
            raise
        try:
            self._connection.execute("COMMIT")
        except BaseException:
            # Left open, it would make every later transaction fail.
            if note is None:
                self._undo(changes)
                raise
            self._roll_back()
            definition = note
            insist(lambda: self._replay(definition), lambda: False)
        _do(changes.afterwards)

    def follow(self, notes: Sequence[Note]) -> None:
        """Catch up with definitions of tables after which a process was killed; at the start, before anything else."""
        for note in notes:
            with self.transaction() as tx:
                is_followed = tx.row("SELECT 1 FROM followed_definition WHERE token = ?", note.token)
            if is_followed is None:
                self._replay(note)
        with self.transaction() as tx:
            tokens = [note.token for note in notes]
            tx.run(f"DELETE FROM followed_definition WHERE token NOT IN ({', '.join('?' * len(tokens))})", *tokens)

    def _replay(self, note: Note) -> None:
        try:
            self._connection.execute("BEGIN IMMEDIATE")
            for sql, values in literal_eval(note.written):
                self._connection.execute(sql, values)
            self._connection.execute("INSERT INTO followed_definition VALUES (?)", (note.token,))
            self._connection.execute("COMMIT")
        except BaseException:
            self._roll_back()
            raise

    def _undo(self, changes: Changes) -> None:
        self._roll_back()
        _do(reversed(changes.otherwise))

    def _roll_back(self) -> None:
        # BEGIN may have failed, or SQLite rolled back by itself.
        if self._connection.in_transaction:
            self._connection.execute("ROLLBACK")

    def close(self) -> None:
        """Close the file."""
        self._readers.close()
        with self._lock:
            self._connection.close()


def _do(actions: Iterable[Callable[[], object]]) -> None:
    for action in actions:
        try:
            action()
        except Exception:  # noqa: BLE001  # the transaction has ended already: what is left over is found at the next start
            _log.exception("what follows from a transaction could not be done")


def to_json(value: Any) -> str:
    """Properties as text, keys sorted so that equal values are equal texts."""
    return json.dumps(value, sort_keys=True, separators=(",", ":"))
