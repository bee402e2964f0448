"""Implicit conversions: of what is put into columns, compared, concatenated, and handed to functions.

The rules: sql-reference/data-type-conversion.
"""

from __future__ import annotations

from datetime import UTC, date, datetime, time
from typing import TYPE_CHECKING, Any

import pytest

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
    table.rows("UPDATE T SET V = 'text'")
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
