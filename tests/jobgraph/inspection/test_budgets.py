"""What an account says of a stack's budget before a deploy, and what is to be done about it."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest

from jobgraph.cost.budgeting import BudgetUse
from jobgraph.inspection import budgets, questions
from jobgraph.settings import Budget
from tests.jobgraph.inspection.test_findings import healthy, planned

if TYPE_CHECKING:
    from jobgraph.inspection.answers import Answers, Finding
    from jobgraph.plan.planning import Plan

MONITOR = {"name": "SMALL_WAREHOUSE_MONITOR", "credit_quota": "200.00", "used_credits": "12.00", "suspend_at": "100%"}


def with_budget(**values: Any) -> Plan:
    plan = planned()
    return replace(plan, settings=replace(plan.settings, budget=Budget(200, **values)))


def settled(limit: str = "200", use: BudgetUse | None = None, rows: dict[str, Any] | None = None) -> Answers:
    """An account in which the budget is there."""
    answers = healthy()
    made = {questions.BUDGET: [{"name": "JOBGRAPH_BUDGET"}], questions.BUDGET_LIMIT: [{"GET_SPENDING_LIMIT": limit}]}
    return replace(answers, rows={**answers.rows, **made, **(rows or {})}, budget_use=use or BudgetUse(200, 12))


def told(plan: Plan, answers: Answers) -> dict[str, Finding]:
    return {finding.name: finding for finding in budgets.findings(plan, answers)}


def test_a_stack_without_a_budget_is_asked_nothing_of_it() -> None:
    assert told(planned(), healthy()) == {}
    assert not {questions.BUDGET, questions.BUDGET_LIMIT, questions.MONITORS} & questions.questions(planned()).keys()


def test_a_budget_that_holds() -> None:
    shown = told(with_budget(), settled())
    assert {name: (finding.ok, finding.detail) for name, finding in shown.items()} == {
        "budget JOBGRAPH_BUDGET": (True, "limit 200 credits a month"),
        "budget JOBGRAPH_BUDGET used": (True, "12 of 200 credits used since the month began (6%)"),
    }
    assert questions.questions(with_budget())[questions.BUDGET] == (
        'SHOW SNOWFLAKE.CORE.BUDGET LIKE \'JOBGRAPH\\\\_BUDGET\' IN SCHEMA "D"."S"'
    )


@pytest.mark.parametrize(
    ("answers", "name", "ok", "detail"),
    [
        (replace(healthy(), refused={questions.BUDGET_USE: "no warehouse"}), "", None, "`pulumi up` creates it"),
        (replace(healthy(), refused={questions.BUDGET_USE: "no warehouse"}), " used", None, "no warehouse"),
        (settled("-1"), "", False, "has no limit, but the settings say 200: `pulumi up` sets it"),
        (settled("150"), "", False, "has a limit of 150 credits a month, but the settings say 200"),
        (settled(rows={questions.BUDGET_LIMIT: []}), "", None, "did not show its limit"),
        (settled(use=BudgetUse(200, None)), " used", None, "GRANT DATABASE ROLE SNOWFLAKE.USAGE_VIEWER TO ROLE"),
        (settled(use=BudgetUse(200, 210)), " used", False, "it is exceeded: raise `credits_per_month`"),
        (settled(use=BudgetUse(200, 205, "W")), " used", False, "warehouse W is suspended until the month ends"),
    ],
)
def test_what_is_to_be_done_about_a_budget(answers: Answers, name: str, ok: bool | None, detail: str) -> None:  # noqa: FBT001  # a parameter of the case
    finding = told(with_budget(), answers)[f"budget JOBGRAPH_BUDGET{name}"]
    assert finding.ok is ok
    assert detail in finding.detail


def test_a_monitor_is_an_account_administrators_to_make() -> None:
    plan, name = with_budget(suspend=True), "resource monitor SMALL_WAREHOUSE_MONITOR"
    assert (
        told(plan, settled(rows={questions.MONITORS: [MONITOR]}))[name].detail
        == "12.00 of 200.00 credits used this month"
    )
    exceeded = told(plan, settled(rows={questions.MONITORS: [{**MONITOR, "used_credits": "200.00"}]}))[name]
    assert exceeded.ok is False
    assert "warehouse SMALL_WAREHOUSE is suspended until the month ends, raise" in exceeded.detail
    early = told(plan, settled(rows={questions.MONITORS: [{**MONITOR, "suspend_at": "5%,90%"}]}))[name]
    assert early.ok is False, "12 of 200 are six percent"
    assert told(plan, settled(rows={questions.MONITORS: [{**MONITOR, "suspend_at": None}]}))[name].ok
    absent = told(plan, settled())[name]
    assert absent.ok is False
    assert "ACCOUNTADMIN's alone" in absent.detail
    assert told(plan, replace(settled(), role="ACCOUNTADMIN"))[name].ok
    assert name not in told(with_budget(), settled())


def test_those_whom_the_budget_writes_to_are_users() -> None:
    shown = told(with_budget(notify=("a@b.org", "nobody@b.org")), settled())
    assert shown["address a@b.org"].ok
    assert "no user has it" in shown["address nobody@b.org"].detail
    assert questions.questions(with_budget(notify=("x@y.zz",)))[questions.USERS] == "SHOW USERS"


def test_a_deploying_role_without_the_database_role_is_told() -> None:
    from jobgraph.inspection.findings import findings  # noqa: PLC0415  # of one test

    lacking = [finding for finding in findings(with_budget(), settled()) if finding.name.startswith("database role")]
    assert 'GRANT DATABASE ROLE SNOWFLAKE.BUDGET_CREATOR TO ROLE "DEPLOYER"' in " ".join(f.detail for f in lacking)
    assert not any(finding.ok for finding in lacking)
    held = [
        {"privilege": "USAGE", "granted_on": "DATABASE_ROLE", "name": f"SNOWFLAKE.{name}", "grant_option": "false"}
        for name in ("BUDGET_CREATOR", "USAGE_VIEWER")
    ]
    answers = replace(settled(), grants=[*settled().grants, *held])
    assert all(finding.ok for finding in findings(with_budget(), answers) if finding.name.startswith("database role"))
