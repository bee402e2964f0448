"""Grants on what CREATE OR REPLACE replaces: COPY GRANTS, IGNORE GRANTS, and the bundle that changes the default."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from tests.sandbox.conftest import Client

REPLACED = {
    "TABLE T": "CREATE OR REPLACE TABLE T (A INT)",
    "TABLE C": "CREATE OR REPLACE TABLE C {} AS SELECT 1 AS A",
    "VIEW V": "CREATE OR REPLACE VIEW V {} AS SELECT 1 AS A",
    "FUNCTION F(INT)": "CREATE OR REPLACE FUNCTION F(A INT) {} RETURNS INT AS 'a'",
    "PROCEDURE P()": "CREATE OR REPLACE PROCEDURE P() {} RETURNS INT LANGUAGE SQL AS 'begin return 1; end'",
}


def privilege(name: str) -> str:
    return "USAGE" if name.startswith(("FUNCTION", "PROCEDURE")) else "SELECT"


def create(name: str, clause: str) -> str:
    text = REPLACED[name]
    return text.format(clause) if "{}" in text else f"{text} {clause}"


def grantees(client: Client, name: str) -> set[str]:
    rows = client.rows(f"SHOW GRANTS ON {name}")
    return {row["grantee_name"] for row in rows if row["privilege"] != "OWNERSHIP"}


@pytest.fixture
def client(own_client: Client) -> Client:
    """These tests make objects of the account."""
    return own_client


@pytest.fixture
def granted(client: Client) -> Client:
    """Roles NOW, to which grants are made, and LATER, to which future grants are."""
    for role in ("NOW", "LATER"):
        client.rows(f"CREATE ROLE {role}")
    for name in REPLACED:
        client.rows(create(name, ""))
        client.rows(f"GRANT {privilege(name)} ON {name} TO ROLE NOW")
    for plural in ("TABLES", "VIEWS"):
        client.rows(f"GRANT SELECT ON FUTURE {plural} IN SCHEMA D.PUBLIC TO ROLE LATER")
    for plural in ("USER FUNCTIONS", "PROCEDURES"):
        client.rows(f"GRANT USAGE ON FUTURE {plural} IN SCHEMA D.PUBLIC TO ROLE LATER")
    return client


@pytest.mark.parametrize("name", REPLACED)
def test_grants_go_unless_they_are_copied(granted: Client, name: str) -> None:
    granted.rows(create(name, "COPY GRANTS"))
    assert grantees(granted, name) == {"NOW"}
    assert granted.errno(create(name, "IGNORE GRANTS")) == 1003
    granted.rows(create(name, ""))
    assert grantees(granted, name) == {"LATER"}


@pytest.mark.parametrize("name", REPLACED)
def test_grants_stay_with_the_bundle(granted: Client, name: str) -> None:
    granted.rows("SELECT SYSTEM$ENABLE_BEHAVIOR_CHANGE_BUNDLE('2026_08')")
    granted.rows(create(name, ""))
    assert grantees(granted, name) == {"NOW"}
    assert granted.errno(create(name, "COPY GRANTS IGNORE GRANTS")) == 1003
    assert granted.errno(create(name, "IGNORE GRANTS").replace(" OR REPLACE", "")) == 1003
    granted.rows(create(name, "IGNORE GRANTS"))
    assert grantees(granted, name) == {"LATER"}


def test_a_new_object_has_the_future_grants(granted: Client) -> None:
    granted.rows("SELECT SYSTEM$ENABLE_BEHAVIOR_CHANGE_BUNDLE('2026_08')")
    granted.rows("CREATE OR REPLACE TABLE OTHER (A INT)")
    assert grantees(granted, "TABLE OTHER") == {"LATER"}
