"""Whoever looks and whoever operates has exactly what that takes: with all of it every command works, and each
privilege that is taken away is missed by a command, which says what was refused.

Not tried one by one: what only leaves something out (SELECT on views and on OPERATIONS, INSERT on NOTIFICATIONS).

Commands run as users of their own, through the real connector, on a sandbox that enforces privileges.
"""

from __future__ import annotations

import os
from contextlib import contextmanager
from functools import cached_property
from itertools import combinations
from typing import TYPE_CHECKING

import pytest
import yaml
from click.testing import CliRunner

from jobgraph.account import client
from jobgraph.cli.application import Application
from jobgraph.cli.command_line import cli
from jobgraph.plan.roles import OPERATOR, VIEWER, roles
from tests.runner.deployed import DEFAULTS, Deployed, deployed, write_image

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from click.testing import Result

    from jobgraph.plan.roles import Need

pytestmark = pytest.mark.sandbox


class People:
    """A graph that ran once, a user who looks and a user who operates."""

    def __init__(self, graph: Deployed, folder: Path) -> None:
        self.graph, self.folder = graph, folder
        host, port = graph.world.address
        self.variables = {
            "SNOWFLAKE_ACCOUNT": "sandbox",
            "SNOWFLAKE_HOST": host,
            "SNOWFLAKE_PORT": str(port),
            "SNOWFLAKE_PROTOCOL": "http",
            "SNOWFLAKE_DATABASE": "D",
            "SNOWFLAKE_SCHEMA": "S",
            "SNOWFLAKE_WAREHOUSE": "WH",
        }
        self.needs = {role.kind: role.needs for role in roles(graph.planned, {})}
        for kind, name in ((VIEWER, "LOOKS"), (OPERATOR, "OPERATES")):
            graph.rows(f"CREATE ROLE {name}")
            graph.rows(f"CREATE USER {name} PASSWORD = 'Secret-{name}-1' DEFAULT_ROLE = {name}")
            graph.rows(f"GRANT ROLE {name} TO USER {name}")
            for need in self.needs[kind]:
                self.change(name, need, "GRANT")
        graph.rows("GRANT ROLE LOOKS TO ROLE OPERATES")

    def needs_by_name(self, kind: str) -> dict[str, Need]:
        """The privileges of a kind of user that can be taken away one by one, such as `SELECT ON TABLE D.S.T`."""
        return {
            f"{need.privilege} ON {need.target}".replace('"', ""): need
            for need in self.needs[kind]
            if need.every != "SERVICES"
        }

    @cached_property
    def paused(self) -> str:
        """The id of a backfill whose second interval is still to be run."""
        assert self.jobgraph("OPERATES", *START[:-3], "2026-10-01", "--to", "2026-10-02").exit_code == 0
        self.graph.quiet()
        self.graph.rows("UPDATE D.S.BACKFILLS SET STATE = 'PAUSED'")
        self.graph.rows("UPDATE D.S.BACKFILL_INTERVALS SET STATE = 'PENDING' WHERE PLACE = 2")
        return str(self.graph.rows("SELECT BACKFILL_ID FROM D.S.BACKFILLS")[0]["BACKFILL_ID"])

    def change(self, role: str, need: Need, verb: str) -> None:
        for statement in need.statements(role, verb):
            self.graph.rows(statement)

    def jobgraph(self, user: str, *words: str) -> Result:
        variables = {
            **self.variables,
            "SNOWFLAKE_USER": user,
            "SNOWFLAKE_PASSWORD": f"Secret-{user}-1",
            "SNOWFLAKE_ROLE": user,
        }
        choice = client.ConnectionChoice(environment=variables)
        application = Application(connect=lambda _: client.connect(choice), folder=self.folder)
        try:
            return CliRunner().invoke(cli, words, obj=application)
        finally:
            application.close()


@contextmanager
def populated(folder: Path, *args: str) -> Iterator[People]:
    """A graph of one job, whose program gets `args`, under way; a user who looks and a user who operates."""
    write_image(folder / "images")
    file = folder / "jobs.yaml"
    graphs = {"g": {"jobs": {"one": {"args": [*args]}}}}
    file.write_text(yaml.safe_dump({"version": 1, "defaults": DEFAULTS, "graphs": graphs}))
    with deployed(folder / "sandbox", folder / "images", file, lambda task: task.sql) as graph:
        graph.start()
        yield People(graph, folder)


@pytest.fixture(scope="module")
def people(tmp_path_factory: pytest.TempPathFactory) -> Iterator[People]:
    with populated(tmp_path_factory.mktemp("people"), "nothing") as found:
        found.graph.quiet()
        yield found


