"""Job services through their statements, with real containers: statuses, errors, placement, logs, restart."""

from __future__ import annotations

import json
import os
import threading
from datetime import timedelta
from typing import TYPE_CHECKING

import pytest
from snowflake_sandbox.catalog import catalog
from snowflake_sandbox.errors import SnowflakeError
from snowflake_sandbox.objects import stage
from snowflake_sandbox.protocol import logins
from snowflake_sandbox.statements import dispatch
from snowflake_sandbox.statements.reader import ObjectName

from tests.sandbox.services.conftest import ASYNC, Jobs, job

if TYPE_CHECKING:
    from pathlib import Path

    from snowflake_sandbox.call import World


def test_a_synchronous_job(jobs: Jobs) -> None:
    answer = jobs.rows(job("J", "lines", "3"))
    assert answer == [{"status": "Job J completed successfully with status: DONE."}]
    shown = jobs.container("J")
    assert (shown["status"], shown["last_exit_code"], shown["restart_count"]) == ("DONE", 0, 0)
    assert shown["image_digest"].startswith("sha256:")
    assert jobs.log("J") == "line 0\nline 1\nline 2\n"
    assert jobs.log("J", 1) == "line 2\n"
    row = jobs.rows("SHOW SERVICES LIKE 'j' IN SCHEMA D.S")[0]
    assert (row["status"], row["is_job"], row["is_async_job"]) == ("DONE", True, False)
    assert jobs.rows("SHOW SERVICE INSTANCES IN SERVICE D.S.J")[0]["status"] == "SUCCEEDED"


def test_the_environment_is_the_platforms_and_the_specifications(jobs: Jobs) -> None:
    jobs.run(job("J", "environment", env={"MY": "own"}))
    found = json.loads(jobs.log("J"))
    assert {name for name in found if name.startswith("SNOWFLAKE_")} == {
        "SNOWFLAKE_ACCOUNT",
        "SNOWFLAKE_DATABASE",
        "SNOWFLAKE_HOST",
        "SNOWFLAKE_JOBS_COUNT",
        "SNOWFLAKE_JOB_INDEX",
        "SNOWFLAKE_PORT",
        "SNOWFLAKE_PROTOCOL",
        "SNOWFLAKE_SCHEMA",
        "SNOWFLAKE_SERVICE_NAME",
        "SNOWFLAKE_TOKEN_FILE_PATH",
    }
    assert (found["MY"], found["MODE"], found["SNOWFLAKE_SERVICE_NAME"]) == ("own", "batch", "J")
    assert set(found) - {"LC_CTYPE"} == {n for n in found if n.startswith("SNOWFLAKE_")} | {
        "MY",
        "MODE",
        "PATH",
        "HOME",
        "PYTHONPATH",
        "LANG",
    }


def test_the_token_is_for_the_owner_alone_and_gone_afterwards(jobs: Jobs) -> None:
    jobs.run(job("J", "token"))
    assert jobs.log("J").split()[0] == "0o600"
    assert list(jobs.folder.rglob("token")) == []
    with jobs.world.store.transaction() as tx:
        assert tx.rows("SELECT * FROM oauth_token") == []


def test_a_job_that_fails(jobs: Jobs) -> None:
    error = jobs.error(job("J", "fail", "3"))
    assert "Job J failed with status: FAILED." in error.message
    assert "User application error, check container logs. Exit code 3." in error.message
    assert jobs.log("J") == "about to fail\n"
    assert jobs.error("CALL J!SPCS_WAIT_FOR('DONE', 5)").message.endswith("it ended with status FAILED.")


def test_a_job_that_takes_too_much_memory(jobs: Jobs, tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "never")
    resources = {"limits": {"memory": "100Mi"}}
    error = jobs.error(job("J", "memory", str(tmp_path / "never"), resources=resources))
    assert "Container was OOMKilled due to resource usage" in error.message
    assert jobs.container("J")["last_exit_code"] == 137


def test_an_unknown_image_says_which_there_are(jobs: Jobs) -> None:
    error = jobs.error(job("J", image="/d/s/r/nope:1"))
    assert "Failed to pull image: '/d/s/r/nope:1' not found. Existing images: test_image:latest" in error.message
    assert jobs.container("J")["last_exit_code"] is None


