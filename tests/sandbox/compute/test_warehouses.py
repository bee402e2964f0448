"""Warehouses hold statements to their slots: the queue, its timeout, suspension, and what was awake meanwhile."""

from __future__ import annotations

import sqlite3
import threading
from datetime import timedelta
from functools import partial
from typing import TYPE_CHECKING, Any

import pytest
from snowflake_sandbox.catalog import catalog
from snowflake_sandbox.compute import usage
from snowflake_sandbox.errors import SnowflakeError

from tests.sandbox.compute.conftest import LONG, until

if TYPE_CHECKING:
    from tests.sandbox.compute.conftest import Compute


def test_the_statement_beyond_the_slots_waits_its_turn(compute: Compute) -> None:
    compute.rows("CREATE WAREHOUSE W MAX_CONCURRENCY_LEVEL = 2")
    queries = []
    for name, entered, queued in (("A", 1, 0), ("B", 2, 0), ("C", 2, 1), ("D", 2, 2)):
        queries.append(compute.submit(name))
        until(partial(compute.has_counts, "W", entered, queued))
    assert compute.entered == ["A", "B"]
    compute.clock.move(7)
    compute.open("B")
    until(lambda: compute.entered == ["A", "B", "C"])
    for name in "ACD":
        compute.open(name)
    assert [query.future.result(LONG).arrow is not None for query in queries] == [True] * 4
    history = compute.rows(
        "SELECT QUERY_TEXT, QUEUED_OVERLOAD_TIME, EXECUTION_TIME, WAREHOUSE_SIZE FROM"
        " TABLE(INFORMATION_SCHEMA.QUERY_HISTORY()) WHERE USER_NAME = 'OTHER' ORDER BY QUERY_TEXT"
    )
    assert [row["QUEUED_OVERLOAD_TIME"] for row in history] == [0, 0, 7000, 7000]
    assert [row["EXECUTION_TIME"] for row in history] == [7000, 7000, 0, 0]
    assert {row["WAREHOUSE_SIZE"] for row in history} == {"X-Small"}


def test_while_it_waits_its_history_says_so(compute: Compute) -> None:
    compute.rows("CREATE WAREHOUSE LOOKING")
    compute.rows("CREATE WAREHOUSE W MAX_CONCURRENCY_LEVEL = 1")
    compute.submit("A")
    until(lambda: compute.entered == ["A"])
    compute.submit("B")
    until(lambda: compute.shown("W")["queued"] == 1)
    compute.clock.move(3)
    compute.rows("USE WAREHOUSE LOOKING")
    rows = compute.rows(
        "SELECT EXECUTION_STATUS, QUEUED_OVERLOAD_TIME FROM TABLE(INFORMATION_SCHEMA.QUERY_HISTORY())"
        " WHERE USER_NAME = 'OTHER' ORDER BY START_TIME, QUERY_TEXT"
    )
    assert [tuple(row.values()) for row in rows] == [("RUNNING", 0), ("QUEUED", 3000)]


@pytest.mark.parametrize("where", ["warehouse", "session"])
def test_a_statement_that_is_queued_too_long_is_cancelled(compute: Compute, where: str) -> None:
    timeout = "STATEMENT_QUEUED_TIMEOUT_IN_SECONDS"
    own = f"{timeout} = 10" if where == "warehouse" else ""
    compute.rows(f"CREATE WAREHOUSE W MAX_CONCURRENCY_LEVEL = 1 {own}")
    compute.submit("A")
    until(lambda: compute.entered == ["A"])
    query = compute.submit("B", **({timeout: 10} if where == "session" else {}))
    until(lambda: compute.shown("W")["queued"] == 1)
    compute.clock.move(9)
    assert not query.future.done()
    compute.clock.move(1)
    with pytest.raises(SnowflakeError) as refused:
        query.future.result(LONG)
    assert refused.value.errno == 630
    assert compute.shown("W")["queued"] == 0


def test_a_statement_is_aborted_while_it_waits(compute: Compute) -> None:
    compute.rows("CREATE WAREHOUSE W MAX_CONCURRENCY_LEVEL = 1")
    compute.submit("A")
    until(lambda: compute.entered == ["A"])
    query = compute.submit("B")
    until(lambda: compute.shown("W")["queued"] == 1)
    compute.world.parts["queries"].abort(query)
    with pytest.raises(SnowflakeError) as refused:
        query.future.result(LONG)
    assert refused.value.errno == 604
    until(lambda: compute.shown("W")["queued"] == 0)
    assert "B" not in compute.entered


def test_more_slots_or_clusters_let_the_queue_go_on(compute: Compute) -> None:
    compute.rows("CREATE WAREHOUSE W MAX_CONCURRENCY_LEVEL = 1")
    for name in "ABC":
        compute.submit(name)
    until(lambda: compute.shown("W")["queued"] == 2)
    compute.rows("ALTER WAREHOUSE W SET MAX_CLUSTER_COUNT = 2")
    until(lambda: len(compute.entered) == 2)
    assert compute.shown("W")["started_clusters"] == 2
    compute.rows("ALTER WAREHOUSE W SET MAX_CONCURRENCY_LEVEL = 2")
    until(lambda: len(compute.entered) == 3)


