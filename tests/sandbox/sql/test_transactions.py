"""AUTOCOMMIT, and what starts and ends a transaction (sql-reference/transactions)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from snowflake_sandbox.protocol import logins

from tests.sandbox.conftest import WAREHOUSE

if TYPE_CHECKING:
    from collections.abc import Iterator

    import snowflake.connector


@pytest.fixture
def other(service: Any) -> Iterator[snowflake.connector.SnowflakeConnection]:
    """A session that sees what is committed."""
    with service.connect() as connection:
        connection.cursor().execute("CREATE OR REPLACE DATABASE TRANSACTIONS")
        connection.cursor().execute("CREATE TABLE T (A INT)")
        yield connection


def count(connection: Any) -> int:
    (number,) = connection.cursor().execute("SELECT COUNT(*) FROM TRANSACTIONS.PUBLIC.T").fetchone()
    return int(number)


INSERT = "INSERT INTO TRANSACTIONS.PUBLIC.T VALUES (1)"


@pytest.mark.parametrize("way", ["connect", "method", "session parameter", "ALTER SESSION"])
def test_without_autocommit_a_rollback_undoes(service: Any, other: Any, way: str) -> None:
    ways: dict[str, dict[str, Any]] = {
        "connect": {"autocommit": False},
        "session parameter": {"session_parameters": {"AUTOCOMMIT": False}},
    }
    settings = ways.get(way, {})
    connection = service.connect(**settings)
    if way == "method":
        connection.autocommit(mode=False)
    if way == "ALTER SESSION":
        connection.cursor().execute("ALTER SESSION SET AUTOCOMMIT = FALSE")
    connection.cursor().execute(INSERT)
    assert (count(connection), count(other)) == (1, 0)
    connection.rollback()
    assert (count(connection), count(other)) == (0, 0)
    connection.cursor().execute(INSERT)
    connection.commit()
    assert count(other) == 1
    connection.cursor().execute(INSERT)
    connection.close()
    assert count(other) == 1, "the end of a session rolls back"


@pytest.mark.parametrize("statement", ["CREATE OR REPLACE TABLE U (A INT)", "ALTER SESSION SET AUTOCOMMIT = FALSE"])
def test_ddl_and_autocommit_itself_commit(service: Any, other: Any, statement: str) -> None:
    with service.connect(autocommit=False, database="TRANSACTIONS") as connection:
        connection.cursor().execute(INSERT)
        connection.cursor().execute(statement)
        connection.rollback()
    assert count(other) == 1


def test_ddl_commits_an_explicit_transaction(other: Any) -> None:
    cursor = other.cursor()
    for text in ("BEGIN", INSERT, "CREATE TABLE U (A INT)", "ROLLBACK"):
        cursor.execute(text)
    assert count(other) == 1


def test_copy_into_belongs_to_the_transaction(service: Any, other: Any, tmp_path: Any) -> None:
    (tmp_path / "rows.csv").write_text("1\n2\n")
    with service.connect(autocommit=False, database="TRANSACTIONS") as connection:
        cursor = connection.cursor()
        cursor.execute("CREATE STAGE S")
        cursor.execute(f"PUT file://{tmp_path}/rows.csv @S")
        for expected in (2, 2):
            cursor.execute("COPY INTO T FROM @S")
            assert count(connection) == expected
            connection.rollback()
    assert count(other) == 0


def test_a_failed_first_statement_leaves_the_transaction_usable(client: Any) -> None:
    client.rows("CREATE TABLE T (A INT)")
    client.rows("ALTER SESSION SET AUTOCOMMIT = FALSE")
    assert client.errno("INSERT INTO T SELECT 'x'") == 100038
    client.rows("INSERT INTO T VALUES (1)")
    client.rows("COMMIT")
    client.rows("BEGIN")
    assert client.errno("SELECT NOPE FROM T") == 904
    assert client.values("SELECT A FROM T") == [(1,)]


def test_sessions_of_others_keep_their_own_setting(client: Any) -> None:
    client.rows("ALTER SESSION SET AUTOCOMMIT = FALSE")
    session = logins.open_session(client.world, logins.ADMINISTRATOR, "ACCOUNTADMIN", warehouse=WAREHOUSE)
    assert session.parameters == {}
    assert client.values("SHOW PARAMETERS LIKE 'AUTOCOMMIT'")[0][1] == "false"


def test_a_transaction_has_an_id_while_it_is_open(client: Any) -> None:
    client.rows("START TRANSACTION")
    ((first,),) = client.values("SELECT CURRENT_TRANSACTION()")
    client.rows("COMMIT")
    assert client.values("SELECT CURRENT_TRANSACTION()") == [(None,)]
    client.rows("START TRANSACTION NAME T")
    assert client.values("SELECT CURRENT_TRANSACTION()") not in ([(None,)], [(first,)])
