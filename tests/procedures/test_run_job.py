from __future__ import annotations

import json
import re
from typing import Any

import pytest

from jobgraph.procedures import logs, run_job
from jobgraph.procedures import service as job_service
from jobgraph.procedures.attempt import JobFailed
from tests.procedures.recording import RecordingSession, Service, sql_error

DEFINITION: dict[str, Any] = {
    "hash": "0",
    "graph": "container_jobs",
    "database": "DB",
    "schema": "SC",
    "compute_pool": "POOL",
    "instance_family": "CPU_X64_XS",
    "query_warehouse": "WH",
    "retries": 0,
    "timeout": 60,
    "on_failure": "stop",
    "job_runs_table": "JOBS_RUN_STATS",
    "job_logs_table": "JOB_LOGS",
    "specification": {
        "spec": {"containers": [{"name": "main", "image": "/db/sc/images/job:1", "env": {"SNOWFLAKE_WAREHOUSE": "WH"}}]}
    },
}


def run(session: RecordingSession, task: str = "T_JOB", **changes: Any) -> str:
    job = DEFINITION | changes
    known = session.known(task, job.get("predecessors", ()))
    return run_job.main(session, task, known, json.dumps(job))  # type: ignore[arg-type]  # a stand-in


def test_a_job_that_is_done_leaves_one_row_its_log_and_its_outputs() -> None:
    session = RecordingSession([Service(log='hello\n{"rows_written": 1}\n')])
    assert run(session) == '{"rows_written": 1}'
    assert session.return_values == ['{"rows_written": 1}']
    (row,) = session.history
    changing = ("SERVICE_NAME", "STARTED_TIME", "QUERY_ID")
    assert row.pop("TASK_RUN") == 1
    assert row | dict.fromkeys(changing, "x") == {
        "ROOT_TASK_NAME": "ROOT_TASK",
        "TASK_NAME": "T_JOB",
        "JOB_STATUS": "DONE",
        "GRAPH_RUN_ID": "run-1",
        "GRAPH_START_TIME": "2026-03-01 11:59:00.000 +0000",
        "ERRORS": None,
        "ATTEMPT": 1,
        "SERVICE_NAME": "x",
        "COMPUTE_POOL": "POOL",
        "EXIT_CODE": 0,
        "REASON": "",
        "STARTED_TIME": "x",
        "COMPLETED_TIME": None,
        "DURATION_IN_SECS": "2026-03-01 11:59:56+00:00",
        "OUTPUTS": '{"rows_written": 1}',
        "REASON_CLASS": None,
        "FIRST_ERROR": None,
        "IMAGE_DIGEST": "sha256:1",
        "NODE_FAMILY": "CPU_X64_XS",
        "REPLICAS": 1,
        "QUERY_ID": "x",
        "LOG_LOCATION": '"DB"."SC"."JOB_LOGS"',
        "GRAPH_NAME": "container_jobs",
    }
    assert [log["LOG"] for log in session.logs] == ['hello\n{"rows_written": 1}\n']


@pytest.mark.parametrize("log", ["", 'hello\n{"rows_written": 1}\n'])
@pytest.mark.parametrize("more", [{}, {"replicas": 10}, {"predecessors": ["A", "B"]}, {"logs": "event_table"}])
def test_a_job_that_is_done_takes_three_statements_besides_the_wait(log: str, more: dict[str, Any]) -> None:
    session = RecordingSession([Service(log=log)])
    run(session, **more)
    start, wait, look, write = [text for text, _ in session.statements]
    assert start.startswith("EXECUTE JOB SERVICE")
    assert "SPCS_WAIT_FOR" in wait
    assert look.startswith("SHOW SERVICE CONTAINERS IN SERVICE")
    assert look.count("SYSTEM$GET_SERVICE_LOGS(") == more.get("replicas", 1)
    steps = ["INSERT", "CALL"] if "logs" in more else ["INSERT", "INSERT", "CALL"]
    assert [step.split()[0] for step in write.split(" ->> ")] == steps
    assert len(session.return_values) == 1


