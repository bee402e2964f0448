"""Sequences: numbers that are given out once, in queries and as defaults of columns."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from snowflake_sandbox.statements import dispatch

if TYPE_CHECKING:
    from snowflake_sandbox.call import Call

    from tests.sandbox.conftest import Client


def test_defaults_follow_the_sequence_by_name(client: Client) -> None:
    client.rows("CREATE SEQUENCE S")
    client.rows("CREATE TABLE T (K INT DEFAULT S.NEXTVAL, V INT)")
    client.rows("ALTER SEQUENCE S RENAME TO R")
    assert client.errno("INSERT INTO T (V) VALUES (1)") == 904
    client.rows("CREATE SEQUENCE S START WITH 100")
    client.rows("INSERT INTO T (V) VALUES (1)")
    client.rows("CREATE OR REPLACE SEQUENCE S START WITH 200")
    client.rows("INSERT INTO T VALUES (DEFAULT, 2)")
    client.rows("DROP SEQUENCE S")
    assert client.errno("INSERT INTO T (V) VALUES (3)") == 904
    assert client.values("SELECT K, V FROM T ORDER BY V") == [(100, 1), (200, 2)]
    described = client.rows("DESC TABLE T")
    assert described[0]["default"] == "D.PUBLIC.S.NEXTVAL"


def test_a_renamed_database_keeps_its_numbers(own_client: Client) -> None:
    # Of a database in memory, a new name would leave nothing.
    own_client.rows("CREATE SEQUENCE S")
    own_client.rows("CREATE TABLE T (I INT IDENTITY, K INT DEFAULT S.NEXTVAL, V INT)")
    own_client.rows("INSERT INTO T (V) VALUES (1)")
    own_client.rows("ALTER DATABASE D RENAME TO E")
    own_client.rows("INSERT INTO E.PUBLIC.T (V) VALUES (2)")
    own_client.rows("INSERT INTO E.PUBLIC.T VALUES (DEFAULT, DEFAULT, 3)")
    assert own_client.values("SELECT * FROM E.PUBLIC.T ORDER BY V") == [(1, 1, 1), (2, 2, 2), (3, 3, 3)]
    own_client.rows("DROP SCHEMA E.PUBLIC")


def test_a_renamed_table_keeps_its_numbers(client: Client) -> None:
    client.rows("CREATE TABLE T (I INT IDENTITY, V INT)")
    client.rows("ALTER TABLE T RENAME TO OLD")
    client.rows("CREATE TABLE T (I INT IDENTITY, V INT)")
    for name in ("OLD", "T", "OLD"):
        client.rows(f"INSERT INTO {name} (V) VALUES (1)")
    client.rows("INSERT INTO OLD VALUES (DEFAULT, 1)")
    assert client.values("SELECT I FROM OLD ORDER BY I") == [(1,), (2,), (3,)]
    client.rows("DROP TABLE OLD")
    assert client.values("SELECT I FROM T") == [(1,)]


def test_another_step_goes_on_behind_the_last_value(client: Client) -> None:
    client.rows("CREATE SEQUENCE S START 10 INCREMENT 5")
    client.rows("CREATE TABLE T (K INT DEFAULT S.NEXTVAL, V INT)")
    client.rows("INSERT INTO T (V) VALUES (1), (2)")
    client.rows("ALTER SEQUENCE S SET INCREMENT -7")
    client.rows("INSERT INTO T (V) VALUES (3), (4)")
    assert client.values("SELECT K FROM T ORDER BY V") == [(10,), (15,), (20,), (13,)]
    (row,) = client.rows("SHOW SEQUENCES")
    assert (row["next_value"], row["interval"]) == (6, -7)


def test_a_column_of_that_name_is_no_sequence(client: Client) -> None:
    client.rows("CREATE TABLE T (NEXTVAL INT)")
    client.rows("INSERT INTO T VALUES (7)")
    assert client.values("SELECT NEXTVAL FROM T") == [(7,)]


def test_who_may_count(client: Client) -> None:
    client.rows("CREATE SEQUENCE S")
    client.rows("CREATE ROLE R")
    client.rows("GRANT ROLE R TO USER SANDBOX_ADMIN")
    client.rows("GRANT USAGE ON DATABASE D TO ROLE R")
    client.rows("GRANT USAGE, CREATE TABLE ON SCHEMA D.PUBLIC TO ROLE R")
    other = client.as_role("R")
    assert other.errno("SELECT D.PUBLIC.S.NEXTVAL") == 2003
    assert other.errno("CREATE TABLE D.PUBLIC.T (K INT DEFAULT D.PUBLIC.S.NEXTVAL)") == 2003
    client.rows("GRANT USAGE ON SEQUENCE D.PUBLIC.S TO ROLE R")
    assert other.values("SELECT D.PUBLIC.S.NEXTVAL") == [(1,)]
    assert other.errno("DROP SEQUENCE D.PUBLIC.S") == 3001


def test_a_query_that_becomes_an_object_runs_once(client: Client) -> None:
    client.rows("CREATE SEQUENCE S")
    client.rows("CREATE STAGE FILES")
    client.rows("CREATE TABLE A AS SELECT S.NEXTVAL AS K")
    client.rows("CREATE OR REPLACE TABLE A AS SELECT S.NEXTVAL AS K, ? AS V", {"1": "x"})
    client.rows("INSERT INTO A SELECT S.NEXTVAL, 'y'")
    client.rows("CREATE VIEW V AS SELECT S.NEXTVAL AS K")
    client.rows("COPY INTO @FILES/a FROM (SELECT S.NEXTVAL AS K)")
    client.rows("SELECT S.NEXTVAL AS K ->> SELECT K FROM $1 ->> SELECT K FROM $1")
    dispatch.describe(client.world, client.session, "SELECT S.NEXTVAL AS K, ? AS V", {"1": "x"})
    assert client.values("SELECT K FROM A ORDER BY K") == [(2,), (3,)]
    assert client.values("SELECT S.NEXTVAL AS K") == [(6,)]


@pytest.mark.parametrize(
    ("statement", "runs"),
    [
        ("CREATE OR REPLACE TABLE A AS SELECT SYSTEM$COUNTED() AS K", 1),
        ("CREATE TABLE A AS SELECT PARSE_JSON(SYSTEM$COUNTED()):x AS K", 1),
        ("CREATE VIEW V AS SELECT SYSTEM$COUNTED() AS K", 0),
        ("INSERT INTO T SELECT SYSTEM$COUNTED()", 1),
        ("COPY INTO @FILES/a FROM (SELECT SYSTEM$COUNTED() AS K)", 1),
        ("SELECT SYSTEM$COUNTED() AS K ->> SELECT K FROM $1", 1),
    ],
)
def test_a_function_with_an_effect_runs_once(client: Client, statement: str, runs: int) -> None:
    calls: list[str] = []

    def counted(call: Call, _arguments: tuple[Any, ...]) -> str:
        calls.append(call.query_id)
        return '{"x": 1}'

    client.world.functions["SYSTEM$COUNTED"] = counted
    client.rows("CREATE TABLE T (K VARCHAR)")
    client.rows("CREATE STAGE FILES")
    client.rows(statement)
    assert len(calls) == runs
    dispatch.describe(client.world, client.session, "SELECT SYSTEM$COUNTED() AS K")
    assert len(calls) == runs
