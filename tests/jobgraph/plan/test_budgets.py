"""The statements of a budget: what is made, what is set, and what a changed limit does."""

from __future__ import annotations

from typing import Any

import pytest

from jobgraph.errors import UsageError
from jobgraph.plan.budgets import budget_steps, monitor_name, monitor_steps
from jobgraph.settings import Budget, Settings, read_settings

NAME = '"PR_CONTAINER_ORCHESTRATION"."PUBLIC"."JOBGRAPH_BUDGET"'


def settings(**budget: Any) -> Settings:
    return read_settings({"budget": {"credits_per_month": 200, **budget}}, "Pulumi.dev.yaml")


def test_a_budget_watches_the_pools_and_the_warehouse_of_the_stack() -> None:
    statements = [step.execute for step in budget_steps(settings(notify=["a@example.com", "b@example.com"]))]
    assert statements == [
        f"CREATE SNOWFLAKE.CORE.BUDGET IF NOT EXISTS {NAME} ()",
        f"CALL {NAME}!SET_SPENDING_LIMIT(200)",
        f"CALL {NAME}!SET_EMAIL_NOTIFICATIONS('a@example.com, b@example.com')",
        f"CALL {NAME}!SET_NOTIFICATION_MUTE_FLAG(FALSE)",
        *(
            f"CALL {NAME}!ADD_RESOURCE(SELECT SYSTEM$REFERENCE('{kind}', '\"{name}\"', 'SESSION', 'APPLYBUDGET'))"
            for kind, name in (
                ("COMPUTE_POOL", "PR_STD_POOL_XS"),
                ("COMPUTE_POOL", "PR_STD_POOL_S"),
                ("WAREHOUSE", "SMALL_WAREHOUSE"),
            )
        ),
    ]
    assert next(budget_steps(settings())).revert == f"DROP SNOWFLAKE.CORE.BUDGET IF EXISTS {NAME}"
    assert not list(budget_steps(Settings()))


def test_what_is_others_is_not_watched() -> None:
    others = read_settings(
        {
            "budget": {"credits_per_month": 9, "suspend": True},
            "existing": ["warehouse"],
            "pools": {"P": {"existing": True}},
        },
        "Pulumi.dev.yaml",
    )
    assert [step.name for step in budget_steps(others)] == [
        "JOBGRAPH_BUDGET",
        "JOBGRAPH_BUDGET-limit",
        "JOBGRAPH_BUDGET-mute",
    ]
    assert monitor_name(others) is None


def test_a_budget_that_is_to_tell_nobody_is_muted() -> None:
    """No method takes addresses away again (sql-reference/classes/budget)."""
    statements = [step.execute for step in budget_steps(settings())]
    assert f"CALL {NAME}!SET_NOTIFICATION_MUTE_FLAG(TRUE)" in statements
    assert not any("EMAIL" in statement for statement in statements)


def test_another_limit_sets_a_monitor_and_makes_none_anew() -> None:
    before, after = (list(monitor_steps(settings(suspend=True, credits_per_month=limit))) for limit in (200, 300))
    assert before[0] == after[0]
    assert "ON 100 PERCENT DO SUSPEND" in before[0].execute
    assert [step.execute for step in (before[1], after[1])] == [
        f'ALTER RESOURCE MONITOR "SMALL_WAREHOUSE_MONITOR" SET CREDIT_QUOTA = {limit}' for limit in (200, 300)
    ]
    assert not list(monitor_steps(settings()))


@pytest.mark.parametrize(
    ("budget", "told"),
    [
        (200, "expected a limit, as {credits_per_month: 200"),
        ({"notify": ["a@example.com"]}, "expected a limit"),
        ({"credits_per_month": 0}, "expected a whole number from 1"),
        ({"credits_per_month": 9, "notify": ["x', 'y"]}, "expected e-mail addresses"),
        ({"credits_per_month": 9, "tell": []}, "`tell` is not a setting"),
    ],
)
def test_a_budget_that_is_none_is_refused(budget: Any, told: str) -> None:
    with pytest.raises(UsageError, match="wrong settings") as raised:
        read_settings({"budget": budget}, "Pulumi.dev.yaml")
    assert told in str(raised.value)


def test_a_budget_as_it_is_read() -> None:
    assert settings(suspend="true").budget == Budget(200, (), suspend=True)