def test_jobs_wait_for_room_in_order(jobs: Jobs, tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "gate")
    for name in ("J1", "J2", "J3"):
        jobs.run(job(name, "wait", str(tmp_path / "gate"), options=ASYNC))
    waiting = jobs.container("J3")
    assert (waiting["status"], waiting["message"]) == ("PENDING", "Compute pool node(s) are being provisioned.")
    assert jobs.status("J3") == "PENDING"
    pool = jobs.rows("SHOW COMPUTE POOLS LIKE 'P'")[0]
    assert (pool["state"], pool["num_jobs"], pool["active_nodes"]) == ("ACTIVE", 3, 1)
    jobs.run("CALL J1!SPCS_CANCEL_JOB()")
    assert "CANCELLED" in jobs.error("CALL J1!SPCS_WAIT_FOR('DONE', 60)").message
    for name in ("J2", "J3"):
        jobs.run(f"CALL {name}!SPCS_CANCEL_JOB()")
        assert "CANCELLED" in jobs.error(f"CALL {name}!SPCS_WAIT_FOR('DONE', 60)").message
    assert jobs.rows("SHOW COMPUTE POOLS LIKE 'P'")[0]["state"] == "IDLE"


def test_replicas_know_their_number(jobs: Jobs) -> None:
    jobs.run(job("J", "environment", options="REPLICAS = 3"))
    logs = [jobs.rows(f"SELECT SYSTEM$GET_SERVICE_LOGS('J', '{n}', 'main') AS L")[0]["L"] for n in range(3)]
    found = [json.loads(log) for log in logs]
    assert [one["SNOWFLAKE_JOB_INDEX"] for one in found] == ["0", "1", "2"]
    assert {one["SNOWFLAKE_JOBS_COUNT"] for one in found} == {"3"}
    assert jobs.rows("DESCRIBE SERVICE J")[0]["target_instances"] == 3


def test_a_wait_ends_with_its_time_or_its_statement(jobs: Jobs, tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "gate")
    jobs.run(job("J", "wait", str(tmp_path / "gate"), options=ASYNC))
    assert "Timed out after 0 seconds" in jobs.error("CALL J!SPCS_WAIT_FOR('DONE', 0)").message
    cancelled = threading.Event()
    cancelled.set()
    with pytest.raises(SnowflakeError, match="SQL execution canceled"):
        dispatch.execute(jobs.world, jobs.session, "CALL J!SPCS_WAIT_FOR('DONE', 60)", cancelled=cancelled)
    assert jobs.status("J") in ("PENDING", "RUNNING")
    with pytest.raises(SnowflakeError, match="SQL execution canceled"):
        dispatch.execute(jobs.world, jobs.session, job("SYNC", "wait", str(tmp_path / "gate")), cancelled=cancelled)
    assert "CANCELLED" in jobs.error("CALL SYNC!SPCS_WAIT_FOR('DONE', 60)").message


@pytest.mark.parametrize(
    ("statement", "message"),
    [
        (job('"lower"', "lines"), "Invalid service name 'lower'"),
        (job("J_", "lines"), "valid DNS label"),
        (job("J" * 64, "lines"), "Invalid service name"),
        (job("J", image="/d/s/nope/x"), "Image repository 'D.S.NOPE' does not exist"),
        (job("J", image="plain"), "must be given as /db/schema/repository/name"),
        (job("J").replace("POOL P", "POOL Q"), "Compute pool 'Q' does not exist"),
        (job("J", options="QUERY_WAREHOUSE = Q"), "Warehouse 'Q' does not exist"),
        (job("J", options="REPLICAS = 0"), "invalid value [0] for parameter 'REPLICAS'"),
        (job("J", options="COLOUR = 1"), "unexpected 'COLOUR'"),
        (job("J", colour="red"), "unknown option 'colour'"),
        (job("J") + " NAME = K", "unexpected 'NAME'"),
        (
            job("J", resources={"requests": {"cpu": 2}}),
            "pool P can never run it: it requests cpu 2, of which a node has 1",
        ),
        (job("J", resources={"limits": {"memory": "7Gi"}}), "it requests memory"),
        (
            job("J", resources={kind: {"nvidia.com/gpu": 1} for kind in ("requests", "limits")}),
            "requests nvidia.com/gpu 1",
        ),
        ("CREATE SERVICE X IN COMPUTE POOL P FROM SPECIFICATION 'x'", "CREATE SERVICE"),
        ("DESCRIBE SERVICE NOPE", "Service 'D.S.NOPE' does not exist or not authorized"),
        ("CALL NOPE!SPCS_CANCEL_JOB()", "does not exist or not authorized"),
    ],
)
def test_what_is_refused_leaves_nothing(jobs: Jobs, statement: str, message: str) -> None:
    assert message in jobs.error(statement).message
    assert jobs.rows("SHOW SERVICES IN SCHEMA D.S") == []


