"""Findings on the stack's budget: whether it exists or can be created, its limit and use, and its resource monitor.

Knows the rows of SHOW and of GET_SPENDING_LIMIT (user-guide/budgets, user-guide/resource-monitors). Must not send
statements.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from jobgraph.inspection import questions, receivers
from jobgraph.inspection.answers import Finding
from jobgraph.plan.budgets import has_suspended, monitor_name
from jobgraph.plan.roles import ADMINISTRATOR, DEPLOYER, roles

if TYPE_CHECKING:
    from collections.abc import Iterator

    from jobgraph.inspection.answers import Answers
    from jobgraph.plan.planning import Plan

_REMEDY = "raise `credits_per_month`, or spend less: `jobgraph cost --since 7d` ends with the largest savings"


def findings(plan: Plan, answers: Answers) -> Iterator[Finding]:
    """Yield the findings on a stack's budget; none if it has no budget."""
    if plan.settings.budget is None:
        return
    yield from _limit(plan, answers)
    yield from _use(plan, answers)
    yield from _monitor(plan, answers)
    users = receivers.users_by_address(answers.rows.get(questions.USERS, ()))
    for address in plan.settings.budget.notify:
        yield receivers.address_finding(address, "", users, answers)


def _limit(plan: Plan, answers: Answers) -> Iterator[Finding]:
    budget, name = plan.settings.budget, f"budget {plan.settings.budget_name}"
    if not answers.rows.get(questions.BUDGET):
        yield Finding(name, ok=None, detail="does not exist, or the role cannot see it: `pulumi up` creates it")
        return
    spending_limit = [str(value) for row in answers.rows.get(questions.BUDGET_LIMIT, ()) for value in row.values()]
    if not spending_limit:
        reason = answers.refused.get(questions.BUDGET_LIMIT, "no limit")
        yield Finding(name, ok=None, detail=f"exists; Snowflake did not show its limit: {reason}")
    elif budget is not None and float(spending_limit[0]) != budget.credits_per_month:
        limit = "no limit" if spending_limit[0] == "-1" else f"a limit of {spending_limit[0]} credits a month"
        detail = f"has {limit}, but the settings say {budget.credits_per_month}: `pulumi up` sets it"
        yield Finding(name, ok=False, detail=detail)
    else:
        yield Finding(name, ok=True, detail=f"limit {spending_limit[0]} credits a month")


def _use(plan: Plan, answers: Answers) -> Iterator[Finding]:
    name, use = f"budget {plan.settings.budget_name} used", answers.budget_use
    if use is None:
        reason = answers.refused.get(questions.BUDGET_USE, "")
        yield Finding(name, ok=None, detail=f"unknown, because Snowflake answered: {reason}")
    elif use.used is None:
        yield Finding(name, ok=None, detail=use.state)
    elif use.suspended:
        yield Finding(name, ok=False, detail=f"{use.state}{use.consequence}")
    else:
        yield Finding(name, ok=not use.is_exceeded, detail=f"{use.state}: {_REMEDY}" if use.is_exceeded else use.state)


def _monitor(plan: Plan, answers: Answers) -> Iterator[Finding]:
    monitor = monitor_name(plan.settings)
    if monitor is None:
        return
    name = f"resource monitor {monitor}"
    row = next((row for row in answers.rows.get(questions.MONITORS, ()) if row["name"] == monitor), None)
    if row is not None:
        used = f"{row['used_credits']} of {row['credit_quota']} credits used this month"
        if suspends := has_suspended(row):
            used += f": warehouse {plan.settings.warehouse} is suspended until the month ends, {_REMEDY}"
        yield Finding(name, ok=not suspends, detail=used)
    elif answers.role == ADMINISTRATOR:
        yield Finding(name, ok=True, detail="`pulumi up` creates it")
    else:
        (deployer,) = (role for role in roles(plan, {}) if role.kind == DEPLOYER)
        yield Finding(name, ok=False, detail=f"does not exist, or the role cannot see it. {' '.join(deployer.remarks)}")
