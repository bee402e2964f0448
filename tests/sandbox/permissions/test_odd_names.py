"""Any legal name works, and no name is read as SQL."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from tests.sandbox.conftest import Client

NAMES = ["it's", "x'; ATTACH '/tmp/x' AS y; --", "a b", "é☃", "select", "%_", "a.b", "a/b", "--", "/*", "$1", "{x}"]


@pytest.mark.parametrize("name", NAMES)
def test_a_name_of_everything(client: Client, name: str) -> None:
    quoted = f'"{name}"'
    for statement in (
        f"create database {quoted}",
        f"create schema {quoted}.{quoted}",
        f"create table {quoted}.{quoted}.{quoted} ({quoted} int)",
        f"insert into {quoted}.{quoted}.{quoted} values (1)",
        f"create view {quoted}.{quoted}.V as select {quoted} as a from {quoted}.{quoted}.{quoted}",
        f"create stage {quoted}.{quoted}.S",
    ):
        client.rows(statement)
    assert client.values(f"select {quoted} from {quoted}.{quoted}.{quoted}") == [(1,)]
    assert client.values(f"select a from {quoted}.{quoted}.V") == [(1,)]
    client.rows(f"use schema {quoted}.{quoted}")
    assert client.values(f"with {quoted} as (select 2 as q) select q from {quoted}") == [(2,)]
    assert client.values(f"select count(*) from {quoted}") == [(1,)]
    other = client.as_role("ACCOUNTADMIN")
    assert other.values("select 1") == [(1,)]
    assert [row["name"] for row in other.rows(f"show tables in database {quoted}")] == [name]
    client.rows(f"drop database {quoted}")
