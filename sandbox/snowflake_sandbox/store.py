"""The store of the control plane: one SQLite file in the data folder, where every change is a durable transaction.

A transaction may also define tables, which DuckDB stores in its own files. DuckDB then commits first, together with a
note of the changes for this file; this file commits next, or at the next start if the process was killed in between.
Files and folders that a transaction makes superfluous are removed after it (`Transaction.afterwards`).

Knows tables and transactions; must not know Snowflake's statements, nor table data (data/ stores them in DuckDB). Each
part of the sandbox passes its own tables (`TABLES` of catalog/catalog.py, access/access.py, protocol/logins.py, tasks/
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
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from snowflake_sandbox.data_folder.damage import FORMAT, DataFolderError, StoreFormatError
from snowflake_sandbox.turns import Turns

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
    from contextlib import AbstractContextManager

_log = logging.getLogger("sandbox.store")
# A failure of the machine (a full disk) lasts until somebody corrects it; until then writes are retried at this pace.
_RETRY_SECONDS = 0.5
# After how long of one reader the others no longer wait for it, and how many may then read at the same time.
_PATIENCE_SECONDS = 1.0
_MOST_READERS = 16


# Notes of definitions that this file has applied.
_FOLLOWED = "CREATE TABLE IF NOT EXISTS followed_definition (token TEXT PRIMARY KEY);"


def insist(action: Callable[[], object], stopping: Callable[[], bool]) -> None:
    """Run an action that writes; retry while the machine cannot write, so that the end of a statement is never lost."""
    is_logged = False
    while True:
        try:
            action()
        except (OSError, sqlite3.OperationalError) as error:
            if stopping():
                return
            if not is_logged:
                _log.error("cannot write now, trying again every %s s: %s", _RETRY_SECONDS, error)
                is_logged = True
            time.sleep(_RETRY_SECONDS)
        else:
            return


def attempt(action: Callable[[], object]) -> bool:
    """Run an action that writes; log it and return False if the machine cannot write now."""
    try:
        action()
    except (OSError, sqlite3.OperationalError) as error:
        _log.error("cannot write now: %s", error)
        return False
    return True


class Snapshot:
    """A consistent view of the file at one time. Rows are `sqlite3.Row`: by position and by column name."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._connection = connection

    def rows(self, sql: str, *values: Any) -> list[sqlite3.Row]:
        """Return all rows of a query."""
        return self._connection.execute(sql, values).fetchall()

    def row(self, sql: str, *values: Any) -> sqlite3.Row | None:
        """Return the first row of a query; None if there is none."""
        row: sqlite3.Row | None = self._connection.execute(sql, values).fetchone()
        return row


class Transaction(Snapshot):
    """A transaction in progress."""

    def __init__(self, connection: sqlite3.Connection, changes: Changes) -> None:
        super().__init__(connection)
        self._changes = changes

    def run(self, sql: str, *values: Any) -> int:
        """Execute one statement with bound values; return the id of the inserted row."""
        row_id = self._connection.execute(sql, values).lastrowid or 0
        self._changes.written.append((sql, values))
        return row_id

    def changed(self, sql: str, *values: Any) -> int:
        """Execute one statement with bound values; return the number of changed rows."""
        count = self._connection.execute(sql, values).rowcount
        self._changes.written.append((sql, values))
        return count

    def define(self, database: str, *statements: str) -> None:
        """Have DuckDB run statements on a database's tables, all or none, when this transaction commits."""
        self._changes.definitions.setdefault(database, []).extend(statements)

    def forget_definitions(self, database: str) -> None:
        """Discard the planned definitions of a database that is dropped as a whole."""
        self._changes.definitions.pop(database, None)

    def otherwise(self, action: Callable[[], object]) -> None:
        """Run an action if this transaction is rolled back, the last one first; its exceptions are logged."""
        self._changes.otherwise.append(action)

    def afterwards(self, action: Callable[[], object]) -> None:
        """Run an action after this transaction has committed; its exceptions are logged."""
        self._changes.afterwards.append(action)


@dataclass
class Changes:
    """The changes of the current transaction: statements with their values in order, definitions, and actions."""

    written: list[tuple[str, tuple[Any, ...]]] = field(default_factory=list)
    definitions: dict[str, list[str]] = field(default_factory=dict)
    afterwards: list[Callable[[], object]] = field(default_factory=list)
    otherwise: list[Callable[[], object]] = field(default_factory=list)


@dataclass(frozen=True)
class Note:
    """The note that DuckDB stores with a definition until this file has applied it: a token, and statements as text."""

    token: str
    written: str


