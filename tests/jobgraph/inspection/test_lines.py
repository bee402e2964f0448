"""Each line of `doctor --account`, word for word: of an account in which all is there, and of what can differ."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

from jobgraph.cost.budgeting import BudgetUse
from jobgraph.inspection import questions
from jobgraph.inspection.findings import findings
from jobgraph.plan.roles import RUN_ROLE
from jobgraph.settings import Budget, read_settings
from tests.golden import compare
from tests.jobgraph.inspection.test_budgets import MONITOR, settled
from tests.jobgraph.inspection.test_findings import NOW, healthy, held, one, planned, with_rows

if TYPE_CHECKING:
    from collections.abc import Iterator

    from jobgraph.inspection.answers import Answers
    from jobgraph.plan.planning import Plan

GOLDEN = Path(__file__).parent / "golden"
REFUSED = "002003 (02000): does not exist or not authorized"
BUNDLE = f"bundle {questions.BUNDLES[0]}"


def with_settings(**values: Any) -> Plan:
    plan = planned()
    return replace(plan, settings=replace(plan.settings, **values))


def refused(*names: str) -> Answers:
    """The healthy account, which does not answer these questions."""
    answers = healthy()
    rows = {name: rows for name, rows in answers.rows.items() if name not in names}
    return replace(answers, rows=rows, refused=dict.fromkeys(names, REFUSED))


def empty() -> Answers:
    """An account in which nothing is there, but for a role that lacks one of its privileges."""
    bundles = {name: rows for name, rows in healthy().rows.items() if name.startswith("bundle ")}
    return replace(healthy(), rows={questions.RUN_ROLE_GRANTS: held(RUN_ROLE)[1:], **bundles})


def of_others() -> Plan:
    """A plan that uses what others have."""
    pools = read_settings({"pools": {"P": {"existing": True, "max_nodes": 2}}}, "x").pools
    return with_settings(existing=frozenset({"role", "warehouse", "database"}), pools=pools)


def accounts() -> Iterator[tuple[str, Plan, Answers]]:
    """Situations by name, with the plan and the account's answers."""
    plan = planned()
    yield "nothing is there", plan, replace(empty(), grants=[])
    yield "nothing is there of what others have", of_others(), empty()
    yield "the objects are there, and no privileges", plan, replace(healthy(), grants=[])
    yield "the clock is wrong", plan, replace(healthy(), own_time=NOW + timedelta(minutes=3))
    for kind in ("warehouses", "databases", "roles", "pools"):
        yield f"somebody else's {kind}", plan, one(kind, comment="finance")
    yield "a warehouse that stays suspended", plan, one("warehouses", auto_resume="false")
    yield "a pool that stays suspended", plan, one("pools", state="SUSPENDED", auto_resume="false")
    yield "a pool that resumes", plan, one("pools", state="SUSPENDED")
    yield "a pool that stops", plan, one("pools", state="STOPPING")
    yield "a pool that is too small", plan, one("pools", max_nodes=1)
    yield "a pool under maintenance", plan, with_rows(maintenance=[{"PENDING": '[{"compute_pool": "p", "due": "x"}]'}])
    yield "a disabled integration", plan, one("integrations", enabled="false")
    yield "a disabled notification integration", plan, one(questions.NOTIFICATIONS, enabled="false")
    yield "an address that is not allowed", plan, one(f"{questions.NOTIFICATIONS} MAIL", property_value="x@y.z")
    yield (
        "an alert that is suspended",
        plan,
        with_rows(**{questions.ALERT: [{"name": "WATCH_GRAPHS", "state": "suspended"}]}),
    )
    yield "addresses that are hidden", plan, with_rows(**{questions.USERS: []})
    yield "an address of nobody", plan, one(questions.USERS, email="")
    yield "secrets that are refused", plan, refused("secrets VAULT.KEYS")
    yield "an image that is missing", plan, one("images D.S.IMAGES", tags="2")
    yield "no packages", plan, with_rows(anaconda=[])
    yield "packages and a bundle that are refused", plan, refused(questions.ANACONDA, BUNDLE)


def funded(limit: str = "200", use: BudgetUse | None = None, rows: dict[str, Any] | None = None) -> Answers:
    """An account with a budget and its resource monitor, for a role that may create them."""
    return granted(settled(limit, use, {questions.MONITORS: [MONITOR], **(rows or {})}))


def granted(answers: Answers) -> Answers:
    """The same account, for a role that may create budgets."""
    rows = [
        {"privilege": "USAGE", "granted_on": "DATABASE_ROLE", "name": f"SNOWFLAKE.{name}", "grant_option": "false"}
        for name in ("BUDGET_CREATOR", "USAGE_VIEWER")
    ]
    return replace(answers, grants=[*answers.grants, *rows])


def budgets() -> Iterator[tuple[str, Plan, Answers]]:
    """The same of a stack with a budget."""
    plan = with_settings(budget=Budget(200, suspend=True, notify=("a@b.org",)))
    refusing = dict.fromkeys((questions.BUDGET_USE, questions.BUDGET_LIMIT), REFUSED)
    without = replace(healthy(), refused=refusing)
    yield "a budget that holds", plan, funded()
    yield "a budget that is not there, for a role that may not create it", plan, without
    yield "the same, for an administrator", plan, replace(without, role="ACCOUNTADMIN")
    yield "a limit that is refused", plan, replace(funded(rows={questions.BUDGET_LIMIT: []}), refused=refusing)
    yield "a budget without a limit", plan, funded("-1")
    yield "another limit", plan, funded("150")
    yield "a use that the role may not see", plan, funded(use=BudgetUse(200, None))
    yield "a budget that is exceeded", plan, funded(use=BudgetUse(200, 210))
    used_up = {questions.MONITORS: [{**MONITOR, "used_credits": "205"}]}
    yield "a warehouse that is suspended", plan, funded(use=BudgetUse(200, 205, "W"), rows=used_up)


def lines(plan: Plan, answers: Answers) -> list[str]:
    states = {True: "ok", False: "to do", None: "not certain"}
    return [f"{each.name} | {states[each.ok]} | {each.detail}" for each in findings(plan, answers)]


def test_every_line_of_an_account_is_as_it_was() -> None:
    good = lines(planned(), healthy())
    texts = ["# all is there", *good]
    for name, plan, answers in [*accounts(), *budgets()]:
        texts += ["", f"# {name}", *(line for line in lines(plan, answers) if line not in good)]
    compare(GOLDEN / "lines.txt", "\n".join(texts) + "\n")
