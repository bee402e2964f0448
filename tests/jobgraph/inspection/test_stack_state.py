"""What a stack's state records: the mark, each object that a resource or a step has created, each privilege granted."""

from __future__ import annotations

from typing import Any

from jobgraph.inspection.stack_state import StackState, stack_state
from jobgraph.plan.roles import RUN_ROLE, roles
from tests.jobgraph.inspection.test_findings import planned

MARK = "17924f5c"


def resource(kind: str, label: str = "r", /, **inputs: Any) -> dict[str, Any]:
    """A resource as `pulumi stack export` writes it."""
    token = f"snowflake:index/{kind[0].lower()}{kind[1:]}:{kind}"
    return {"urn": f"urn:pulumi:prod::p::{token}::jobgraph-{label}", "type": token, "id": "x", "inputs": inputs}


def state_of(*resources: dict[str, Any]) -> StackState:
    return stack_state({"version": 3, "deployment": {"resources": list(resources)}})


def test_a_stack_that_was_never_deployed_records_nothing() -> None:
    assert stack_state({"version": 3, "deployment": {"manifest": {}}}) == StackState()


def test_objects_are_recorded_by_kind_and_full_name() -> None:
    step = {**resource("Execute", "stack-mark", execute="SELECT 1"), "id": f"{MARK}-03df"}
    state = state_of(
        step,
        resource("Warehouse", name="W"),
        resource("StageInternal", name="JOBS", database="D", schema="S"),
        resource("Execute", execute='CREATE TABLE IF NOT EXISTS "D"."S"."BACKFILLS" ("ID" TEXT)'),
        resource("Execute", execute='CREATE OR REPLACE NOTIFICATION INTEGRATION "D_S_MAIL" TYPE = EMAIL'),
        {**resource("Warehouse", name="REPLACED"), "delete": True},
    )
    assert state.mark == MARK
    names = {("STAGE", "D.S.JOBS"), ("TABLE", "D.S.BACKFILLS"), ("NOTIFICATION INTEGRATION", "D_S_MAIL")}
    assert state.objects == {("WAREHOUSE", "W"), *names}


def test_every_privilege_of_the_run_role_is_found_as_the_provider_records_it() -> None:
    (role,) = (role for role in roles(planned(), {}) if role.kind == RUN_ROLE)
    for need in role.needs:
        grant = need.grant
        on: dict[str, dict[str, Any]] = {
            "account": {"onAccount": True},
            "account object": {"onAccountObject": {"objectType": grant.object_type, "objectName": grant.object}},
            "schema": {"onSchema": {"schemaName": grant.object}},
            "schema object": {"onSchemaObject": {"objectType": grant.object_type, "objectName": grant.object}},
        }
        inputs = {"accountRoleName": role.name, "privileges": list(grant.privileges), **on[grant.level.value]}
        state = state_of(resource("GrantPrivilegesToAccountRole", **inputs))
        assert state.has_granted(role.name, grant), need
        assert not state.has_granted("OTHER", grant)
        assert sum(state.has_granted(role.name, other.grant) for other in role.needs) == 1, need
