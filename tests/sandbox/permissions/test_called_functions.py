"""The arguments of a SQL function are the caller's: they never name a column of the tables that the function reads."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from tests.sandbox.conftest import Client

_OBJECTS = (
    "create table T (A int, G int)",
    "insert into T values (1, 1), (2, 1), (5, 2)",
    "create table U (A int, B int)",
    "insert into U values (10, 1), (20, 2), (30, 3)",
    "create function N(X int) returns int as 'select count(*) from U where B >= X'",
    "create function MORE(X int) returns int as 'N(X) + 1'",
    "create function BEST(X int, Y int default 2) returns int as 'select max(A) + X * Y from U K where B = X'",
    "create function LISTED(X int) returns table (C int) as 'select B from U where B >= X'",
)


@pytest.mark.parametrize(
    ("query", "answers"),
    [
        ("select A, N(A) from T order by 1", [(1, 3), (2, 2), (5, 0)]),
        ("select A, MORE(A) from T order by 1", [(1, 4), (2, 3), (5, 1)]),
        ("select A, MORE(MORE(A)) from T order by 1", [(1, 1), (2, 2), (5, 4)]),
        ("select A, BEST(A) from T order by 1", [(1, 12), (2, 24), (5, None)]),
        ("select A, BEST(A, G) from T order by 1", [(1, 11), (2, 22), (5, None)]),
        ("select N(sum(A)) from T", [(0,)]),
        ("select G, N(max(A)) from T group by G order by 1", [(1, 2), (2, 0)]),
        ("select N(A), count(*) from T group by N(A) order by 1", [(0, 1), (2, 1), (3, 1)]),
        ("select A from T where N(A) > 2", [(1,)]),
        ("select sum(N(A)) from T", [(5,)]),
        ("select T.A, F.C from T, table(LISTED(T.A)) F order by 1, 2", [(1, 1), (1, 2), (1, 3), (2, 2), (2, 3)]),
        ("select * from table(LISTED(N(2)))", [(2,), (3,)]),
    ],
)
def test_a_column_of_the_same_name_is_the_callers(client: Client, query: str, answers: list[Any]) -> None:
    for statement in _OBJECTS:
        client.rows(statement)
    assert client.values(query) == answers


@pytest.mark.parametrize(
    "query",
    [
        "select D.PUBLIC.F(NAME)",
        "select D.PUBLIC.F(SALARY.NAME)",
        "select D.PUBLIC.TWICE(NAME)",
        "select D.PUBLIC.F((select NAME))",
        "select D.PUBLIC.F(S.NAME) from (select 1 as X) S",
        "select * from table(D.PUBLIC.R(NAME))",
        "select * from (select 1 as X) S, table(D.PUBLIC.R(SALARY.NAME))",
    ],
)
def test_an_argument_reads_no_column_of_the_owners_table(client: Client, query: str) -> None:
    for statement in (
        "create role CALLER_OF_FUNCTIONS",
        f"grant role CALLER_OF_FUNCTIONS to user {client.session.user}",
        "create table SALARY (NAME varchar, AMOUNT int)",
        "insert into SALARY values ('424242', 424242)",
        "create function F(N int) returns int as 'select max(N) from SALARY'",
        "create function TWICE(N int) returns int as 'F(N) * 2'",
        "create function R(N int) returns table (M int) as 'select N from SALARY'",
        *(
            f"grant usage on {place} to role CALLER_OF_FUNCTIONS"
            for place in ("database D", "schema D.PUBLIC", "function F(int)", "function TWICE(int)", "function R(int)")
        ),
    ):
        client.rows(statement.replace("create role", "create or replace role"))
    caller = client.as_role("CALLER_OF_FUNCTIONS")
    assert caller.errno(query) in {904, 1003}
    assert caller.rows("select D.PUBLIC.F(7)") == [{"D.PUBLIC.F(7)": 7}]


def test_a_window_function_as_an_argument_of_such_a_function_is_refused(client: Client) -> None:
    for statement in _OBJECTS:
        client.rows(statement)
    assert client.errno("select N(row_number() over (order by A)) from T") == 2


def test_a_variable_of_a_block_reaches_a_table_function_of_the_body(client: Client) -> None:
    """As in the quickstart's finalizer, which passes its run to a function that asks the task history."""
    client.rows(
        "create or replace function RUNS_OF(TASK varchar) returns table (N varchar) as"
        " 'select NAME from table(information_schema.task_history(task_name => TASK))'"
    )
    client.rows("create or replace table FOUND_RUNS (N varchar)")
    block = (
        "declare X string; begin X := 'NO_SUCH_TASK';"
        " insert into FOUND_RUNS select * from table(RUNS_OF(:X)) where N != 'Y'; return 'done'; end"
    )
    assert client.values(f"execute immediate $${block}$$") == [("done",)]
