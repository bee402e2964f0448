"""Implicit conversions: of what is put into columns, compared, concatenated, and handed to functions.

The rules: sql-reference/data-type-conversion.
"""

from __future__ import annotations

from datetime import UTC, date, datetime, time
from typing import TYPE_CHECKING, Any

import pytest
from snowflake_sandbox.errors import SnowflakeError

if TYPE_CHECKING:
    from tests.sandbox.conftest import Client


INSTANT = datetime(2026, 11, 28, 18, 34, 18, 169000, tzinfo=UTC)
NAIVE = datetime(2026, 11, 28, 18, 34, 18, 169000)  # noqa: DTZ001  # TIMESTAMP_NTZ has no zone
TEXTS = ["2026-11-28 18:34:18.169 +0000", "2026-11-28 18:34:18.169 Z", "2026-11-28T10:34:18.169-08:00"]


@pytest.fixture
def table(client: Client) -> Client:
    client.rows(
        "CREATE TABLE T (LTZ TIMESTAMP_LTZ, NTZ TIMESTAMP_NTZ, D DATE, TM TIME, S VARCHAR, N NUMBER, F FLOAT,"
        " B BOOLEAN, V VARIANT, X BINARY)"
    )
    return client


@pytest.mark.parametrize("text", TEXTS)
def test_a_text_into_a_timestamp(table: Client, text: str) -> None:
    table.rows(f"INSERT INTO T (LTZ) VALUES ('{text}')")
    table.rows(f"INSERT INTO T (LTZ) SELECT '{text}'")
    table.rows("INSERT INTO T (LTZ) VALUES (?)", {"1": text})
    table.rows(f"INSERT INTO T (S) VALUES ('{text}')")
    table.rows("INSERT INTO T (LTZ) SELECT S FROM T WHERE S IS NOT NULL")
    assert table.values("SELECT LTZ FROM T WHERE LTZ IS NOT NULL") == [(INSTANT,)] * 4


def test_a_batch_of_texts_into_a_timestamp(table: Client) -> None:
    table.rows("INSERT INTO T (LTZ, N) VALUES (?, ?)", {"1": [TEXTS[0], None, TEXTS[2]], "2": [1, 2, 3]})
    assert table.values("SELECT LTZ FROM T ORDER BY N") == [(INSTANT,), (None,), (INSTANT,)]


@pytest.mark.parametrize(
    ("column", "text", "value"),
    [
        ("NTZ", "2026-11-28T18:34:18.169-08:00", NAIVE),
        ("D", "28-Nov-2026", date(2026, 11, 28)),
        ("D", "11/28/2026", date(2026, 11, 28)),
        ("TM", "18:34", time(18, 34)),
        ("N", "12.7", 13),
        ("F", "1e3", 1000.0),
        ("B", "off", False),
        ("X", "4142", b"AB"),
    ],
)
def test_a_text_into_any_column(table: Client, column: str, text: str, value: Any) -> None:
    table.rows(f"INSERT INTO T ({column}) VALUES ('{text}')")
    table.rows(f"UPDATE T SET {column} = '{text}'")
    table.rows(
        f"MERGE INTO T USING (SELECT '{text}' AS A) AS S ON T.S = S.A WHEN NOT MATCHED THEN"
        f" INSERT ({column}) VALUES (S.A) WHEN MATCHED THEN UPDATE SET {column} = S.A"
    )
    assert table.values(f"SELECT {column} FROM T") == [(value,)] * 2
    assert table.values(f"SELECT COUNT(*) FROM T WHERE {column} = '{text}'") == [(2,)]


@pytest.mark.parametrize(
    ("column", "errno"), [("LTZ", 100035), ("NTZ", 100035), ("D", 100040), ("TM", 100108), ("B", 100037), ("N", 100038)]
)
def test_a_text_that_cannot_be_converted(table: Client, column: str, errno: int) -> None:
    assert table.errno(f"INSERT INTO T ({column}) VALUES ('nonsense')") == errno
    assert table.errno(f"INSERT INTO T ({column}) SELECT 'nonsense' || S FROM (SELECT 'x' AS S)") == errno


