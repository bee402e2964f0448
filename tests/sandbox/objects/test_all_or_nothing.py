"""A definition is done, or not done: by a statement that fails in its middle, or by a kill between the two stores."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from snowflake_sandbox import world
from snowflake_sandbox.protocol import logins

from tests.sandbox.conftest import Client, build

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture
def client(own_client: Client) -> Client:
    """Rows in files: those in memory are gone with the database that is dropped, though the statement fails."""
    return own_client


@pytest.fixture
def filled(client: Client) -> Client:
    """A table with two rows."""
    client.rows("CREATE TABLE T (A INT, B VARCHAR)")
    client.rows("INSERT INTO T VALUES (1, 'x'), (2, 'y')")
    return client


def test_a_table_is_replaced_by_a_query_on_itself(filled: Client) -> None:
    filled.rows("CREATE OR REPLACE TABLE T AS SELECT A + 1 AS A, B, 'new' AS C FROM T")
    assert filled.values("SELECT * FROM T ORDER BY A") == [(2, "x", "new"), (3, "y", "new")]
    filled.rows("CREATE OR REPLACE TABLE T CLONE T")
    assert filled.values("SELECT COUNT(*) AS N FROM T") == [(2,)]
    assert [row["name"] for row in filled.rows("SHOW TABLES")] == ["T"]


@pytest.mark.parametrize(
    "statement",
    [
        "CREATE OR REPLACE TABLE T AS SELECT B::NUMBER AS N FROM T",
        "CREATE OR REPLACE TABLE T AS SELECT * FROM NOWHERE",
        "DROP TABLE T nonsense",
        "DROP DATABASE D nonsense",
        "DROP SCHEMA D.PUBLIC nonsense",
        "ALTER TABLE T ADD COLUMN C INT NOT NULL",
    ],
)
def test_a_statement_that_fails_leaves_the_table_as_it_was(filled: Client, statement: str) -> None:
    assert filled.errno(statement)
    assert filled.values("SELECT * FROM T ORDER BY A") == [(1, "x"), (2, "y")]
    assert [row["name"] for row in filled.rows("DESCRIBE TABLE T")] == ["A", "B"]
    assert [row["name"] for row in filled.rows("SHOW TABLES")] == ["T"]


def test_a_database_is_replaced(filled: Client) -> None:
    filled.rows("CREATE OR REPLACE DATABASE D")
    assert filled.rows("SHOW TABLES IN DATABASE D") == []
    filled.rows("CREATE TABLE D.PUBLIC.T AS SELECT 1 AS A")
    assert filled.values("SELECT A FROM D.PUBLIC.T") == [(1,)]


class _Dead(BaseException):
    """The process is gone between DuckDB's commit and the store's."""


def test_what_duckdb_has_committed_is_followed_at_the_next_start(tmp_path: Path) -> None:
    made = build(tmp_path)
    client = Client(made, logins.open_session(made, logins.ADMINISTRATOR, "ACCOUNTADMIN"))
    client.rows("CREATE WAREHOUSE W")
    client.rows("CREATE DATABASE D")
    client.rows("CREATE TABLE T (A INT)")
    define = made.store.define_tables
    assert define is not None

    def define_and_die(*what: object) -> None:
        define(*what)  # type: ignore[arg-type]  # passed on
        raise _Dead

    made.store.define_tables = define_and_die
    with pytest.raises(_Dead):
        client.rows("ALTER TABLE T ADD COLUMN C INT")
    world.stop(made)
    again = build(tmp_path)
    client = Client(
        again,
        logins.open_session(again, logins.ADMINISTRATOR, "ACCOUNTADMIN", warehouse="W", database="D", schema="PUBLIC"),
    )
    assert [row["name"] for row in client.rows("DESCRIBE TABLE T")] == ["A", "C"]
    client.rows("INSERT INTO T VALUES (1, 2)")
    world.stop(again)
    third = build(tmp_path)  # a note is followed once
    client = Client(
        third,
        logins.open_session(third, logins.ADMINISTRATOR, "ACCOUNTADMIN", warehouse="W", database="D", schema="PUBLIC"),
    )
    assert client.values("SELECT * FROM T") == [(1, 2)]
    assert [row["name"] for row in client.rows("DESCRIBE TABLE T")] == ["A", "C"]
    world.stop(third)
