"""Grants of privileges and of ownership: their statements for every form of target, updates, and missing privileges."""

from typing import Any

import pytest

from jobgraph.toolchain.standins.provider.errors import SnowflakeError
from jobgraph.toolchain.standins.provider.lifecycle import Lifecycle
from jobgraph.toolchain.standins.provider.resources import BY_TOKEN

PRIVILEGES = BY_TOKEN["snowflake:index/grantPrivilegesToAccountRole:GrantPrivilegesToAccountRole"]
OWNERSHIP = BY_TOKEN["snowflake:index/grantOwnership:GrantOwnership"]
Row = dict[str, Any]

TARGETS = [
    ({"onAccount": True}, "ACCOUNT", "SHOW GRANTS ON ACCOUNT", "OnAccount"),
    (
        {"onAccountObject": {"objectType": "WAREHOUSE", "objectName": "W"}},
        'WAREHOUSE "W"',
        'SHOW GRANTS ON WAREHOUSE "W"',
        'OnAccountObject|WAREHOUSE|"W"',
    ),
    (
        {"onAccountObject": {"objectType": "compute pool", "objectName": "P"}},
        'COMPUTE POOL "P"',
        'SHOW GRANTS ON COMPUTE POOL "P"',
        'OnAccountObject|COMPUTE POOL|"P"',
    ),
    (
        {"onSchema": {"schemaName": "D.S"}},
        'SCHEMA "D"."S"',
        'SHOW GRANTS ON SCHEMA "D"."S"',
        'OnSchema|OnSchema|"D"."S"',
    ),
    (
        {"onSchema": {"allSchemasInDatabase": "D"}},
        'ALL SCHEMAS IN DATABASE "D"',
        "",
        'OnSchema|OnAllSchemasInDatabase|"D"',
    ),
    (
        {"onSchema": {"futureSchemasInDatabase": "D"}},
        'FUTURE SCHEMAS IN DATABASE "D"',
        'SHOW FUTURE GRANTS IN DATABASE "D"',
        'OnSchema|OnFutureSchemasInDatabase|"D"',
    ),
    (
        {"onSchemaObject": {"objectType": "IMAGE REPOSITORY", "objectName": '"D"."S"."X"'}},
        'IMAGE REPOSITORY "D"."S"."X"',
        'SHOW GRANTS ON IMAGE REPOSITORY "D"."S"."X"',
        'OnSchemaObject|OnObject|IMAGE REPOSITORY|"D"."S"."X"',
    ),
    (
        {"onSchemaObject": {"objectType": "PROCEDURE", "objectName": '"D"."S"."P"(VARCHAR, NUMBER)'}},
        'PROCEDURE "D"."S"."P"(VARCHAR, NUMBER)',
        'SHOW GRANTS ON PROCEDURE "D"."S"."P"(VARCHAR, NUMBER)',
        'OnSchemaObject|OnObject|PROCEDURE|"D"."S"."P"(VARCHAR, NUMBER)',
    ),
    (
        {"onSchemaObject": {"all": {"objectTypePlural": "TABLES", "inSchema": "D.S"}}},
        'ALL TABLES IN SCHEMA "D"."S"',
        "",
        'OnSchemaObject|OnAll|TABLES|InSchema|"D"."S"',
    ),
    (
        {"onSchemaObject": {"future": {"objectTypePlural": "TABLES", "inDatabase": "D"}}},
        'FUTURE TABLES IN DATABASE "D"',
        'SHOW FUTURE GRANTS IN DATABASE "D"',
        'OnSchemaObject|OnFuture|TABLES|InDatabase|"D"',
    ),
]


def grant(target: Row, *privileges: str, **values: Any) -> Row:
    return {"accountRoleName": "R", "privileges": list(privileges)} | target | values


def row(privilege: str, **columns: Any) -> Row:
    return {
        "privilege": privilege,
        "granted_on": "TABLE",
        "granted_to": "ROLE",
        "grantee_name": "R",
        "grant_option": "false",
        "granted_by": "ACCOUNTADMIN",
    } | columns


def future(privilege: str, grant_on: str = "TABLE") -> Row:
    return {
        "privilege": privilege,
        "grant_on": grant_on,
        "grant_to": "ROLE",
        "grantee_name": "R",
        "grant_option": "false",
    }


@pytest.fixture(autouse=True)
def role(snowflake: Any) -> None:
    snowflake.answers["SHOW ROLES"] = [{"name": "R"}]


