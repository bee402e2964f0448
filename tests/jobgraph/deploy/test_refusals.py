"""The privilege that a refused step lacks is named, with the statement that grants it."""

from __future__ import annotations

from typing import Any

import pytest

from jobgraph.deploy.refusals import lacking

REFUSED = ["003001 (42501): SQL access control error: Insufficient privileges to operate on account 'A'."]
PLACE = {"database": "D", "schema": "S"}


@pytest.mark.parametrize(
    ("kind", "inputs", "statement"),
    [
        ("accountRole", {}, 'GRANT CREATE ROLE ON ACCOUNT TO ROLE "R"'),
        ("computePool", {}, 'GRANT CREATE COMPUTE POOL ON ACCOUNT TO ROLE "R"'),
        ("schema", {"database": "D"}, 'GRANT CREATE SCHEMA ON DATABASE "D" TO ROLE "R"'),
        ("procedurePython", PLACE, 'GRANT CREATE PROCEDURE ON SCHEMA "D"."S" TO ROLE "R"'),
        (
            "grantPrivilegesToAccountRole",
            {"onAccount": True, "privileges": ["EXECUTE TASK"]},
            'GRANT EXECUTE TASK ON ACCOUNT TO ROLE "R" WITH GRANT OPTION',
        ),
        ("grantOwnership", {}, 'GRANT MANAGE GRANTS ON ACCOUNT TO ROLE "R"'),
    ],
)
def test_the_grant_that_helps_is_in_the_text(kind: str, inputs: dict[str, Any], statement: str) -> None:
    text = lacking(f"snowflake:index/{kind}:{kind.title()}", inputs, REFUSED, "r", "prod")
    assert text is not None
    assert statement in text
    assert text.startswith("role R lacks ")


def test_other_failures_and_other_resources_are_left_to_their_own_words() -> None:
    assert lacking("snowflake:index/warehouse:Warehouse", {}, ["002002: already exists"], "R", "prod") is None
    assert lacking("pulumi:providers:snowflake", {}, REFUSED, "R", "prod") is None


def test_a_role_that_is_not_known_is_not_guessed() -> None:
    text = lacking("snowflake:index/database:Database", {}, REFUSED, "", "prod")
    assert text is not None
    assert "the deploying role lacks CREATE DATABASE" in text


def test_a_login_without_a_warehouse_is_told_where_to_set_it() -> None:
    errors = ["000606 (57P03): No active warehouse selected in the current session."]
    text = lacking("snowflake:index/view:View", PLACE, errors, "R", "prod")
    assert text is not None
    assert "DEFAULT_WAREHOUSE, or in SNOWFLAKE_WAREHOUSE" in text
