"""Who is told of runs, deployed: integrations, the alert on what is late, their privileges; and gone again."""

from __future__ import annotations

import json
import time
from typing import TYPE_CHECKING, Any

import pytest

from tests.lifecycle import project as projects
from tests.lifecycle import stack

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.lifecycle.project import Project

pytestmark = pytest.mark.engine

NOTIFY = """
notify:
  - {email: [ops@example.org]}
  - {webhook: {type: slack, secret: SAFE.PUBLIC.HOOK}, late_after: 2 hours}
"""
PREPARED = (
    "CREATE USER OPS EMAIL = 'ops@example.org'",
    "CREATE USER BOSS EMAIL = 'boss@example.org'",
    "CREATE DATABASE SAFE",
    "CREATE SECRET SAFE.PUBLIC.HOOK TYPE = GENERIC_STRING SECRET_STRING = 'T0/B0/s3cr3t'",
)
PATIENCE = 30.0


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Project]:
    made = projects.make(tmp_path_factory.mktemp("notify") / "project", forking=True)
    try:
        for statement in PREPARED:
            made.query(statement)
        yield made
    finally:
        made.jobgraph("sandbox", "stop", check=False)


def alert(project: Project) -> dict[str, Any]:
    (row,) = project.query(f"SHOW ALERTS IN SCHEMA {stack.PLACE}")
    return dict(row)


def evaluated(project: Project, state: str) -> dict[str, Any]:
    """The newest evaluation of the alert, once one has ended so."""
    statement = f"SELECT * FROM TABLE({stack.PLACE.partition('.')[0]}.INFORMATION_SCHEMA.ALERT_HISTORY())"
    deadline = time.monotonic() + PATIENCE
    while True:
        ended = [row for row in project.query(statement) if row["STATE"] not in {"SCHEDULED", "EXECUTING"}]
        if ended or time.monotonic() > deadline:
            assert ended
            assert ended[0]["STATE"] == state, ended[0]
            return dict(ended[0])


def test_an_address_that_no_user_has_is_told_by_a_preview(project: Project) -> None:
    """With its line and what to do, before the deploy fails at it; once a user has it, nothing is said."""
    file = project.folder / "jobconfig.yaml"
    plain = file.read_text()
    file.write_text(
        plain.replace("\ngraphs:", "\nnotify:\n  - {email: [nobody@example.org, ops@example.org]}\ngraphs:", 1)
    )
    try:
        line = next(number for number, text in enumerate(file.read_text().splitlines(), 1) if "nobody@" in text)
        told = project.pulumi("preview")
        text = " ".join((told.stdout + told.stderr).split())
        assert f"jobconfig.yaml:{line}:" in text
        assert "no user of the account has the address nobody@example.org" in text
        assert "so the next `pulumi up` fails" in text
        assert "ALTER USER ... SET EMAIL = 'nobody@example.org'" in text
        assert "has the address ops@example.org" not in text
        project.query("CREATE USER NOBODY EMAIL = 'nobody@example.org'")
        told = project.pulumi("preview")
        assert "no user of the account" not in told.stdout + told.stderr
    finally:
        file.write_text(plain)


def test_what_tells_people_is_deployed_changed_and_gone_again(project: Project) -> None:
    file = project.folder / "jobconfig.yaml"
    plain = file.read_text()
    file.write_text(plain.replace("\ngraphs:", f"{NOTIFY}graphs:", 1))
    project.up()
    first = alert(project)
    assert (first["state"], first["owner"], first["warehouse"]) == ("started", "SPCS_DEMO_ROLE", None)
    email, slack = project.query("SHOW NOTIFICATION INTEGRATIONS LIKE 'PR_CONTAINER%'")
    assert (email["type"], slack["type"]) == ("EMAIL", "WEBHOOK")
    stack.unchanged(project)
    project.query(f"EXECUTE ALERT {stack.PLACE}.WATCH_GRAPHS")
    evaluated(project, "TRIGGERED")

    file.write_text(file.read_text().replace("ops@example.org", "ops@example.org, boss@example.org"))
    project.up()
    second = alert(project)
    assert second["state"] == "started"
    assert "boss@example.org" in second["action"]
    assert second["action"] != first["action"]
    described = project.query(f"DESCRIBE NOTIFICATION INTEGRATION {email['name']}")
    allowed = {row["property"]: row["property_value"] for row in described}["ALLOWED_RECIPIENTS"]
    assert allowed == "boss@example.org,ops@example.org"
    stack.unchanged(project)

    project.query(f"ALTER ALERT {stack.PLACE}.WATCH_GRAPHS SUSPEND")
    mended = project.up()
    assert alert(project)["state"] == "started"
    assert "was suspended, so late runs were not reported; it is resumed" in mended.stdout + mended.stderr

    project.query(f"DROP ALERT {stack.PLACE}.WATCH_GRAPHS")
    told = project.jobgraph("doctor", "--account", "-e", "dev", check=False)
    assert "does not exist, so late runs are not reported: `pulumi up` creates it" in told.stdout
    mended = project.up()
    again = alert(project)
    assert (again["state"], again["owner"], again["action"]) == ("started", "SPCS_DEMO_ROLE", second["action"])
    assert "was missing, so late runs were not reported; it is created again" in mended.stdout + mended.stderr
    stack.unchanged(project)

    text = json.dumps(project.query("SHOW TASKS IN ACCOUNT"), default=str) + second["action"]
    text += project.pulumi("stack", "export").stdout
    assert "s3cr3t" not in text

    file.write_text(plain)
    project.up()
    assert not project.query(f"SHOW ALERTS IN SCHEMA {stack.PLACE}")
    assert not project.query("SHOW NOTIFICATION INTEGRATIONS LIKE 'PR_CONTAINER%'")
