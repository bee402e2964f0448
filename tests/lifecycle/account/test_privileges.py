"""The privileges that `jobgraph privileges` lists are enough, and each is needed: on a sandbox that enforces them.

One project and one deployment: first the steps that fail for want of a privilege, then the whole life of a stack.
"""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Any

import pytest

from jobgraph.errors import EXIT_RUNS_FAIL
from jobgraph.plan.roles import DEPLOYER, OPERATOR, VIEWER
from tests.lifecycle import project as projects
from tests.lifecycle import stack

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.lifecycle.project import Project

# The resource that the deploy names when the privilege is missing.
STEPS = {
    "CREATE ROLE": "AccountRole jobgraph-SPCS_DEMO_ROLE",
    "CREATE WAREHOUSE": "Warehouse jobgraph-SMALL_WAREHOUSE",
    "CREATE COMPUTE POOL": "ComputePool jobgraph-PR_STD_POOL_S",
    "CREATE DATABASE": "Database jobgraph-PR_CONTAINER_ORCHESTRATION",
    "EXECUTE MANAGED TASK": "GrantPrivilegesToAccountRole jobgraph-SPCS_DEMO_ROLE-account",
    "EXECUTE TASK": "GrantPrivilegesToAccountRole jobgraph-SPCS_DEMO_ROLE-account",
    "MANAGE GRANTS": "GrantOwnership jobgraph-owner-of-tasks",
}
PASSWORD = "Wide-open-1"


class Account:
    """A project whose administrator and people have logins of their own."""

    def __init__(self, project: Project) -> None:
        self.project = project
        self._administrator = dict(project.environment)

    def administrate(self, *statements: str) -> None:
        """Run statements as the administrator."""
        environment, self.project.environment = self.project.environment, dict(self._administrator)
        with self.project.connect() as connection:
            for statement in statements:
                connection.cursor().execute(statement)
        self.project.environment = environment

    def give(self, kind: str, role: str) -> None:
        """Make a role, by the program's own script, and a user who has nothing else, and log in as that user."""
        script = self.project.jobgraph("privileges", "--environment", "dev", "--role", kind, "--sql").stdout
        statements = [line.partition("--")[0].strip().rstrip(";") for line in script.splitlines()]
        user = f"{role}_USER"
        self.administrate(
            *filter(None, statements),
            f"CREATE USER {user} PASSWORD = '{PASSWORD}' DEFAULT_ROLE = '{role}'",
            f"GRANT ROLE {role} TO USER {user}",
        )
        self.become(user, role)

    def become(self, user: str, role: str) -> None:
        """Log in as somebody else from now on."""
        self.project.environment |= {"SNOWFLAKE_USER": user, "SNOWFLAKE_PASSWORD": PASSWORD, "SNOWFLAKE_ROLE": role}

    def needs(self, kind: str) -> list[dict[str, Any]]:
        """What the program lists for a kind of role."""
        (role,) = json.loads(self.project.jobgraph("privileges", "-e", "dev", "--role", kind, "--json").stdout)
        needs: list[dict[str, Any]] = role["privileges"]
        return needs


@pytest.fixture(scope="module")
def account(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Account]:
    """Nothing is deployed, and the deploying role has what is listed and no more."""
    folder: Path = tmp_path_factory.mktemp("privileges") / "project"
    project = projects.make(folder, forking=True)
    try:
        prepared = Account(project)
        prepared.give(DEPLOYER, "JOBGRAPH_DEPLOYER")
        yield prepared
    finally:
        project.jobgraph("sandbox", "stop", check=False)


def test_each_privilege_of_the_deploying_role_is_missed_by_a_step_that_names_it(account: Account) -> None:
    needs = account.needs(DEPLOYER)
    assert {need["privilege"] for need in needs} == set(STEPS)
    for need in needs:
        (grant,) = need["statements"]
        revoke = grant.replace("GRANT", "REVOKE", 1).replace(" TO ", " FROM ").replace(" WITH GRANT OPTION", "")
        account.administrate(revoke)
        warned = account.project.jobgraph("doctor", "--account", "-e", "dev", check=False)
        assert warned.returncode == 1
        assert grant in warned.stdout
        done = account.project.pulumi("up", "--yes", "--skip-preview", check=False)
        account.administrate(grant)
        text = done.stdout + done.stderr
        assert done.returncode != 0, need
        lacking = {line for line in text.splitlines() if line.startswith("    warning: role JOBGRAPH_DEPLOYER lacks ")}
        assert len(lacking) == 1, text
        assert need["privilege"] in lacking.pop()
        assert f"{STEPS[need['privilege']]} **creating failed**" in text, text
        account.project.pulumi("destroy", "--yes", "--skip-preview")


