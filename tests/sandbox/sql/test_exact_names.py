"""Names match letter for letter; those without quotes are in upper case (sql-reference/identifiers-syntax)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from snowflake_sandbox import world as worlds
from snowflake_sandbox.errors import SnowflakeError
from snowflake_sandbox.protocol import logins, wire
from snowflake_sandbox.statements import dispatch

from tests.sandbox.conftest import build

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    Run = Callable[[str], list[tuple[Any, ...]]]

_SETUP = """create warehouse W; create database D; create table T (A int, B varchar, "low" int);
insert into T values (1, 'x', 2); create table "t2" ("a" int); create view V as select A, B from T;
create view V2 ("n", M) as select A, B from T"""


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Run]:
    world = build(tmp_path_factory.mktemp("names"))
    session = logins.open_session(world, logins.ADMINISTRATOR, "ACCOUNTADMIN")

    def rows(text: str) -> list[tuple[Any, ...]]:
        return [tuple(row) for row in wire.python_rows(dispatch.execute(world, session, text))]

    for statement in _SETUP.split(";"):
        rows(statement)
    yield rows
    worlds.stop(world)


@pytest.mark.parametrize(
    ("statement", "shown"),
    [
        ('select "a" from T', '"a"'),
        ("select low from T", "LOW"),
        ('select T."a" from T', 'T."a"'),
        ('select "t".A from T', '"t".A'),
        ('select X.A from T "x"', "X.A"),
        ('select "x".* from T x', '"x".*'),
        ('select "a" from V', '"a"'),
        ("select N from V2", "N"),
        ('select S."a" from (select A from T) S', 'S."a"'),
        ('with C as (select A as "q" from T) select Q from C', "Q"),
        ('select (select max(X.A) from T X where X.A = T."a") from T', 'T."a"'),
        ('select X.A from T X join T Y on X.A = Y."a"', 'Y."a"'),
        ('select X.A from T X join T Y using ("a")', '"a"'),
        ("select A from T where \"b\" = 'x'", '"b"'),
        ('select * from T order by "a"', '"a"'),
        ('select A, row_number() over (order by "a") from T', '"a"'),
        ('select 1 as "k", K + 1', "K"),
        ('select A as "k" from T order by K', "K"),
        ('select "column1" from values (1)', '"column1"'),
        ('select "table_name" from INFORMATION_SCHEMA.TABLES', '"table_name"'),
        ("show tables ->> select NAME from $1", "NAME"),
        ('insert into T ("a") values (1)', '"a"'),
        ('update T set "a" = 1', '"a"'),
        ("update T set A = 1 where \"b\" = 'x'", '"b"'),
        ('delete from T where "a" = 1', '"a"'),
        ('merge into T using (select 1 as K) S on T.A = S."k" when matched then delete', 'S."k"'),
    ],
)
def test_another_case_is_another_name(run: Run, statement: str, shown: str) -> None:
    with pytest.raises(SnowflakeError) as raised:
        run(statement)
    assert raised.value.errno == 904
    assert raised.value.message.endswith(f"invalid identifier '{shown}'")
    # of a chain, within the statement
    position = statement.rpartition("->> ")[2].lower().rindex(shown.lower())
    assert f"line 1 at position {position}\n" in raised.value.message


@pytest.mark.parametrize(
    "statement",
    [
        'select "A", "low", t.a, T."low", "T".A from t',
        'select "X".A from T x',
        'select x."low" from (select * from T) X',
        'select "n", m from V2',
        'select "a" from "t2"',
        'select A as "k" from T order by "k"',
        "select A as K from T group by k having K = 1",
        'show tables ->> select "name" from $1',
        "select value, F.index from T, lateral flatten(array_construct(1)) f",
        "select column1 from values (1)",
        "select table_name from information_schema.tables",
        "select X.A from T X where exists (select 1 from T Y where Y.A = x.a)",
        'merge into T using (select 1 as "k") S on T.A = S."k" when matched then update set B = \'x\'',
    ],
)
def test_the_same_name_in_other_words(run: Run, statement: str) -> None:
    run(statement)
