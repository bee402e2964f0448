"""The run role has exactly what runs need: with all of it they are good, and what a run needs at once is
missed by a real one.

Tasks, containers, procedures and messages run on a sandbox that enforces privileges. What Snowflake says of a refusal
names the object at best; `jobgraph doctor --account` names the privilege, and its finding is looked at here, too.
"""

from __future__ import annotations

import re
from datetime import UTC, datetime
from itertools import combinations
from typing import TYPE_CHECKING, Any

import pytest
import yaml
from snowflake_sandbox.errors import SnowflakeError

from jobgraph.inspection.answers import Answers
from jobgraph.inspection.findings import findings
from jobgraph.inspection.questions import RUN_ROLE_GRANTS, show_grants
from jobgraph.plan.roles import RUN_ROLE, roles
from tests.runner.deployed import DEFAULTS, Deployed, deployed, write_image

if TYPE_CHECKING:
    from collections.abc import Iterator

    from jobgraph.inspection.answers import Finding
    from jobgraph.plan.roles import Need

pytestmark = pytest.mark.sandbox

JOBS: dict[str, dict[str, Any]] = {
    "managed": {"args": ["nothing"]},
    "direct": {"args": ["nothing"], "runner": "direct"},
}


class RunRole:
    """A graph whose tasks belong to a role that has what the program lists."""

    def __init__(self, graph: Deployed) -> None:
        self.graph = graph
        (role,) = (role for role in roles(graph.planned, {}) if role.kind == RUN_ROLE)
        self.name, self.needs = role.name, role.needs
        dropping = graph.planned.drop_superseded
        graph.rows("CREATE USER OPS EMAIL = 'ops@example.org'")
        for integration in graph.planned.notifying.integrations:
            graph.rows(integration.create)
            graph.rows(integration.settle)
        graph.rows(
            f"CREATE PROCEDURE {dropping.full_name}({', '.join(f'{name} VARCHAR' for name in dropping.arguments)})"
            " RETURNS VARCHAR LANGUAGE PYTHON RUNTIME_VERSION = '3.11' PACKAGES = ('snowflake-snowpark-python')"
            f" HANDLER = 'main' EXECUTE AS {dropping.execute_as} AS $${dropping.source}$$"
        )
        graph.rows(f"CREATE ROLE {self.name}")
        graph.rows(f"GRANT ROLE {self.name} TO ROLE SYSADMIN")
        for need in self.needs:
            self.change(need, "GRANT")
        graph.rows(f"GRANT OWNERSHIP ON ALL TASKS IN SCHEMA D.S TO ROLE {self.name} COPY CURRENT GRANTS")
        graph.rows(f"SELECT SYSTEM$TASK_DEPENDENTS_ENABLE('{graph.graph.root.name}')")

    def change(self, need: Need, verb: str) -> None:
        for statement in need.statements(self.name, verb):
            self.graph.rows(statement)

    def run(self) -> list[str]:
        """Run the graph; returns everything that was refused in it, each with where."""
        before = {str(row["QUERY_ID"]) for row in self._tasks()}
        try:
            self.graph.start()
        except SnowflakeError as error:
            return [f"EXECUTE TASK: {error.message}"]
        self.graph.quiet()
        rows = [row for row in self._tasks() if str(row["QUERY_ID"]) not in before]
        return [f"{row['NAME']}: {row['ERROR_MESSAGE']}" for row in rows if row["STATE"] == "FAILED"]

    def lacking(self) -> list[Finding]:
        """What `jobgraph doctor --account` says of the role."""
        rows = {RUN_ROLE_GRANTS: self.graph.rows(show_grants(self.name))}
        now = datetime.now(UTC)
        told = findings(self.graph.planned, Answers(rows, "ACCOUNTADMIN", now, now))
        return [finding for finding in told if finding.name.startswith("run role: ")]

    def _tasks(self) -> list[dict[str, Any]]:
        return self.graph.rows(
            "SELECT QUERY_ID, NAME, STATE, ERROR_MESSAGE FROM"
            " TABLE(D.INFORMATION_SCHEMA.TASK_HISTORY(RESULT_LIMIT => 10000)) WHERE STATE NOT IN ('SCHEDULED')"
        )