def test_statements_carry_whose_attempt_they_are_for() -> None:
    session = RecordingSession([Service("FAILED", last_exit_code=1), Service()])
    run(session, retries=1)
    assert session.tags[0] == "jobgraph container_jobs run-1 T_JOB 1"
    assert session.tags[-1] == "jobgraph container_jobs run-1 T_JOB 2"
    assert len(set(session.tags)) == 2
    for number, statement in enumerate(session.sent("EXECUTE"), 1):
        assert f"COMMENT = 'jobgraph container_jobs run-1 T_JOB {number}'" in statement
        assert f'"JOB_QUERY_TAG": "jobgraph container_jobs run-1 T_JOB {number}"' in statement


def test_the_start_statement_names_pool_service_warehouse_and_adds_the_facts_of_the_run() -> None:
    session = RecordingSession([Service()])
    run(session)
    (statement,) = session.sent("EXECUTE")
    text = re.fullmatch(
        r"EXECUTE JOB SERVICE IN COMPUTE POOL POOL NAME = DB\.SC\.(?P<name>\w+) ASYNC = TRUE QUERY_WAREHOUSE = WH"
        r" COMMENT = 'jobgraph container_jobs run-1 T_JOB 1' FROM SPECIFICATION \$\$(?P<spec>.*)\$\$",
        statement,
    )
    assert text is not None
    assert json.loads(text["spec"])["spec"]["containers"][0]["env"] == {
        "SNOWFLAKE_WAREHOUSE": "WH",
        "JOB_ATTEMPT": "1",
        "RUN_GROUP_ID": "run-1",
        "TASK_NAME": "T_JOB",
        "SCHEDULED_AT": "2026-03-01 11:59:00.000 +0000",
        "DATA_INTERVAL_START": "",
        "DATA_INTERVAL_END": "2026-03-01 11:59:00.000 +0000",
        "JOB_QUERY_TAG": "jobgraph container_jobs run-1 T_JOB 1",
    }
    assert not session.sent("DROP")


def test_replicas_and_external_access_are_clauses_in_snowflakes_order() -> None:
    session = RecordingSession([Service()])
    run(session, replicas=3, external_access=["PYPI_ACCESS", "OTHER"])
    (statement,) = session.sent("EXECUTE")
    before, _, _ = statement.partition(" FROM SPECIFICATION")
    assert before.partition(" ASYNC")[2] == (
        " = TRUE REPLICAS = 3 QUERY_WAREHOUSE = WH COMMENT = 'jobgraph container_jobs run-1 T_JOB 1'"
        " EXTERNAL_ACCESS_INTEGRATIONS = (PYPI_ACCESS, OTHER)"
    )


def test_no_name_of_an_integration_can_leave_its_clause() -> None:
    with pytest.raises(ValueError, match="not a plain Snowflake identifier"):
        run(RecordingSession([Service()]), external_access=["A) FROM SPECIFICATION $$x$$ --"])


def test_volumes_and_what_else_a_specification_has_are_kept() -> None:
    session = RecordingSession([Service()])
    volumes = [{"name": "scratch", "source": "local"}]
    spec = {"containers": DEFINITION["specification"]["spec"]["containers"], "volumes": volumes}
    run(session, specification={"spec": spec})
    (statement,) = session.sent("EXECUTE")
    assert json.loads(statement.split("$$")[1])["spec"]["volumes"] == volumes