@pytest.mark.parametrize(("target", "clause", "shown", "identity"), TARGETS)
def test_a_grant_on_each_form_of_target(  # noqa: PLR0913, PLR0917  # a table of cases
    lifecycle: Lifecycle, snowflake: Any, target: Row, clause: str, shown: str, identity: str
) -> None:
    bulk = "FUTURE" in shown
    rows = [future("USAGE", "SCHEMA"), future("CREATE TABLE", "SCHEMA")] if "SCHEMAS" in clause else []
    snowflake.answers["SHOW FUTURE GRANTS"] = rows or [future("USAGE"), future("CREATE TABLE")]
    snowflake.answers["SHOW GRANTS"] = [row("CREATE TABLE"), row("USAGE")]
    values = grant(target, "usage", "CREATE TABLE")

    resource_id, state = lifecycle.create(PRIVILEGES, values, print)

    assert snowflake.said() == [
        f'GRANT CREATE TABLE, USAGE ON {clause} TO ROLE "R"',
        "SHOW ROLES LIKE 'R'",
        *([shown] if shown else []),
    ]
    assert resource_id == f'"R"|false|false|CREATE TABLE,USAGE|{identity}'
    assert state.outputs == values
    assert bulk == ("FUTURE" in clause)
    imported = lifecycle.read(PRIVILEGES, resource_id, {}, {}, print)
    assert imported
    assert not lifecycle.compare(PRIVILEGES, imported.outputs, values, (), print).changes
    snowflake.said()
    lifecycle.delete(PRIVILEGES, state.outputs, print)
    assert snowflake.said() == [f'REVOKE CREATE TABLE, USAGE ON {clause} FROM ROLE "R"']


def test_all_privileges_and_the_grant_option(lifecycle: Lifecycle, snowflake: Any) -> None:
    values = {"accountRoleName": "R", "allPrivileges": True, "onSchema": {"schemaName": "D.S"}, "withGrantOption": True}

    resource_id, state = lifecycle.create(PRIVILEGES, values, print)

    assert snowflake.said()[0] == 'GRANT ALL PRIVILEGES ON SCHEMA "D"."S" TO ROLE "R" WITH GRANT OPTION'
    assert resource_id == '"R"|true|false|ALL|OnSchema|OnSchema|"D"."S"'
    lifecycle.delete(PRIVILEGES, state.outputs, print)
    assert snowflake.said()[-1] == 'REVOKE ALL PRIVILEGES ON SCHEMA "D"."S" FROM ROLE "R"'


def test_update_revokes_the_option_grants_the_added_and_revokes_the_removed(
    lifecycle: Lifecycle, snowflake: Any
) -> None:
    target = {"onAccountObject": {"objectType": "COMPUTE POOL", "objectName": "P"}}
    snowflake.answers["SHOW GRANTS"] = [row("MONITOR"), row("USAGE"), row("OPERATE")]

    lifecycle.update(PRIVILEGES, "id", grant(target, "USAGE", "OPERATE"), grant(target, "USAGE", "MONITOR"), print)

    assert snowflake.said() == [
        'REVOKE GRANT OPTION FOR MONITOR ON COMPUTE POOL "P" FROM ROLE "R"',
        'GRANT MONITOR ON COMPUTE POOL "P" TO ROLE "R"',
        'REVOKE OPERATE ON COMPUTE POOL "P" FROM ROLE "R"',
        "SHOW ROLES LIKE 'R'",
        'SHOW GRANTS ON COMPUTE POOL "P"',
    ]


@pytest.mark.parametrize(
    "held",
    [
        [row("SELECT")],
        [row("SELECT"), row("INSERT", grant_option="true")],
        [row("SELECT"), row("INSERT", granted_by="")],
        [row("SELECT"), row("INSERT", grantee_name="OTHER")],
        [row("SELECT"), row("INSERT", granted_to="USER")],
    ],
)
def test_refresh_finds_a_missing_privilege_and_up_grants_it_again(
    lifecycle: Lifecycle, snowflake: Any, held: list[Row]
) -> None:
    values = grant({"onSchemaObject": {"objectType": "TABLE", "objectName": "D.S.T"}}, "INSERT", "SELECT")
    snowflake.answers["SHOW GRANTS"] = held

    refreshed = lifecycle.read(PRIVILEGES, "id", values, values, print)

    assert refreshed
    assert refreshed.outputs["privileges"] == ["SELECT"]
    assert lifecycle.compare(PRIVILEGES, refreshed.outputs, values, (), print).changed == {"privileges"}
    snowflake.said()
    lifecycle.update(PRIVILEGES, "id", refreshed.outputs, values, print)
    assert snowflake.said()[1] == 'GRANT INSERT ON TABLE "D"."S"."T" TO ROLE "R"'


