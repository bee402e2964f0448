from __future__ import annotations

import re
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from jobgraph.plan import roles
from jobgraph.settings import Budget, Pool, Settings
from tests import golden
from tests.jobgraph.plan.test_planning import ROOT, planned

if TYPE_CHECKING:
    from pathlib import Path

    from jobgraph.plan.planning import Plan

EXAMPLE = ROOT / "Pulumi.account.yaml.example"
DOCUMENT = ROOT / "docs" / "account.md"


def role(kind: str, plan: Plan | None = None) -> roles.Role:
    return next(each for each in roles.roles(plan or planned(), {}) if each.kind == kind)


def between(file: Path, key: str, text: str) -> None:
    """Hold the lines between a file's two marks of that name against a text; UPDATE_GOLDENS=1 writes them."""
    content = file.read_text("utf-8")
    begin, end = (
        re.search(rf"^.*begin: {key}.*\n", content, re.MULTILINE),
        re.search(rf"^.*end: {key}", content, re.MULTILINE),
    )
    assert begin, key
    assert end, key
    golden.compare(file, f"{content[: begin.end()]}{text}\n{content[end.start() :]}")


@pytest.mark.parametrize("kind", [roles.DEPLOYER, roles.VIEWER, roles.OPERATOR])
def test_the_document_has_the_roles_as_the_plan_has_them(kind: str) -> None:
    between(DOCUMENT, f"privileges of the {kind}", roles.as_markdown(role(kind)))


def test_the_example_of_a_stack_lists_what_the_deploying_role_needs() -> None:
    statements = [f"  #   {statement}" for statement in role(roles.DEPLOYER).sql()]
    between(EXAMPLE, "privileges of the deployer", "\n".join(statements))


@pytest.mark.parametrize("kind", [roles.DEPLOYER, roles.VIEWER, roles.OPERATOR])
def test_a_script_uses_the_administrators_role_before_all_else(kind: str) -> None:
    """The session's own role may be any: it creates no role, and grants nothing on what others own."""
    lines = [line for line in roles.as_sql([role(kind)]).splitlines() if line and not line.startswith("--")]
    assert lines[0].startswith(f"USE ROLE {roles.ADMINISTRATOR};")
    assert lines[1].startswith("CREATE ROLE IF NOT EXISTS")


def test_what_the_deploy_grants_itself_asks_for_no_role() -> None:
    assert all(line.startswith("--") for line in roles.as_sql([role(roles.RUN_ROLE)]).splitlines() if line)


def test_what_is_there_already_needs_other_privileges() -> None:
    settings = Settings(
        existing=("role", "warehouse", "database", "schema", "image_repository"), pools=(Pool("P", existing=True),)
    )
    deployer = role(roles.DEPLOYER, planned(settings=settings))
    privileges = {(need.privilege, need.target) for need in deployer.needs}
    place = 'SCHEMA "PR_CONTAINER_ORCHESTRATION"."PUBLIC"'
    assert ("CREATE TASK", place) in privileges
    assert ("USAGE", 'WAREHOUSE "SMALL_WAREHOUSE"') in privileges
    assert not {"CREATE ROLE", "CREATE WAREHOUSE", "CREATE DATABASE", "CREATE COMPUTE POOL", "CREATE SCHEMA"} & {
        privilege for privilege, _ in privileges
    }
    assert ("CREATE IMAGE REPOSITORY", place) not in privileges
    assert deployer.roles == ("SPCS_DEMO_ROLE",)


def test_a_deploying_role_of_ones_own_gets_the_run_role_and_the_accounts_own_do_not() -> None:
    settings = Settings(parent_roles=("SYSADMIN", "PLATFORM"))
    assert roles.deploying_role("jobgraph_deployer", settings) == ("JOBGRAPH_DEPLOYER",)
    for name in ("ACCOUNTADMIN", "SYSADMIN", "platform", "", "odd name"):
        assert roles.deploying_role(name, settings) == ()


def test_what_the_run_role_is_listed_with_is_what_the_deploy_grants() -> None:
    plan = planned()
    listed = {(need.privilege, need.target) for need in role(roles.RUN_ROLE, plan).needs}
    assert ("CREATE SERVICE", 'SCHEMA "PR_CONTAINER_ORCHESTRATION"."PUBLIC"') in listed
    assert ("USAGE", f"PROCEDURE {plan.drop_superseded.signature}") in listed
    assert len(listed) == 34


