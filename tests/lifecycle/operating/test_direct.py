"""Jobs that are their tasks' own statements, deployed beside others: run, failed, retried, followed, cancelled."""

from __future__ import annotations

import json
import os
import signal
import subprocess
from typing import TYPE_CHECKING, Any

import pytest
import yaml

from tests.lifecycle import stack
from tests.lifecycle.project import BIN, ROOT

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.lifecycle.project import Project

SCHEMA = stack.PLACE
DIRECT = ("t_myjob_3", "t_myjob_4", "t_myjob_5")
SLOW = "import signal\nprint('begun', flush=True)\nsignal.pause()\n"


def write(project: Project, *direct: str) -> None:
    """Let these jobs be direct, the others managed; and a job of another graph that goes on for ever."""
    content = yaml.safe_load((ROOT / "jobconfig.yaml").read_text())
    graph = content["graphs"]["container_jobs"]
    graph["auto_retry"] = 1
    for name, job in graph["jobs"].items():
        job["retries"] = 0
        job["runner"] = "direct" if name in direct else "managed"
    slow = {"payload": {"path": "slow", "entrypoint": "main.py"}}
    content["graphs"]["endless"] = {"runner": "direct", "jobs": {"slow": slow}}
    (project.folder / "slow").mkdir(exist_ok=True)
    (project.folder / "slow" / "main.py").write_text(SLOW)
    (project.folder / "jobconfig.yaml").write_text(yaml.safe_dump(content, sort_keys=False))


@pytest.fixture(scope="module")
def mixed(deployed: Project) -> Iterator[Project]:
    write(deployed, *DIRECT)
    deployed.up()
    try:
        yield deployed
    finally:
        deployed.restore()
        deployed.up()


def bodies(project: Project) -> dict[str, tuple[str, str]]:
    """First words and warehouse of each job's task."""
    rows = project.query(f"SHOW TASKS IN SCHEMA {SCHEMA}")
    return {
        str(row["name"]): (str(row["definition"]).split()[0], str(row["warehouse"] or ""))
        for row in rows
        if str(row["name"]).startswith("T_MYJOB")
    }


def attempts(project: Project, run: str, job: str) -> list[dict[str, Any]]:
    return project.query(
        "SELECT ATTEMPT, JOB_STATUS, REASON_CLASS, OUTPUTS, NODE_FAMILY, EXIT_CODE, IMAGE_DIGEST"
        f" FROM {SCHEMA}.JOBS_RUN_STATS WHERE GRAPH_RUN_ID = ? AND TASK_NAME = ? ORDER BY ATTEMPT",
        run,
        job,
    )


def run(project: Project, *, done: bool = True) -> str:
    result = project.jobgraph("run", "container_jobs", "--wait", "--json", check=done)
    assert done or result.returncode == 1, result.stdout + result.stderr
    return str(json.loads(result.stdout)["run_id"])


def test_a_mixed_graph_runs_and_history_has_all_of_it(mixed: Project) -> None:
    told = bodies(mixed)
    assert {name for name, body in told.items() if body == ("EXECUTE", "")} == {name.upper() for name in DIRECT}
    assert {body for name, body in told.items() if name.lower() not in DIRECT} == {("CALL", "SMALL_WAREHOUSE")}
    stack.unchanged(mixed)
    number = run(mixed)
    (row,) = attempts(mixed, number, "T_MYJOB_5")
    assert (row["JOB_STATUS"], row["EXIT_CODE"], row["NODE_FAMILY"]) == ("DONE", 0, "CPU_X64_XS")
    assert json.loads(row["OUTPUTS"]) == {"rows_written": 1, "result_table": "results_5"}
    assert row["IMAGE_DIGEST"].startswith("sha256:")
    log = mixed.jobgraph("logs", "t_myjob_5").stdout
    assert f"my-job INFO run {number}, for what came in" in log
    assert 'my-job INFO T_MYJOB_1 returned {"rows_written": 1, "result_table": "results_1"}' in log
    status = json.loads(mixed.jobgraph("status", "container_jobs", "--json").stdout)
    assert {job["state"] for job in status["jobs"]} == {"DONE"}


