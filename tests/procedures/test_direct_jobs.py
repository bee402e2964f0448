"""What the finalizer records of jobs that nobody watched: from whatever Snowflake still tells of them."""

from __future__ import annotations

import json
from typing import Any

import pytest

from jobgraph.procedures import finalize_graph
from jobgraph.procedures.direct_jobs import MOST_DONE_DROPPED
from jobgraph.procedures.direct_outcome import NOT_KEPT, outputs
from tests.procedures.direct import DEFINITION, TIMED_OUT, add_run
from tests.procedures.recording import RecordingSession, Service, sql_error


def close(session: RecordingSession) -> dict[str, Any]:
    result = finalize_graph.main(session, json.dumps(DEFINITION))  # type: ignore[arg-type]  # a stand-in
    return dict(json.loads(result))


def failed(code: int = 3, message: str = "User application error") -> Service:
    return Service("FAILED", log="ValueError: no\nbye\n", last_exit_code=code, message=message)


def test_a_job_that_was_done_is_recorded_whole_and_its_service_dropped() -> None:
    session = RecordingSession()
    name = add_run(session, service=Service(log='working\n{"n": 1}\n'), returned='{"n": 1}')
    assert close(session)["attempts_recorded"] == 1
    (row,) = session.history
    told = {key: row[key] for key in ("JOB_STATUS", "ATTEMPT", "EXIT_CODE", "IMAGE_DIGEST", "NODE_FAMILY", "OUTPUTS")}
    assert told == {
        "JOB_STATUS": "DONE",
        "ATTEMPT": 1,
        "EXIT_CODE": 0,
        "IMAGE_DIGEST": "sha256:1",
        "NODE_FAMILY": "CPU_X64_XS",
        "OUTPUTS": '{"n": 1}',
    }
    assert (row["SERVICE_NAME"], row["QUERY_ID"], row["GRAPH_RUN_ID"]) == (name, "query-run-1-A-1", "run-1")
    assert [log["LOG"] for log in session.logs] == ['working\n{"n": 1}\n']
    assert session.dropped == [name]
    assert close(session)["attempts_recorded"] == 0
    assert len(session.history) == 1


@pytest.mark.parametrize(
    ("run", "status", "reason_class", "code"),
    [
        ({"service": failed(), "state": "FAILED", "error": "Job X failed"}, "FAILED", "app_error", 3),
        (
            {"service": failed(137, "Container was OOMKilled"), "state": "FAILED"},
            "FAILED",
            "out_of_memory",
            137,
        ),
        (
            {"service": Service("CANCELLED", last_exit_code=143, message="terminated"), "state": "CANCELLED"},
            "CANCELLED",
            "cancelled",
            143,
        ),
        (
            {"service": Service("CANCELLED", last_exit_code=143), "state": "FAILED", "error": TIMED_OUT},
            "TIMED_OUT",
            "timeout",
            143,
        ),
        ({"state": "FAILED", "error": "Object 'X' does not exist", "code": 2003}, "FAILED", "permission", None),
        ({"state": "FAILED", "error": "invalid specification", "code": 395_018}, "FAILED", "spec_invalid", None),
        ({"state": "FAILED", "error": "out of luck", "code": 603}, "FAILED", "internal", None),
        ({"state": "CANCELLED"}, "CANCELLED", "cancelled", None),
        ({"service": Service(), "state": "FAILED", "error": TIMED_OUT}, "DONE", None, 0),
    ],
)
@pytest.mark.parametrize("source", ["job history", "services"])
def test_how_it_ended(
    run: dict[str, Any], status: str, reason_class: str | None, code: int | None, source: str
) -> None:
    """By the id that the job history has, or, without it, by the time and the mark of the service."""
    session = RecordingSession()
    add_run(session, **run, remembered=source == "job history")
    close(session)
    (row,) = session.history
    assert (row["JOB_STATUS"], row["REASON_CLASS"], row["EXIT_CODE"]) == (status, reason_class, code)


def test_each_attempt_of_the_graph_is_an_attempt() -> None:
    session = RecordingSession()
    add_run(session, service=failed(), state="FAILED", attempt=1)
    add_run(session, service=failed(), state="FAILED", attempt=2)
    close(session)
    add_run(session, service=Service(), attempt=3)
    close(session)
    assert [(row["ATTEMPT"], row["JOB_STATUS"]) for row in session.history] == [
        (1, "FAILED"),
        (2, "FAILED"),
        (3, "DONE"),
    ]


@pytest.mark.parametrize("source", ["job history", "services"])
def test_services_of_two_attempts_are_not_confused(source: str) -> None:
    session, remembered = RecordingSession(), source == "job history"
    first = add_run(session, service=failed(1), state="FAILED", attempt=1, remembered=remembered)
    second = add_run(session, service=failed(2), state="FAILED", attempt=2, remembered=remembered)
    close(session)
    assert [(row["SERVICE_NAME"], row["EXIT_CODE"]) for row in session.history] == [(first, 1), (second, 2)]