@pytest.mark.parametrize("text", TEXTS)
def test_comparisons_with_a_timestamp(table: Client, text: str) -> None:
    table.rows(f"INSERT INTO T (LTZ, N) VALUES ('{text}', 1)")
    for condition in (
        f"LTZ = '{text}'",
        f"'{text}' = LTZ",
        f"LTZ >= '{text}'",
        f"LTZ BETWEEN '{text}' AND '2026-11-29'",
        f"LTZ IN ('2020-01-01', '{text}')",
        f"NOT LTZ < '{text}'",
        f"T.LTZ = '{text}'",
    ):
        assert table.values(f"SELECT COUNT(*) FROM T WHERE {condition}") == [(1,)], condition
        assert table.values(f"SELECT COUNT(*) FROM (SELECT LTZ FROM T) AS T WHERE {condition}") == [(1,)], condition
        assert table.values(f"WITH U AS (SELECT LTZ FROM T) SELECT COUNT(*) FROM U AS T WHERE {condition}") == [(1,)]
    assert table.values("SELECT COUNT(*) FROM T WHERE LTZ = ?", {"1": text}) == [(1,)]
    table.rows(f"UPDATE T SET N = 2 WHERE LTZ = '{text}'")
    table.rows("CREATE VIEW W AS SELECT LTZ, N FROM T")
    assert table.values(f"SELECT N FROM W WHERE LTZ = '{text}'") == [(2,)]
    table.rows(f"DELETE FROM T WHERE LTZ = '{text}'")
    assert table.values("SELECT COUNT(*) FROM T") == [(0,)]


def test_a_column_of_texts_is_compared_as_what_it_meets(table: Client) -> None:
    table.rows("INSERT INTO T (S, D, N) VALUES ('28-Nov-2026', '2026-11-28', 7)")
    assert table.values("SELECT COUNT(*) FROM T WHERE S = D") == [(1,)]
    table.rows("UPDATE T SET S = '7.0'")
    assert table.values("SELECT COUNT(*), MAX(S + 1), SUM(S) FROM T WHERE S = N") == [(1, 8.0, 7.0)]


def test_values_of_a_variant_column(table: Client) -> None:
    table.rows('INSERT INTO T (V, N) SELECT PARSE_JSON(\'{"s": "x", "i": 5, "d": "2026-11-28", "n": null}\'), 5')
    for condition in ("V:s = 'x'", "V:i = N", "V:i + 1 = 6", "V:d = D", "V:s::VARCHAR LIKE 'x%'", "V:n IS NOT NULL"):
        table.rows("UPDATE T SET D = '2026-11-28'")
        assert table.values(f"SELECT COUNT(*) FROM T WHERE {condition}") == [(1,)], condition
    assert table.values("SELECT V:s || 'q', UPPER(V:s), V:n::VARCHAR, SUM(V:i) FROM T GROUP BY ALL") == [
        ("xq", "X", None, 5.0)
    ]
    table.rows("UPDATE T SET V = TO_VARIANT('text')")
    assert table.values("SELECT V, TYPEOF(V), V::VARCHAR FROM T") == [('"text"', "VARCHAR", "text")]
    table.rows("INSERT INTO T (S, N) SELECT V, PARSE_JSON('7') FROM T")
    assert table.values("SELECT S FROM T WHERE N = 7") == [("text",)]


def test_flattened_values(client: Client) -> None:
    rows = client.values(
        'SELECT F.VALUE:k || \'!\', F.VALUE:n + 1 FROM (SELECT PARSE_JSON(\'[{"k": "a", "n": 1}]\') AS V) AS T,'
        " LATERAL FLATTEN(INPUT => T.V) AS F"
    )
    assert rows == [("a!", 2.0)]


def test_the_sessions_formats(client: Client) -> None:
    client.rows(
        "ALTER SESSION SET TIMESTAMP_NTZ_OUTPUT_FORMAT = 'DD.MM.YYYY HH24:MI', DATE_OUTPUT_FORMAT = 'YYYY/MM/DD'"
    )
    assert client.values("SELECT '2026-11-28 18:34:18'::TIMESTAMP_NTZ::VARCHAR, '2026-11-28'::DATE || ''") == [
        ("28.11.2026 18:34", "2026/11/28")
    ]


