"""Nodes that go away under running jobs, and pools that are suspended, stopped or made smaller."""

from __future__ import annotations

import os
from pathlib import Path

from tests.sandbox.services.conftest import ASYNC, Jobs, job


def test_a_lost_node_fails_the_job_without_exit_code_and_without_log(jobs: Jobs, tmp_path: Path) -> None:
    jobs.running("J", tmp_path / "gate")
    lost = jobs.rows("SELECT SYSTEM$SANDBOX_LOSE_NODE('P') AS S")[0]["S"]
    assert lost == "Node lost: 1 instances ran on it."
    assert jobs.end("J") == "FAILED"
    shown = jobs.container("J")
    assert (shown["status"], shown["message"]) == ("FAILED", "Encountered fatal error")
    assert (shown["last_exit_code"], shown["restart_count"]) == (None, 0)
    assert jobs.rows("SHOW SERVICE INSTANCES IN SERVICE J")[0]["status"] == "FAILED"
    assert jobs.error("SELECT SYSTEM$GET_SERVICE_LOGS('J', '0', 'main')").errno == 395045
    with jobs.world.store.transaction() as tx:
        (row,) = tx.rows("SELECT pid FROM container")
    assert not Path(f"/proc/{row['pid']}").exists()


def test_only_the_instances_on_the_lost_node_are_lost(jobs: Jobs, tmp_path: Path) -> None:
    jobs.run("ALTER COMPUTE POOL P SET MAX_NODES = 2")
    os.mkfifo(tmp_path / "gate")
    whole = {"requests": {"cpu": 1}}
    jobs.run(job("J", "wait", str(tmp_path / "gate"), options=f"{ASYNC} REPLICAS = 2", resources=whole))
    jobs.rows("SELECT SYSTEM$SANDBOX_LOSE_NODE('P', 1)")
    assert jobs.end("J") == "FAILED"
    shown = jobs.rows("SHOW SERVICE CONTAINERS IN SERVICE J")
    assert [one["message"] for one in shown] == ["Container was terminated", "Encountered fatal error"]
    assert jobs.log("J") in ("waiting\n", "")


def test_a_smaller_pool_loses_its_last_nodes(jobs: Jobs, tmp_path: Path) -> None:
    jobs.run("ALTER COMPUTE POOL P SET MAX_NODES = 2")
    os.mkfifo(tmp_path / "gate")
    for name in ("J", "K"):
        jobs.run(job(name, "wait", str(tmp_path / "gate"), options=ASYNC, resources={"requests": {"cpu": 1}}))
    jobs.run("ALTER COMPUTE POOL P SET MAX_NODES = 1")
    assert jobs.end("K") == "FAILED"
    assert jobs.container("K")["message"] == "Encountered fatal error"
    assert jobs.status("J") in ("PENDING", "RUNNING")


def test_a_suspended_pool_lets_its_jobs_end_and_then_gives_up_their_logs(jobs: Jobs, tmp_path: Path) -> None:
    jobs.running("J", tmp_path / "gate")
    jobs.run("ALTER COMPUTE POOL P SUSPEND")
    assert jobs.rows("DESCRIBE COMPUTE POOL P")[0]["state"] == "STOPPING"
    assert jobs.log("J") in ("running\n", "")
    (tmp_path / "gate").write_text("go")
    assert jobs.end("J") == "DONE"
    assert jobs.rows("DESCRIBE COMPUTE POOL P")[0]["state"] == "SUSPENDED"
    assert jobs.error("SELECT SYSTEM$GET_SERVICE_LOGS('J', '0', 'main')").errno == 395045


def test_losing_a_node_is_for_those_who_operate_the_pool(jobs: Jobs) -> None:
    jobs.run("CREATE ROLE R1", "GRANT USAGE ON COMPUTE POOL P TO ROLE R1", "GRANT ROLE R1 TO USER SANDBOX_ADMIN")
    jobs.run("USE ROLE R1")
    assert jobs.error("SELECT SYSTEM$SANDBOX_LOSE_NODE('P')").errno == 3001
    jobs.run("USE ROLE ACCOUNTADMIN")
    assert jobs.rows("SELECT SYSTEM$SANDBOX_LOSE_NODE('P') AS S")[0]["S"] == "Node lost: 0 instances ran on it."


def test_services_are_waited_for_until_none_is_pending(jobs: Jobs, tmp_path: Path) -> None:
    wait = "SELECT SYSTEM$WAIT_FOR_SERVICES({}, {}) AS W"
    jobs.run(job("FAILS", "fail", "3", options=ASYNC))
    jobs.end("FAILS")
    assert jobs.error(wait.format(60, "'D.S.FAILS'")).errno == 395043
    gate = tmp_path / "gate"
    jobs.running("RUNS", gate)
    assert jobs.rows(wait.format(60, "'RUNS'")) == [{"W": "OK"}]
    whole = {"requests": {"cpu": 1}}
    jobs.run(job("WAITS", "lines", "1", options=ASYNC, resources=whole))
    error = jobs.error(wait.format(0, "'RUNS', 'WAITS'"))
    assert (error.errno, "not READY are WAITS" in error.message) == (395042, True)
    gate.write_text("go")
    assert jobs.rows(wait.format(60, "'RUNS', 'WAITS'")) == [{"W": "OK"}]
