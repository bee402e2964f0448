"""The quickstart's own checks, end to end: a run that succeeds, the simulated failure, and a kill in the middle."""

from __future__ import annotations

import json
import os
import select
import signal
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from tests.lifecycle.project import Project

SCHEMA = "PR_CONTAINER_ORCHESTRATION.PUBLIC"
JOBS = [f"T_MYJOB_{number}" for number in range(1, 7)]


def stats(project: Project, run: str) -> list[dict[str, object]]:
    """History rows of one graph run."""
    return project.query(
        f"SELECT TASK_NAME, JOB_STATUS, ATTEMPT, ERRORS, SERVICE_NAME FROM {SCHEMA}.JOBS_RUN_STATS"
        " WHERE GRAPH_RUN_ID = ? ORDER BY TASK_NAME, ATTEMPT",
        run,
    )


def task_states(project: Project, run: str) -> dict[str, str]:
    """What the finalizer copied for one graph run."""
    rows = project.query(f"SELECT NAME, STATE FROM {SCHEMA}.TASK_LOGGING_STATS WHERE GRAPH_RUN_GROUP_ID = ?", run)
    names = [row["NAME"] for row in rows]
    assert len(names) == len(set(names)), f"a task is there twice: {names}"
    return {row["NAME"]: row["STATE"] for row in rows}


@pytest.fixture(scope="module")
def run(deployed: Project) -> str:
    """The id of a run of the whole graph that has succeeded."""
    done = deployed.jobgraph("run", "--wait", "--json")
    return str(json.loads(done.stdout)["run_id"])


def test_a_run_fills_the_six_tables_and_the_history(deployed: Project, run: str) -> None:
    for number in range(1, 7):
        rows = deployed.query(f"SELECT * FROM {SCHEMA}.RESULTS_{number}")
        assert rows, f"RESULTS_{number} is empty"
        assert list(rows[0]) == ["TIME", "'HELLO'"]
        assert rows[0]["'HELLO'"] == "hello"
    assert [(row["TASK_NAME"], row["JOB_STATUS"], row["ATTEMPT"]) for row in stats(deployed, run)] == [
        (job, "DONE", 1) for job in JOBS
    ]
    assert task_states(deployed, run) == dict.fromkeys(["ROOT_TASK", *JOBS], "SUCCEEDED")


@pytest.mark.usefixtures("run")
def test_the_quickstarts_failure_is_told_truthfully(deployed: Project) -> None:
    deployed.query(f"""ALTER TABLE {SCHEMA}.RESULTS_3 DROP COLUMN "'HELLO'" """)
    deployed.query(f"ALTER TABLE {SCHEMA}.RESULTS_3 ADD COLUMN CREATEDATE DATETIME")
    try:
        done = deployed.jobgraph("run", "--wait", check=False)
        assert done.returncode == 1, done.stdout + done.stderr
        assert "T_MYJOB_3" in done.stdout + done.stderr
        report = json.loads(deployed.jobgraph("status", "--json").stdout)
        run = report["run_id"]
        attempts = [row for row in stats(deployed, run) if row["TASK_NAME"] == "T_MYJOB_3"]
        assert [(row["JOB_STATUS"], row["ATTEMPT"]) for row in attempts] == [
            ("FAILED", 1),
            ("FAILED", 2),
            ("FAILED", 3),
        ]
        assert all(row["ERRORS"] for row in attempts)
        assert len({row["SERVICE_NAME"] for row in attempts}) == 3
        logs = deployed.query(
            f"SELECT LOG FROM {SCHEMA}.JOB_LOGS WHERE GRAPH_RUN_ID = ? AND TASK_NAME = ?", run, "T_MYJOB_3"
        )
        assert len(logs) == 3
        assert all("results_3" in row["LOG"].lower() for row in logs)
        states = task_states(deployed, run)
        assert states["T_MYJOB_3"] == "FAILED"
        assert states["T_MYJOB_6"] == "SKIPPED"
        assert states["T_MYJOB_4"] == states["T_MYJOB_5"] == "SUCCEEDED"
    finally:
        deployed.query(f"DROP TABLE {SCHEMA}.RESULTS_3")


@pytest.mark.usefixtures("run")
def test_pandas_and_snowpark_read_the_results(deployed: Project) -> None:
    from snowflake.snowpark import Session  # noqa: PLC0415  # slow to import, used once

    with deployed.connect() as connection:
        cursor = connection.cursor()
        cursor.execute(f"SELECT * FROM {SCHEMA}.RESULTS_1")
        frame = cursor.fetch_pandas_all()
        assert list(frame.columns) == ["TIME", "'HELLO'"]
        session = Session.builder.configs({"connection": connection}).create()
        assert session.table(f"{SCHEMA}.RESULTS_1").count() == len(frame)


def test_killed_in_the_middle_of_a_run_nothing_is_lost_or_doubled(fresh: Project) -> None:
    fresh.up()
    server = json.loads(fresh.jobgraph("sandbox", "status", "--json").stdout)
    fresh.jobgraph("run")
    wait_for_a_running_job(fresh)
    os.kill(server["pid"], signal.SIGKILL)
    fresh.jobgraph("sandbox", "start")
    fresh.activate()
    done = fresh.jobgraph("wait", check=False)
    report = json.loads(fresh.jobgraph("status", "--json").stdout)
    assert done.returncode == 0, done.stdout + done.stderr
    assert [(row["TASK_NAME"], row["JOB_STATUS"], row["ATTEMPT"]) for row in stats(fresh, report["run_id"])] == [
        (job, "DONE", 1) for job in JOBS
    ]
    assert task_states(fresh, report["run_id"]) == dict.fromkeys(["ROOT_TASK", *JOBS], "SUCCEEDED")
    fresh.jobgraph("sandbox", "stop")
    assert children_of(fresh.folder) == []


def wait_for_a_running_job(project: Project) -> None:
    """Ask until a job's containers run; fail if the run ends before one was seen."""
    while not any(row["status"] == "RUNNING" for row in project.query(f"SHOW JOB SERVICES IN SCHEMA {SCHEMA}")):
        assert not project.query(f"SELECT NAME FROM {SCHEMA}.TASK_LOGGING_STATS"), "the run has ended"


def children_of(folder: Path) -> list[str]:
    """Command lines of processes that work for the sandbox of this folder and do not end within five seconds."""
    found = []
    for process in Path("/proc").glob("[0-9]*"):
        try:
            environment = (process / "environ").read_bytes().decode(errors="replace")
            command = (process / "cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace")
            ours = str(folder / ".jobgraph") in environment + command and str(os.getpid()) != process.name
            if ours and not ended(int(process.name)):
                found.append(command)
        except (FileNotFoundError, ProcessLookupError, PermissionError):  # gone meanwhile, or not ours
            continue
    return found


def ended(process: int) -> bool:
    """Whether a process ends within five seconds: a killed one is still listed for a moment."""
    handle = os.pidfd_open(process)
    try:
        poll = select.poll()
        poll.register(handle, select.POLLIN)
        return bool(poll.poll(5000))
    finally:
        os.close(handle)
