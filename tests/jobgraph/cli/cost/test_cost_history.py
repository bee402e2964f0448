"""The statements that ask history how long jobs took, on a real sandbox."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

from tests.jobgraph.cli.runs.test_sandbox_runs import HISTORY, PLACE, send

if TYPE_CHECKING:
    from tests.jobgraph.cli.shell import Shell

FILE = """\
version: 1
defaults: {image: "i:1", compute_pool: PR_STD_POOL_XS}
graphs:
  nightly:
    root_task: ROOT_TASK
    jobs: {a: {}}
"""


def attempt(run: str, seconds: int, days_ago: int = 1) -> str:
    started = f"DATEADD('day', -{days_ago}, CURRENT_TIMESTAMP())"
    return (
        f"INSERT INTO {PLACE}.JOBS_RUN_STATS (ROOT_TASK_NAME, TASK_NAME, GRAPH_RUN_ID, DURATION_IN_SECS,"
        f" GRAPH_START_TIME) SELECT 'ROOT_TASK', 'A', '{run}', {seconds}, {started}"
    )


def task(run: str, seconds: int, days_ago: int = 1) -> str:
    started = f"TO_VARCHAR(DATEADD('day', -{days_ago}, CURRENT_TIMESTAMP()), 'YYYY-MM-DD HH24:MI:SS')"
    return (
        f"INSERT INTO {PLACE}.TASK_LOGGING_STATS (ROOT_TASK_NAME, NAME, GRAPH_RUN_GROUP_ID, DURATION_IN_SECS,"
        f" QUERY_START_TIME) SELECT 'ROOT_TASK', 'A', '{run}', {seconds}, {started}"
    )


@pytest.mark.sandbox
def test_times_are_those_of_a_run_with_all_its_attempts(started: Shell) -> None:
    (started.folder / "jobconfig.yaml").write_text(FILE)
    send(
        started,
        "CREATE OR REPLACE DATABASE PR_CONTAINER_ORCHESTRATION",
        "CREATE WAREHOUSE IF NOT EXISTS SMALL_WAREHOUSE",
        "USE WAREHOUSE SMALL_WAREHOUSE",
        *HISTORY,
        *(attempt("1", 30), attempt("1", 70), attempt("2", 200), attempt("3", 300), attempt("old", 9000, 40)),
        *(task("1", 110), task("2", 210), task("3", 350), task("old", 9000, 40)),
        *(statement for run in "45" for statement in (attempt(run, 200), task(run, 210))),
    )
    done = started.run("cost", "--history", "--format", "json")
    assert done.returncode == 0, done.stderr
    (line,) = [each for each in json.loads(done.stdout)["graphs"][0]["lines"] if each["kind"] == "job"]
    assert line["seconds_from"] == "history"
    assert line["seconds_a_run"] == {"low": pytest.approx(140), "usual": 200, "high": pytest.approx(260)}
    assert "median of 5 runs" in started.run("cost", "--history").stdout


@pytest.mark.sandbox
def test_what_runs_did_cost_that_nobody_metered(started: Shell) -> None:
    (started.folder / "jobconfig.yaml").write_text(FILE)
    send(
        started,
        "CREATE OR REPLACE DATABASE PR_CONTAINER_ORCHESTRATION",
        "CREATE WAREHOUSE IF NOT EXISTS SMALL_WAREHOUSE",
        "USE WAREHOUSE SMALL_WAREHOUSE",
        *HISTORY,
        f"INSERT INTO {PLACE}.JOBS_RUN_STATS (ROOT_TASK_NAME, TASK_NAME, GRAPH_RUN_ID, ATTEMPT, COMPUTE_POOL,"
        " NODE_FAMILY, REPLICAS, STARTED_TIME, COMPLETED_TIME) SELECT 'ROOT_TASK', 'A', '1', 1, 'PR_STD_POOL_XS',"
        " 'CPU_X64_XS', 2, DATEADD('minute', -90, CURRENT_TIMESTAMP()), DATEADD('minute', -60, CURRENT_TIMESTAMP())",
    )
    done = started.run("cost", "--since", "7d", "--format", "json")
    assert done.returncode == 0, done.stderr
    told = json.loads(done.stdout)
    # the pool was never there, so nobody metered it; the warehouse was awake for the statements of this test alone
    assert told["credits_not_metered"] == pytest.approx(0.5 * (2 * 0.06 + 1))
    assert told["credits_charged"] < 0.1
    assert [group["name"] for group in told["groups"]] == ["nightly A"]
