"""A role without privileges sees no row of another's table: some of the queries of `make reliability`."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.reliability.permissions import SECRET, prepare, reaching

if TYPE_CHECKING:
    from tests.sandbox.conftest import Client

QUERIES = 200
# Cannot be read or run anyway; of the rest, half is far less than works.
_LEAST_READABLE = 0.5


@pytest.fixture
def client(own_client: Client) -> Client:
    """These tests make objects of the account."""
    return own_client


@pytest.fixture
def thief(client: Client) -> Client:
    """A session of the role that has no privilege on the secret table."""
    return prepare(client)


def test_no_row_of_another_role_whatever_the_query(client: Client, thief: Client) -> None:
    assert reaching(thief, range(QUERIES)) == []
    assert client.rows("select v from VICTIM.PRIV.SALARY") == [{"V": SECRET}]


def test_the_same_queries_reach_the_table_with_the_privilege(client: Client, thief: Client) -> None:
    """Else the test above would prove nothing."""
    client.rows("grant select on all tables in schema VICTIM.PRIV to role THIEF")
    client.rows("grant select on all views in schema VICTIM.PRIV to role THIEF")
    numbers = range(1, QUERIES, 4)
    assert len(reaching(thief, numbers)) / len(numbers) > _LEAST_READABLE
