"""The privilege that a refused step lacks is named, with the statement that grants it."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest

from jobgraph.deploy.refusals import lacking
from jobgraph.plan import history
from jobgraph.plan.budgets import budget_steps, monitor_steps
from jobgraph.settings import Budget
from tests.jobgraph.inspection.test_findings import planned

if TYPE_CHECKING:
    from jobgraph.plan.planning import Plan

REFUSED = ["003001 (42501): SQL access control error: Insufficient privileges to operate on account 'A'."]
EXECUTE = "snowflake:index/execute:Execute"
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
        (
            "execute",
            {"execute": 'CREATE OR REPLACE NOTIFICATION INTEGRATION "D_S_MAIL" TYPE = EMAIL'},
            'GRANT CREATE INTEGRATION ON ACCOUNT TO ROLE "R"',
        ),
        (
            "execute",
            {"execute": 'CREATE TABLE IF NOT EXISTS "D"."S"."T" ("A" INT)'},
            'GRANT CREATE TABLE ON SCHEMA "D"."S" TO ROLE "R"',
        ),
        (
            "execute",
            {"execute": 'CREATE OR REPLACE ALERT "D"."S"."A" SCHEDULE = 1'},
            'GRANT CREATE ALERT ON SCHEMA "D"."S" TO ROLE "R"',
        ),
        (
            "execute",
            {"execute": 'CREATE OR REPLACE STREAMLIT "D"."S"."P" FROM x'},
            'GRANT CREATE STREAMLIT ON SCHEMA "D"."S" TO ROLE "R"',
        ),
        (
            "execute",
            {"execute": 'CREATE SNOWFLAKE.CORE.BUDGET IF NOT EXISTS "D"."S"."B" ()'},
            'GRANT DATABASE ROLE SNOWFLAKE.BUDGET_CREATOR TO ROLE "R"',
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


def of_step(plan: Plan) -> list[str]:
    """The statements by which steps of a stack with everything create objects."""
    budget = [*budget_steps(plan.settings), *monitor_steps(plan.settings)][:1]
    alert = [plan.alert.create] if plan.alert is not None else []
    tables = [history.create_statement(plan.settings, table) for table in history.control_tables(plan.settings)]
    return [*(each.create for each in plan.notifying.integrations), *alert, *tables, *(step.execute for step in budget)]


def test_each_step_that_creates_something_is_explained() -> None:
    whole = planned()
    settings = replace(whole.settings, budget=Budget(200, suspend=True))
    statements = of_step(replace(whole, settings=settings))
    assert len(statements) >= 7
    for statement in statements:
        text = lacking(EXECUTE, {"execute": statement}, REFUSED, "R", "prod")
        assert text is not None
        assert "GRANT " in text, statement


def test_a_resource_monitor_is_the_administrator_s() -> None:
    created = {"execute": 'CREATE RESOURCE MONITOR IF NOT EXISTS "M" WITH TRIGGERS ON 100 PERCENT DO SUSPEND'}
    text = lacking(EXECUTE, created, REFUSED, "R", "prod")
    assert text is not None
    assert "ACCOUNTADMIN's alone" in text
    assert "leave `suspend` out" in text


def test_what_else_is_refused_leads_to_the_command_that_names_it() -> None:
    text = lacking(EXECUTE, {"execute": "ALTER TABLE X ADD COLUMN Y INT"}, REFUSED, "R", "prod")
    assert text is not None
    assert "`jobgraph doctor --account --environment prod` names it" in text


def test_a_container_of_others_that_the_role_may_not_use_is_told() -> None:
    for kind, name in (("Database", "D"), ("Schema", "D.S")):
        error = f"002003 (02000): SQL compilation error:\n{kind} '{name}' does not exist or not authorized."
        text = lacking("snowflake:index/stageInternal:StageInternal", PLACE, [error], "R", "prod")
        assert text is not None
        assert 'GRANT USAGE ON DATABASE "D" TO ROLE "R"; GRANT USAGE ON SCHEMA "D"."S" TO ROLE "R"' in text
    table = "002003 (02000): SQL compilation error:\nObject 'D.S.T' does not exist or not authorized."
    assert lacking("snowflake:index/view:View", PLACE, [table], "R", "prod") is None


def test_a_role_that_is_not_known_is_not_guessed() -> None:
    text = lacking("snowflake:index/database:Database", {}, REFUSED, "", "prod")
    assert text is not None
    assert "the deploying role lacks CREATE DATABASE" in text


def test_a_login_without_a_warehouse_is_told_where_to_set_it() -> None:
    errors = ["000606 (57P03): No active warehouse selected in the current session."]
    text = lacking("snowflake:index/view:View", PLACE, errors, "R", "prod")
    assert text is not None
    assert "DEFAULT_WAREHOUSE, or in SNOWFLAKE_WAREHOUSE" in text
