"""Statements in flight: repeated requests, aborts, defects."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING, Any

import pytest
from snowflake_sandbox.errors import SnowflakeError, cancelled
from snowflake_sandbox.result import status
from snowflake_sandbox.statements import dispatch

if TYPE_CHECKING:
    from snowflake_sandbox.call import Call
    from snowflake_sandbox.result import Result

LONG = 30


@pytest.fixture
def waiting(client: Any) -> list[threading.Event]:
    """Adds WAIT, a statement that ends when it is aborted; gives an event per run."""
    runs: list[threading.Event] = []

    def wait(call: Call) -> Result:
        runs[-1].set()
        if call.cancelled.wait(LONG):
            raise cancelled()
        return status()

    client.world.statements["WAIT"] = wait
    return runs


def submit(client: Any, text: str, request_id: str = "r") -> Any:
    return client.world.parts["queries"].submit(client.session, text, {}, request_id)


def test_an_abort_request_ends_a_statement_that_waits(client: Any, waiting: list[threading.Event]) -> None:
    waiting.append(threading.Event())
    query = submit(client, "WAIT")
    assert waiting[-1].wait(LONG)
    assert client.world.parts["queries"].abort_request(client.session, "r")
    with pytest.raises(SnowflakeError, match="SQL execution canceled"):
        query.future.result(LONG)


def test_a_session_that_never_waits_does_not_stop_the_others(client: Any, waiting: list[threading.Event]) -> None:
    waiting.append(threading.Event())
    queries = client.world.parts["queries"]
    blocking = [submit(client, "WAIT", "") for _ in range(512)]
    with pytest.raises(SnowflakeError, match="Too many statements are running") as refused:
        submit(client, "WAIT", "")
    assert refused.value.errno == 619
    other = client.as_role("ACCOUNTADMIN")
    assert queries.submit(other.session, "SELECT 1", {}, "").future.result(LONG).arrow is not None
    for query in blocking:
        queries.abort(query)
    for query in blocking:
        with pytest.raises(SnowflakeError, match="canceled"):
            query.future.result(LONG)
    submit(client, "SELECT 1", "").future.result(LONG)


def test_an_abort_reaches_a_query_in_the_data_plane(client: Any) -> None:
    query = submit(client, "SELECT COUNT(*) FROM TABLE(GENERATOR(ROWCOUNT => 100000000)) A, VALUES (1), (2) B")
    queries = client.world.parts["queries"]
    while not query.future.done():
        queries.abort(query)
    with pytest.raises(SnowflakeError) as raised:
        query.future.result(LONG)
    assert raised.value.errno == 604


def test_a_repeated_request_does_not_run_twice(client: Any) -> None:
    client.rows("CREATE TABLE T (A INT)")
    first = submit(client, "INSERT INTO T VALUES (1)", "same")
    again = submit(client, "INSERT INTO T VALUES (1)", "same")
    assert again is first
    first.future.result(LONG)
    assert client.values("SELECT COUNT(*) AS N FROM T") == [(1,)]


def test_a_defect_is_an_internal_error_and_the_text_stays_out_of_the_log(
    client: Any, caplog: pytest.LogCaptureFixture
) -> None:
    def broken(_call: Call) -> Result:
        raise ZeroDivisionError

    client.world.statements["BREAK"] = broken
    query = submit(client, "BREAK 'a-secret'")
    with pytest.raises(SnowflakeError, match=query.id):
        query.future.result(LONG)
    assert query.id in caplog.text
    assert "a-secret" not in caplog.text


def test_a_statement_that_is_aborted_before_it_runs_does_nothing(client: Any) -> None:
    client.rows("CREATE TABLE D.PUBLIC.T (A INT)")
    aborted = threading.Event()
    aborted.set()
    with pytest.raises(SnowflakeError) as raised:
        dispatch.execute(client.world, client.session, "INSERT INTO D.PUBLIC.T VALUES (1)", cancelled=aborted)
    assert raised.value.errno == 604
    assert client.values("SELECT COUNT(*) AS N FROM D.PUBLIC.T") == [(0,)]


def test_an_abort_between_two_statements_ends_a_chain(client: Any) -> None:
    client.rows("CREATE TABLE D.PUBLIC.T (A INT)")

    def aborting(call: Call) -> Result:
        call.cancelled.set()
        return status()

    client.world.statements["ABORTING"] = aborting
    assert client.errno("ABORTING ->> INSERT INTO D.PUBLIC.T VALUES (1)") == 604
    assert client.values("SELECT COUNT(*) AS N FROM D.PUBLIC.T") == [(0,)]


def test_concurrent_changes_of_one_table_lose_nothing(client: Any) -> None:
    client.rows("CREATE TABLE T (K INT, N INT)")
    client.rows("INSERT INTO T VALUES (1, 0)")
    merge = "MERGE INTO T USING (SELECT 1 AS K) S ON T.K = S.K WHEN MATCHED THEN UPDATE SET T.N = T.N + 1"
    workers = [client.as_role("ACCOUNTADMIN") for _ in range(16)]

    def work(worker: Any) -> None:
        for _ in range(5):
            worker.rows(merge)

    threads = [threading.Thread(target=work, args=(worker,)) for worker in workers]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert client.values("SELECT N FROM T") == [(80,)]