def test_what_a_killed_finalizer_left_is_recorded_by_the_next_run() -> None:
    session = RecordingSession()
    add_run(session, service=failed(), state="FAILED", group="run-0")
    add_run(session, service=Service(), group="run-1")
    assert close(session)["attempts_recorded"] == 2
    earlier, own = sorted(session.history, key=lambda row: row["GRAPH_RUN_ID"])
    assert (earlier["GRAPH_RUN_ID"], earlier["GRAPH_START_TIME"]) == ("run-0", "2026-03-01T11:56:40+00:00")
    assert (own["GRAPH_RUN_ID"], own["GRAPH_START_TIME"]) == ("run-1", "2026-03-01 11:59:00.000 +0000")


def test_a_job_that_outlives_its_task_is_stopped() -> None:
    session = RecordingSession()
    name = add_run(session, service=Service("RUNNING"), state="FAILED", error=TIMED_OUT)
    close(session)
    assert session.services[name].status == "CANCELLED"
    (row,) = session.history
    assert (row["JOB_STATUS"], row["REASON_CLASS"]) == ("TIMED_OUT", "timeout")


def test_a_dropped_service_is_recorded_from_the_job_history_without_its_log() -> None:
    session = RecordingSession()
    add_run(session, service=failed(7), state="FAILED", there=False)
    close(session)
    (row,) = session.history
    assert (row["REASON_CLASS"], row["EXIT_CODE"], row["IMAGE_DIGEST"]) == ("app_error", 7, "sha256:1")
    assert [log["LOG"] for log in session.logs] == [NOT_KEPT]


def no_log(text: str) -> None:
    if "SYSTEM$GET_SERVICE_LOGS" in text:
        raise sql_error("its node is gone", 395_045)


def test_the_event_table_has_the_log_where_the_node_is_gone() -> None:
    session = RecordingSession(fault=no_log)
    name = add_run(session, service=failed(), state="FAILED")
    session.events[name] = [("0", "main", "one"), ("0", "main", "two s3cret-s3cret")]
    close(session)
    assert [log["LOG"] for log in session.logs] == ["one\ntwo [hidden]\n"]


def test_a_log_that_nobody_has_is_said_not_to_be_kept() -> None:
    session = RecordingSession(fault=no_log)
    add_run(session, service=failed(), state="FAILED")
    close(session)
    assert [log["LOG"] for log in session.logs] == [NOT_KEPT]
    assert session.history[0]["REASON_CLASS"] == "app_error"


def test_a_thousand_jobs_are_recorded_with_two_statements_each_and_not_all_dropped_at_once() -> None:
    session = RecordingSession()
    for number in range(998):
        add_run(session, f"T_{number}", service=Service(log="x"))
    assert close(session)["attempts_recorded"] == 998
    assert len({row["TASK_NAME"] for row in session.history}) == len(session.history) == len(session.logs) == 998
    assert len(session.dropped) == MOST_DONE_DROPPED
    assert len(session.statements) < 2 * 998 + MOST_DONE_DROPPED + 20


def test_every_replica_is_looked_at() -> None:
    service = failed(4)
    done = {"status": "DONE", "last_exit_code": 0, "message": ""}
    service.containers = [service.containers[0] | done, service.containers[0] | {"instance_id": "1"}]
    session = RecordingSession()
    add_run(session, service=service, state="FAILED", replicas=2)
    close(session)
    assert (session.history[0]["EXIT_CODE"], session.history[0]["REPLICAS"]) == (4, 2)
    assert {log["INSTANCE_ID"] for log in session.logs} == {"0", "1"}


def test_secrets_of_its_variables_are_hidden() -> None:
    session = RecordingSession()
    add_run(session, service=Service(log="using s3cret-s3cret\n"))
    close(session)
    assert [log["LOG"] for log in session.logs] == ["using [hidden]\n"]


def test_what_cannot_be_recorded_is_told_and_fails_nothing() -> None:
    def fault(text: str) -> None:
        if text.startswith('INSERT INTO "DB"."SC"."JOB_LOGS"'):
            raise sql_error("no room", 1001)

    session = RecordingSession(fault=fault)
    add_run(session, service=failed(), state="FAILED")
    assert "A, run run-1: not recorded: no room" in close(session)["not_dropped"]


def test_without_the_privilege_on_the_job_history_services_tell() -> None:
    def fault(text: str) -> None:
        if "GET_JOB_HISTORY" in text:
            raise sql_error("unknown function", 2141)

    session = RecordingSession(fault=fault)
    add_run(session, service=failed(), state="FAILED")
    close(session)
    assert session.history[0]["REASON_CLASS"] == "app_error"


def test_a_graph_without_direct_jobs_asks_nothing_more() -> None:
    session = RecordingSession()
    definition = DEFINITION | {"jobs": [{"name": "A"}]}
    finalize_graph.main(session, json.dumps(definition))  # type: ignore[arg-type]  # a stand-in
    assert not [text for text, _ in session.statements if "GET_JOB_HISTORY" in text or "LEAST" in text]


@pytest.mark.parametrize(
    ("returned", "kept"),
    [
        ('{"n": 1}', '{"n": 1}'),
        ('{"status": "DONE", "attempt": 1}', ""),
        ('{"status": "DONE", "attempt": 1, "note": "large"}', ""),
        ("text", ""),
        ("", ""),
    ],
)
def test_outputs_are_what_the_task_returned_unless_that_says_there_are_none(returned: str, kept: str) -> None:
    assert outputs(returned) == kept
