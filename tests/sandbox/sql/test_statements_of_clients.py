"""Statements that clients send beside those of users: what a result was, a wait, a sample."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING

import pytest
from snowflake_sandbox.call import Call
from snowflake_sandbox.errors import SnowflakeError
from snowflake_sandbox.statements.reader import Reader

if TYPE_CHECKING:
    from tests.sandbox.conftest import Client


def test_the_columns_of_a_result(client: Client) -> None:
    query = "select 1::number(10, 2) as A, 'x' as \"b\", parse_json('1') as V"
    ended = client.world.parts["queries"].submit(client.session, query, {}, "")
    ended.future.result()
    for text in (f"describe result '{ended.id}'", f"desc result '{ended.id}'"):
        described = [(row["name"], row["type"], row["kind"], row["null?"]) for row in client.rows(text)]
        assert described == [
            ("A", "NUMBER(10,2)", "COLUMN", "Y"),
            ("b", "VARCHAR(1)", "COLUMN", "Y"),
            ("V", "VARIANT", "COLUMN", "Y"),
        ]
    assert client.errno("describe result '01b00000-0000-0000-0000-000000000000'") == 709


def test_a_wait(client: Client) -> None:
    assert client.values("select system$wait(0)") == [("waited 0 seconds",)]
    assert client.values("call system$wait(1, 'MILLISECONDS')") == [("waited 1 milliseconds",)]
    assert client.errno("select system$wait(1, 'FORTNIGHTS')") == 1008


def test_a_cancelled_wait_waits_no_longer(client: Client) -> None:
    cancelled = threading.Event()
    cancelled.set()
    call = Call(client.world, client.session, Reader(""), "id", "", {}, cancelled)
    with pytest.raises(SnowflakeError) as raised:
        client.world.functions["SYSTEM$WAIT"](call, (3600,))
    assert raised.value.errno == 604


@pytest.mark.parametrize(
    ("clause", "fewest", "most"),
    [
        ("sample (7 rows)", 7, 7),
        ("tablesample row (0)", 0, 0),
        ("sample bernoulli (100)", 100, 100),
        ("tablesample block (100) repeatable (3)", 100, 100),
        ("sample system (50) seed (3)", 0, 100),
        ("sample (100)", 100, 100),
    ],
)
def test_a_sample(client: Client, clause: str, fewest: int, most: int) -> None:
    client.rows("create table N as select seq4() as I from table(generator(rowcount => 100))")
    ((count,),) = client.values(f"select count(*) from (select * from N {clause})")
    assert fewest <= count <= most
    ((joined,),) = client.values(f"select count(*) from N as a {clause} join N as b on a.I = b.I")
    assert fewest <= joined <= most


def test_names_that_only_duckdb_reserves(client: Client) -> None:
    names = [
        "AT",
        "DESC",
        "END",
        "OFFSET",
        "LATERAL",
        "WINDOW",
        "ANALYZE",
        "SUMMARIZE",
        "PIVOT",
        "SOME",
        "BOTH",
        "DEFAULT",
    ]
    for name in names:
        quoted = f'"{name}"'
        client.rows(f"create or replace table R (ID int, {quoted} int)")
        client.rows(f"insert into R (ID, {quoted}) values (1, 2)")
        client.rows(f"update R set {quoted} = {quoted} + 1")
        assert client.values(f"select r.{quoted} from R as r where {quoted} = 3 order by {quoted}") == [(3,)]
    client.rows("create or replace table R (ID int, at timestamp_ntz)")
    client.rows("insert into R (ID, at) select 1, '2020-01-01'")
    assert len(client.values("select id, at, r.at from R as r order by at")) == 1
    assert list(client.rows("select id, at from R")[0]) == ["ID", "AT"]


def test_a_word_that_begins_no_statement_is_a_syntax_error(client: Client) -> None:
    assert client.errno("selec 1") == 1003
    assert client.errno("undrop table T") == 2
    assert client.errno("create function F() returns int language java as 'x'") == 2


def test_views_and_functions_as_jdbc_lists_them(client: Client) -> None:
    client.rows("create view W comment = 'c' as select 1 as A")
    row = client.values("show /* JDBC:DatabaseMetaData.getTables() */ views like 'W' in schema D.PUBLIC")[0]
    assert (row[1], row[3], row[4], row[6]) == ("W", "D", "PUBLIC", "c")
    client.rows("create function F(A int) returns int as 'A + 1'")
    shown = client.rows("show /* JDBC:DatabaseMetaData.getFunctions() */ functions like 'F' in schema D.PUBLIC")
    assert [row["name"] for row in shown] == ["F"]


def test_a_format_put_together_from_texts(client: Client) -> None:
    ((text,),) = client.values(
        "select to_varchar(convert_timezone('UTC', '2026-01-02 03:04:05 +0000'::timestamp_tz),"
        " 'yyyy-mm-dd HH24:MI'||('UT'||'C'))"
    )
    assert text == "2026-01-02 03:04UTC"
    assert client.errno("select to_varchar(current_timestamp(), 'yyyy'||f) from (select 'mm' as f)") == 2


@pytest.mark.parametrize("where", ["schema NOPE", "schema NOPE.X", "NOPE.X", "database NOPE"])
def test_dbt_knows_a_missing_schema_by_its_number(client: Client, where: str) -> None:
    assert client.errno(f"show objects in {where} limit 10000") == 2043


def test_the_table_list_says_what_kind_of_table(client: Client) -> None:
    client.rows("create temporary table T (I int)")
    client.rows("create table U (I int)")
    assert client.values(
        "select TABLE_NAME, IS_TEMPORARY, IS_DYNAMIC, IS_ICEBERG, IS_HYBRID from INFORMATION_SCHEMA.TABLES order by 1"
    ) == [("T", "YES", "NO", "NO", "NO"), ("U", "NO", "NO", "NO", "NO")]
