from __future__ import annotations

import json

import pytest

from jobgraph.procedures.attempt import JobFailed
from tests.procedures.recording import RecordingSession, Service, sql_error
from tests.procedures.test_run_job import run


def test_a_task_that_is_run_again_after_its_last_failure_ends_the_same_way() -> None:
    session = RecordingSession([Service("FAILED", log="Error: no\n", last_exit_code=3) for _ in range(4)])
    ends = []
    for _ in range(2):
        with pytest.raises(JobFailed) as caught:
            run(session, retries=1)
        ends.append(str(caught.value))
    assert ends[0] == ends[1]
    assert [row["ATTEMPT"] for row in session.history] == [1, 2]


def test_a_retried_graph_run_gives_a_job_its_attempts_anew() -> None:
    session = RecordingSession([Service("FAILED", last_exit_code=3) for _ in range(4)])
    for task_run in (1, 2):
        session.task_run = task_run
        with pytest.raises(JobFailed, match=f"after {task_run * 2} attempts"):
            run(session, retries=1)
    assert [row["ATTEMPT"] for row in session.history] == [1, 2, 3, 4]


def test_on_failure_continue_ends_the_same_way_when_run_again() -> None:
    session = RecordingSession([Service("FAILED", log="Error: no\n", last_exit_code=3)])
    assert run(session, on_failure="continue") == run(session, on_failure="continue")
    assert session.return_values == [session.return_values[0]] * 2


def _bad() -> Service:
    return Service("FAILED", last_exit_code=1)


def test_a_job_learns_what_its_predecessors_returned_and_where_their_results_are() -> None:
    session = RecordingSession([Service(log='{"n": 1}'), _bad(), Service(), _bad(), Service()])
    place = '@"DB"."SC"."JOBS"/runs'
    run(session, "A", results=place)
    run(session, "B", results=place, retries=1)
    run(session, "C", results=place, on_failure="continue")
    run(session, "D", results=place, predecessors=["A", "B", "C", "NOT_RUN"])
    env = json.loads(session.sent("EXECUTE")[-1].split("$$")[1])["spec"]["containers"][0]["env"]
    day = f"{place}/2026-03-01/run-1"
    assert env["JOB_RESULTS_STAGE_PATH"] == f"{day}/D/1/"
    assert {name: value for name, value in env.items() if name.startswith("RESULTS_STAGE_PATH_")} == {
        "RESULTS_STAGE_PATH_A": f"{day}/A/1/",
        "RESULTS_STAGE_PATH_B": f"{day}/B/2/",
    }
    assert {name: value for name, value in env.items() if name.startswith("OUTPUTS_")} == {
        "OUTPUTS_A": '{"n": 1}',
        "OUTPUTS_B": '{"status": "DONE", "attempt": 2}',
        "OUTPUTS_C": '{"status": "FAILED", "attempt": 1, "cause": "app_error(1): exit code 1; service ended FAILED"}',
    }
    assert session.return_values == [env["OUTPUTS_A"], env["OUTPUTS_B"], env["OUTPUTS_C"], session.return_values[3]]


def test_a_job_learns_what_direct_predecessors_returned_before_history_has_them() -> None:
    session = RecordingSession([Service()])
    session.predecessors = {"A": '{"n": 1}', "B": None}
    place = '@"DB"."SC"."JOBS"/runs'
    names = ["A", "B", "SUSPENDED"]
    run(session, "D", results=place, predecessors=names, direct_predecessors=names)
    env = json.loads(session.sent("EXECUTE")[-1].split("$$")[1])["spec"]["containers"][0]["env"]
    assert {name: value for name, value in env.items() if name.startswith(("OUTPUTS_", "RESULTS_"))} == {
        "OUTPUTS_A": '{"n": 1}',
        "OUTPUTS_B": '{"status": "DONE"}',
        "RESULTS_STAGE_PATH_A": f"{place}/2026-03-01/run-1/A/direct/",
        "RESULTS_STAGE_PATH_B": f"{place}/2026-03-01/run-1/B/direct/",
    }


@pytest.mark.parametrize(
    ("content", "status", "told"),
    [
        (b'{\n "n": 1\n}\n', "DONE", '{"n": 1}'),
        (None, "FAILED", "it left no file out.json"),
        (b"{" + b" " * 10_000 + b"}", "FAILED", "its file out.json has 10002 bytes; outputs may have 10000"),
        (b"[1]", "FAILED", "its file out.json is no JSON object"),
        (b"\xff{", "FAILED", "its file out.json is no JSON object"),
    ],
)
def test_outputs_of_a_file_are_read_and_checked(content: bytes | None, status: str, told: str) -> None:
    session = RecordingSession([Service(log='{"of": "the log"}')])
    place = '@"DB"."SC"."JOBS"/runs/2026-03-01/run-1/T_JOB/1/out.json'
    session.files = {place: content} if content is not None else {}
    more = {"results": '@"DB"."SC"."JOBS"/runs', "outputs_file": "out.json"}
    if status == "DONE":
        assert run(session, **more) == told
        assert session.history[0]["OUTPUTS"] == told
    else:
        with pytest.raises(JobFailed, match=told):
            run(session, **more)
    assert session.history[0]["JOB_STATUS"] == status
    assert len(session.logs) == 1


