"""What a request may hold: semicolons, comments, IDENTIFIER, keys; types of statements, places of errors, refusals."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from snowflake_sandbox.errors import SnowflakeError
from snowflake_sandbox.statements import dispatch

if TYPE_CHECKING:
    from pathlib import Path

    from tests.sandbox.conftest import Client


@pytest.mark.parametrize(
    "text", ["select 2 as a; -- c", "select 2 as a;;", "select 2 as a -- c", "select 2 as a; /* c */"]
)
def test_what_follows_a_semicolon_is_no_statement(client: Client, text: str) -> None:
    assert client.values(text) == [(2,)]


@pytest.mark.parametrize("text", ["-- a comment alone", "/* c */", ";", " ; -- c"])
def test_nothing_at_all(client: Client, text: str) -> None:
    assert client.errno(text) == 900


def test_two_statements(client: Client) -> None:
    assert client.errno("select 1; select 2;") == 8


@pytest.mark.parametrize(
    "text",
    [
        "SELECT * FROM TABLE(GETNEXTVAL(S)) X",
        "CREATE DATABASE MEMORY",
        'CREATE DATABASE "Temp"',
        "ALTER DATABASE D RENAME TO SYSTEM",
        "CREATE PROCEDURE P() RETURNS INT LANGUAGE JAVASCRIPT AS 'return 1'",
        "SELECT CONDITIONAL_TRUE_EVENT(TRUE) OVER (ORDER BY 1)",
        "ALTER SESSION SET QUOTED_IDENTIFIERS_IGNORE_CASE = TRUE",
    ],
)
def test_what_the_sandbox_lacks_is_refused_by_name(client: Client, text: str) -> None:
    with pytest.raises(SnowflakeError, match="Unsupported feature") as refused:
        client.rows(text)
    assert refused.value.errno == 2


def test_the_words_of_an_unknown_statement(client: Client) -> None:
    with pytest.raises(SnowflakeError, match="'CREATE OR REPLACE FLURB X'"):
        client.rows("CREATE OR REPLACE FLURB X")


def test_the_place_of_an_error(client: Client) -> None:
    with pytest.raises(SnowflakeError, match="line 2 at position 4 unexpected 'FLURB'"):
        client.rows("CREATE ROLE R\n    FLURB")
    with pytest.raises(SnowflakeError, match="error line 3 at position 2\ninvalid identifier 'NOPE'"):
        client.rows("SELECT\n  1,\n  NOPE\nFROM (SELECT 1 AS A)")


def test_names_that_are_bound_or_variables(client: Client) -> None:
    message = client.values("DROP TABLE IF EXISTS IDENTIFIER(?)", {"1": "D.PUBLIC.NOPE"})[0][0]
    assert message == "Drop statement executed successfully (NOPE already dropped)."
    client.rows("CREATE TABLE T (A INT)")
    client.rows("SET name = 'T'")
    assert [row["name"] for row in client.rows("DESCRIBE TABLE IDENTIFIER($name)")] == ["A"]
    assert client.errno("DESCRIBE TABLE IDENTIFIER($other)") == 2211
    assert client.values("DROP TABLE IDENTIFIER(?)", {"1": "T"}) == [("T successfully dropped.",)]


def test_truncate_by_a_bound_name(client: Client) -> None:
    client.rows("CREATE TABLE T (A INT)")
    client.rows("INSERT INTO T VALUES (1)")
    client.rows("TRUNCATE TABLE IDENTIFIER(?)", {"1": "D.PUBLIC.T"})
    assert client.values("SELECT COUNT(*) FROM IDENTIFIER(?)", {"1": "T"}) == [(0,)]
    client.rows("TRUNCATE TABLE IF EXISTS T")
    client.rows("TRUNCATE TABLE IF EXISTS NOPE")
    assert client.errno("TRUNCATE TABLE NOPE") == 2003


def test_types_of_statements(client: Client) -> None:
    client.rows("CREATE TABLE T (A INT)")
    client.rows("CREATE STAGE S")
    texts = {"SHOW TASKS": 0x4400, "DESCRIBE TABLE T": 0x4500, "LS @S": 0x4701, "SELECT 1": 0x1000}
    results = {text: dispatch.execute(client.world, client.session, text) for text in texts}
    assert {text: result.statement_type for text, result in results.items()} == texts


def test_keys_are_kept_and_shown(client: Client) -> None:
    client.rows("CREATE TABLE P (A INT, B INT, PRIMARY KEY (A, B))")
    client.rows("CREATE TABLE C (X INT, Y INT, UNIQUE (X), CONSTRAINT FK FOREIGN KEY (X, Y) REFERENCES P (A, B))")
    client.rows("CREATE TABLE E (X INT, Y INT)")
    client.rows("ALTER TABLE E ADD FOREIGN KEY (Y, X) REFERENCES P")
    assert [row["primary key"] for row in client.rows("DESCRIBE TABLE P")] == ["Y", "Y"]
    keys = client.rows("SHOW PRIMARY KEYS IN TABLE P")
    assert [(row["column_name"], row["key_sequence"]) for row in keys] == [("A", 1), ("B", 2)]
    assert [row["column_name"] for row in client.rows("SHOW UNIQUE KEYS IN SCHEMA D.PUBLIC")] == ["X"]
    imported = [
        (row["fk_table_name"], row["fk_column_name"], row["pk_table_name"], row["pk_column_name"])
        for row in client.rows("SHOW IMPORTED KEYS IN DATABASE D")
    ]
    assert imported == [("C", "X", "P", "A"), ("C", "Y", "P", "B"), ("E", "Y", "P", "A"), ("E", "X", "P", "B")]
    assert client.rows("SHOW IMPORTED KEYS IN C")[0]["fk_name"] == "FK"


def test_rows_of_a_split_text(client: Client) -> None:
    rows = client.values("SELECT INDEX, VALUE FROM TABLE(SPLIT_TO_TABLE('a\nb', '\\n')) ORDER BY INDEX")
    assert rows == [(1, "a"), (2, "b")]


def test_numbers_from_a_generator(client: Client) -> None:
    text = "SELECT ROW_NUMBER() OVER (ORDER BY SEQ8()) - 1 AS ID FROM TABLE(GENERATOR(ROWCOUNT => 3))"
    assert client.values(text) == [(0,), (1,), (2,)]


def test_an_empty_frame_has_its_columns(service: Any) -> None:
    with service.connect() as connection:
        frame = connection.cursor().execute("SELECT 1 AS A, 'x' AS B WHERE 1 = 0").fetch_pandas_all()
        assert list(frame.columns) == ["A", "B"]
        assert len(frame) == 0


def test_files_are_put_whatever_their_pattern(service: Any, tmp_path: Path) -> None:
    for name in ("a.csv", "b.csv"):
        (tmp_path / name).write_text("1\n")
    with service.connect() as connection:
        cursor = connection.cursor()
        cursor.execute("CREATE OR REPLACE DATABASE PUTS")
        cursor.execute("CREATE STAGE S")
        options = "SOURCE_COMPRESSION = 'AUTO_DETECT' AUTO_COMPRESS = FALSE OVERWRITE = TRUE"
        assert len(cursor.execute(f"PUT file://{tmp_path}/* @S {options}").fetchall()) == 2
        assert [row[0] for row in cursor.execute("LS @S").fetchall()] == ["s/a.csv", "s/b.csv"]


@pytest.mark.parametrize(
    ("text", "kind"),
    [
        ("USE ROLE ACCOUNTADMIN", 0x4300),
        ("USE DATABASE D", 0x4300),
        ("USE SCHEMA PUBLIC", 0x4300),
        ("USE WAREHOUSE W", 0x4300),
        ("ALTER SESSION SET QUERY_TAG = 'x'", 0x4100),
        ("BEGIN", 0x5000),
        ("COMMIT", 0x5000),
        ("CREATE ROLE OF_A_TYPE", 0x6000),
    ],
)
def test_statements_that_give_their_status_have_the_types_of_the_drivers(client: Client, text: str, kind: int) -> None:
    client.rows("CREATE WAREHOUSE IF NOT EXISTS W")
    assert dispatch.execute(client.world, client.session, text).statement_type == kind
