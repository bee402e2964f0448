"""Blocks in a sandbox: tasks, procedures with rights, files of a stage, cancellation, query history."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING

import pytest
from snowflake_sandbox.catalog import catalog
from snowflake_sandbox.errors import SnowflakeError
from snowflake_sandbox.objects import stage
from snowflake_sandbox.statements import dispatch
from snowflake_sandbox.statements.reader import ObjectName

if TYPE_CHECKING:
    from tests.sandbox.conftest import Client, Service


def test_values_keep_their_types_through_a_block(client: Client) -> None:
    client.rows(
        "CREATE TABLE T (D DATE, L TIMESTAMP_LTZ, V VARIANT, A ARRAY, B BINARY, N NUMBER(10, 3), F FLOAT, T TIME)"
    )
    client.rows(
        "BEGIN LET d DATE := '2026-01-02'; LET l TIMESTAMP_LTZ := '2026-01-02 03:04:05 +0000';"
        """ LET v VARIANT := PARSE_JSON('{"k": [1, "x"]}'); LET a ARRAY := ARRAY_CONSTRUCT(1, 2);"""
        " LET b BINARY := 'FF';"
        " LET n NUMBER(10, 3) := 1.25; LET f FLOAT := 0.5; LET t TIME := '01:02:03';"
        " INSERT INTO T SELECT :d, :l, :v, :a, :b, :n, :f, :t; END"
    )
    assert client.values(
        "SELECT D::VARCHAR, V:k[1]::VARCHAR, A[1]::INT, HEX_ENCODE(B), N::VARCHAR, F, T::VARCHAR FROM T"
    ) == [("2026-01-02", "x", 2, "FF", "1.250", 0.5, "01:02:03")]
    assert client.values("SELECT L = '2026-01-02 03:04:05 +0000'::TIMESTAMP_LTZ FROM T") == [(True,)]


def test_a_procedure_has_its_owners_rights_and_no_others(client: Client) -> None:
    client.rows("CREATE ROLE R")
    client.rows("CREATE TABLE SECRET AS SELECT 1 AS A")
    for rights in ("OWNER", "CALLER"):
        client.rows(
            f"CREATE PROCEDURE P_{rights}() RETURNS INT LANGUAGE SQL EXECUTE AS {rights}"
            " AS BEGIN RETURN (SELECT MAX(A) FROM D.PUBLIC.SECRET); END"
        )
        client.rows(f"GRANT USAGE ON PROCEDURE P_{rights}() TO ROLE R")
    client.rows("GRANT USAGE ON DATABASE D TO ROLE R")
    client.rows("GRANT USAGE ON SCHEMA D.PUBLIC TO ROLE R")
    other = client.as_role("R")
    assert other.values("CALL P_OWNER()") == [(1,)]
    assert other.errno("CALL P_CALLER()") == 2003


def test_a_file_of_a_stage_is_run_statement_by_statement(client: Client) -> None:
    client.rows("CREATE STAGE ST")
    with client.world.store.transaction() as tx:
        folder = stage.folder(client.world, catalog.get(tx, "STAGE", ObjectName("ST", "PUBLIC", "D")))
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "a.sql").write_text(
        "-- first\nCREATE TABLE T (A INT);\nBEGIN INSERT INTO T VALUES (1); END;\nSELECT A FROM T;\n"
    )
    (folder / "b.sql").write_text("SELECT 1;\nSELECT * FROM NOPE;\n")
    (folder / "c.sql").write_text("--!jinja\nSELECT {{ a }};\n")
    assert client.rows("EXECUTE IMMEDIATE FROM @ST/a.sql") == [{"A": 1}]
    with pytest.raises(SnowflakeError, match=r"in file @ST/b\.sql on line 2 at position 0") as raised:
        client.rows("EXECUTE IMMEDIATE FROM @ST/b.sql")
    assert raised.value.errno == 2003
    assert client.errno("EXECUTE IMMEDIATE FROM @ST/c.sql") == 2
    assert client.errno("EXECUTE IMMEDIATE FROM @ST/../a.sql") == 1008


def test_a_loop_that_asks_for_nothing_can_be_cancelled(client: Client) -> None:
    cancelled = threading.Event()
    threading.Timer(0.1, cancelled.set).start()
    with pytest.raises(SnowflakeError) as raised:
        dispatch.execute(client.world, client.session, "BEGIN LOOP NULL; END LOOP; END", cancelled=cancelled)
    assert raised.value.errno == 604


def test_statements_of_a_block_are_in_query_history(client: Client) -> None:
    client.rows("BEGIN LET a := 1; CREATE TABLE T AS SELECT 1 AS A; INSERT INTO T SELECT :a; END")
    texts = [
        row["QUERY_TEXT"] for row in client.rows("SELECT QUERY_TEXT FROM TABLE(INFORMATION_SCHEMA.QUERY_HISTORY())")
    ]
    assert "INSERT INTO T SELECT ?" in texts
    assert any(text.startswith("BEGIN LET a") for text in texts)


def test_a_client_sends_a_block_and_values_for_a_text(service: Service) -> None:
    with service.connect() as connection, connection.cursor() as cursor:
        cursor.execute("DECLARE x INT; BEGIN x := 4; RETURN x * 2; END;")
        assert cursor.fetchall() == [(8,)]
        cursor.execute("EXECUTE IMMEDIATE 'SELECT ? + 1' USING (%s)", (3,))
        assert cursor.fetchall() == [(4,)]
