from __future__ import annotations

import json
from typing import Any

import pytest

from jobgraph.plan.sql import json_literal
from jobgraph.procedures import finalize_graph
from jobgraph.procedures.recovery import WITHHELD
from tests.procedures.recording import RecordingSession, Service, sql_error

DEFINITION: dict[str, Any] = {
    "graph": "container_jobs",
    "database": "DB",
    "schema": "SC",
    "job_runs_table": "JOBS_RUN_STATS",
    "job_logs_table": "JOB_LOGS",
    "task_runs_table": "TASK_LOGGING_STATS",
    "keep_services_days": 1,
    "instance_families": {"POOL": "CPU_X64_S"},
    "jobs": [{"name": "A"}, {"name": "B", "after": [0]}],
}


def add(session: RecordingSession, name: str, days: float, status: str = "DONE", comment: str = "") -> Service:
    service = Service(status, log="bye\n")
    service.comment, service.age = comment or f"jobgraph container_jobs run-0 {name} 1", int(days * 86_400)
    service.pool = "POOL"
    session.services[f"DB.SC.{name}"] = service
    return service


def is_recorded(session: RecordingSession, *names: str, run: str = "run-0") -> None:
    session.history += [{"GRAPH_RUN_ID": run, "TASK_NAME": name, "ATTEMPT": 1} for name in names]


def ended(task: str, state: str, message: str = "") -> dict[str, Any]:
    return {"NAME": task, "STATE": state, "ERROR_MESSAGE": message}


def close(session: RecordingSession) -> dict[str, Any]:
    result = finalize_graph.main(session, json.dumps(DEFINITION))  # type: ignore[arg-type]  # a stand-in
    return dict(json.loads(result))


def test_the_run_is_copied_once_without_the_finalizer_itself() -> None:
    session = RecordingSession()
    session.task_ends = [ended("ROOT_TASK", "SUCCEEDED"), ended("A", "SKIPPED"), ended("B", "SUCCEEDED")]
    assert close(session)["tasks_in_history"] == 3
    ((statement, binds),) = [entry for entry in session.statements if entry[0].startswith("INSERT")]
    assert 'FROM TABLE("DB".INFORMATION_SCHEMA.TASK_HISTORY(ROOT_TASK_ID => ?,' in statement
    assert "WHERE S.GRAPH_RUN_GROUP_ID = ? AND S.NAME <> ?" in statement
    assert "AND NOT EXISTS (SELECT 1 FROM" in statement
    started = "2026-03-01 11:59:00.000 +0000"
    jobs = '{"finalizer": "GET_GRAPH_STATS", "jobs": [{"name": "A"}, {"name": "B", "after": [0]}]}'
    whose = ["ROOT_TASK", "container_jobs", "ROOT_TASK", jobs]
    assert binds == [*whose, "root-uuid", started, "run-1", "GET_GRAPH_STATS", "ROOT_TASK"]
    assert statement.count("?") == len(binds)


def test_recorded_services_are_dropped_done_ones_at_once_others_by_age_oldest_first() -> None:
    session = RecordingSession()
    add(session, "OLD", 2)
    add(session, "OLDEST", 9, "FAILED")
    add(session, "NEW", 0.5)
    add(session, "FAILED_NEW", 0.5, "FAILED")
    add(session, "BESIDE", 0.1)  # of a run that goes on: its runner has not recorded it
    add(session, "RUNNING", 0.5, "RUNNING")
    add(session, "FOREIGN", 5, comment="something else")
    add(session, "OTHER_GRAPH", 5, comment="jobgraph container_jobs_2 run-0 A 1")
    add(session, "EARLIER_VERSION", 5, comment="jobgraph container_jobs run-0")
    is_recorded(session, "OLD", "OLDEST", "NEW", "FAILED_NEW")
    assert close(session)["services_dropped"] == 4
    assert session.dropped == [f"DB.SC.{name}" for name in ("OLDEST", "EARLIER_VERSION", "OLD", "NEW")]
    assert session.services["DB.SC.RUNNING"].status == "RUNNING"


def test_the_sweep_is_bounded() -> None:
    session = RecordingSession()
    names = [f"S_{number}" for number in range(finalize_graph.MOST_DROPS + 50)]
    for name in names:
        add(session, name, 3)
    is_recorded(session, *names)
    assert close(session)["services_dropped"] == finalize_graph.MOST_DROPS