def test_it_suspends_when_idle_and_not_while_something_runs(compute: Compute) -> None:
    compute.rows("CREATE WAREHOUSE W AUTO_SUSPEND = 60 INITIALLY_SUSPENDED = TRUE")
    assert compute.shown("W")["state"] == "SUSPENDED"
    compute.submit("A")
    until(lambda: compute.entered == ["A"])
    compute.clock.move(3600)
    assert compute.shown("W")["state"] == "STARTED"
    compute.rows("ALTER WAREHOUSE W SUSPEND")
    assert compute.shown("W")["state"] == "SUSPENDING"
    compute.rows("ALTER WAREHOUSE W RESUME")
    compute.open("A")
    until(lambda: compute.shown("W")["running"] == 0)
    compute.clock.move(59)
    assert compute.shown("W")["state"] == "STARTED"
    compute.clock.move(1)
    until(lambda: compute.shown("W")["state"] == "SUSPENDED")
    with compute.world.store.transaction() as tx:
        ((_, spans),) = usage.spans(tx, "WAREHOUSE", compute.clock.now()).items()
    assert sum((span.end - span.start).total_seconds() for span in spans) == 3660


def test_what_waits_for_a_warehouse_that_is_dropped_is_refused(compute: Compute) -> None:
    compute.rows("CREATE WAREHOUSE W MAX_CONCURRENCY_LEVEL = 1")
    compute.submit("A")
    until(lambda: compute.entered == ["A"])
    query = compute.submit("B")
    until(lambda: compute.shown("W")["queued"] == 1)
    compute.rows("DROP WAREHOUSE W")
    with pytest.raises(SnowflakeError) as refused:
        query.future.result(LONG)
    assert refused.value.errno == 606


def test_a_statement_of_a_started_warehouse_does_not_wait_for_who_writes(compute: Compute) -> None:
    compute.rows("CREATE WAREHOUSE W")
    with compute.world.store.transaction():  # of this thread; the statement has one of its own
        query = compute.submit("A")
        compute.open("A")
        assert query.future.result(LONG).arrow is not None
    assert compute.shown("W")["running"] == 0


def test_on_a_full_disk_statements_go_on_and_the_warehouse_is_recorded_when_there_is_room(
    compute: Compute, monkeypatch: pytest.MonkeyPatch
) -> None:
    compute.rows("CREATE WAREHOUSE W INITIALLY_SUSPENDED = TRUE")
    change, is_full = usage.change, threading.Event()

    def changed(*arguments: Any) -> None:
        if is_full.is_set():
            raise sqlite3.OperationalError("database or disk is full")
        change(*arguments)

    monkeypatch.setattr(usage, "change", changed)
    is_full.set()
    query = compute.submit("A")
    compute.open("A")
    assert query.future.result(LONG).arrow is not None
    assert (compute.shown("W")["state"], compute.shown("W")["running"]) == ("STARTED", 0)
    assert recorded(compute) == ("SUSPENDED", 0)
    is_full.clear()
    until(lambda: recorded(compute) == ("STARTED", 1))


def recorded(compute: Compute) -> tuple[str, int]:
    """The state of the only warehouse in the store, and how many clusters of it have been up."""
    with compute.world.store.reading() as tx:
        (warehouse,) = catalog.listing(tx, "WAREHOUSE")
        return warehouse["state"], sum(map(len, usage.spans(tx, "WAREHOUSE", compute.clock.now()).values()))


def fail_after(compute: Compute, text: str) -> None:
    with compute.world.store.transaction() as tx:
        compute.rows(text)
        tx.run("a statement that fails")


@pytest.mark.parametrize("text", ["ALTER WAREHOUSE W SUSPEND", "DROP WAREHOUSE W"])
def test_a_change_that_was_rolled_back_leaves_the_warehouse_as_it_was(compute: Compute, text: str) -> None:
    compute.rows("CREATE WAREHOUSE W")
    with pytest.raises(sqlite3.OperationalError):
        fail_after(compute, text)
    assert compute.shown("W")["state"] == "STARTED"
    query = compute.submit("A")
    compute.open("A")
    assert query.future.result(LONG).arrow is not None


def test_a_role_that_may_not_use_the_warehouse_has_none(compute: Compute) -> None:
    compute.rows("CREATE WAREHOUSE W")
    compute.rows("CREATE ROLE R")
    for text in ("GRANT USAGE ON DATABASE D TO ROLE R", "GRANT USAGE ON SCHEMA D.PUBLIC TO ROLE R"):
        compute.rows(text)
    other = compute.as_role("R")
    assert other.errno("SELECT * FROM INFORMATION_SCHEMA.TABLES") == 606
    compute.rows("GRANT USAGE ON WAREHOUSE W TO ROLE R")
    assert other.rows("SELECT * FROM INFORMATION_SCHEMA.TABLES") == []


@pytest.mark.parametrize("made", ["CREATE WAREHOUSE W", "ALTER WAREHOUSE W RESUME"])
def test_a_warehouse_that_starts_takes_a_sixtieth_of_what_a_node_takes(compute: Compute, made: str) -> None:
    compute.world.node_start = timedelta(minutes=3)
    if made.startswith("ALTER"):
        compute.rows("CREATE WAREHOUSE W INITIALLY_SUSPENDED = TRUE")
    compute.rows(made)
    query = compute.submit("A")
    until(lambda: compute.shown("W")["queued"] == 1)
    compute.clock.move(2)
    assert compute.entered == []
    compute.clock.move(1)
    until(lambda: compute.entered == ["A"])
    compute.clock.move(5)
    compute.open("A")
    query.future.result(LONG)
    (row,) = compute.rows(
        "SELECT QUEUED_PROVISIONING_TIME, QUEUED_OVERLOAD_TIME, EXECUTION_TIME FROM"
        " TABLE(INFORMATION_SCHEMA.QUERY_HISTORY()) WHERE USER_NAME = 'OTHER'"
    )
    assert tuple(row.values()) == (3000, 0, 5000)
