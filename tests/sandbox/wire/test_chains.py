"""Chains of statements (`->>`) and query tags with bound values, through the real clients."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from snowflake.connector.errors import ProgrammingError
from snowflake.snowpark import Session

if TYPE_CHECKING:
    from collections.abc import Iterator


@pytest.fixture
def connection(service: Any) -> Iterator[Any]:
    with service.connect(paramstyle="qmark") as made:
        made.cursor().execute("CREATE OR REPLACE DATABASE CHAINS")
        made.cursor().execute("CREATE TABLE T (A INT, B VARCHAR, UNIQUE (A))")
        yield made


def test_bound_values_are_numbered_over_the_whole_chain(connection: Any) -> None:
    hostile = "it's ->> a ? -- $1 \u2603"
    chain = (
        'SHOW TABLES LIKE ? ->> INSERT INTO T SELECT ?::int, "name" || ? FROM $1'
        " ->> SELECT A, B, '?' AS Q FROM T WHERE A = ? ->> SELECT B, Q FROM $1"
    )
    rows = connection.cursor().execute(chain, ("t", 7, hostile, 7)).fetchall()
    assert rows == [(f"T{hostile}", "?")]


def test_an_error_ends_the_chain_after_what_was_done(connection: Any) -> None:
    chain = "INSERT INTO T VALUES (1, ?) ->> SELECT * FROM NOPE ->> INSERT INTO T VALUES (2, ?)"
    with pytest.raises(ProgrammingError, match="NOPE"):
        connection.cursor().execute(chain, ("first", "second"))
    assert connection.cursor().execute("SELECT B FROM T").fetchall() == [("first",)]


def test_the_result_is_the_last_statements_also_for_a_later_scan(connection: Any) -> None:
    cursor = connection.cursor()
    cursor.execute("SELECT 1 AS A ->> SELECT A + 1 AS A FROM $1")
    for query_id in (f"'{cursor.sfqid}'", "LAST_QUERY_ID()"):
        cursor.execute("SELECT 1 AS A ->> SELECT A + 1 AS A FROM $1")
        scanned = connection.cursor().execute(f"SELECT A FROM TABLE(RESULT_SCAN({query_id}))").fetchall()
        assert scanned == [(2,)]


def test_a_tag_for_one_statement(service: Any, connection: Any) -> None:
    assert connection is not None
    session = Session.builder.configs(service.settings(database="CHAINS", schema="PUBLIC")).create()
    try:
        session.query_tag = "the session's"
        session.sql("SELECT 1 AS ONE").collect(statement_params={"QUERY_TAG": "its own"})
        session.sql("SELECT 2 AS TWO").collect()
        found = session.sql(
            "SELECT QUERY_TEXT, QUERY_TAG FROM TABLE(INFORMATION_SCHEMA.QUERY_HISTORY_BY_SESSION())"
            " WHERE QUERY_TEXT LIKE 'SELECT _ AS %' ORDER BY QUERY_TEXT"
        ).collect()
    finally:
        session.close()
    assert [tuple(row) for row in found] == [("SELECT 1 AS ONE", "its own"), ("SELECT 2 AS TWO", "the session's")]