class Readers:
    """Connections for reading: threads read in turn, parallel to the writer, each from its own snapshot.

    In turn, because Python runs one thread at a time: a query gives the processor away, and gets it back only after all
    threads that also want it. If 50 read at once, each of a statement's twenty queries waits for the 49 others. A
    thread whose turn does not come, because somebody reads a great deal, gets a connection of its own. Their number is
    bounded because each needs three open files, and a process may have only a few.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self.turns = Turns()
        self._connection: sqlite3.Connection | None = None
        self._more: queue.SimpleQueue[None] = queue.SimpleQueue()
        for _ in range(_MOST_READERS - 1):
            self._more.put(None)
        self._own = threading.local()

    @contextmanager
    def snapshot(self) -> Iterator[Snapshot]:
        """Return a snapshot that is valid until the block ends; a nested block has the outer one's snapshot."""
        outer: Snapshot | None = getattr(self._own, "snapshot", None)
        if outer is not None:
            yield outer
            return
        with self._connected() as connection:
            connection.execute("BEGIN")
            try:
                self._own.snapshot = Snapshot(connection)
                yield self._own.snapshot
            finally:
                self._own.snapshot = None
                if connection.in_transaction:
                    connection.execute("COMMIT")

    @contextmanager
    def _connected(self) -> Iterator[sqlite3.Connection]:
        if not self.turns.take(_PATIENCE_SECONDS):
            with self._another() as connection:
                yield connection
            return
        try:
            self._connection = self._connection or self._connect()
            yield self._connection
        finally:
            self.turns.give()

    @contextmanager
    def _another(self) -> Iterator[sqlite3.Connection]:
        self._more.get()
        try:
            with closing(self._connect()) as connection:
                yield connection
        finally:
            self._more.put(None)

    @property
    def is_reading(self) -> bool:
        """Whether this thread is reading, and so would not see its own writes."""
        return getattr(self._own, "snapshot", None) is not None

    def _connect(self) -> sqlite3.Connection:
        connection = sqlite3.connect(str(self._path), check_same_thread=False, isolation_level=None)
        connection.row_factory = sqlite3.Row
        connection.execute("PRAGMA query_only=ON")
        return connection

    def close(self) -> None:
        """Close the connections, each as soon as it is not in use."""
        for _ in range(_MOST_READERS - 1):
            self._more.get()
        self.turns.take(threading.TIMEOUT_MAX)
        if self._connection is not None:
            self._connection.close()


class Store:
    """The SQLite file. Thread-safe: one transaction at a time, nested ones join the outer one; readers never wait.

    Args:
        path: the file, created if missing; ":memory:" for tests.
        tables: `CREATE TABLE IF NOT EXISTS …` scripts of the parts that store data.

    Raises:
        DataFolderError: if the file is not an SQLite file, or cannot be written.
        StoreFormatError: if the file has another format.
    """

    def __init__(self, path: Path | str, tables: Sequence[str]) -> None:
        self._lock = threading.RLock()
        self._depth = 0
        self._changes = Changes()
        # The thread that has an open transaction, in which it also reads.
        self._writer: int | None = None
        self._readers = Readers(Path(path))
        # Set by the data plane: takes statements by database, and the note to store with them.
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
        # WAL + NORMAL: nothing is lost when the process is killed; a power failure may lose the last moments, which is
        # good enough for development.
        self._connection.executescript("PRAGMA journal_mode=WAL; PRAGMA synchronous=NORMAL; PRAGMA foreign_keys=ON;")
        for script in (_FOLLOWED, *tables):
            self._connection.executescript(script)
        self._connection.execute(f"PRAGMA user_version={FORMAT}")

    @contextmanager
    def reading(self) -> Iterator[Snapshot]:
        """Return a snapshot of what is committed, without waiting; within a transaction, return that transaction."""
        if self._writer == threading.get_ident():
            yield Snapshot(self._connection)
            return
        with self._readers.snapshot() as snapshot:
            yield snapshot

    def in_order(self) -> AbstractContextManager[None]:
        """Let whoever reads in the block do so before those that began later (turns.py); it wraps a statement."""
        return self._readers.turns.in_order()

    def settle(self) -> None:
        """Wait until the open transaction, if any, has ended, so that the change which woke a reader is committed."""
        with self._lock:
            pass

    def aside(self, name: str, action: Callable[[], object], stopping: Callable[[], bool]) -> None:
        """Run an action that writes in a separate thread, like `insist`, after the current transaction has ended.

        Unexpected exceptions are logged, since nobody waits for the thread.
        """

        def run() -> None:
            try:
                self.settle()
                insist(action, stopping)
            except Exception:  # noqa: BLE001  # the thread ends here, so that nobody else would learn of it
                _log.exception("%s: failed inside the sandbox", name)

        threading.Thread(target=run, name=name, daemon=True).start()

    def soon(self, name: str, action: Callable[[], object]) -> None:
        """Run an action that writes; if it fails, `aside`, because the statement that needs it has succeeded."""
        try:
            action()
        except Exception:  # noqa: BLE001  # tried again, and logged there
            self.aside(name, action, lambda: False)

    @contextmanager
    def transaction(self) -> Iterator[Transaction]:
        """Open a transaction that commits or rolls back as a whole. Never block on anything else inside."""
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
            # An open transaction would make every later one fail.
            if note is None:
                self._undo(changes)
                raise
            self._roll_back()
            definition = note
            insist(lambda: self._replay(definition), lambda: False)
        _do(changes.afterwards)

    def follow(self, notes: Sequence[Note]) -> None:
        """Apply the notes of definitions that DuckDB committed right before a kill; called first at the start."""
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
        # BEGIN may have failed, or SQLite may already have rolled back.
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
        except Exception:  # noqa: BLE001  # the transaction has ended already: the next start completes what is missing
            _log.exception("an action after a transaction failed")


def to_json(value: Any) -> str:
    """Return properties as JSON with sorted keys, so that equal values have equal texts."""
    return json.dumps(value, sort_keys=True, separators=(",", ":"))
