"""Findings on the objects that a stack creates: whether a deploy finds each as it expects, absent or its own.

Knows the plan, the columns of SHOW and what a stack's state records. Must not send statements.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from jobgraph.inspection import questions, receivers
from jobgraph.inspection.answers import Finding
from jobgraph.inspection.stack_state import bare
from jobgraph.names import quoted
from jobgraph.plan import history, page

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from jobgraph.inspection.answers import Answers
    from jobgraph.plan.planning import Plan
    from jobgraph.plan.roles import Need
    from jobgraph.settings import Pool

# The start of the comments of a stack's own objects; the stack's mark is at the end (jobgraph.components.stack_mark).
_OURS = "jobgraph:"
_MARK = re.compile(r"\(stack (\w+)\)$")
_POOL, _INTEGRATION = "COMPUTE POOL", "NOTIFICATION INTEGRATION"
# Created by CREATE OR REPLACE.
_REPLACED = frozenset({"ALERT", "STREAMLIT", _INTEGRATION})
# Their comments have no mark.
_UNMARKED = _REPLACED | {"TASK"}
# Restored by each `pulumi up`, without --refresh, if somebody dropped them.
_RESTORED = frozenset({"ALERT", "TABLE"})
# How the settings might name the tables that are created only if they do not exist.
_CONTROL = "control"
# Only the state of the stack could say which: a deploy compares it with the program, and with the account if asked to.
NEW_OR_GONE = "Remedy: `pulumi up` creates it if it is new, `pulumi up --refresh` if somebody dropped it"
_GONE = "does not exist, although this stack has created it: somebody dropped it. Remedy: `pulumi up --refresh`"
# The provider reads views through the login's warehouse, and the dropped one may be that.
_THROUGH_ANOTHER = ", with another warehouse in SNOWFLAKE_WAREHOUSE if the login's is the dropped one"


@dataclass(frozen=True)
class PlannedObject:
    """An object that the deploy creates, or that the settings say exists.

    Attributes:
        kind: The word of its kind in DROP.
        name: The full name, without quotes.
        question: The name of the question whose rows may have it.
        setting: How the settings name it in `existing` and `imported`; empty if they cannot.
        foreign: Whether they do.
    """

    kind: str
    name: str
    question: str
    setting: str = ""
    foreign: bool = False

    @property
    def title(self) -> str:
        """Its kind and name in a report; within the stack's schema, the last part of the name."""
        word = "pool" if self.kind == _POOL else self.kind.lower()
        return f"{word} {self.name if self.kind == 'SCHEMA' else self.name.rpartition('.')[2]}"

    def row(self, answers: Answers) -> Mapping[str, Any] | None:
        """Return its row of SHOW; None if there is none. Names that differ only in case are other objects."""
        last = self.name.rpartition(".")[2]
        return next((row for row in answers.rows.get(self.question, ()) if row["name"] == last), None)


def findings(plan: Plan, answers: Answers) -> Iterator[Finding]:
    """Yield a finding on role, warehouse, database and schema, and on everything below them that is not well."""
    if answers.state_problem:
        yield Finding("state of the stack", ok=None, detail=answers.state_problem)
    for planned in _containers(plan):
        yield object_finding(planned, plan, answers)
    warehouse = next(
        (row for row in answers.rows.get("warehouses", ()) if row["name"] == plan.settings.warehouse), None
    )
    if warehouse and str(warehouse["auto_resume"]).lower() == "false" and str(warehouse["state"]) != "STARTED":
        remedy = f'ALTER WAREHOUSE "{plan.settings.warehouse}" SET AUTO_RESUME = TRUE'
        name = f"warehouse {plan.settings.warehouse}"
        yield Finding(name, ok=False, detail=f"is suspended and stays suspended: {remedy}")
    yield from _contents(plan, answers)


def pool_object(pool: Pool) -> PlannedObject:
    """Return a compute pool as a planned object."""
    return PlannedObject(_POOL, pool.name, "pools", "pool", pool.existing or pool.imported)


