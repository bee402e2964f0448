"""Session parameters that change how values are read, written and sent (sql-reference/parameters)."""

from __future__ import annotations

from datetime import date, datetime, time
from typing import Any

import pytest
from snowflake_sandbox import world as worlds
from snowflake_sandbox.errors import SnowflakeError
from snowflake_sandbox.protocol import logins, wire
from snowflake_sandbox.statements import dispatch

from tests.sandbox.conftest import build


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Any:
    built = build(tmp_path_factory.mktemp("formats"))
    session = logins.open_session(built, logins.ADMINISTRATOR, "ACCOUNTADMIN")
    dispatch.execute(built, session, "CREATE WAREHOUSE W")
    yield built
    worlds.stop(built)


def value(world: Any, parameters: str, expression: str) -> Any:
    session = logins.open_session(world, logins.ADMINISTRATOR, "ACCOUNTADMIN", warehouse="W")
    dispatch.execute(world, session, f"ALTER SESSION SET {parameters}")
    return wire.python_rows(dispatch.execute(world, session, f"SELECT {expression} AS V"))[0][0]


@pytest.mark.parametrize(
    ("parameters", "expression", "expected"),
    [
        ("DATE_INPUT_FORMAT = 'DD/MM/YYYY'", "TO_DATE('31/12/2024')", date(2024, 12, 31)),
        ("DATE_INPUT_FORMAT = 'DD/MM/YYYY'", "'31/12/2024'::DATE", date(2024, 12, 31)),
        ("DATE_INPUT_FORMAT = 'DD/MM/YYYY'", "TRY_TO_DATE('2024-12-31')", None),
        ("DATE_INPUT_FORMAT = 'AUTO'", "'2024-12-31'::DATE", date(2024, 12, 31)),
        (
            "TIMESTAMP_INPUT_FORMAT = 'DD/MM/YYYY HH24:MI'",
            "'31/12/2024 10:11'::TIMESTAMP_NTZ",
            datetime(2024, 12, 31, 10, 11),  # noqa: DTZ001  # without a time zone
        ),
        ("TIME_INPUT_FORMAT = 'HH24MI'", "'1011'::TIME", time(10, 11)),
        ("BINARY_INPUT_FORMAT = 'BASE64'", "TO_BINARY('q80=')", b"\xab\xcd"),
        ("BINARY_INPUT_FORMAT = 'BASE64'", "'q80='::BINARY", b"\xab\xcd"),
        ("BINARY_OUTPUT_FORMAT = 'BASE64'", "TO_VARCHAR(X'ABCD')", "q80="),
        ("BINARY_OUTPUT_FORMAT = 'HEX'", "TO_VARCHAR(X'ABCD')", "ABCD"),
    ],
)
def test_a_format_of_the_session(world: Any, parameters: str, expression: str, expected: Any) -> None:
    assert value(world, parameters, expression) == expected


def test_a_text_in_another_format_is_told_with_the_format(world: Any) -> None:
    with pytest.raises(SnowflakeError, match=r"Can't parse '2024-01-01' as date with format 'DD/MM/YYYY'") as error:
        value(world, "DATE_INPUT_FORMAT = 'DD/MM/YYYY'", "'2024-01-01'::DATE")
    assert error.value.errno == 100096


def test_no_more_rows_than_the_session_allows(world: Any) -> None:
    session = logins.open_session(world, logins.ADMINISTRATOR, "ACCOUNTADMIN", warehouse="W")
    dispatch.execute(world, session, "ALTER SESSION SET ROWS_PER_RESULTSET = 2")
    assert len(wire.python_rows(dispatch.execute(world, session, "SELECT * FROM VALUES (1), (2), (3)"))) == 2


@pytest.mark.parametrize(("indent", "text"), [(0, '{"a":[1],"b":2}'), (1, '{\n "a": [\n  1\n ],\n "b": 2\n}')])
def test_the_indentation_of_semi_structured_values(world: Any, indent: int, text: str) -> None:
    session = logins.open_session(world, logins.ADMINISTRATOR, "ACCOUNTADMIN", warehouse="W")
    result = dispatch.execute(world, session, 'SELECT PARSE_JSON(\'{"b":2,"a":[1]}\') AS V')
    assert wire.result_data(result, arrow=False, indent=indent)["rowset"] == [[text]]


@pytest.mark.parametrize("text", ["[" + "9" * 5000 + "]", "[" * 5000 + "]" * 5000], ids=["digits", "levels"])
def test_a_value_that_cannot_be_indented_is_sent_as_it_was_written(world: Any, text: str) -> None:
    session = logins.open_session(world, logins.ADMINISTRATOR, "ACCOUNTADMIN", warehouse="W")
    result = dispatch.execute(world, session, f"SELECT PARSE_JSON('{text}') AS V")
    for arrow in (False, True):
        assert text in str(wire.json_rows(result, wire.Indented(2)))
        wire.result_data(result, arrow=arrow)


@pytest.mark.parametrize("arrow", [False, True])
def test_a_result_takes_no_more_memory_than_a_large_one(
    world: Any, monkeypatch: pytest.MonkeyPatch, *, arrow: bool
) -> None:
    """Of a value of 900 levels, each element stands behind 1,800 blanks."""
    monkeypatch.setattr(wire, "LARGEST_INDENTED", 1 << 20)
    session = logins.open_session(world, logins.ADMINISTRATOR, "ACCOUNTADMIN", warehouse="W")
    deep = "REPEAT('[', 900) || REPEAT('1,', 200) || '1' || REPEAT(']', 900)"
    result = dispatch.execute(world, session, f"SELECT PARSE_JSON({deep}) AS V FROM VALUES (1), (2)")
    with pytest.raises(SnowflakeError, match="JSON_INDENT = 0"):
        wire.result_data(result, arrow=arrow)
    wire.result_data(result, arrow=arrow, indent=0)


def test_a_value_without_effect_is_refused_at_login(world: Any) -> None:
    login = logins.Login(user=logins.ADMINISTRATOR, password="a-password-of-the-tests", parameters={"week_start": 1})
    with pytest.raises(SnowflakeError, match="WEEK_START = 1"):
        logins.log_in(world, login)


@pytest.mark.parametrize("arrow", [False, True])
def test_clients_get_lengths_and_what_may_be_null(world: Any, *, arrow: bool) -> None:
    session = logins.open_session(world, logins.ADMINISTRATOR, "ACCOUNTADMIN", warehouse="W")
    for statement in ("CREATE OR REPLACE DATABASE L", "CREATE TABLE T (A NUMBER(10,0) NOT NULL, B VARCHAR(20))"):
        dispatch.execute(world, session, statement)
    described = wire.result_data(dispatch.execute(world, session, "SELECT A, B, 'abc' FROM T"), arrow=arrow)["rowtype"]
    assert [(column["precision"], column["length"], column["nullable"]) for column in described] == [
        (10, None, False),
        (None, 20, True),
        (None, 3, False),
    ]
    described = wire.result_data(
        dispatch.execute(world, session, "SELECT U.A FROM T LEFT JOIN T AS U ON U.A = T.A + 1"), arrow=arrow
    )["rowtype"]
    assert described[0]["nullable"]
