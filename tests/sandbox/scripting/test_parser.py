"""Where statements end: in a text, in a block, behind CREATE … AS; and places of errors."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from snowflake_sandbox.errors import SnowflakeError
from snowflake_sandbox.scripting import parser, syntax
from snowflake_sandbox.statements.reader import Reader

_STATEMENTS = (
    "SELECT ';' AS A",
    "SELECT CASE WHEN 1 = 1 THEN 2 END /* ; */",
    "BEGIN TRANSACTION",
    "BEGIN LET x := 1; IF (x = 1) THEN NULL; END IF; END",
    "DECLARE a INT; BEGIN BEGIN SELECT 1; END; END",
    "CREATE TASK X AS BEGIN SELECT 1; END",
    "CREATE PROCEDURE P() RETURNS INT LANGUAGE SQL AS DECLARE a INT; BEGIN RETURN 1; END",
    "CREATE PROCEDURE P() RETURNS INT LANGUAGE SQL AS $$ BEGIN; $$",
)


def _split(text: str) -> list[str]:
    reader = Reader(text)
    return [text[reader.tokens[first].start : reader.tokens[last - 1].end + 1] for first, last in parser.split(reader)]


@given(st.lists(st.sampled_from(_STATEMENTS), min_size=1, max_size=6), st.sampled_from([";", " ; ", ";\n-- ;\n", ";;"]))
def test_joined_statements_are_split_again(statements: list[str], separator: str) -> None:
    without_comments = [statement.replace(" /* ; */", "") for statement in statements]
    assert [part.replace(" /* ; */", "") for part in _split(separator.join(statements))] == without_comments


def test_into_is_taken_out_of_a_statement_and_places_stay() -> None:
    (statement,) = parser.parse("BEGIN SELECT a, b INTO :x, :y FROM t; END").body
    assert isinstance(statement, syntax.Sql)
    assert statement.into == ("X", "Y")
    assert statement.piece.text == "SELECT a, b" + " " * len(" INTO :x, :y ") + "FROM t"
    assert statement.position == 6


def test_the_into_of_an_insert_stays() -> None:
    (statement,) = parser.parse("BEGIN INSERT INTO t SELECT 1; END").body
    assert isinstance(statement, syntax.Sql)
    assert statement.piece.text == "INSERT INTO t SELECT 1"


@pytest.mark.parametrize(
    ("text", "place"),
    [
        ("BEGIN\n  IF (a) SELECT 1; END IF;\nEND", "line 2 at position 17 unexpected ';'"),
        ("BEGIN END", "line 1 at position 6 unexpected 'END'"),
        ("BEGIN SELECT 1; END x", "line 1 at position 20 unexpected 'x'"),
        ("BEGIN FOR i IN 1 TO 2 DO NULL; END LOOP; END", "line 1 at position 31 unexpected 'END'"),
    ],
)
def test_an_error_says_where(text: str, place: str) -> None:
    with pytest.raises(SnowflakeError, match=place) as raised:
        parser.parse(text)
    assert raised.value.errno == 1003