def test_the_whole_life_of_a_stack_under_a_role_with_exactly_the_listed_privileges(account: Account) -> None:
    project = account.project
    project.up()
    stack.unchanged(project)
    project.jobgraph("run", "--wait")
    healthy = project.jobgraph("doctor", "--account", "-e", "dev")
    assert re.search(r"run role SPCS_DEMO_ROLE +ok +has its \d+ privileges", healthy.stdout)
    assert "role JOBGRAPH_DEPLOYER" in healthy.stdout
    what_somebody_else_did_is_told(account)
    operator_and_viewer(account)
    project.edit("results_4", "results_four")
    project.up()
    project.pulumi("refresh", "--yes", "--skip-preview")
    project.pulumi("preview", "--expect-no-changes")
    stack.choose(project, role="OTHER_ROLE")
    project.up()
    assert {row["owner"] for row in project.query(f"SHOW TASKS IN SCHEMA {stack.PLACE}")} == {"OTHER_ROLE"}
    project.pulumi("destroy", "--yes", "--skip-preview")


def what_somebody_else_did_is_told(account: Account) -> None:
    """A privilege revoked from the run role fails runs; a schema or a stage of another owner fails the deploy."""

    def doctor() -> tuple[int, str]:
        done = account.project.jobgraph("doctor", "--account", "-e", "dev", check=False)
        return done.returncode, done.stdout

    usage = "USAGE ON WAREHOUSE SMALL_WAREHOUSE"
    account.administrate(f"REVOKE {usage} FROM ROLE SPCS_DEMO_ROLE")
    code, text = doctor()
    assert code == EXIT_RUNS_FAIL, text
    assert re.search(r"run role: USAGE on WAREHOUSE SMALL_WAREHOUSE +to do .*Runs fail", text), text
    account.project.pulumi("up", "--yes", "--skip-preview", "--refresh")
    assert doctor()[0] == 0
    for kind, name in (("SCHEMA", stack.PLACE), ("STAGE", f"{stack.PLACE}.JOBS")):
        change = f"GRANT OWNERSHIP ON {kind} {name} TO ROLE {{}} COPY CURRENT GRANTS"
        account.administrate(change.format("SYSADMIN"))
        code, text = doctor()
        assert code == 1, text
        assert "belongs to role SYSADMIN, which JOBGRAPH_DEPLOYER does not have" in text
        account.administrate(change.format("JOBGRAPH_DEPLOYER"))
    assert doctor()[0] == 0


def operator_and_viewer(account: Account) -> None:
    """A viewer sees runs and may start none; an operator may."""
    project = account.project
    account.give(VIEWER, "JOBGRAPH_VIEWER")
    for command in (("status",), ("history",), ("logs", "t_myjob_1")):
        project.jobgraph(*command)
    refused = project.jobgraph("run", check=False)
    assert refused.returncode == 1
    assert "Insufficient privileges" in refused.stderr
    account.give(OPERATOR, "JOBGRAPH_OPERATOR")
    project.jobgraph("run", "--only", "t_myjob_1", "--wait")
    project.jobgraph("suspend")
    project.jobgraph("resume")
    account.become("JOBGRAPH_DEPLOYER_USER", "JOBGRAPH_DEPLOYER")


def test_what_messages_need_is_named_if_the_deploying_role_lacks_it(account: Account) -> None:
    project = account.project
    account.administrate("CREATE USER OPS EMAIL = 'ops@example.org'")
    file = project.folder / "jobconfig.yaml"
    file.write_text(f"{file.read_text()}notify: [{{email: [ops@example.org], events: [failure]}}]\n")
    done = project.pulumi("up", "--yes", "--skip-preview", check=False)
    assert done.returncode != 0
    assert "role JOBGRAPH_DEPLOYER lacks CREATE INTEGRATION. An administrator" in done.stdout, done.stdout
    assert 'GRANT CREATE INTEGRATION ON ACCOUNT TO ROLE "JOBGRAPH_DEPLOYER"' in done.stdout
