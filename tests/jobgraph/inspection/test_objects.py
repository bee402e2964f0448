"""With the stack's state, what is the stack's own is told from another's, and what is new from what somebody took."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest

from jobgraph.inspection import objects, questions
from jobgraph.inspection.findings import findings
from jobgraph.inspection.stack_state import StackState, target
from jobgraph.plan import history
from jobgraph.plan.roles import RUN_ROLE, roles
from tests.jobgraph.inspection.test_findings import healthy, held, planned

if TYPE_CHECKING:
    from jobgraph.inspection.answers import Answers, Finding

MARK = "12345678"
OWN, ANOTHERS = f"jobgraph: x (stack {MARK})", "jobgraph: x (stack 87654321)"
PLAN = planned()
KINDS = {
    "ROLE": ("roles", "SPCS_DEMO_ROLE"),
    "WAREHOUSE": ("warehouses", "SMALL_WAREHOUSE"),
    "DATABASE": ("databases", "D"),
    "SCHEMA": ("schemas", "D.S"),
    "COMPUTE POOL": ("pools", "P"),
    "STAGE": ("stages", "D.S.JOBS"),
    "IMAGE REPOSITORY": ("repositories", "D.S.IMAGES"),
    "TABLE": ("tables", "D.S.JOBS_RUN_STATS"),
    "VIEW": ("views", f"D.S.{history.views(PLAN.settings)[0].name}"),
    "FUNCTION": ("functions", "D.S.TASK_GRAPH_RUN_STATS"),
    "TASK": ("tasks", "D.S.ONE"),
}
REPLACED = {
    "NOTIFICATION INTEGRATION": (questions.NOTIFICATIONS, "D_S_JOBGRAPH_EMAIL"),
    "ALERT": (questions.ALERT, "D.S.WATCH_GRAPHS"),
}
(ROLE,) = (role for role in roles(PLAN, {}) if role.kind == RUN_ROLE)
GRANTED = frozenset((ROLE.name, need.privilege, target(need.grant)) for need in ROLE.needs)


def deployed() -> Answers:
    """The healthy account as this stack's deploy left it: its state has everything that is there."""
    answers = healthy()
    recorded = {(kind, name) for kind, (_, name) in {**KINDS, **REPLACED}.items()}
    rows = dict(answers.rows)
    for question, name in (*KINDS.values(), *REPLACED.values()):
        row = {"name": name.rpartition(".")[2], "owner": "DEPLOYER", "comment": OWN, "state": "started"}
        first = next(iter(rows.get(question, ())), {})
        rows[question] = [{**first, **row, **({"state": first["state"]} if "state" in first else {})}]
    rows[questions.NOTIFICATIONS] = [dict(row) for row in healthy().rows[questions.NOTIFICATIONS]]
    return replace(
        answers, rows=rows, roles=frozenset({"DEPLOYER"}), state=StackState(MARK, frozenset(recorded), GRANTED)
    )


def wrong(answers: Answers) -> list[Finding]:
    return [finding for finding in findings(PLAN, answers) if finding.ok is not True]


def changed(answers: Answers, question: str, **cells: Any) -> Answers:
    """The same, with cells of a question's rows changed."""
    rows = [{**row, **cells} for row in answers.rows[question]]
    return replace(answers, rows={**answers.rows, question: rows})


def forgotten(answers: Answers, kind: str, name: str, mark: str = MARK) -> Answers:
    """The same, but the state does not have that object."""
    assert answers.state is not None
    return replace(answers, state=replace(answers.state, mark=mark, objects=answers.state.objects - {(kind, name)}))


def test_a_deployed_stack_has_nothing_to_do() -> None:
    assert wrong(deployed()) == []
    (line,) = (each for each in findings(PLAN, deployed()) if each.name == "objects in D.S")
    assert line.ok


@pytest.mark.parametrize("kind", KINDS)
def test_an_object_of_the_name_that_this_stack_has_not_made_fails_the_deploy(kind: str) -> None:
    question, name = KINDS[kind]
    for comment, words in ((ANOTHERS, "stack 87654321 made it"), ("finance", "role DEPLOYER owns it")):
        answers = forgotten(changed(deployed(), question, comment=comment), kind, name)
        (finding,) = wrong(answers)
        assert finding.ok is False
        assert words in finding.detail
        assert "so the deploy fails: " in finding.detail
        assert finding.name.endswith(name if kind == "SCHEMA" else name.rpartition(".")[2])


@pytest.mark.parametrize("kind", sorted(KINDS.keys() - {"TASK"}))
def test_one_that_was_made_anew_by_another_stack_is_not_this_one_s(kind: str) -> None:
    (finding,) = wrong(changed(deployed(), KINDS[kind][0], comment=ANOTHERS))
    assert finding.ok is False
    assert "stack 87654321 made it" in finding.detail