def test_a_failed_job_is_tried_again_and_then_fails_its_task_with_one_line() -> None:
    bad = {"last_exit_code": 3, "message": "User application error, check container logs"}
    services = [Service("FAILED", log="start\nValueError: no such column\nbye\n", **bad) for _ in range(3)]
    session = RecordingSession(services)
    with pytest.raises(JobFailed) as caught:
        run(session, retries=2)
    line = str(caught.value)
    assert "\n" not in line
    assert line.startswith(
        "Job T_JOB FAILED after 3 attempts: app_error(3): exit code 3; User application error, check container logs;"
    )
    assert "last error: ValueError: no such column" in line
    assert [row["ATTEMPT"] for row in session.history] == [1, 2, 3]
    assert {row["EXIT_CODE"] for row in session.history} == {3}
    assert all("no such column" in row["ERRORS"] and "start" in row["ERRORS"] for row in session.history)
    assert len({row["SERVICE_NAME"] for row in session.history}) == 3
    assert len(session.logs) == 3
    assert not session.return_values


def test_a_retry_that_succeeds_ends_the_task_well() -> None:
    session = RecordingSession([Service("FAILED", last_exit_code=1), Service()])
    assert json.loads(run(session, retries=5)) == {"status": "DONE", "attempt": 2}
    assert [row["JOB_STATUS"] for row in session.history] == ["FAILED", "DONE"]


def test_on_failure_continue_keeps_the_task_well_and_history_failed() -> None:
    session = RecordingSession([Service("FAILED", last_exit_code=7)])
    result = json.loads(run(session, on_failure="continue"))
    assert result["status"] == "FAILED"
    assert "exit code 7" in result["cause"]
    assert session.history[0]["JOB_STATUS"] == "FAILED"
    assert session.return_values == [json.dumps(result)]


def test_one_bad_container_among_good_ones_is_a_failure() -> None:
    service = Service("DONE")
    bad = {"container_name": "side", "status": "FAILED", "last_exit_code": 137, "message": "OOMKilled"}
    service.containers.append(service.containers[0] | bad)
    session = RecordingSession([service])
    with pytest.raises(JobFailed, match=r"out_of_memory: exit code 137; OOMKilled"):
        run(session)
    assert [log["CONTAINER_NAME"] for log in session.logs] == ["main", "side"]


def test_the_last_line_of_a_job_out_of_memory_is_not_told_as_its_error() -> None:
    service = Service("FAILED", log="loaded 7 rows\n", last_exit_code=137, message="OOMKilled")
    session = RecordingSession([service])
    with pytest.raises(JobFailed) as failure:
        run(session)
    assert "loaded 7 rows" not in str(failure.value)
    assert session.history[0]["FIRST_ERROR"] == "OOMKilled"


def test_a_service_that_was_started_before_is_adopted() -> None:
    first = RecordingSession([Service()])
    run(first)
    session = RecordingSession([])
    session.services = first.services
    assert json.loads(run(session))["status"] == "DONE"
    assert len(session.history) == 1


def test_a_finished_job_is_not_run_again() -> None:
    session = RecordingSession([Service(log='{"n": 1}')])
    run(session)
    assert run(session) == '{"n": 1}'
    assert len(session.sent("EXECUTE")) == 1


def test_a_job_that_takes_too_long_is_cancelled_and_failed() -> None:
    service = Service("RUNNING", last_exit_code=None)
    service.age = 61
    session = RecordingSession([service])
    with pytest.raises(JobFailed, match="TIMED_OUT after 1 attempt: timeout: cancelled: not done within 60 seconds"):
        run(session)
    assert len(session.sent("CALL DB.SC.T_JOB_")) == 3
    assert session.history[0]["JOB_STATUS"] == "TIMED_OUT"
    assert session.history[0]["REASON_CLASS"] == "timeout"


def test_a_fault_while_waiting_is_waited_out() -> None:
    service = Service("RUNNING")
    faults = [sql_error("connection reset"), sql_error("connection reset")]

    def fault(text: str) -> None:
        if "SPCS_WAIT_FOR" in text:
            if faults:
                raise faults.pop()
            service.status, service.containers[0]["status"] = "DONE", "DONE"

    session = RecordingSession([service], fault)
    run(session)
    assert session.history[0]["JOB_STATUS"] == "DONE"
    assert len(session.sent("CALL DB")) == 3


