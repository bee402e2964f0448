"""A privilege that no job needs any more is taken back; where its object is gone, nothing is left to be taken back."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import pytest
from snowflake_sandbox.errors import SnowflakeError

from jobgraph.deploy.retirement import give_back
from jobgraph.plan.planning import Needs, ProcedurePlan
from jobgraph.plan.privileges import needed_grants
from jobgraph.settings import read_settings
from tests.reliability.deploys import Case

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from jobgraph.plan.privileges import Grant

NEEDS = Needs(
    warehouses=("OTHER_WH",),
    integrations=("OUT",),
    databases=("VAULT",),
    schemas=("VAULT.SAFE",),
    secrets=("VAULT.SAFE.TOKEN",),
    stages=("VAULT.SAFE.FILES",),
    repositories=("VAULT.SAFE.IMAGES",),
)
MADE = (
    "CREATE ROLE SPCS_DEMO_ROLE",
    "CREATE WAREHOUSE OTHER_WH",
    "CREATE DATABASE VAULT",
    "CREATE SCHEMA VAULT.SAFE",
    "CREATE SECRET VAULT.SAFE.TOKEN TYPE = GENERIC_STRING SECRET_STRING = 'x'",
    "CREATE STAGE VAULT.SAFE.FILES",
    "CREATE IMAGE REPOSITORY VAULT.SAFE.IMAGES",
    "CREATE NETWORK RULE VAULT.SAFE.RULE TYPE = HOST_PORT MODE = EGRESS VALUE_LIST = ('example.org')",
    "CREATE EXTERNAL ACCESS INTEGRATION OUT ALLOWED_NETWORK_RULES = (VAULT.SAFE.RULE) ENABLED = TRUE",
)
GONE = ("DROP DATABASE VAULT", "DROP WAREHOUSE OTHER_WH", "DROP EXTERNAL ACCESS INTEGRATION OUT")
SETTINGS = read_settings({"database": "D", "schema": "STACK"}, "dev")
DROPPING = replace(ProcedurePlan("DROP_SUPERSEDED", ("REQUEST",), "", ""), full_name='"D"."STACK"."DROP_SUPERSEDED"')
GRANTS = tuple(needed_grants(NEEDS))


@pytest.fixture
def stack(tmp_path: Path) -> Iterator[Case]:
    """An account with what jobs need, and a procedure that says whether runs need something."""
    case = Case(1, tmp_path)
    free = (
        "CREATE PROCEDURE D.STACK.DROP_SUPERSEDED(REQUEST VARCHAR) RETURNS VARCHAR LANGUAGE SQL AS"
        " $$ BEGIN IF (PARSE_JSON(REQUEST):takes = 'SPCS_DEMO_ROLE-needed') THEN"
        " LET refused NUMBER := (SELECT 'needed stays for now'::NUMBER); END IF; RETURN 'free'; END $$"
    )
    for statement in (*MADE, free):
        case.stack.rows(statement)
    for grant in GRANTS:
        case.stack.rows(granting(grant))
    yield case
    case.close()


def granting(grant: Grant) -> str:
    """The statement that the provider sends."""
    text = give_back(replace(SETTINGS, force_destroy=True), grant, "SPCS_DEMO_ROLE", DROPPING)
    revoke = text.partition("BEGIN BEGIN ")[2].partition(";")[0]
    return revoke.replace("REVOKE", "GRANT").replace(" FROM ROLE ", " TO ROLE ")


def held(case: Case) -> set[str]:
    return {str(row["granted_on"]) for row in case.stack.rows("SHOW GRANTS TO ROLE SPCS_DEMO_ROLE")}


@pytest.mark.parametrize("forced", [False, True])
def test_each_privilege_is_taken_back(stack: Case, *, forced: bool) -> None:
    kinds = held(stack)
    assert len(kinds) == len(GRANTS)
    for count, grant in enumerate(GRANTS, 1):
        stack.stack.rows(give_back(replace(SETTINGS, force_destroy=forced), grant, "SPCS_DEMO_ROLE", DROPPING))
        assert len(held(stack)) == len(kinds) - count


def test_what_is_gone_is_gone(stack: Case) -> None:
    for statement in GONE:
        stack.stack.rows(statement)
    for grant in GRANTS:
        stack.stack.rows(give_back(SETTINGS, grant, "SPCS_DEMO_ROLE", DROPPING))
        with pytest.raises(SnowflakeError) as refusal:  # as the provider would send it
            stack.stack.rows(granting(grant).replace("GRANT", "REVOKE").replace(" TO ROLE ", " FROM ROLE "))
        assert refusal.value.errno in {2003, 2043}


def test_what_runs_need_stays(stack: Case) -> None:
    before = held(stack)
    with pytest.raises(SnowflakeError, match="needed stays for now"):
        stack.stack.rows(give_back(SETTINGS, replace(GRANTS[0], label="needed"), "SPCS_DEMO_ROLE", DROPPING))
    assert held(stack) == before


def test_another_refusal_is_one(stack: Case) -> None:
    stack.stack.rows("CREATE ROLE STRANGER")
    stack.stack.rows("GRANT USAGE ON DATABASE VAULT TO ROLE STRANGER")
    stack.stack.rows("GRANT USAGE ON SCHEMA VAULT.SAFE TO ROLE STRANGER")
    stack.stack.rows("GRANT READ ON SECRET VAULT.SAFE.TOKEN TO ROLE STRANGER")
    secret = next(grant for grant in GRANTS if grant.object_type == "SECRET")
    stack.session.role = "STRANGER"
    with pytest.raises(SnowflakeError, match="privileges"):
        stack.stack.rows(give_back(replace(SETTINGS, force_destroy=True), secret, "SPCS_DEMO_ROLE", DROPPING))