def test_what_runs_did_cost_is_the_bill_the_roots_among_it(mixed: Project) -> None:
    told = json.loads(mixed.jobgraph("cost", "--environment", "dev", "--since", "1d", "--format", "json").stdout)
    jobs = {group["job"]: group for group in told["groups"]}
    assert jobs["T_MYJOB_5"]["nodes"] + jobs["T_MYJOB_5"]["not_metered"] > 0 == jobs["T_MYJOB_5"]["waiting"]
    assert jobs["T_MYJOB_1"]["waiting"] > 0
    roots = [group for group in told["groups"] if group["serverless"] > 0]
    assert [(root["job"], root["attempts"]) for root in roots] == [("ROOT_TASK", 0)]
    parts = sum(group["nodes"] + group["waiting"] + group["serverless"] for group in told["groups"])
    assert parts + told["credits_idle"] == pytest.approx(told["credits_charged"])
    assert {resource["kind"] for resource in told["resources"]} == {"pool", "warehouse", "serverless"}


def test_each_attempt_of_the_graph_is_an_attempt_and_a_retry_one_more(mixed: Project) -> None:
    mixed.query(f"CREATE TABLE IF NOT EXISTS {SCHEMA}.RESULTS_3 (TIME TIME, \"'HELLO'\" VARCHAR)")
    mixed.query(f"""ALTER TABLE {SCHEMA}.RESULTS_3 DROP COLUMN "'HELLO'" """)
    try:
        number = run(mixed, done=False)
        tries = [
            (row["ATTEMPT"], row["JOB_STATUS"], row["REASON_CLASS"]) for row in attempts(mixed, number, "T_MYJOB_3")
        ]
        assert tries == [(1, "FAILED", "app_error"), (2, "FAILED", "app_error")]
        assert attempts(mixed, number, "T_MYJOB_6") == []
    finally:
        mixed.query(f"DROP TABLE {SCHEMA}.RESULTS_3")
    mixed.jobgraph("retry", "container_jobs", "--wait")
    assert [(row["ATTEMPT"], row["JOB_STATUS"]) for row in attempts(mixed, number, "T_MYJOB_3")] == [
        (1, "FAILED"),
        (2, "FAILED"),
        (3, "DONE"),
    ]
    assert [row["JOB_STATUS"] for row in attempts(mixed, number, "T_MYJOB_6")] == ["DONE"]
    assert len(attempts(mixed, number, "T_MYJOB_4")) == 1


def test_a_job_that_runs_is_shown_with_its_log_outlives_a_kill_and_can_be_cancelled(mixed: Project) -> None:
    mixed.jobgraph("run", "endless")
    job = _running(mixed)
    assert (job["attempts"], job["state"]) == (1, "RUNNING")
    while "begun" not in mixed.jobgraph("logs", "SLOW", check=False).stdout:
        _running(mixed)
    _kill_and_restart(mixed)
    assert _running(mixed)["attempts"] == 1
    assert "SLOW: cancelled" in mixed.jobgraph("cancel", "endless").stdout
    number = json.loads(mixed.jobgraph("status", "endless", "--json").stdout)["run_id"]
    mixed.jobgraph("wait", "endless", check=False)
    (row,) = attempts(mixed, number, "SLOW")
    assert (row["JOB_STATUS"], row["REASON_CLASS"]) == ("CANCELLED", "cancelled")
    assert "begun" in mixed.jobgraph("logs", "SLOW").stdout
    running = mixed.query(f"SHOW JOB SERVICES IN SCHEMA {SCHEMA}")
    assert not [row for row in running if row["status"] in ("PENDING", "RUNNING")]


def test_a_log_that_is_followed_ends_with_its_job(mixed: Project) -> None:
    """What the container prints comes while it runs; the command ends when somebody cancels the job."""
    mixed.jobgraph("run", "endless")
    _running(mixed)
    command = [str(BIN / "jobgraph"), "logs", "SLOW", "-f"]
    with subprocess.Popen(
        command, cwd=mixed.folder, env=mixed.environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    ) as following:
        assert following.stdout is not None
        assert any("begun" in line for line in following.stdout), "the log has to come while the job runs"
        mixed.jobgraph("cancel", "endless")
        rest = following.stdout.read()
    assert following.returncode in (0, 1), rest
    mixed.jobgraph("wait", "endless", check=False)


