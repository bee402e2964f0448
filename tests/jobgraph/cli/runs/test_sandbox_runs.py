"""Runs on a real sandbox. The graph's jobs are SQL statements, so neither Pulumi nor containers are needed."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

from jobgraph.account import client
from jobgraph.account.queries import Statement
from jobgraph.plan import history
from jobgraph.settings import Settings

if TYPE_CHECKING:
    from tests.jobgraph.cli.shell import Shell

PLACE = '"PR_CONTAINER_ORCHESTRATION"."PUBLIC"'
WAREHOUSE = 'WAREHOUSE = "SMALL_WAREHOUSE"'
RUN_ID = "SYSTEM$TASK_RUNTIME_INFO('CURRENT_TASK_GRAPH_RUN_GROUP_ID')"


def job(name: str, after: str, source: str = "") -> str:
    """A task whose statement leaves the row that the runner would leave, for each row of `source`."""
    return (
        f"CREATE TASK {PLACE}.{name} {WAREHOUSE} AFTER {PLACE}.{after} AS INSERT INTO {PLACE}.JOBS_RUN_STATS"
        " (ROOT_TASK_NAME, TASK_NAME, JOB_STATUS, GRAPH_RUN_ID, ATTEMPT, OUTPUTS)"
        f" SELECT 'ROOT_TASK', '{name}', 'DONE', {RUN_ID}, 1, '{{\"rows_written\": 2}}'{source}"
    )


HISTORY = [
    f"CREATE TABLE {PLACE}.{table.name} ({', '.join(f'{column.name} {column.type}' for column in table.columns)})"
    for table in history.tables(Settings())
    if table.name in {"JOBS_RUN_STATS", "TASK_LOGGING_STATS"}
]
DEPLOYMENT = [
    "CREATE OR REPLACE DATABASE PR_CONTAINER_ORCHESTRATION",
    'CREATE WAREHOUSE IF NOT EXISTS "SMALL_WAREHOUSE"',
    *HISTORY,
    f"CREATE TASK {PLACE}.ROOT_TASK {WAREHOUSE} SCHEDULE = '59 MINUTE' AS SELECT CURRENT_TIMESTAMP()",
    job("T_A", "ROOT_TASK"),
    job("T_B", "T_A", f" FROM {PLACE}.GATE"),
    job("T_C", "T_B"),
    f"CREATE TASK {PLACE}.FINALIZER {WAREHOUSE} FINALIZE = {PLACE}.ROOT_TASK AS SELECT 1",
    *[f"ALTER TASK {PLACE}.{name} RESUME" for name in ("T_A", "T_B", "T_C", "FINALIZER")],
]
OPEN_GATE = [f"CREATE TABLE {PLACE}.GATE (X NUMBER)", f"INSERT INTO {PLACE}.GATE SELECT 1"]


def send(shell: Shell, *statements: str) -> None:
    connected = client.connect(client.ConnectionChoice(environment=shell.variables))
    for statement in statements:
        connected.rows(Statement(statement))
    connected.close()


@pytest.fixture
def deployed(started: Shell) -> Shell:
    """A sandbox with a chain of three jobs; the second fails until the table GATE is there."""
    send(started, *DEPLOYMENT)
    return started


@pytest.mark.sandbox
def test_a_run_that_succeeds(deployed: Shell) -> None:
    send(deployed, *OPEN_GATE)
    picture = deployed.folder / "graph.svg"
    done = deployed.run("run", "--wait", "--json", "--picture", str(picture))
    assert done.returncode == 0, done.stdout + done.stderr
    told = json.loads(done.stdout)
    assert told["state"] == "DONE"
    assert [(job["job"], job["state"], job["attempts"], job["rows_written"]) for job in told["jobs"]] == [
        (name, "DONE", 1, 2) for name in ("T_A", "T_B", "T_C")
    ]
    assert "T_C" in picture.read_text()
    again = json.loads(deployed.run("run", "--wait", "--json").stdout)
    assert again["run_id"] != told["run_id"]
    first = deployed.run("status", "--run", told["run_id"], "--json")
    assert json.loads(first.stdout)["run_id"] == told["run_id"]


@pytest.mark.sandbox
def test_a_run_that_fails_is_retried_once_the_cause_is_gone(deployed: Shell) -> None:
    failed = deployed.run("run", "--wait")
    assert failed.returncode == 1, failed.stdout + failed.stderr
    assert "T_B FAILED" in failed.stdout
    assert "GATE" in failed.stdout
    assert "skipped, because a predecessor did not succeed: T_C" in failed.stdout
    assert deployed.run("wait").returncode == 1
    send(deployed, *OPEN_GATE)
    retried = deployed.run("retry", "--wait", "--json")
    assert retried.returncode == 0, retried.stdout + retried.stderr
    assert json.loads(retried.stdout)["state"] == "DONE"
    assert json.loads(retried.stdout)["run_id"] in failed.stdout


@pytest.mark.sandbox
def test_a_graph_is_suspended_and_resumed(deployed: Shell) -> None:
    assert "is resumed" in deployed.run("resume").stdout
    assert "is suspended" in deployed.run("suspend").stdout
    listed = deployed.run("graph", "--run", "last")
    assert listed.returncode == 1
    assert "has not run yet" in listed.stderr
