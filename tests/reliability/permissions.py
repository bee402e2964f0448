"""A role without privileges sees no row of another's table, whatever the query: thousands of random ones.

Knows the two roles and what each may see. Must not know how a query is made (tests.sandbox.permissions.queries).
"""

from __future__ import annotations

import random
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

from snowflake_sandbox import world
from snowflake_sandbox.errors import SnowflakeError
from snowflake_sandbox.protocol import logins

from tests.sandbox.conftest import Client, build, make_warehouse
from tests.sandbox.permissions.queries import statements

if TYPE_CHECKING:
    from collections.abc import Iterable

SECRET = 424242


def prepare(client: Client) -> Client:
    """Make a secret table, a role THIEF without SELECT on it, and what THIEF owns; a session of THIEF."""
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
    thief = client.as_role("THIEF")
    for statement in (
        "create table OWN.PUBLIC.T as select 7::int as v",
        "create stage OWN.PUBLIC.S",
        "create function OWN.PUBLIC.H(x int) returns int as 'x'",
    ):
        thief.rows(statement)
    return thief


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
        client.rows("create or replace table OWN.PUBLIC.T as select 7::int as v")
    return answers


def reaching(client: Client, numbers: Iterable[int]) -> list[str]:
    """Those of the queries of these numbers that answer with the secret."""
    return [
        f"query {number}: {statements(_random(number))}"
        for number in numbers
        if any(str(SECRET) in answer for answer in _answers(client, number))
    ]


def run(seed: int, count: int) -> tuple[list[str], list[str]]:
    """Ask as the role without privileges; returns figures and the queries that reach the table."""
    with tempfile.TemporaryDirectory() as folder:
        made = build(Path(folder) / "sandbox")
        try:
            client = Client(made, logins.open_session(made, logins.ADMINISTRATOR, "ACCOUNTADMIN"))
            make_warehouse(client)
            problems = reaching(prepare(client), range(seed, seed + count))
        finally:
            world.stop(made)
    return [f"{count} queries of a role without privileges: {len(problems)} reach another role's table"], problems