def _containers(plan: Plan) -> Iterator[PlannedObject]:
    settings = plan.settings
    for setting, question, name in (
        ("role", "roles", settings.role),
        ("warehouse", "warehouses", settings.warehouse),
        ("database", "databases", settings.database),
        ("schema", "schemas", f"{settings.database}.{settings.schema}"),
    ):
        foreign = setting in settings.existing or setting in settings.imported
        yield PlannedObject(setting.upper(), name, question, setting, foreign)


def _contents(plan: Plan, answers: Answers) -> Iterator[Finding]:
    """Yield what is wrong with integrations and with objects in the stack's schema; one finding if nothing is."""
    settings = plan.settings
    planned = list(_integrations(plan))
    if any(row["name"] == settings.schema for row in answers.rows.get("schemas", ())):
        planned += _in_schema(plan)
    existing = [each for each in planned if each.row(answers) is not None]
    wrong = [finding for each in existing if (finding := object_finding(each, plan, answers)).ok is not True]
    lost = [Finding(each.title, ok=False, detail=_GONE) for each in planned if _is_gone(each, answers)]
    yield from (*wrong, *lost)
    if existing and not wrong and not lost:
        name = f"objects in {settings.database}.{settings.schema}"
        yield Finding(name, ok=True, detail=f"{len(existing)} of {len(planned)} there, none of others")


def _integrations(plan: Plan) -> Iterator[PlannedObject]:
    for integration in plan.notifying.integrations:
        yield PlannedObject(_INTEGRATION, integration.name, questions.NOTIFICATIONS)


def _in_schema(plan: Plan) -> Iterator[PlannedObject]:
    settings = plan.settings
    objects = [
        ("STAGE", settings.stage, "stages", "stage"),
        ("IMAGE REPOSITORY", settings.image_repository, "repositories", "image_repository"),
        *(("TABLE", name, "tables", "history") for name in settings.history_tables),
        *(("TABLE", name, "tables", _CONTROL) for name in settings.control_tables),
        *(("VIEW", view.name, "views", "") for view in history.views(settings)),
        ("FUNCTION", settings.task_runs_function, "functions", ""),
        *(("TASK", task.name, "tasks", "") for graph in plan.graphs for task in graph.all_tasks),
        *([("ALERT", settings.alert, questions.ALERT, "")] if plan.alert is not None else []),
        *([("STREAMLIT", page.NAME, "streamlits", "")] if settings.page else []),
    ]
    for kind, name, question, setting in objects:
        foreign = setting in settings.existing or setting in settings.imported
        yield PlannedObject(kind, f"{settings.database}.{settings.schema}.{name}", question, setting, foreign)


def object_finding(planned: PlannedObject, plan: Plan, answers: Answers) -> Finding:
    """Return the finding on an object that the stack creates or uses."""
    row = planned.row(answers)
    if row is None:
        return _absent(planned, plan, answers)
    if planned.foreign:
        return Finding(planned.title, ok=True, detail="there")
    if not _is_own(planned, row, answers):
        return _outside(planned, row, plan, answers)
    if not _is_held(row, plan, answers):
        detail = (
            f"belongs to role {row['owner']}, which {answers.role} does not have, so what changes or fills it is"
            f" refused: GRANT OWNERSHIP ON {planned.kind} {quoted(*planned.name.split('.'))} TO ROLE"
            f" {quoted(answers.role)} COPY CURRENT GRANTS, or deploy with that role"
        )
        return Finding(planned.title, ok=False, detail=detail)
    return Finding(planned.title, ok=True, detail="there")


def is_marked(row: Mapping[str, Any] | None) -> bool:
    """Return whether an object has the comment of one that a stack has created."""
    return row is not None and _comment(row).startswith(_OURS)


def is_restored(need: Need, answers: Answers) -> bool:
    """Return whether a privilege is on a table that somebody dropped: the next deploy restores both."""
    names = {row["name"] for row in answers.rows.get("tables", ())}
    return need.grant.object_type == "TABLE" and bare(need.grant.object).rpartition(".")[2] not in names


