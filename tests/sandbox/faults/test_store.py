"""The store under many threads: who reads does not wait for who writes, and sees whole transactions only."""

from __future__ import annotations

import sqlite3
import threading
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

import pytest
from snowflake_sandbox import store as stores
from snowflake_sandbox.store import Store

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from snowflake_sandbox.store import Snapshot

PATIENCE = 20.0


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    opened = Store(tmp_path / "x.sqlite", ["CREATE TABLE t (a INTEGER)"])
    yield opened
    opened.close()


def count(snapshot: Snapshot) -> int:
    row = snapshot.row("SELECT COUNT(*) FROM t")
    assert row is not None
    return int(row[0])


def read(store: Store) -> int:
    with store.reading() as snapshot:
        return count(snapshot)


def test_a_reader_does_not_wait_for_a_transaction_and_does_not_see_its_half(store: Store) -> None:
    with ThreadPoolExecutor(1) as other, store.transaction() as tx:
        tx.run("INSERT INTO t VALUES (1)")
        assert other.submit(read, store).result(PATIENCE) == 0
        assert read(store) == 1  # the transaction's own thread
    assert read(store) == 1


def test_a_reader_sees_one_moment(store: Store) -> None:
    def write() -> None:
        with store.transaction() as tx:
            tx.run("INSERT INTO t VALUES (1)")

    with ThreadPoolExecutor(1) as other, store.reading() as snapshot:
        assert count(snapshot) == 0
        other.submit(write).result(PATIENCE)
        assert count(snapshot) == 0
        assert read(store) == 0  # within the block, too
    assert read(store) == 1


def test_a_reader_cannot_write_nor_begin_a_transaction_that_it_would_not_see(store: Store) -> None:
    with store.reading() as snapshot:
        with pytest.raises(sqlite3.OperationalError):
            snapshot.rows("INSERT INTO t VALUES (1) RETURNING a")
        with pytest.raises(RuntimeError, match="is reading"), store.transaction():
            pass
    with store.transaction() as tx:
        tx.run("INSERT INTO t VALUES (1)")
    assert read(store) == 1


def test_readers_take_turns_so_that_their_queries_do_not_wait_for_each_other(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(stores, "_PATIENCE_SECONDS", PATIENCE)
    with ThreadPoolExecutor(1) as other:
        with store.reading() as snapshot:
            assert count(snapshot) == 0
            asked = other.submit(read, store)
            with pytest.raises(TimeoutError):
                asked.result(0.05)
        assert asked.result(PATIENCE) == 0


def test_a_reader_who_takes_long_does_not_hold_the_others_up(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(stores, "_PATIENCE_SECONDS", 0.01)
    with ThreadPoolExecutor(1) as other, store.reading() as snapshot:
        assert count(snapshot) == 0
        for _ in range(40):  # more than there are connections: each is given back
            assert other.submit(read, store).result(PATIENCE) == 0


def test_more_readers_than_connections_all_read(store: Store) -> None:
    together = threading.Barrier(64)

    def ask() -> int:
        together.wait(PATIENCE)
        return read(store) + read(store)

    with ThreadPoolExecutor(64) as others:
        assert [asked.result(PATIENCE) for asked in [others.submit(ask) for _ in range(64)]] == [0] * 64


def test_a_reader_that_fails_gives_its_connection_back(store: Store) -> None:
    for _ in range(40):
        with pytest.raises(sqlite3.OperationalError), store.reading() as snapshot:
            snapshot.rows("SELECT * FROM nothing")
    assert read(store) == 0


def test_what_a_transaction_has_somebody_do_finds_it_written(store: Store) -> None:
    seen: list[int] = []
    done = threading.Event()

    def act() -> None:
        seen.append(read(store))
        done.set()

    with store.transaction() as tx:
        store.aside("act", act, lambda: False)
        tx.run("INSERT INTO t VALUES (1)")
        assert not done.wait(0.05)
    assert done.wait(PATIENCE)
    assert seen == [1]