def test_a_service_that_cannot_be_dropped_is_named_and_fails_nothing() -> None:
    def fault(text: str) -> None:
        if text.endswith("DROP SERVICE IF EXISTS DB.SC.BAD"):
            raise sql_error("Insufficient privileges")

    session = RecordingSession(fault=fault)
    add(session, "BAD", 3)
    add(session, "GOOD", 2)
    is_recorded(session, "BAD", "GOOD")
    result = close(session)
    assert result["services_dropped"] == 1
    assert "DB.SC.BAD" in result["not_dropped"][0]
    assert "Insufficient privileges" in result["not_dropped"][0]


@pytest.mark.parametrize(
    ("state", "message", "reason_class"),
    [("CANCELLED", "", "cancelled"), ("FAILED", "Task timed out", "timeout"), ("FAILED", "killed", "internal")],
)
def test_a_job_that_its_task_left_running_is_stopped_and_recorded(state: str, message: str, reason_class: str) -> None:
    session = RecordingSession()
    service = add(session, "A", 0.01, "RUNNING", "jobgraph container_jobs run-1 A 1")
    session.task_ends = [ended("A", state, message)]
    assert close(session)["attempts_recovered"] == 1
    assert service.status == "CANCELLED"
    ((row),) = session.history
    assert (row["JOB_STATUS"], row["REASON_CLASS"], row["ATTEMPT"]) == ("CANCELLED", reason_class, 1)
    assert (row["COMPUTE_POOL"], row["NODE_FAMILY"]) == ("POOL", "CPU_X64_S")
    assert [log["LOG"] for log in session.logs] == ["bye\n"]
    assert close(session)["attempts_recovered"] == 0


SPECIFICATION = {
    "spec": {
        "containers": [
            {"name": "main", "env": {"DB_PASSWORD": "correct-horse-battery"}},
            {"name": "side", "env": {"DB_PASSWORD": "staple-of-the-side"}},
        ]
    }
}


@pytest.mark.parametrize("state", ["CANCELLED", "FAILED"])
@pytest.mark.parametrize("group", ["run-0", "run-1"])
def test_a_recovered_attempt_hides_the_secrets_of_all_containers_of_its_job(group: str, state: str) -> None:
    session = RecordingSession()
    status = "RUNNING" if state == "CANCELLED" else "FAILED"
    service = add(session, "A", 2, status, f"jobgraph container_jobs {group} A 1")
    service.log = "error: correct-horse-battery and staple-of-the-side are wrong\n"
    definition = {"specification": SPECIFICATION}
    session.bodies[group, "A"] = f"CALL RUN_JOB('A', (SELECT 1), {json_literal(definition)})"
    session.task_ends = [ended("A", state, "killed")] if group == "run-1" else []
    assert close(session)["attempts_recovered"] == 1
    hidden = "error: [hidden] and [hidden] are wrong"
    assert [log["LOG"] for log in session.logs] == [f"{hidden}\n"]
    ((row),) = session.history
    assert hidden in row["ERRORS"]
    assert row["FIRST_ERROR"] == (None if state == "CANCELLED" else hidden)


def test_a_log_whose_secrets_are_not_known_any_more_is_not_kept() -> None:
    session = RecordingSession()
    add(session, "A", 2, "FAILED", "jobgraph container_jobs run-0 A 1").log = "error: correct-horse-battery\n"
    session.bodies["run-0", "A"] = ""
    assert close(session)["attempts_recovered"] == 1
    assert [log["LOG"] for log in session.logs] == [WITHHELD]
    assert "correct-horse" not in str(session.history)


def test_attempts_are_recorded_later_if_the_task_history_cannot_be_read() -> None:
    def fault(text: str) -> None:
        if "QUERY_TEXT FROM TABLE" in text:
            raise sql_error("no node", 603)

    session = RecordingSession(fault=fault)
    add(session, "A", 2, "FAILED", "jobgraph container_jobs run-0 A 1")
    result = close(session)
    assert (result["attempts_recovered"], result["not_dropped"]) == (0, ["DB.SC.A: not recorded: no node"])
    assert (session.history, session.dropped) == ([], [])
    session.fault = None
    assert close(session)["attempts_recovered"] == 1


def test_a_job_that_was_done_though_its_runner_died_is_recorded_as_done() -> None:
    session = RecordingSession()
    add(session, "A", 0.01, "DONE", "jobgraph container_jobs run-1 A 2").log = '{"n": 1}'
    session.task_ends = [ended("A", "FAILED", "killed")]
    close(session)
    assert [(row["JOB_STATUS"], row["ATTEMPT"], row["OUTPUTS"]) for row in session.history] == [("DONE", 2, '{"n": 1}')]
    assert session.dropped == ["DB.SC.A"]