@pytest.fixture(scope="module")
def run_role(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunRole]:
    folder = tmp_path_factory.mktemp("run_role")
    write_image(folder / "images")
    graphs = {"g": {"notify": {"email": ["ops@example.org"], "events": ["success", "failure"]}, "jobs": JOBS}}
    file = folder / "jobs.yaml"
    file.write_text(yaml.safe_dump({"version": 1, "defaults": DEFAULTS, "graphs": graphs}))
    with deployed(folder / "sandbox", folder / "images", file, lambda task: task.sql) as graph:
        yield RunRole(graph)


# What a run of these two jobs cannot do without: the step that fails, and what Snowflake says of it.
MISSED = {
    "EXECUTE MANAGED TASK ON ACCOUNT": "EXECUTE TASK: .*EXECUTE MANAGED TASK privilege must be granted",
    "EXECUTE TASK ON ACCOUNT": "EXECUTE TASK: .*EXECUTE TASK privilege must be granted",
    "USAGE ON WAREHOUSE WH": "EXECUTE TASK: .*USAGE privilege on the task's warehouse must be granted",
    "USAGE ON DATABASE D": "MANAGED: .*not authorized",
    "USAGE ON SCHEMA D.S": "MANAGED: .*not authorized",
    "CREATE SERVICE ON SCHEMA D.S": "DIRECT: .*Insufficient privileges to operate on schema 'S'",
    "USAGE ON COMPUTE POOL POOL": "DIRECT: .*Insufficient privileges to operate on compute pool 'POOL'",
    "READ ON IMAGE REPOSITORY D.S.IMAGES": "DIRECT: .*Image repository 'D.S.IMAGES' .*not authorized",
    "INSERT ON TABLE D.S.JOBS_RUN_STATS": "MANAGED: .*privileges to operate on table 'JOBS_RUN_STATS'",
    "SELECT ON TABLE D.S.JOBS_RUN_STATS": "G_FINALIZER: .*privileges to operate on table 'JOBS_RUN_STATS'",
    "INSERT ON TABLE D.S.JOB_LOGS": "MANAGED: .*privileges to operate on table 'JOB_LOGS'",
    "SELECT ON TABLE D.S.JOB_LOGS": "MANAGED: .*privileges to operate on table 'JOB_LOGS'",
    "INSERT ON TABLE D.S.TASK_LOGGING_STATS": "G_FINALIZER: .*privileges to operate on table 'TASK_LOGGING_STATS'",
}


def test_each_privilege_that_a_run_needs_is_missed_by_it_and_named(run_role: RunRole) -> None:
    assert run_role.run() == []
    by_name = {f"{need.privilege} ON {need.target}".replace('"', ""): need for need in run_role.needs}
    assert MISSED.keys() <= by_name.keys()
    for name, refusal in MISSED.items():
        need = by_name[name]
        run_role.change(need, "REVOKE")
        failures = [" ".join(failure.split()) for failure in run_role.run()]
        found = run_role.lacking()
        run_role.change(need, "GRANT")
        assert any(re.match(refusal, failure) for failure in failures), (name, failures)
        (finding,) = found
        assert need.privilege in finding.name
        assert need.statements(run_role.name)[0] in finding.detail


def test_of_a_pair_of_privileges_one_fails_the_run_and_both_are_named(run_role: RunRole) -> None:
    """Of the 78 pairs, every sixth; which one of a pair a run meets first depends on its steps."""
    by_name = {f"{need.privilege} ON {need.target}".replace('"', ""): need for need in run_role.needs}
    for pair in list(combinations(MISSED, 2))[::6]:
        for name in pair:
            run_role.change(by_name[name], "REVOKE")
        failures = [" ".join(failure.split()) for failure in run_role.run()]
        details = "\n".join(f"{finding.name} {finding.detail}" for finding in run_role.lacking())
        for name in pair:
            run_role.change(by_name[name], "GRANT")
        assert any(re.match(MISSED[name], failure) for name in pair for failure in failures), (pair, failures)
        assert all(by_name[name].statements(run_role.name)[0] in details for name in pair), (pair, details)