def test_a_refused_start_is_a_failed_attempt_with_snowflakes_words() -> None:
    def fault(text: str) -> None:
        if text.startswith("EXECUTE"):
            raise sql_error("SQL compilation error:\nCompute pool 'POOL' does not exist or not authorized.", 2003)

    session = RecordingSession([], fault)
    with pytest.raises(JobFailed, match="Compute pool 'POOL' does not exist or not authorized"):
        run(session)
    assert session.history[0]["ERRORS"].startswith("SQL compilation error: Compute pool 'POOL'")
    assert session.history[0]["STARTED_TIME"] is None


def test_an_unreadable_log_is_said_in_the_log() -> None:
    def fault(text: str) -> None:
        if "GET_SERVICE_LOGS" in text:
            raise sql_error("node is gone")

    session = RecordingSession([Service()], fault)
    run(session)
    assert session.logs[0]["LOG"] == "[no log could be read: node is gone]"


def test_values_are_bound_and_nothing_of_a_log_reaches_a_statement() -> None:
    session = RecordingSession([Service("FAILED", log="x'); DROP TABLE A; --")])
    with pytest.raises(JobFailed):
        run(session)
    assert not [text for text, _ in session.statements if "DROP TABLE" in text]


@pytest.mark.parametrize("key", ["database", "schema", "compute_pool", "query_warehouse", "job_runs_table"])
def test_an_identifier_that_is_none_is_refused(key: str) -> None:
    with pytest.raises(ValueError, match="not a plain Snowflake identifier"):
        run(RecordingSession([Service()]), **{key: 'A"; DROP'})


def test_a_dollar_in_a_specification_cannot_close_the_text() -> None:
    spec = {"spec": {"containers": [{"name": "main", "image": "/a/b/c/d:1", "args": ["$$; DROP"]}]}}
    session = RecordingSession([Service()])
    run(session, specification=spec)
    (statement,) = session.sent("EXECUTE")
    assert statement.count("$") == 4
    assert json.loads(statement.split("$$")[1])["spec"]["containers"][0]["args"] == ["$$; DROP"]


def test_service_names_are_unique_short_and_plain() -> None:
    names = {
        job_service.service_name(group, task, number)
        for group in ("run-1", "run-2")
        for task in ("T", "T" * 255, "T" * 254 + "X", "A_" * 60)
        for number in (1, 2, 31)
    }
    assert len(names) == 24
    assert all(len(name) <= 63 and re.fullmatch(r"[A-Z][A-Z0-9_]*[A-Z0-9]", name) for name in names)


def test_a_long_log_keeps_head_and_tail_and_says_what_is_missing() -> None:
    log = "first\n" + "ü" * 300_000 + "\nlast"
    kept = logs.fit(log)
    assert len(kept.encode()) <= logs.MOST_LOG_BYTES
    assert kept.startswith("first")
    assert kept.endswith("last")
    cut = int(re.search(r"\[\.\.\. (\d+) bytes cut here", kept)[1])  # type: ignore[index]  # the assertion is in it
    assert cut > 450_000
    assert logs.fit("short") == "short"


@pytest.mark.parametrize(
    ("log", "outputs"),
    [("", ""), ("text", ""), ('{"a": 1}', '{"a": 1}'), ('x\n {"a": 1} \n\n', '{"a": 1}'), ("{broken", ""), ("[1]", "")],
)
def test_outputs_are_the_last_line_if_it_is_a_json_object(log: str, outputs: str) -> None:
    assert logs.last_json_line(log) == outputs


def test_outputs_too_large_for_a_return_value_stay_in_history() -> None:
    log = json.dumps({"a": "x" * 20_000})
    session = RecordingSession([Service(log=log)])
    assert "are in history" in run(session)
    assert session.history[0]["OUTPUTS"] == log
