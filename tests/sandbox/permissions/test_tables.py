"""A role without privileges sees no row of another's table, however it asks."""

from __future__ import annotations

import random
from typing import TYPE_CHECKING

import pytest
from snowflake_sandbox.errors import SnowflakeError

from tests.sandbox.permissions.queries import statements

if TYPE_CHECKING:
    from tests.sandbox.conftest import Client

SECRET = 424242
QUERIES = 2_000
# Cannot be read or run anyway; of the rest, half is far less than works.
_LEAST_READABLE = 0.5


@pytest.fixture
def victim(client: Client) -> Client:
    """An administrator's session beside a secret table, a role THIEF without SELECT on it, and what THIEF owns."""
    user = client.session.user
    for statement in (
        "create database VICTIM",
        "create schema VICTIM.PRIV",
        f"create table VICTIM.PRIV.SALARY as select {SECRET} as v",
        "create view VICTIM.PRIV.PEEK as select v from VICTIM.PRIV.SALARY",
        "create role THIEF",
        f"grant role THIEF to user {user}",
        "grant usage on database VICTIM to role THIEF",
        "grant usage on schema VICTIM.PRIV to role THIEF",
        "create database OWN",
        "grant usage on database OWN to role THIEF",
        "grant all privileges on schema OWN.PUBLIC to role THIEF",
    ):
        client.rows(statement)
    _own(client.as_role("THIEF"))
    return client


def _own(thief: Client) -> None:
    for statement in (
        "create table OWN.PUBLIC.T as select 7 as v",
        "create stage OWN.PUBLIC.S",
        "create function OWN.PUBLIC.H(x int) returns int as 'x'",
    ):
        thief.rows(statement)


def _random(number: int) -> random.Random:
    return random.Random(number)  # noqa: S311  # a test's choices, which are to be the same each time


def _answers(client: Client, number: int) -> list[str]:
    """The rows, as text, that some statements answer with; [] where one of them fails."""
    client.session.database, client.session.schema = ("VICTIM", "PRIV") if number % 2 else ("OWN", "PUBLIC")
    answers: list[str] = []
    for statement in statements(_random(number)):
        try:
            answers.append(str(client.rows(statement)))
        except SnowflakeError:
            return []
    if len(answers) > 1:
        client.rows("create or replace table OWN.PUBLIC.T as select 7 as v")
    return answers


def test_no_row_of_another_role_whatever_the_query(victim: Client) -> None:
    thief = victim.as_role("THIEF")
    for number in range(QUERIES):
        answers = _answers(thief, number)
        assert not any(str(SECRET) in answer for answer in answers), statements(_random(number))
    assert victim.rows("select v from VICTIM.PRIV.SALARY") == [{"V": SECRET}]


def test_the_same_queries_reach_the_table_with_the_privilege(victim: Client) -> None:
    """Else the test above would prove nothing."""
    victim.rows("grant select on all tables in schema VICTIM.PRIV to role THIEF")
    victim.rows("grant select on all views in schema VICTIM.PRIV to role THIEF")
    thief = victim.as_role("THIEF")
    reached = 0
    numbers = range(1, QUERIES, 16)
    for number in numbers:
        reached += any(str(SECRET) in answer for answer in _answers(thief, number))
    assert reached / len(numbers) > _LEAST_READABLE