def test_a_script_names_every_statement_and_ends_each() -> None:
    script = roles.as_sql(roles.roles(planned(), {roles.OPERATOR: "TEAM"}))
    statements = [line for line in script.splitlines() if line and not line.startswith("--")]
    assert all(line.partition(" --")[0].endswith(";") for line in statements)
    assert 'GRANT ROLE "JOBGRAPH_VIEWER" TO ROLE "TEAM";' in statements
    assert 'GRANT EXECUTE TASK ON ACCOUNT TO ROLE "JOBGRAPH_DEPLOYER" WITH GRANT OPTION;' in statements


def test_a_privilege_is_taken_away_by_the_statement_that_undoes_its_grant() -> None:
    need = next(need for need in role(roles.DEPLOYER).needs if need.option)
    assert need.statements("R", "REVOKE") == [f'REVOKE {need.privilege} ON ACCOUNT FROM ROLE "R"']
    every = replace(need, every="TASKS", option=False, grant=replace(need.grant, object='"D"."S"'))
    assert every.statements("R")[1] == f'GRANT {need.privilege} ON FUTURE TASKS IN SCHEMA "D"."S" TO ROLE "R"'


TOLD = """\
version: 1
defaults: {image: "a:1", compute_pool: PR_STD_POOL_XS}
notify: [{email: [ops@example.com], events: [failure, late], late_after: {time: "07:00", timezone: UTC}}]
graphs:
  g: {schedule: {cron: "0 2 * * *", timezone: UTC}, jobs: {one: {}}}
"""


def test_what_tells_people_of_runs_needs_privileges_of_its_own(tmp_path: Path) -> None:
    told = planned(TOLD, None, tmp_path)
    of_deployer = {need.privilege: need for need in role(roles.DEPLOYER, told).needs}
    of_run_role = {need.privilege for need in role(roles.RUN_ROLE, told).needs}
    assert {"EXECUTE ALERT", "CREATE INTEGRATION"} <= of_deployer.keys()
    assert of_deployer["EXECUTE ALERT"].option
    assert "EXECUTE ALERT" in of_run_role
    plain = {need.privilege for need in role(roles.DEPLOYER).needs}
    assert not {"EXECUTE ALERT", "CREATE INTEGRATION"} & plain


def needs_of(settings: Settings) -> set[tuple[str, str]]:
    deployer = role(roles.DEPLOYER, replace(planned(), settings=settings))
    return {(need.privilege, need.target) for need in deployer.needs}


def test_a_budget_takes_two_database_roles_and_in_a_schema_of_others_a_privilege() -> None:
    there, budget = Settings(existing=("database", "schema")), Budget(200)
    database_roles = {("USAGE", f"DATABASE ROLE SNOWFLAKE.{name}") for name in ("BUDGET_CREATOR", "USAGE_VIEWER")}
    assert needs_of(Settings(budget=budget)) - needs_of(Settings()) == database_roles
    assert needs_of(replace(there, budget=budget)) - needs_of(there) == {
        *database_roles,
        ("CREATE SNOWFLAKE.CORE.BUDGET", f"SCHEMA {there.qualified()}"),
    }


def test_a_database_role_is_granted_and_taken_away_by_its_own_statements() -> None:
    deployer = role(roles.DEPLOYER, replace(planned(), settings=Settings(budget=Budget(200))))
    assert 'GRANT DATABASE ROLE SNOWFLAKE.BUDGET_CREATOR TO ROLE "JOBGRAPH_DEPLOYER"' in list(deployer.sql())
    need = next(need for need in deployer.needs if need.target.endswith("USAGE_VIEWER"))
    assert need.statements("R", "REVOKE") == ['REVOKE DATABASE ROLE SNOWFLAKE.USAGE_VIEWER FROM ROLE "R"']


def test_what_only_an_administrator_may_make_is_said_and_not_granted() -> None:
    plan = replace(planned(), settings=Settings(budget=Budget(200, suspend=True)))
    (remark,) = role(roles.DEPLOYER, plan).remarks
    assert remark.startswith("CREATE RESOURCE MONITOR SMALL_WAREHOUSE_MONITOR (`budget: {suspend: true}`)")
    assert f"-- {remark}\n" in roles.as_sql(roles.roles(plan, {}))
    assert role(roles.DEPLOYER).remarks == ()
    assert role(roles.DEPLOYER, replace(plan, settings=Settings(budget=Budget(200)))).remarks == ()
