"""A machine in trouble: no room on the disk, a clock that is set back. Afterwards everything goes on by itself."""

from __future__ import annotations

import errno
import sqlite3
from typing import TYPE_CHECKING, Any

import duckdb
import pytest
from snowflake_sandbox import errors, store
from snowflake_sandbox.data.data_errors import translated
from snowflake_sandbox.errors import SnowflakeError
from snowflake_sandbox.store import Store

if TYPE_CHECKING:
    from pathlib import Path

    from tests.sandbox.conftest import Client

_FULL = sqlite3.OperationalError("database or disk is full")


class _Failing:
    """A connection of SQLite whose next statement of a kind fails once."""

    def __init__(self, connection: sqlite3.Connection, word: str) -> None:
        self._connection, self._word = connection, word

    def __getattr__(self, name: str) -> Any:
        return getattr(self._connection, name)

    def execute(self, sql: str, *values: Any) -> Any:
        if self._word and sql.startswith(self._word):
            self._word = ""
            raise _FULL
        return self._connection.execute(sql, *values)


@pytest.mark.parametrize("word", ["BEGIN", "INSERT", "COMMIT"])
def test_a_transaction_that_fails_leaves_the_store_usable(tmp_path: Path, word: str) -> None:
    opened = Store(tmp_path / "x.sqlite", ["CREATE TABLE t (a)"])
    failing: Any = _Failing(opened._connection, word)
    opened._connection = failing
    with pytest.raises(sqlite3.OperationalError), opened.transaction() as tx:
        tx.run("INSERT INTO t VALUES (1)")
    with opened.transaction() as tx:
        tx.run("INSERT INTO t VALUES (2)")
        assert [row[0] for row in tx.rows("SELECT a FROM t")] == [2]
    opened.close()


def test_an_error_of_a_full_disk_says_so(client: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(SnowflakeError, match="disk that holds the sandbox's data folder is full"), translated():
        raise duckdb.IOException('IO Error: Could not write file "/x": No space left on device')
    assert errors.is_disk_full(OSError(errno.ENOSPC, "No space left on device"))
    assert not errors.is_disk_full(OSError(errno.EACCES, "Permission denied"))

    def fail(_call: Any) -> Any:
        raise _FULL

    monkeypatch.setitem(client.world.statements, "FILL", fail)
    with pytest.raises(SnowflakeError, match="Make room"):
        client.world.parts["queries"].submit(client.session, "FILL", {}, "").future.result(20)


@pytest.mark.parametrize(
    "error",
    [
        OSError(errno.EROFS, "Read-only file system"),
        OSError(errno.EIO, "Input/output error"),
        sqlite3.OperationalError("disk I/O error"),
        sqlite3.OperationalError("attempt to write a readonly database"),
        duckdb.IOException('IO Error: Cannot open file "/x": Read-only file system'),
        duckdb.TransactionException("TransactionContext Error: Failed to commit: Could not write: Input/output error"),
    ],
)
def test_an_error_of_a_folder_that_cannot_be_written_says_so(error: Exception) -> None:
    assert "cannot write to its data folder" in errors.of_failure(error, "x").message
    if isinstance(error, duckdb.Error):
        with pytest.raises(SnowflakeError, match="cannot write"), translated():
            raise error


def test_what_must_be_kept_is_tried_until_it_is(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(store, "_RETRY_SECONDS", 0.001)
    outcomes = iter([_FULL, OSError(errno.ENOSPC, "full"), None])

    def action() -> None:
        outcome = next(outcomes)
        if outcome is not None:
            raise outcome

    store.insist(action, lambda: False)
    assert next(outcomes, "done") == "done"