@pytest.mark.parametrize("kind", sorted(KINDS))
def test_an_owner_that_the_deploy_does_not_have_is_told_with_the_grant(kind: str) -> None:
    (finding,) = wrong(changed(deployed(), KINDS[kind][0], owner="FINANCE"))
    quoted = '"' + KINDS[kind][1].replace(".", '"."') + '"'
    assert finding.ok is False
    assert "belongs to role FINANCE, which DEPLOYER does not have" in finding.detail
    assert f'GRANT OWNERSHIP ON {kind} {quoted} TO ROLE "DEPLOYER"' in finding.detail
    assert (
        wrong(changed(replace(deployed(), roles=frozenset({"DEPLOYER", "FINANCE"})), KINDS[kind][0], owner="FINANCE"))
        == []
    )


def test_the_run_role_owns_tasks() -> None:
    assert wrong(changed(deployed(), "tasks", owner="SPCS_DEMO_ROLE")) == []


@pytest.mark.parametrize("kind", REPLACED)
def test_what_a_deploy_would_replace_is_told(kind: str) -> None:
    question, name = REPLACED[kind]
    (finding,) = wrong(forgotten(changed(deployed(), question, comment="jobgraph: tells of runs"), kind, name))
    assert finding.ok is None
    assert "the deploy replaces it if its role owns it, and fails otherwise" in finding.detail


def test_what_an_interrupted_deploy_left_is_no_other_s() -> None:
    (finding,) = wrong(forgotten(deployed(), *("STAGE", KINDS["STAGE"][1])))
    assert finding.ok is None
    assert "interrupted deploy of this stack" in finding.detail


@pytest.mark.parametrize("kind", sorted(KINDS.keys() - {"TABLE"}))
def test_what_somebody_dropped_is_told_from_what_is_new(kind: str) -> None:
    question, name = KINDS[kind]
    dropped = replace(deployed(), rows={**deployed().rows, question: []})
    lines = [finding for finding in wrong(dropped) if finding.name.endswith(name.rpartition(".")[2])]
    if kind != "SCHEMA":  # nothing else is asked of a schema that is not there
        assert [finding.ok for finding in lines] == [False]
        assert "somebody dropped it. Remedy: `pulumi up --refresh`" in lines[0].detail
    assert wrong(forgotten(dropped, kind, name)) == []


def test_a_schema_of_every_database_is_taken_over() -> None:
    public = replace(PLAN, settings=replace(PLAN.settings, schema="PUBLIC"))
    answers = deployed()
    rows = {"databases": answers.rows["databases"], "schemas": [{"name": "PUBLIC", "owner": "DEPLOYER", "comment": ""}]}
    for owner, ok in (("DEPLOYER", None), ("FINANCE", False)):
        owned = changed(replace(answers, rows=rows), "schemas", owner=owner)
        (finding,) = (each for each in objects.findings(public, owned) if each.name == "schema D.PUBLIC")
        assert finding.ok is ok


@pytest.mark.parametrize("number", range(len(ROLE.needs)))
def test_a_privilege_of_the_run_role_that_was_revoked_makes_runs_fail(number: int) -> None:
    need = ROLE.needs[number]
    rows = [row for place, row in enumerate(held(RUN_ROLE)) if place != number]
    answers = replace(deployed(), rows={**deployed().rows, questions.RUN_ROLE_GRANTS: rows})
    on_table = need.grant.object_type == "TABLE"
    if on_table:
        name = need.grant.object.rpartition(".")[2].strip('"')
        answers.rows["tables"].append({"name": name, "owner": "DEPLOYER", "comment": OWN})
    lines = [each for each in wrong(answers) if each.name.startswith("run role: ")]
    assert [(each.ok, each.of_runs) for each in lines] == [(False, True)]
    assert "Runs fail." in lines[0].detail
    assert need.statements(ROLE.name)[0] in lines[0].detail


def test_a_privilege_that_the_next_deploy_grants_is_well() -> None:
    rows = held(RUN_ROLE)[1:]
    answers = deployed()
    assert answers.state is not None
    new = replace(
        answers.state,
        privileges=frozenset(sorted(GRANTED - {(ROLE.name, held(RUN_ROLE)[0]["privilege"], ("ACCOUNT", ""))})),
    )
    answers = replace(answers, state=new, rows={**answers.rows, questions.RUN_ROLE_GRANTS: rows})
    assert wrong(answers) == []
    assert any("the next deploy grants it" in each.detail for each in findings(PLAN, answers))


def test_without_the_state_it_is_said_what_is_not_known_and_why() -> None:
    answers = replace(deployed(), state=None, state_problem="could not be read: no stack named 'prod' found")
    (finding,) = wrong(answers)
    assert (finding.name, finding.ok) == ("state of the stack", None)
    assert "no stack named 'prod' found" in finding.detail


def test_a_login_with_another_role_than_the_stack_s_is_told() -> None:
    (finding,) = wrong(replace(deployed(), stack_role="jobgraph_deployer"))
    assert (finding.name, finding.ok) == ("login", False)
    assert "the stack deploys as JOBGRAPH_DEPLOYER" in finding.detail
    assert wrong(replace(deployed(), stack_role="deployer")) == []