def _is_held(row: Mapping[str, Any], plan: Plan, answers: Answers) -> bool:
    """Return whether the deploy has the role that owns an object; True if the row does not say."""
    owner = str(row.get("owner") or "")
    # the run role owns tasks and alerts from their creation, and the deploy has it
    return not answers.roles or owner in {*answers.roles, plan.settings.role, ""}


def _is_own(planned: PlannedObject, row: Mapping[str, Any], answers: Answers) -> bool:
    """Return whether this stack has created an object, or takes it as it is."""
    mark, state = _mark(row), answers.state
    if planned.setting == _CONTROL:
        return True
    if state is None:
        return is_marked(row) or planned.kind in _UNMARKED
    return (planned.kind, bare(planned.name)) in state.objects and mark in {"", state.mark}


def _outside(planned: PlannedObject, row: Mapping[str, Any], plan: Plan, answers: Answers) -> Finding:
    """Return the finding on an object that exists although this stack has not created it."""
    mark, owner, state = _mark(row), str(row.get("owner") or ""), answers.state
    if state is not None and mark and mark == state.mark:
        detail = "was left by an interrupted deploy of this stack: the next one makes it anew if nothing is in it"
        return Finding(planned.title, ok=None, detail=detail)
    facts = [f"stack {mark} made it"] * bool(mark) + [f"role {owner} owns it"] * bool(owner)
    there = "it exists already, outside this stack" + (f" ({', '.join(facts)})" if facts else "")
    if planned.kind in _REPLACED and _is_held(row, plan, answers):
        detail = f"{there}: the deploy replaces it if its role owns it, and fails otherwise"
        return Finding(planned.title, ok=None, detail=f"{detail}. If another stack uses it, {_remedy(planned)}")
    if planned.kind == "SCHEMA" and planned.name.endswith(".PUBLIC") and _is_held(row, plan, answers):
        detail = f"{there}: the deploy takes it over if nothing is in it, and fails otherwise"
        return Finding(planned.title, ok=None, detail=f"{detail}. Then {_remedy(planned)}")
    return Finding(planned.title, ok=False, detail=f"{there}, so the deploy fails: {_remedy(planned)}")


def _remedy(planned: PlannedObject) -> str:
    if planned.kind == _POOL:
        return "set `existing: true` or `imported: true` in its entry, or use another name"
    if planned.setting in {"stage", "history"}:
        return f"add {planned.setting} to `imported`, or rename it in the settings"
    if planned.setting:
        return f"add {planned.setting} to `existing` or `imported`, or rename it"
    return "give this stack a schema of its own, or drop or rename one of the two"


def _absent(planned: PlannedObject, plan: Plan, answers: Answers) -> Finding:
    if planned.foreign:
        word = "pool" if planned.kind == _POOL else planned.setting
        detail = f"the settings say that it exists, but the role cannot see it: have the {word} created or granted"
        return Finding(planned.title, ok=False, detail=detail)
    through = _THROUGH_ANOTHER if planned.kind == "WAREHOUSE" else ""
    if _is_gone(planned, answers):
        return Finding(planned.title, ok=False, detail=f"{_GONE}{through}")
    if answers.state is None and receivers.has_tasks(plan, answers):
        return Finding(planned.title, ok=None, detail=f"does not exist. {NEW_OR_GONE}{through}")
    deploy = "next" if answers.state is not None and answers.state.objects else "first"
    return Finding(planned.title, ok=True, detail=f"the {deploy} deploy creates it")


def _is_gone(planned: PlannedObject, answers: Answers) -> bool:
    """Return whether the stack has an object that the account does not show."""
    if answers.state is None or planned.row(answers) is not None or planned.question not in answers.rows:
        return False
    if planned.kind in _RESTORED:
        return False
    return (planned.kind, bare(planned.name)) in answers.state.objects


def _mark(row: Mapping[str, Any]) -> str:
    """Return the mark of the stack that has created an object; empty if its comment has none."""
    match = _MARK.search(_comment(row))
    return match[1] if match else ""


def _comment(row: Mapping[str, Any]) -> str:
    return str(row.get("comment") or row.get("description") or "")
