"""Several statements in one request: MULTI_STATEMENT_COUNT, through the real connector."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from snowflake.connector.errors import ProgrammingError

if TYPE_CHECKING:
    from snowflake.connector.cursor import SnowflakeCursor

    from tests.sandbox.conftest import Service


def results(cursor: SnowflakeCursor) -> list[list[Any]]:
    rows = [cursor.fetchall()]
    while cursor.nextset():
        rows.append(cursor.fetchall())
    return rows


def test_each_statement_has_its_result(service: Service) -> None:
    with service.connect() as connection, connection.cursor() as cursor:
        cursor.execute("select 1; select 2; select 'a';", num_statements=3)
        assert results(cursor) == [[(1,)], [(2,)], [("a",)]]
        assert len(cursor.multi_statement_savedIds) == 3


def test_any_number(service: Service) -> None:
    with service.connect(session_parameters={"MULTI_STATEMENT_COUNT": 0}) as connection:
        cursor = connection.cursor()
        cursor.execute(
            "create or replace database several; create table t (a int); insert into t values (1), (2); select a from t"
            " order by a; drop database several"
        )
        assert results(cursor)[2:4] == [[(2,)], [(1,), (2,)]]
        cursor.execute("select 1")
        assert cursor.fetchall() == [(1,)]


@pytest.mark.parametrize("style", ["pyformat", "qmark"])
def test_values_in_the_order_of_the_text(service: Service, style: str) -> None:
    mark = "?" if style == "qmark" else "%s"
    with service.connect(paramstyle=style) as connection, connection.cursor() as cursor:
        text = f"select {mark}; select {mark}, {mark}; select {mark}"
        cursor.execute(text, (10, 20, 30, "a"), num_statements=3)
        assert results(cursor) == [[(10,)], [(20, 30)], [("a",)]]


@pytest.mark.parametrize(
    ("count", "text", "actual"), [(1, "select 1; select 2", 2), (5, "select 1;", 1), (5, "select 1; select 2;", 2)]
)
def test_another_number(service: Service, count: int, text: str, actual: int) -> None:
    with service.connect() as connection, connection.cursor() as cursor:
        cursor.execute(f"alter session set MULTI_STATEMENT_COUNT = {count}")
        with pytest.raises(
            ProgrammingError, match=f"Actual statement count {actual} did not match the desired statement count {count}"
        ) as refused:
            cursor.execute(text)
        assert refused.value.errno == 8


def test_what_stands_before_a_failure_stays(service: Service) -> None:
    with service.connect(session_parameters={"MULTI_STATEMENT_COUNT": 0}) as connection:
        cursor = connection.cursor()
        with pytest.raises(ProgrammingError) as failed:
            cursor.execute("create or replace database several;\nselect * from nowhere_to_be_found_table; select 3")
        assert failed.value.errno == 100132
        assert 'on statement "select * from nowhere_to_be_fo..." (at line 2, position 0)' in str(failed.value)
        assert "NOWHERE_TO_BE_FOUND_TABLE' does not exist" in str(failed.value)
        cursor.execute("drop database several")


def test_statements_of_a_batch(service: Service) -> None:
    with service.connect() as connection, connection.cursor() as cursor:
        cursor.execute("create or replace database several")
        cursor.execute("create temp table a (n number); create temp table b (n number)", num_statements=2)
        cursor.executemany(
            "insert into a values (%s); insert into b values (%s)", [(1, 4), (2, 5), (3, 6)], num_statements=2
        )
        cursor.execute("select n from a order by n; select n from b order by n", num_statements=2)
        assert results(cursor) == [[(1,), (2,), (3,)], [(4,), (5,), (6,)]]
        cursor.execute("drop database several")


def test_a_block_and_its_semicolons_are_one_statement(service: Service) -> None:
    with service.connect() as connection, connection.cursor() as cursor:
        cursor.execute("begin let x := 1; return x; end; select 2", num_statements=2)
        assert results(cursor) == [[(1,)], [(2,)]]
        cursor.execute("begin let x := 3; return x; end;")
        assert cursor.fetchall() == [(3,)]