def test_of_a_job_whose_service_is_dropped_it_is_told_that_its_log_is_not_kept(mixed: Project) -> None:
    mixed.jobgraph("run", "endless")
    number = json.loads(mixed.jobgraph("status", "endless", "--json").stdout)["run_id"]
    _running(mixed)
    services = mixed.query(f"SHOW JOB SERVICES IN SCHEMA {SCHEMA}")
    (service,) = [row["name"] for row in services if row["status"] == "RUNNING"]
    mixed.query(f"DROP SERVICE {SCHEMA}.{service}")
    mixed.jobgraph("wait", "endless", check=False)
    (row,) = attempts(mixed, number, "SLOW")
    assert row["JOB_STATUS"] == "CANCELLED"
    (log,) = mixed.query(f"SELECT LOG FROM {SCHEMA}.JOB_LOGS WHERE GRAPH_RUN_ID = ? AND TASK_NAME = 'SLOW'", number)
    assert log["LOG"].startswith("[not kept: the node is gone")
    assert "[not kept" in mixed.jobgraph("logs", "SLOW").stdout


def test_a_finalizer_that_dies_with_its_process_records_direct_jobs_once(mixed: Project) -> None:
    mixed.jobgraph("run", "container_jobs")
    finalizer = (
        f"SELECT STATE FROM TABLE({SCHEMA.partition('.')[0]}.INFORMATION_SCHEMA.TASK_HISTORY("
        "TASK_NAME => 'GET_GRAPH_STATS', RESULT_LIMIT => 1)) ORDER BY SCHEDULED_TIME DESC"
    )
    number = json.loads(mixed.jobgraph("status", "container_jobs", "--json").stdout)["run_id"]
    running = f"SELECT COUNT(*) AS N FROM ({finalizer}) WHERE STATE = 'EXECUTING'"
    while not mixed.query(running)[0]["N"]:
        state = json.loads(mixed.jobgraph("status", "container_jobs", "--json").stdout)["state"]
        if state not in {"PENDING", "RUNNING"}:
            break  # it was too quick for us: then there is nothing to be found but what it has recorded
    _kill_and_restart(mixed)
    mixed.jobgraph("wait", "container_jobs", check=False)
    for name in bodies(mixed):
        assert [(row["ATTEMPT"], row["JOB_STATUS"]) for row in attempts(mixed, number, name)] == [(1, "DONE")], name
    logs = mixed.query(
        f"SELECT TASK_NAME, COUNT(*) AS N FROM {SCHEMA}.JOB_LOGS WHERE GRAPH_RUN_ID = ? GROUP BY 1", number
    )
    assert {row["N"] for row in logs} == {1}


def _kill_and_restart(project: Project) -> None:
    """End the sandbox as a machine that dies would; the job's containers are started again with the next one."""
    os.kill(json.loads(project.jobgraph("sandbox", "status", "--json").stdout)["pid"], signal.SIGKILL)
    project.jobgraph("sandbox", "start")
    project.activate()


def _running(project: Project) -> dict[str, Any]:
    """Ask until the endless job's container runs; fail if its run ends before."""
    while True:
        told = json.loads(project.jobgraph("status", "endless", "--json").stdout)
        (job,) = told["jobs"]
        assert told["state"] in {"PENDING", "RUNNING"}, told
        if job["state"] == "RUNNING" and job["attempts"]:
            return dict(job)


def test_jobs_change_their_runner_in_one_deploy(mixed: Project) -> None:
    write(mixed, "t_myjob_1", "t_myjob_6")
    mixed.up()
    assert {name for name, body in bodies(mixed).items() if body == ("EXECUTE", "")} == {"T_MYJOB_1", "T_MYJOB_6"}
    stack.unchanged(mixed)
    number = run(mixed)
    for name in bodies(mixed):
        assert [row["JOB_STATUS"] for row in attempts(mixed, number, name)] == ["DONE"]