def test_a_default_and_a_bind_keep_their_types(client: Client) -> None:
    client.rows(
        "CREATE TABLE U (A INT, D DATE DEFAULT '2026-11-28'::DATE, L TIMESTAMP_LTZ DEFAULT CURRENT_TIMESTAMP())"
    )
    client.rows("INSERT INTO U (A) VALUES (?)", {"1": 1})
    assert client.values("SELECT A, D, L IS NOT NULL FROM U") == [(1, date(2026, 11, 28), True)]


@pytest.mark.parametrize(
    ("expression", "value"),
    [
        ("COALESCE(LTZ, S)", INSTANT),
        ("NVL(S, LTZ)", INSTANT),
        ("IFF(TRUE, S, NTZ)", NAIVE),
        ("CASE WHEN FALSE THEN D ELSE S END", date(2026, 11, 28)),
        ("GREATEST(D, '2020-01-01')", date(2026, 11, 28)),
        ("GREATEST(LTZ, S)", INSTANT),
        ("COALESCE(NULL, S, D)", date(2026, 11, 28)),
        ("'1' + 1", 2),
        ("TRUNC('1.567', 2)", 1.56),
    ],
)
def test_results_of_two_types_become_one(table: Client, expression: str, value: Any) -> None:
    table.rows(f"INSERT INTO T (LTZ, NTZ, D, S) VALUES ('{TEXTS[0]}', '{NAIVE}', '2026-11-28', '{TEXTS[1]}')")
    if isinstance(value, date) and not isinstance(value, datetime):
        table.rows("UPDATE T SET S = '28-Nov-2026'")
    assert table.values(f"SELECT {expression} FROM T") == [(value,)]


@pytest.mark.parametrize(
    ("query", "values"),
    [
        ("SELECT 1 UNION ALL SELECT '2'", [1, 2]),
        ("SELECT '1' UNION ALL SELECT N FROM T", [1, 7]),
        ("SELECT D FROM T UNION ALL SELECT '2020-01-01'", [date(2026, 11, 28), date(2020, 1, 1)]),
        ("SELECT S FROM T UNION ALL SELECT D FROM T", [date(2020, 1, 1), date(2026, 11, 28)]),
        ("SELECT CURRENT_DATE = D FROM T UNION ALL SELECT 'yes'", [False, True]),
        ("SELECT N FROM T EXCEPT SELECT '7'", []),
    ],
)
def test_columns_of_a_set_operation_become_one_type(table: Client, query: str, values: list[Any]) -> None:
    """sql-reference/operators-query: a text that is no number ends the statement."""
    table.rows("INSERT INTO T (N, D, S) VALUES (7, '2026-11-28', '2020-01-01')")
    assert table.values(query) == [(value,) for value in values]
    assert table.errno("SELECT 1 UNION SELECT 'x'") == 100038


@pytest.mark.parametrize(
    ("query", "errno", "text"),
    [
        ("SELECT 1 + TRUE", 1044, "Invalid argument types for function '+': (NUMBER(38,0), BOOLEAN)"),
        ("SELECT SUBSTR('a')", 1044, "Invalid argument types for function 'SUBSTRING': (VARCHAR(16777216))"),
        ("SELECT COALESCE(D, TRUE) FROM T", 1044, "Invalid argument types for function 'COALESCE': (DATE, BOOLEAN)"),
        ("SELECT N, COUNT(*) FROM T", 979, "[N] is not a valid group by expression"),
        ("SELECT 1 UNION SELECT 1, 2", 1789, "invalid number of result columns for set operator input branches"),
    ],
)
def test_what_cannot_be_converted_is_refused_in_snowflakes_words(
    table: Client, query: str, errno: int, text: str
) -> None:
    with pytest.raises(SnowflakeError) as raised:
        table.rows(query)
    assert raised.value.errno == errno
    assert raised.value.message.endswith(text)
    assert "Binder" not in raised.value.message


@pytest.mark.parametrize("name", ["CURRENT_DATE", "CURRENT_TIMESTAMP", "CURRENT_TIME", "LOCALTIME", "LOCALTIMESTAMP"])
def test_now_without_parentheses(client: Client, name: str) -> None:
    """The result's column has the same name, and a table may have such a column too."""
    assert list(client.rows(f"SELECT {name}")[0]) == [name]
    client.rows(f'CREATE TABLE N AS SELECT 1 AS "{name}"')
    ((value, column),) = client.values(f'SELECT {name} AS A, N."{name}" AS B FROM N')
    assert value != 1
    assert column == 1