PAUSED = "a backfill that is paused"
# Of each privilege: a command that misses it, and what it says.
OF_A_VIEWER = {
    "USAGE ON DATABASE D": (("status",), "There is no database D, or this role may not see it"),
    "USAGE ON SCHEMA D.S": (("status",), "There is no schema D.S, or this role may not see it"),
    "USAGE ON WAREHOUSE WH": (("status",), "No warehouse is active"),
    "MONITOR ON SCHEMA D.S": (("status",), "No task is visible in D.S"),
    "SELECT ON TABLE D.S.JOBS_RUN_STATS": (("status",), "Object 'D.S.JOBS_RUN_STATS' does not exist or not authorized"),
    "SELECT ON TABLE D.S.JOB_LOGS": (("logs", "one"), "Object 'D.S.JOB_LOGS' does not exist or not authorized"),
    "SELECT ON TABLE D.S.TASK_LOGGING_STATS": (("history",), "Object 'D.S.TASK_LOGGING_STATS' does not exist"),
    "SELECT ON TABLE D.S.BACKFILLS": (("backfill", "list"), "the role lacks SELECT on the table"),
    "SELECT ON TABLE D.S.BACKFILL_INTERVALS": (
        ("backfill", "show", PAUSED),
        "Object 'D.S.BACKFILL_INTERVALS' does not exist",
    ),
    "SELECT ON TABLE D.S.NOTIFICATIONS": (("notify", "history"), "Object 'D.S.NOTIFICATIONS' does not exist"),
}
REFUSED = "Insufficient privileges to operate on service 'ONE_"
START = ("backfill", "start", "g", "--every", "day", "--from", "2026-11-01", "--to", "2026-11-02")
OF_AN_OPERATOR = {
    "OPERATE ON SCHEMA D.S": (("run", "g"), "Insufficient privileges to operate on task 'G_ROOT'"),
    "INSERT ON TABLE D.S.OPERATIONS": (("suspend", "g"), "It is done, but history does not show who did it"),
    "INSERT ON TABLE D.S.BACKFILLS": (START, "Insufficient privileges to operate on table 'BACKFILLS'"),
    "INSERT ON TABLE D.S.BACKFILL_INTERVALS": (
        START,
        "Insufficient privileges to operate on table 'BACKFILL_INTERVALS'",
    ),
    "UPDATE ON TABLE D.S.BACKFILLS": (("backfill", "cancel", PAUSED), "privileges to operate on table 'BACKFILLS'"),
    "UPDATE ON TABLE D.S.BACKFILL_INTERVALS": (("backfill", "cancel", PAUSED), "on table 'BACKFILL_INTERVALS'"),
}


@pytest.mark.parametrize(
    ("kind", "user", "missed"), [(VIEWER, "LOOKS", OF_A_VIEWER), (OPERATOR, "OPERATES", OF_AN_OPERATOR)]
)
def test_each_privilege_is_missed_by_a_command_that_says_so(
    people: People, kind: str, user: str, missed: dict[str, tuple[tuple[str, ...], str]]
) -> None:
    by_name = people.needs_by_name(kind)
    for name, (words, message) in missed.items():
        command = tuple(people.paused if word == PAUSED else word for word in words)
        people.change(user, by_name[name], "REVOKE")
        done = people.jobgraph(user, *command)
        people.change(user, by_name[name], "GRANT")
        assert message in " ".join(done.output.split()), (name, done.output)
        assert "jobgraph privileges" in done.output or "warehouse" in message, (name, done.output)


@pytest.mark.parametrize(
    ("kind", "user", "missed"), [(VIEWER, "LOOKS", OF_A_VIEWER), (OPERATOR, "OPERATES", OF_AN_OPERATOR)]
)
def test_of_each_pair_of_privileges_one_is_missed_by_either_command(
    people: People, kind: str, user: str, missed: dict[str, tuple[tuple[str, ...], str]]
) -> None:
    by_name = people.needs_by_name(kind)
    paused = people.paused  # while nothing is taken away
    for pair in combinations(missed, 2):
        for name in pair:
            people.change(user, by_name[name], "REVOKE")
        commands = [tuple(paused if word == PAUSED else word for word in missed[name][0]) for name in pair]
        outputs = [" ".join(people.jobgraph(user, *command).output.split()) for command in commands]
        for name in pair:
            people.change(user, by_name[name], "GRANT")
        states = people.graph.rows("SELECT STATE FROM D.S.BACKFILLS")
        assert {row["STATE"] for row in states} == {"PAUSED"}, (pair, states)  # no half of `backfill cancel` is done
        for output in outputs:
            assert any(missed[name][1] in output for name in pair), (pair, output)


def test_each_privilege_on_services_is_missed_while_a_container_runs(tmp_path: Path) -> None:
    meeting = tmp_path / "meeting"
    os.mkfifo(meeting)
    with populated(tmp_path, "meet", str(meeting)) as people:
        assert meeting.read_text() == "here"
        operate, monitor = (
            next(need for need in people.needs[OPERATOR] if (need.privilege, need.every) == (privilege, "SERVICES"))
            for privilege in ("OPERATE", "MONITOR")
        )
        people.change("OPERATES", monitor, "REVOKE")
        unread = people.jobgraph("OPERATES", "logs", "one")
        people.change("OPERATES", monitor, "GRANT")
        assert REFUSED in unread.output, unread.output
        assert "here" in people.jobgraph("OPERATES", "logs", "one").output

        people.change("OPERATES", operate, "REVOKE")
        goes_on = people.jobgraph("OPERATES", "cancel", "g")
        people.change("OPERATES", operate, "GRANT")
        assert REFUSED in goes_on.output, goes_on.output
        # the finalizer stops what the cancelled task left
        people.graph.quiet()
        (service,) = people.graph.rows("SHOW SERVICES LIKE 'ONE_%' IN SCHEMA D.S")
        assert service["status"] == "CANCELLED", service
