"""VARIANTs compare and sort by the values that they hold, not by their JSON text (data-types-semistructured)."""

from __future__ import annotations

from typing import Any

import pytest
from snowflake_sandbox import world as worlds
from snowflake_sandbox.protocol import logins, wire
from snowflake_sandbox.statements import dispatch

from tests.sandbox.conftest import build


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Any:
    world = build(tmp_path_factory.mktemp("variants"))
    session = logins.open_session(world, logins.ADMINISTRATOR, "ACCOUNTADMIN")

    def rows(text: str) -> list[tuple[Any, ...]]:
        return [tuple(row) for row in wire.python_rows(dispatch.execute(world, session, text))]

    rows("CREATE WAREHOUSE W")
    rows("CREATE DATABASE D")
    rows("CREATE TABLE VV AS SELECT OBJECT_CONSTRUCT('n', COLUMN1) AS V FROM VALUES (10), (9), (100)")
    yield rows
    worlds.stop(world)


@pytest.mark.parametrize(
    ("condition", "expected"),
    [
        ("PARSE_JSON('10') > PARSE_JSON('9')", True),
        ("PARSE_JSON('10') = PARSE_JSON('10.0')", True),
        ("PARSE_JSON('9007199254740993') = PARSE_JSON('9007199254740992')", False),
        ("PARSE_JSON('\"b\"') > PARSE_JSON('\"a\"')", True),
        ("PARSE_JSON('10') BETWEEN PARSE_JSON('9') AND PARSE_JSON('100')", True),
        ("PARSE_JSON('10') IN (PARSE_JSON('9'), PARSE_JSON('10.0'))", True),
        ("PARSE_JSON('[1, 2]') = PARSE_JSON('[1,2]')", True),
        ("PARSE_JSON('null') = PARSE_JSON('null')", None),
        ("NULLIF(PARSE_JSON('1'), PARSE_JSON('2')) = 1", True),
    ],
)
def test_two_variants_compare_by_value(run: Any, condition: str, expected: object) -> None:
    assert run(f"SELECT {condition}") == [(expected,)]


def numbers(rows: list[tuple[Any, ...]]) -> list[int]:
    return [int(value) for (value,) in rows]


def test_they_sort_by_value(run: Any) -> None:
    assert numbers(run("SELECT V:n FROM VV ORDER BY V:n")) == [9, 10, 100]
    assert numbers(run("SELECT V:n FROM VV ORDER BY V:n DESC")) == [100, 10, 9]
    assert numbers(run("SELECT V:n FROM VV QUALIFY ROW_NUMBER() OVER (ORDER BY V:n) = 1")) == [9]
    assert numbers(run("SELECT VALUE FROM TABLE(FLATTEN(ARRAY_CONSTRUCT(10, 9, 100))) ORDER BY VALUE")) == [9, 10, 100]


def test_the_greatest_and_the_least_are_those_by_value(run: Any) -> None:
    assert numbers(run("SELECT MAX(V:n) FROM VV")) == [100]
    assert numbers(run("SELECT MIN(V:n) FROM VV")) == [9]
    assert numbers(run("SELECT MAX(VALUE) FROM TABLE(FLATTEN(ARRAY_CONSTRUCT(10, 9, 100)))")) == [100]
    assert numbers(run("SELECT MAX(V:n) OVER () FROM VV LIMIT 1")) == [100]


def test_a_join_compares_by_value(run: Any) -> None:
    assert run("SELECT COUNT(*) FROM VV A JOIN VV B ON A.V:n < B.V:n") == [(3,)]


@pytest.mark.parametrize(
    "query",
    [
        "SELECT V:n FROM VV ORDER BY 1",
        "SELECT V:n AS K FROM VV ORDER BY K",
        "SELECT DISTINCT V:n AS K FROM VV ORDER BY 1",
        "SELECT V:n FROM VV GROUP BY V:n ORDER BY V:n",
        "SELECT V:n FROM VV GROUP BY 1 ORDER BY V:n",
        "WITH W AS (SELECT V:n AS K FROM VV) SELECT K FROM W ORDER BY K LIMIT 3",
        "SELECT K FROM (SELECT V:n AS K FROM VV GROUP BY K ORDER BY K LIMIT 3) ORDER BY 1",
    ],
)
def test_a_column_is_sorted_by_value_whatever_names_it(run: Any, query: str) -> None:
    assert numbers(run(query)) == [9, 10, 100]
    assert numbers(run(query.replace("LIMIT 3", "") + " DESC")) == [100, 10, 9] or "LIMIT" in query


def test_the_names_of_a_sorted_query_stay(run: Any) -> None:
    assert run('SELECT Q."x y", Q.C FROM (SELECT V:n AS "x y", COUNT(*) AS C FROM VV GROUP BY 1 ORDER BY 1) Q LIMIT 1')


@pytest.mark.parametrize(
    ("call", "expected"),
    [
        ("GREATEST(PARSE_JSON('3'), PARSE_JSON('10'))", "10"),
        ("LEAST(PARSE_JSON('3'), 10)", "3"),
        ("GREATEST(PARSE_JSON('3'), NULL)", None),
        ("DECODE(PARSE_JSON('\"x\"'), 'x', 'yes', 'no')", "yes"),
        ("DECODE(PARSE_JSON('10.0'), PARSE_JSON('10'), 'yes', 'no')", "yes"),
    ],
)
def test_functions_compare_by_value(run: Any, call: str, expected: object) -> None:
    assert run(f"SELECT {call}") == [(expected,)]


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ("SELECT V:n + 1 FROM VV GROUP BY V:n ORDER BY 1", [10, 11, 101]),
        ("SELECT V:n::INT FROM VV GROUP BY V:n HAVING V:n > 9 ORDER BY 1", [10, 100]),
        ("SELECT V:n AS K FROM VV GROUP BY K HAVING K = 10", [10]),
        ("SELECT SUM(V:n) + V:n FROM VV GROUP BY 1 + 0, V:n ORDER BY V:n", [18, 20, 200]),
        ("SELECT LENGTH(V:n) FROM (SELECT V:n AS K, V FROM VV) GROUP BY V:n ORDER BY 1", [1, 2, 3]),
    ],
)
def test_expressions_over_a_key_of_the_groups(run: Any, query: str, expected: list[int]) -> None:
    assert numbers(run(query)) == expected


def test_a_name_for_a_path_is_used_beside_it(run: Any) -> None:
    assert run("SELECT V:n AS K, K + 1, K || 'x' FROM VV WHERE K = 10") == [("10", 11.0, "10x")]


@pytest.mark.parametrize(
    ("call", "column"),
    [
        ("flatten(input => parse_json('[1, 2]'), outer => true)", "index"),
        ("split_to_table('a.b', '.')", "index - 1"),
    ],
)
def test_a_table_function_in_from_may_be_joined(run: Any, call: str, column: str) -> None:
    query = f"select F.{column} as I, X.A from table({call}) F join (select 7 as A) X on true order by 1"
    assert run(query) == [(0, 7), (1, 7)]