def test_a_name_is_taken_until_the_job_is_dropped(jobs: Jobs) -> None:
    jobs.run(job("J", "lines", "1"))
    assert jobs.error(job("J", "lines", "1")).errno == 2002
    jobs.run("DROP SERVICE J FORCE", "DROP SERVICE IF EXISTS J", job("J", "lines", "1"))


def test_jobs_are_kept_for_thirty_days(jobs: Jobs) -> None:
    jobs.run(job("J", "lines", "1"))
    jobs.clock.move(timedelta(days=30).total_seconds())
    jobs.world.parts["services"].remove_old()
    assert len(jobs.rows("SHOW SERVICES IN SCHEMA D.S")) == 1
    jobs.clock.move(1)
    jobs.world.parts["services"].remove_old()
    assert jobs.rows("SHOW SERVICES IN SCHEMA D.S") == []


def test_each_missing_grant_bites(jobs: Jobs) -> None:
    jobs.run("CREATE ROLE R1", "GRANT USAGE ON DATABASE D TO ROLE R1", "GRANT USAGE ON SCHEMA D.S TO ROLE R1")
    session = logins.open_session(
        jobs.world, logins.ADMINISTRATOR, "R1", warehouse="FOR_EVERYBODY", database="D", schema="S"
    )
    statement = job("J", "lines", "1", options="QUERY_WAREHOUSE = W")
    for grant in (
        "GRANT CREATE SERVICE ON SCHEMA D.S TO ROLE R1",
        "GRANT USAGE ON COMPUTE POOL P TO ROLE R1",
        "GRANT READ ON IMAGE REPOSITORY D.S.R TO ROLE R1",
        "GRANT USAGE ON WAREHOUSE W TO ROLE R1",
    ):
        assert jobs.error(statement, session).errno in (2003, 3001)
        jobs.run(grant)
    jobs.rows(statement, session)


@pytest.mark.parametrize("role", ["ACCOUNTADMIN", "SECURITYADMIN", "ORGADMIN"])
def test_an_administrator_may_own_a_service(jobs: Jobs, role: str) -> None:
    """docs/decisions/0022-who-may-own-a-service.md."""
    jobs.run(
        f"GRANT ROLE {role} TO USER {logins.ADMINISTRATOR}",
        f"GRANT ALL ON DATABASE D TO ROLE {role}",
        f"GRANT ALL ON SCHEMA D.S TO ROLE {role}",
        f"GRANT USAGE ON COMPUTE POOL P TO ROLE {role}",
        f"GRANT READ ON IMAGE REPOSITORY D.S.R TO ROLE {role}",
    )
    session = logins.open_session(jobs.world, logins.ADMINISTRATOR, role, database="D", schema="S")
    jobs.rows(job("J", "lines", "1", options=ASYNC), session)
    assert jobs.rows("SHOW SERVICES LIKE 'J' IN SCHEMA D.S")[0]["owner"] == role


def test_a_suspended_pool_resumes_by_itself_if_it_may(jobs: Jobs) -> None:
    jobs.run("ALTER COMPUTE POOL P SUSPEND", job("J", "lines", "1"))
    assert jobs.rows("SHOW COMPUTE POOLS LIKE 'P'")[0]["state"] == "IDLE"
    jobs.run("ALTER COMPUTE POOL P SET AUTO_RESUME = FALSE", "ALTER COMPUTE POOL P SUSPEND")
    assert "AUTO_RESUME is false" in jobs.error(job("K", "lines", "1")).message


def test_waiting_jobs_start_when_the_pool_grows(jobs: Jobs, tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "gate")
    blocking = job("B", "wait", str(tmp_path / "gate"), options=ASYNC, resources={"requests": {"cpu": 1}})
    jobs.run(blocking, job("J", "lines", "1", options=ASYNC))
    assert jobs.status("J") == "PENDING"
    jobs.run("ALTER COMPUTE POOL P SET MAX_NODES = 2", "CALL J!SPCS_WAIT_FOR('DONE', 60)")


def test_stop_all_cancels(jobs: Jobs, tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "gate")
    jobs.run(job("J", "wait", str(tmp_path / "gate"), options=ASYNC), "ALTER COMPUTE POOL P STOP ALL")
    assert "CANCELLED" in jobs.error("CALL J!SPCS_WAIT_FOR('DONE', 60)").message


