"""Names of unnamed result columns: the expression's own text in upper case."""

from __future__ import annotations

import pytest
from snowflake_sandbox.data import trees
from snowflake_sandbox.data.column_names import name_columns
from sqlglot import exp


@pytest.mark.parametrize(
    ("text", "names"),
    [
        ("select current_time() as time,'hello'", ["time", "'HELLO'"]),
        ("SELECT a, b c, t.d, 1", ["a", "c", "d", "1"]),
        ("select count( * ), max(b)+1 from t", ["COUNT( * )", "MAX(B)+1"]),
        ("select distinct a || 'x, from' from t", ["A || 'X, FROM'"]),
        ("select top 5 f(a, (select max(b) from u)), 'it''s' from t", ["F(A, (SELECT MAX(B) FROM U))", "'IT''S'"]),
        ("with q as (select 1) select case when 1=1 then 'x' end from q", ["CASE WHEN 1=1 THEN 'X' END"]),
        ("select extract(year from d), (a), -1 from t where x in (select 2)", ["EXTRACT(YEAR FROM D)", "(A)", "-1"]),
        ('select "Mixed", "select 1" + 2 from t', ["Mixed", '"SELECT 1" + 2']),
        (
            "select row_number() over (partition by a order by b) from t",
            ["ROW_NUMBER() OVER (PARTITION BY A ORDER BY B)"],
        ),
        ("select a::int, ?::varchar", ["A::INT", "?::VARCHAR"]),
    ],
)
def test_names(text: str, names: list[str]) -> None:
    tree = trees.parse(text)
    name_columns(tree, text)
    select = tree.find_all(exp.Select)
    outermost = next(one for one in select if one.parent is None)
    assert [one.alias_or_name for one in outermost.expressions] == names


def test_inner_selects_are_named_too() -> None:
    text = "select * from (select 'hello' union all select 'b') union select upper('c')"
    tree = trees.parse(text)
    name_columns(tree, text)
    assert "\"'HELLO'\"" in tree.sql("snowflake")
    assert "\"UPPER('C')\"" in tree.sql("snowflake")