def test_a_task_that_failed_before_its_job_was_started_has_one_attempt() -> None:
    session = RecordingSession()
    session.task_ends = [
        ended("ROOT_TASK", "FAILED", "x"),
        ended("A", "FAILED_AND_AUTO_SUSPENDED", "no warehouse"),
        ended("B", "SKIPPED"),
    ]
    close(session)
    close(session)
    assert [(row["TASK_NAME"], row["REASON_CLASS"], row["FIRST_ERROR"]) for row in session.history] == [
        ("A", "internal", "no warehouse")
    ]


def test_an_orphan_of_another_run_is_left_to_that_run_until_it_is_old() -> None:
    session = RecordingSession()
    add(session, "A", 0.5, "FAILED", "jobgraph container_jobs run-0 A 1")
    add(session, "B", 2, "FAILED", "jobgraph container_jobs run-0 B 1")
    close(session)
    assert [(row["GRAPH_RUN_ID"], row["TASK_NAME"]) for row in session.history] == [("run-0", "B")]
    assert session.dropped == ["DB.SC.B"]


def test_results_of_days_long_ago_are_removed_oldest_first_and_bounded() -> None:
    session = RecordingSession()
    place = '@"DB"."SC"."JOBS"/runs'
    days = [f"2026-01-{day:02}" for day in range(1, 32)] + [f"2026-02-{day:02}" for day in range(1, 29)]
    session.files = {f"{place}/{day}/run/A/1/f": b"" for day in [*days, "2026-03-01"]} | {f"{place}/0-readme": b""}
    definition = DEFINITION | {"results": place, "keep_results_days": 14}
    result = json.loads(finalize_graph.main(session, json.dumps(definition)))  # type: ignore[arg-type]  # a stand-in
    left = sorted(name.split("/")[2] for name in session.files)
    assert result["days_of_results_removed"] == len(session.sent("REMOVE")) == 30
    assert left == ["0-readme", *(day for day in [*days, "2026-03-01"] if day >= "2026-01-31")]
    for _ in range(2):
        finalize_graph.main(session, json.dumps(definition))  # type: ignore[arg-type]  # a stand-in
    left = sorted(name.split("/")[2] for name in session.files)
    assert left == ["0-readme", *(day for day in [*days, "2026-03-01"] if day >= "2026-02-15")]


def test_results_that_cannot_be_removed_are_named_and_fail_nothing() -> None:
    def fault(text: str) -> None:
        if text.startswith(("LIST", "REMOVE")):
            raise sql_error("no such stage", 2003)

    definition = DEFINITION | {"results": '@"DB"."SC"."JOBS"/runs', "keep_results_days": 14}
    session = RecordingSession(fault=fault)
    result = json.loads(finalize_graph.main(session, json.dumps(definition)))  # type: ignore[arg-type]  # a stand-in
    assert result["not_dropped"] == ["old results: no such stage"]


def test_a_run_of_a_thousand_tasks_is_closed_with_few_statements() -> None:
    session = RecordingSession()
    session.task_ends = [ended(f"T_{number}", "SUCCEEDED") for number in range(999)]
    for number in range(999):
        add(session, f"T_{number}", 0.01, comment=f"jobgraph container_jobs run-1 T_{number} 1")
    is_recorded(session, *(f"T_{number}" for number in range(999)), run="run-1")
    result = close(session)
    assert (result["tasks_in_history"], result["services_dropped"]) == (999, finalize_graph.MOST_DROPS)
    assert len(session.statements) - finalize_graph.MOST_DROPS < 10


def test_a_thousand_tasks_that_never_began_are_recorded_each_once() -> None:
    session = RecordingSession()
    session.task_ends = [ended(f"T_{number}", "FAILED", "out of credits") for number in range(999)]
    assert close(session)["attempts_recovered"] == 999
    assert close(session)["attempts_recovered"] == 0
    assert len({row["TASK_NAME"] for row in session.history}) == len(session.history) == 999


def test_the_job_of_a_task_that_goes_on_is_left_to_its_runner() -> None:
    session = RecordingSession()
    service = add(session, "A", 0.01, "RUNNING", "jobgraph container_jobs run-1 A 1")
    session.task_ends = [ended("A", "EXECUTING")]
    assert close(session)["attempts_recovered"] == 0
    assert service.status == "RUNNING"
    assert not session.history