def test_an_unfinished_job_goes_on_after_a_restart(jobs: Jobs, tmp_path: Path) -> None:
    gate = tmp_path / "gate"
    os.mkfifo(gate)
    jobs.run(job("J", "wait", str(gate), options=ASYNC), job("K", "lines", "1", options=ASYNC))
    jobs.run("CALL K!SPCS_WAIT_FOR('DONE', 60)")
    jobs.stop()
    jobs.start()
    gate.write_text("go")
    jobs.run("CALL J!SPCS_WAIT_FOR('DONE', 60)")
    assert (jobs.container("J")["restart_count"], jobs.container("K")["restart_count"]) == (1, 0)


def test_a_template(jobs: Jobs) -> None:
    text = "spec: {containers: [{name: main, image: /d/s/r/test_image, args: [lines, '{{ n }}']}]}"
    jobs.run(f"EXECUTE JOB SERVICE IN COMPUTE POOL P NAME = J FROM SPECIFICATION_TEMPLATE $${text}$$ USING (n => 2)")
    assert jobs.log("J") == "line 0\nline 1\n"


def test_a_specification_in_a_stage(jobs: Jobs) -> None:
    jobs.run("CREATE STAGE SPECS", "CREATE TABLE T (A VARCHAR)")
    text = "spec: {containers: [{name: main, image: /d/s/r/test_image, args: [lines, '{{ n }}']}]}"
    start = "EXECUTE JOB SERVICE IN COMPUTE POOL P NAME = {} FROM @{} SPECIFICATION{}_FILE = '{}'"
    folder = stage.folder(jobs.world, stage_named(jobs, "SPECS"))
    (folder / "a b").mkdir()
    (folder / "a b" / "job.yaml").write_text(text)
    (folder / "plain.yaml").write_text(text.replace("{{ n }}", "1"))
    jobs.run(start.format("J", "SPECS", "", "plain.yaml"))
    jobs.run(start.format("K", '"D"."S"."SPECS"', "_TEMPLATE", "a b/job.yaml") + " USING (n => 2)")
    assert (jobs.log("J"), jobs.log("K")) == ("line 0\n", "line 0\nline 1\n")
    assert jobs.rows("DESCRIBE SERVICE J")[0]["spec"] == text.replace("{{ n }}", "1")
    error = jobs.error(start.format("L", "SPECS", "", "nope.yaml"))
    assert "'nope.yaml' is not in stage @specs. Its files: a b/job.yaml, plain.yaml." in error.message
    assert jobs.error(start.format("L", "NOPE", "", "x")).errno == 2003


def stage_named(jobs: Jobs, name: str) -> catalog.SnowflakeObject:
    with jobs.world.store.transaction() as tx:
        return catalog.get(tx, "STAGE", ObjectName(name, "S", "D"))


def test_without_a_name_the_query_id_names_the_job(jobs: Jobs) -> None:
    jobs.run(job("X", "lines", "1").replace("NAME = X", ""))
    assert jobs.rows("SHOW JOB SERVICES IN SCHEMA D.S")[0]["name"].startswith("JOB_")


def test_the_deprecated_status_function(jobs: Jobs) -> None:
    jobs.run(job("J", "lines", "1"))
    (found,) = json.loads(jobs.rows("SELECT SYSTEM$GET_SERVICE_STATUS('D.S.J') AS S")[0]["S"])
    assert (found["status"], found["containerName"], found["instanceId"]) == ("DONE", "main", "0")


def test_the_sandbox_stops_only_when_the_end_of_each_container_is_in_the_store(
    jobs: Jobs, monkeypatch: pytest.MonkeyPatch
) -> None:
    revoke, reached, released = logins.revoke_token, threading.Event(), threading.Event()
    order: list[str] = []

    def slow_revoke(world: World, token: str) -> None:
        reached.set()
        assert released.wait(60)
        revoke(world, token)
        order.append("recorded")

    def stop() -> None:
        jobs.world.parts["services"].stop()
        order.append("stopped")

    monkeypatch.setattr(logins, "revoke_token", slow_revoke)
    jobs.run(job("J", "lines", "1", options=ASYNC))
    assert reached.wait(60)
    stopping = threading.Thread(target=stop)
    stopping.start()
    stopping.join(0.3)
    released.set()
    stopping.join(60)
    assert order == ["recorded", "stopped"]