@pytest.mark.parametrize(("change", "replaces"), [("onSchema", True), ("accountRoleName", True), ("privileges", False)])
def test_another_target_or_role_needs_a_new_grant(*, lifecycle: Lifecycle, change: str, replaces: bool) -> None:
    olds = grant({"onSchema": {"schemaName": "D.S"}}, "USAGE")
    new = {"onSchema": {"schemaName": '"D"."S2"'}, "accountRoleName": "R2", "privileges": ["MODIFY"]}[change]

    found = lifecycle.compare(PRIVILEGES, olds, olds | {change: new}, (), print)

    assert found.changed == {change}
    assert bool(found.replaces) == replaces


def test_the_spelling_of_privileges_and_names_is_no_change(lifecycle: Lifecycle) -> None:
    olds = grant({"onSchema": {"schemaName": '"D"."S"'}}, "USAGE", "CREATE TABLE")
    news = grant({"onSchema": {"schemaName": '"D"."S"'}}, "create table", "USAGE") | {"accountRoleName": '"R"'}

    assert not lifecycle.compare(PRIVILEGES, olds, news, (), print).changes


def test_always_apply_grants_again_at_every_run(lifecycle: Lifecycle, snowflake: Any) -> None:
    target = {"onSchemaObject": {"all": {"objectTypePlural": "TABLES", "inSchema": "D.S"}}}
    values = grant(target, "SELECT", alwaysApply=True)
    assert lifecycle.compare(PRIVILEGES, values, values, (), print).changed

    lifecycle.update(PRIVILEGES, "id", values, values, print)

    assert snowflake.said()[0] == 'GRANT SELECT ON ALL TABLES IN SCHEMA "D"."S" TO ROLE "R"'


def test_a_grant_whose_object_or_role_is_gone_is_gone(
    lifecycle: Lifecycle, snowflake: Any, absent: SnowflakeError
) -> None:
    values = grant({"onSchema": {"schemaName": "D.S"}}, "USAGE")
    snowflake.faults["SHOW GRANTS"] = absent
    assert lifecycle.read(PRIVILEGES, "id", values, values, print) is None

    snowflake.faults = {}
    snowflake.answers["SHOW ROLES"] = []
    assert lifecycle.read(PRIVILEGES, "id", values, values, print) is None


def test_another_failure_of_show_grants_is_a_failure(lifecycle: Lifecycle, snowflake: Any) -> None:
    values = grant({"onSchema": {"schemaName": "D.S"}}, "USAGE")
    second_form = "Object does not exist, or operation cannot be performed."
    snowflake.faults["SHOW GRANTS"] = SnowflakeError(2043, "02000", second_form)

    with pytest.raises(SnowflakeError, match="002043"):
        lifecycle.read(PRIVILEGES, "id", values, values, print)


@pytest.mark.parametrize(
    ("values", "wrong"),
    [
        ({"accountRoleName": "R", "privileges": ["USAGE"]}, "onAccount"),
        ({"accountRoleName": "R", "onAccount": True}, "privileges"),
        ({"accountRoleName": "R", "onAccount": True, "privileges": ["A"], "allPrivileges": True}, "privileges"),
        ({"accountRoleName": "R", "privileges": ["A"], "onSchema": {}}, "onAccount"),
        ({"accountRoleName": "R", "privileges": ["A"], "onSchemaObject": {"objectName": "D.S.T"}}, "onSchemaObject"),
        (
            {"accountRoleName": "R", "privileges": ["A"], "onSchemaObject": {"all": {"objectTypePlural": "TABLES"}}},
            "onSchemaObject",
        ),
    ],
)
def test_an_incomplete_grant_is_refused(values: Row, wrong: str) -> None:
    assert wrong in [failure.name for failure in PRIVILEGES.check(values)]


def owned(on: Row, **values: Any) -> Row:
    return {"accountRoleName": "R", "on": on} | values