def test_a_job_that_failed_is_not_asked_for_its_file() -> None:
    session = RecordingSession([_bad()])
    with pytest.raises(JobFailed, match=r"app_error\(1\)"):
        run(session, results='@"DB"."SC"."JOBS"/runs', outputs_file="out.json")
    assert not session.sent("LIST")


def test_a_file_that_cannot_be_fetched_fails_the_attempt_and_says_so() -> None:
    session = RecordingSession([Service()], lambda text: _refuse(text, "LIST"))
    with pytest.raises(JobFailed, match=r"internal: .*its file out.json could not be read: stage is gone"):
        run(session, results='@"DB"."SC"."JOBS"/runs', outputs_file="out.json")


def _refuse(text: str, start: str) -> None:
    if text.startswith(start):
        raise sql_error("stage is gone", 2003)


def test_logs_of_the_event_table_are_not_copied_but_the_first_error_is_found() -> None:
    session = RecordingSession([Service("FAILED", log="ok\nValueError: no\nbye\n", last_exit_code=1)])
    with pytest.raises(JobFailed, match="last error: ValueError: no"):
        run(session, logs="event_table")
    assert not session.logs
    (row,) = session.history
    name = row["SERVICE_NAME"].rpartition(".")[2]
    assert row["LOG_LOCATION"] == f"event table, RESOURCE_ATTRIBUTES:\"snow.service.name\" = '{name}'"
    assert row["FIRST_ERROR"] == "ValueError: no"


def test_logs_of_many_containers_are_read_and_written_in_several_statements() -> None:
    service = Service(log="x\n")
    service.containers = [service.containers[0] | {"instance_id": str(n)} for n in range(45)]
    session = RecordingSession([service])
    run(session, replicas=45)
    assert len(session.logs) == 45
    assert [text.count("?") // 4 for text in session.sent("SELECT SYSTEM$GET")] == [20, 20, 5]


def test_a_record_whose_reply_is_lost_is_written_once() -> None:
    lost = [sql_error("Connection reset by peer", 250_001)]

    def after(text: str) -> None:
        if text.startswith("INSERT") and lost:
            raise lost.pop()

    session = RecordingSession([Service(log='{"n": 1}')], after=after)
    run(session)
    assert (len(session.history), len(session.logs)) == (1, 1)
    assert len(session.sent("INSERT")) == 2


def test_a_finished_job_is_not_run_again_though_it_has_retries() -> None:
    session = RecordingSession([Service(log='{"n": 1}'), Service()])
    assert run(session, retries=2) == run(session, retries=2) == '{"n": 1}'
    assert len(session.sent("EXECUTE")) == 1


def test_a_service_whose_start_was_never_answered_is_adopted() -> None:
    def after(text: str) -> None:
        if text.startswith("EXECUTE"):
            raise sql_error("Connection reset by peer", 250_001)

    def fault(text: str) -> None:
        if text.startswith("EXECUTE") and session.services:
            raise sql_error("Failed to connect to DB", 250_001)

    session = RecordingSession([Service(log='{"n": 1}')], fault, after)
    assert run(session) == '{"n": 1}'
    assert [row["JOB_STATUS"] for row in session.history] == ["DONE"]


@pytest.mark.parametrize(
    ("status", "message", "why"),
    [
        ("FAILED", "Encountered fatal error", "preempted"),
        ("SUSPENDED", "", "preempted"),
        ("FAILED", "Container was OOMKilled due to resource usage", "out_of_memory"),
        ("FAILED", "Failed to pull image", "image_pull"),
        ("FAILED", "something else", "internal"),
        ("INTERNAL_ERROR", "", "internal"),
        ("CANCELLED", "", "cancelled"),
        ("DELETED", "", "cancelled"),
    ],
)
def test_the_reason_class_is_what_the_platform_says(status: str, message: str, why: str) -> None:
    session = RecordingSession([Service(status, message=message, log="an error\n")])
    with pytest.raises(JobFailed):
        run(session, retry_rules={"causes": {"image": 0, "infrastructure": 0}})
    assert session.history[0]["REASON_CLASS"] == why
    # no line of its log says why somebody cancelled a job
    assert session.history[0]["FIRST_ERROR"] == (None if why == "cancelled" else "an error")


def test_between_attempts_the_runner_waits_as_its_rules_say(monkeypatch: pytest.MonkeyPatch) -> None:
    waited: list[float] = []
    monkeypatch.setattr("jobgraph.procedures.run_job.time.sleep", waited.append)
    rules = {"backoff": 8, "longest_backoff": 16}
    run(RecordingSession([_bad(), _bad(), _bad(), _bad(), Service()]), retries=4, retry_rules=rules)
    assert len(waited) == 4
    assert all(whole / 2 <= one <= whole for one, whole in zip(waited, (8, 16, 16, 16), strict=True))
    run(RecordingSession([_bad(), Service()]), retries=1)
    assert len(waited) == 4


def test_a_service_that_is_there_is_known_by_the_errors_number_alone() -> None:
    first = RecordingSession([Service(log='{"n": 1}')])
    run(first)

    def fault(text: str) -> None:
        if text.startswith("EXECUTE"):
            raise sql_error("in words of a later version", 2002)

    session = RecordingSession([], fault)
    session.services = first.services
    assert run(session) == '{"n": 1}'
