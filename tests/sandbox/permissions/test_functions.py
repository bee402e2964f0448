"""DuckDB's own functions, views and settings are out of reach of a session, whoever it is."""

from __future__ import annotations

from typing import TYPE_CHECKING

import duckdb
import pytest
from snowflake_sandbox.dialect.named import FUNCTIONS
from snowflake_sandbox.dialect.snowflake_functions import BUILT_IN, TABLE_FUNCTIONS
from snowflake_sandbox.errors import SnowflakeError
from snowflake_sandbox.parameters import SESSION

if TYPE_CHECKING:
    from tests.sandbox.conftest import Client

_LISTS = {
    "in FROM": "select distinct function_name from duckdb_functions() where function_type in ('table', 'table_macro')",
    "of pragmas": "select distinct function_name from duckdb_functions() where function_type = 'pragma'",
    "scalar": "select distinct function_name from duckdb_functions() where function_type not in"
    " ('table', 'table_macro', 'pragma') and regexp_matches(function_name, '^[a-z_0-9]+$')",
    "views": "select distinct view_name from duckdb_views() where internal",
    "settings": "select distinct name from duckdb_settings()",
}
# 002140 unknown function, 002003 unknown object, 001003 syntax, 000002 not supported; 001420 unknown parameter.
_REFUSALS = {2140, 2003, 1003, 2, 1420}


def _listed(what: str) -> list[str]:
    with duckdb.connect() as duck:
        return sorted(row[0] for row in duck.execute(_LISTS[what]).fetchall())


def _refusal(client: Client, statement: str) -> int:
    try:
        rows = client.rows(statement)
    except SnowflakeError as error:
        return error.errno
    pytest.fail(f"{statement} gave {rows}")


def test_no_table_function_of_duckdb(client: Client) -> None:
    names = _listed("in FROM")
    assert {"read_text", "read_csv", "glob", "query", "query_table", "duckdb_tables"} <= set(names)
    for name in names:
        for call in (f"{name}()", f"{name}('/etc/passwd')", f"table({name}('/etc/passwd'))", f"lateral {name}('a')"):
            if name.upper() not in TABLE_FUNCTIONS:
                assert _refusal(client, f"select * from {call}") in _REFUSALS, call


def test_no_scalar_function_of_duckdb_that_is_not_snowflakes(client: Client) -> None:
    names = [name for name in _listed("scalar") if name.upper() not in BUILT_IN]
    assert {"getvariable", "nextval", "current_setting", "error"} <= set(names)
    for name in names:
        if name.upper() not in client.world.functions and name not in _KEYWORDS:
            assert _refusal(client, f"select {name}('a')") in _REFUSALS, name


# Read as syntax and not as calls: `case('a')`.
_KEYWORDS = {"if", "array", "any", "all", "exists", "not", "row", "struct", "interval", "current_catalog"}


def test_no_view_of_duckdbs_own_catalog(client: Client) -> None:
    for name in _listed("views"):
        for table in (name, f"main.{name}", f"system.main.{name}", f'"system"."main"."{name}"', f"pg_catalog.{name}"):
            if table != "tables":
                assert _refusal(client, f"select * from {table}") in _REFUSALS, table


def test_no_setting_and_no_pragma(client: Client) -> None:
    names = _listed("settings") + _listed("of pragmas")
    assert {"enable_external_access", "lock_configuration"} <= set(names)
    for name in names:
        for statement in (f"pragma {name}", f"pragma {name} = 1", f"call {name}()", f"reset {name}"):
            assert _refusal(client, statement) in _REFUSALS, statement
    for name in _listed("settings"):
        if name.upper() not in SESSION:
            assert _refusal(client, f"alter session set {name} = 'x'") in _REFUSALS, name
            assert _refusal(client, f"set global {name} = 'x'") in _REFUSALS, name


@pytest.mark.parametrize(
    "statement",
    [
        "select * from '/etc/passwd'",
        "select * from '{folder}/control.sqlite'",
        "select * from read_text('{folder}/credentials.json')",
        "copy (select 1) to '/tmp/x'",
        "attach '/tmp/x.duckdb' as x",
        "install httpfs",
        "load httpfs",
        "export database '/tmp/x'",
        "create secret s (type s3)",
        "select * from (describe t)",
        "select * from (summarize t)",
        "with x as (delete from t returning *) select * from x",
        "select 1 into t2",
        "insert into t values (1) returning a",
        "create table u (a varchar default read_text('/etc/passwd'))",
        "create table u (a int default (select max(a) from t))",
        "copy into t from (select read_text('/etc/passwd') from @s)",
        "copy into t from (select (select max(a) from t) from @s)",
        "select system$cancel_query((select max(a) from t))",
    ],
)
def test_refused(client: Client, statement: str) -> None:
    for made in ("create table t (a int)", "create stage s", "copy into @s/a from t"):
        client.rows(made)
    assert _refusal(client, statement.replace("{folder}", str(client.world.folder))) in _REFUSALS


@pytest.mark.parametrize(
    "statement",
    [
        "select * from read_text('/etc/passwd')",
        "copy (select 1) to '/tmp/jobgraph-test'",
        "attach '/tmp/jobgraph-test.duckdb' as x",
        "install httpfs",
        "set threads = 7",
        "set enable_external_access = true",
        "reset lock_configuration",
        "set allowed_directories = ['/']",
    ],
)
def test_duckdb_itself_refuses_what_would_get_so_far(client: Client, statement: str) -> None:
    connection = client.world.data.connection(client.session)
    with pytest.raises(duckdb.Error):
        connection.duck.execute(statement)


def test_a_query_of_another_table_than_its_tree_is_refused(client: Client) -> None:
    client.rows("create table t (a int)")
    connection = client.world.data.connection(client.session)
    connection.require_only({("D", "PUBLIC", "T")}, 'select * from "D"."PUBLIC"."T" as x')
    with pytest.raises(SnowflakeError):
        connection.require_only({("D", "PUBLIC", "U")}, 'select 1 from "D"."PUBLIC"."T"')


def test_what_snowflake_has_goes_through(client: Client) -> None:
    for statement in (
        "select upper('a'), nvl(null, 1), iff(true, 1, 2), 1::varchar, extract(year from current_date)",
        "select count(*) from table(generator(rowcount => 3))",
        "select f.value from lateral flatten(input => parse_json('[1, 2]')) f",
        "select 'a' || 'b', 'a' like 'a%', 'a' rlike 'a', position('a' in 'ba'), trim('a')",
        "select listagg(column1, ',') within group (order by column1) from values (1), (2)",
    ):
        assert client.rows(statement)
    assert all(name == name.upper() for name in BUILT_IN)


def test_every_function_that_the_sandbox_translates_may_be_called() -> None:
    assert set(FUNCTIONS) <= BUILT_IN