def test_future_ownership_is_granted_and_revoked(lifecycle: Lifecycle, snowflake: Any) -> None:
    snowflake.answers["SHOW FUTURE GRANTS"] = [future("OWNERSHIP", "TASK")]
    values = owned({"future": {"objectTypePlural": "TASKS", "inSchema": '"D"."S"'}})

    resource_id, state = lifecycle.create(OWNERSHIP, values, print)

    assert snowflake.said() == [
        'GRANT OWNERSHIP ON FUTURE TASKS IN SCHEMA "D"."S" TO ROLE "R"',
        'SHOW FUTURE GRANTS IN SCHEMA "D"."S"',
    ]
    assert resource_id == 'ToAccountRole|"R"||OnFuture|TASKS|InSchema|"D"."S"'
    lifecycle.delete(OWNERSHIP, state.outputs, print)
    assert snowflake.said() == ['REVOKE OWNERSHIP ON FUTURE TASKS IN SCHEMA "D"."S" FROM ROLE "R"']
    snowflake.answers["SHOW FUTURE GRANTS"] = [future("OWNERSHIP", "TABLE")]
    assert lifecycle.read(OWNERSHIP, resource_id, values, values, print) is None


def test_ownership_of_an_object_goes_back_to_us(lifecycle: Lifecycle, snowflake: Any) -> None:
    snowflake.answers["SHOW GRANTS ON STAGE"] = [row("OWNERSHIP")]
    snowflake.answers["SELECT CURRENT_ROLE()"] = [{"CURRENT_ROLE": "DEPLOYER"}]
    values = owned({"objectType": "STAGE", "objectName": "D.S.X"}, outboundPrivileges="COPY")

    _, state = lifecycle.create(OWNERSHIP, values, print)
    lifecycle.delete(OWNERSHIP, state.outputs, print)

    assert snowflake.said() == [
        'GRANT OWNERSHIP ON STAGE "D"."S"."X" TO ROLE "R" COPY CURRENT GRANTS',
        'SHOW GRANTS ON STAGE "D"."S"."X"',
        "SELECT CURRENT_ROLE() as CURRENT_ROLE",
        'GRANT OWNERSHIP ON STAGE "D"."S"."X" TO ROLE "DEPLOYER" COPY CURRENT GRANTS',
    ]


@pytest.mark.parametrize("may_resume", [True, False])
def test_a_tasks_new_owner_suspends_its_root_and_resumes_it_only_where_we_still_may(
    *, lifecycle: Lifecycle, snowflake: Any, may_resume: bool
) -> None:
    task = {
        "name": "T",
        "database_name": "D",
        "schema_name": "S",
        "state": "started",
        "warehouse": "W",
        "predecessors": "[]",
        "task_relations": '{"Predecessors":[]}',
    }
    mine = row("OWNERSHIP", grantee_name="DEPLOYER")
    operate = [row("OPERATE", grantee_name="DEPLOYER")] if may_resume else []
    snowflake.answers |= {
        "SHOW TASKS": [task],
        "SHOW GRANTS ON TASK": [mine, *operate, row("OWNERSHIP")],
        "SHOW GRANTS ON ACCOUNT": [row("EXECUTE TASK", grantee_name="DEPLOYER")],
        "SHOW GRANTS ON WAREHOUSE": [row("USAGE", grantee_name="DEPLOYER")],
        "SELECT CURRENT_ROLE()": [{"CURRENT_ROLE": "DEPLOYER"}],
    }

    lifecycle.create(OWNERSHIP, owned({"objectType": "TASK", "objectName": "D.S.T"}), print)

    assert snowflake.said() == [
        'SHOW GRANTS ON TASK "D"."S"."T"',
        "SHOW GRANTS ON ACCOUNT",
        "SELECT CURRENT_ROLE() as CURRENT_ROLE",
        'SHOW TASKS LIKE \'T\' IN SCHEMA "D"."S"',
        'SHOW GRANTS ON WAREHOUSE "W"',
        'SHOW TASKS LIKE \'T\' IN SCHEMA "D"."S"',
        'ALTER TASK "D"."S"."T" SUSPEND',
        'GRANT OWNERSHIP ON TASK "D"."S"."T" TO ROLE "R"',
        *(['ALTER TASK "D"."S"."T" RESUME'] if may_resume else []),
        'SHOW GRANTS ON TASK "D"."S"."T"',
    ]
