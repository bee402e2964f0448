"""What a run is taken to be, from rows."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta, timezone
from typing import Any

import pytest

from jobgraph.cli.views import failures, headline
from jobgraph.runs import deployed, graph_run, shapes, task_runs
from jobgraph.runs.attempts import instant
from jobgraph.runs.graph_run import Progress
from jobgraph.runs.services import JobService
from tests.jobgraph.cli.recorded import (
    FAILED_ATTEMPTS,
    OLD_RUN,
    RUN,
    START,
    Row,
    attempt,
    history_row,
    quickstart,
    task,
)

ENDED = {"QUERY_START_TIME": START, "COMPLETED_TIME": START + timedelta(seconds=2)}


def graph(**states: str) -> deployed.Deployed:
    return deployed.read(quickstart(**states))[0]


def assemble(
    history: list[Row], attempts: list[Row], of: deployed.Deployed | None = None, **progress: Any
) -> graph_run.GraphRun:
    shape, rows = shapes.of_deployed(of or graph()), task_runs.read(history)
    known = Progress(now=START + timedelta(seconds=9), **progress)
    return graph_run.assemble(shape, RUN, rows, attempts, known)


def all_done() -> tuple[list[Row], list[Row]]:
    names = graph().job_names
    history = [history_row(name, "SUCCEEDED", **ENDED) for name in ("ROOT_TASK", *names, "GET_GRAPH_STATS")]
    return history, [attempt(name) for name in names]


def test_a_run_is_done_when_every_job_is() -> None:
    run = assemble(*all_done())
    assert (run.state, run.ended, run.failed) == ("DONE", True, ())
    assert {job.state for job in run.jobs} == {"DONE"}
    assert {job.rows_written for job in run.jobs} == {1}
    assert run.duration == 2.0


def test_a_run_is_not_over_before_its_finalizer_is() -> None:
    history, attempts = all_done()
    run = assemble(history[:-1], attempts)
    assert (run.state, run.ended) == ("RUNNING", False)
    executing = [*history[:-1], history_row("GET_GRAPH_STATS", "EXECUTING")]
    assert not assemble(executing, attempts).ended


def test_a_run_without_a_finalizer_is_over_when_every_job_is_settled() -> None:
    shape = deployed.read(quickstart()[:-1])[0]
    history = [history_row("ROOT_TASK", "SUCCEEDED", **ENDED), history_row("T_MYJOB_1", "SUCCEEDED", **ENDED)]
    assert not assemble(history, [], shape).ended
    history += [history_row("T_MYJOB_5", "SUCCEEDED", **ENDED), history_row("T_MYJOB_2", "FAILED", **ENDED)]
    run = assemble(history, [], shape)
    assert run.ended
    assert {job.name: job.state for job in run.jobs}["T_MYJOB_6"] == "SKIPPED"


def test_a_job_that_failed_but_let_the_graph_go_on_still_fails_the_run() -> None:
    history, attempts = all_done()
    attempts[2] = attempt("T_MYJOB_3", 1, "FAILED", REASON="exit code 1")
    run = assemble(history, attempts)
    assert run.state == "FAILED"
    assert [(job.name, job.cause) for job in run.failed] == [("T_MYJOB_3", "app_error(1): exit code 1")]


def test_the_cause_of_a_failure_is_one_line_of_reason_and_error() -> None:
    history, attempts = all_done()
    history = [row for row in history if row["NAME"] not in {"T_MYJOB_3", "T_MYJOB_6"}]
    history += [history_row("T_MYJOB_3", "FAILED", ERROR_MESSAGE="JobFailed", **ENDED)]
    rows = [row for row in attempts if row["TASK_NAME"] not in {"T_MYJOB_3", "T_MYJOB_6"}] + FAILED_ATTEMPTS
    run = assemble(history, rows)
    (failed,) = run.failed
    assert failed.attempts == 3
    assert failed.tries[-1].exit_code == 1
    assert failed.cause == "app_error(1): User application error, check container logs: Invalid column name 'TIME'"
    assert run.jobs[-1].state == "SKIPPED"


@pytest.mark.parametrize(
    ("error", "cause"),
    [
        ("SQL compilation error:\nTable 'X' does not exist.", "SQL compilation error: Table 'X' does not exist."),
        ("Python Interpreter Error:\nTraceback (most recent call last):\n  x\nJobFailed: no\n", "JobFailed: no"),
        ("x" * 400, "x" * 297 + "..."),
        (None, "the task ended FAILED"),
    ],
)
def test_a_task_that_failed_before_its_first_attempt_gives_its_own_error(error: str | None, cause: str) -> None:
    history = [history_row("ROOT_TASK", "SUCCEEDED", **ENDED)]
    history += [history_row("T_MYJOB_1", "FAILED", ERROR_MESSAGE=error, **ENDED)]
    job = assemble(history, []).jobs[0]
    assert (job.state, job.cause, job.attempts) == ("FAILED", cause, 0)


def test_a_succeeded_task_without_a_recorded_attempt_is_not_taken_for_done() -> None:
    history, attempts = all_done()
    run = assemble(history, attempts[1:])
    assert run.state == "FAILED"
    assert run.jobs[0].state == "NOT RECORDED"


def test_a_suspended_task_is_named() -> None:
    history, attempts = all_done()
    history = [row for row in history if row["NAME"] != "T_MYJOB_1"]
    run = assemble(history, attempts[1:], graph(T_MYJOB_1="suspended"))
    assert (run.jobs[0].state, run.state) == ("SUSPENDED", "FAILED")
    assert run.jobs[0].cause == "its task is suspended, so the run left it out"


def without(history: list[Row], *names: str) -> list[Row]:
    return [row for row in history if row["NAME"] not in names]


def test_a_disabled_job_is_no_suspended_one_and_fails_nothing() -> None:
    history, attempts = all_done()
    rows = quickstart()
    rows[1] = task("T_MYJOB_1", ["ROOT_TASK"], state="suspended", graph="container_jobs", enabled=False)
    (shape,) = deployed.read(rows)
    run = assemble(without(history, "T_MYJOB_1"), attempts[1:], shape)
    job = run.jobs[0]
    assert (job.name, job.state, job.attempts) == ("T_MYJOB_1", "DISABLED", 0)
    assert job.cause == "the job configuration says `enabled: false`, so the run left it out"
    assert (run.state, run.failed) == ("DONE", ())
    assert (shape.suspended, graph(T_MYJOB_2="suspended").suspended) == ((), ("T_MYJOB_2",))


def test_a_disabled_job_that_somebody_resumed_counts_like_any_other() -> None:
    history, attempts = all_done()
    rows = quickstart()
    rows[1] = task("T_MYJOB_1", ["ROOT_TASK"], graph="container_jobs", enabled=False)
    run = assemble(history, [attempt("T_MYJOB_1", 1, "FAILED"), *attempts[1:]], deployed.read(rows)[0])
    assert (run.jobs[0].state, run.state) == ("FAILED", "FAILED")


def test_what_follows_a_disabled_job_is_not_blocked_by_it() -> None:
    """The suspended task counts as succeeded: what is skipped behind it is so by its own condition."""
    rows = quickstart()
    rows[3] = task("T_MYJOB_3", ["T_MYJOB_2"], state="suspended", graph="container_jobs", enabled=False)
    history, attempts = all_done()
    history = [*without(history, "T_MYJOB_3", "T_MYJOB_6"), history_row("T_MYJOB_6", "SKIPPED", **ENDED)]
    done = [row for row in attempts if row["TASK_NAME"] not in {"T_MYJOB_3", "T_MYJOB_6"}]
    run = assemble(history, done, deployed.read(rows)[0])
    assert {job.name: job.cause for job in run.jobs}["T_MYJOB_6"].startswith("its condition was false")
    assert run.state == "DONE"


def test_a_running_job_is_one_attempt_further_than_its_recorded_ones() -> None:
    history = [history_row("ROOT_TASK", "SUCCEEDED", **ENDED)]
    history += [history_row("T_MYJOB_3", "EXECUTING", QUERY_START_TIME=START)]
    service = JobService("S", "RUNNING", 2)
    job = assemble(history, FAILED_ATTEMPTS[:1], services={"T_MYJOB_3": service}).job("T_MYJOB_3")
    assert job is not None
    assert (job.state, job.attempts, job.duration) == ("RUNNING", 2, 9.0)


@pytest.mark.parametrize("recorded", [1, 3])
def test_only_attempts_that_are_there_are_counted(recorded: int) -> None:
    """Its last attempt is recorded, and its task goes on for a moment: there is no further attempt."""
    history = [history_row("ROOT_TASK", "SUCCEEDED", **ENDED)]
    history += [history_row("T_MYJOB_3", "EXECUTING", QUERY_START_TIME=START)]
    ending = {"T_MYJOB_3": JobService("S", "FAILED", recorded)}
    for services in ({}, ending):
        job = assemble(history, FAILED_ATTEMPTS[:recorded], services=services).job("T_MYJOB_3")
        assert job is not None
        assert (job.state, job.attempts) == ("RUNNING", recorded)


def test_a_job_whose_service_waits_for_a_node_is_pending_and_says_why() -> None:
    history = [history_row("ROOT_TASK", "SUCCEEDED", **ENDED)]
    history += [history_row("T_MYJOB_3", "EXECUTING", QUERY_START_TIME=START)]
    service = JobService("S", "PENDING", 1, "POOL", START + timedelta(seconds=2))
    run = assemble(history, [], services={"T_MYJOB_3": service})
    job = run.job("T_MYJOB_3")
    assert job is not None
    assert (job.state, job.cause, job.waited, job.service) == ("PENDING", "waits for a node of POOL", 7.0, service)
    assert run.state == "RUNNING"


def test_a_failed_root_fails_the_run_and_says_why() -> None:
    run = assemble(
        [history_row("ROOT_TASK", "FAILED", ERROR_MESSAGE="no warehouse", **ENDED)],
        [],
        graph(GET_GRAPH_STATS="suspended"),
    )
    assert (run.state, run.ended, run.cause) == ("FAILED", True, "ROOT_TASK FAILED: no warehouse")


def test_a_skipped_root_ends_the_run_although_the_finalizer_never_runs() -> None:
    assert assemble([history_row("ROOT_TASK", "SKIPPED", **ENDED)], []).ended


def test_cancelled_jobs_make_a_cancelled_run() -> None:
    history, attempts = all_done()
    history[6] = history_row("T_MYJOB_6", "CANCELLED", **ENDED)
    assert assemble(history, attempts[:-1]).state == "CANCELLED"


def test_a_retried_run_is_judged_by_its_last_attempt() -> None:
    history, attempts = all_done()
    first = [history_row("T_MYJOB_6", "FAILED", **ENDED), history_row("GET_GRAPH_STATS", "SUCCEEDED", **ENDED)]
    again = [{**row, "ATTEMPT_NUMBER": 2} for row in history if row["NAME"] == "T_MYJOB_6"]
    assert not assemble([*history[:6], *first, *again], attempts).ended
    again += [{**history[-1], "ATTEMPT_NUMBER": 2}]
    assert assemble([*history[:6], *first, *again], attempts).state == "DONE"


def test_the_time_between_the_attempts_of_a_run_does_not_count() -> None:
    history, attempts = all_done()
    first = [history_row("T_MYJOB_6", "FAILED", **ENDED), history_row("GET_GRAPH_STATS", "SUCCEEDED", **ENDED)]
    later = START + timedelta(hours=3)
    at = {"ATTEMPT_NUMBER": 2, "QUERY_START_TIME": later, "COMPLETED_TIME": later + timedelta(seconds=5)}
    again = [{**row, **at} for row in history if row["NAME"] in {"T_MYJOB_6", "GET_GRAPH_STATS"}]
    run = assemble([*history[:6], *first, *again], attempts)
    assert (run.duration, run.elapsed) == (7.0, 10_805.0)
    assert str(headline(run)).endswith(": DONE in 7.0 s (attempt 2, 3 h 00 min after it first began)")
    under_way = {**again[0], "STATE": "EXECUTING", "COMPLETED_TIME": None}
    now = later + timedelta(seconds=3)
    rows = task_runs.read([*history[:6], *first, under_way])
    running = graph_run.assemble(shapes.of_deployed(graph()), RUN, rows, attempts, Progress(now=now))
    assert (running.state, running.duration) == ("RUNNING", 5.0)


def test_other_runs_are_left_out() -> None:
    history, attempts = all_done()
    other = [{**row, "GRAPH_RUN_GROUP_ID": OLD_RUN, "STATE": "FAILED"} for row in history]
    assert assemble(history + other, attempts).state == "DONE"


@pytest.mark.parametrize("outputs", ["not json", "[1]", '{"rows_written": "many"}', None, ""])
def test_outputs_without_a_number_of_rows_are_no_error(outputs: Any) -> None:
    history, attempts = all_done()
    attempts[0] = attempt("T_MYJOB_1", OUTPUTS=outputs)
    assert assemble(history, attempts).jobs[0].rows_written is None


@pytest.mark.parametrize(
    "text",
    [
        "2026-03-01 02:00:00.000 -0800",
        "2026-03-01 10:00:00+00:00",
        "2026-03-01T10:00:00",
        "2026-03-01 10:00:00.000000 Z",
    ],
)
def test_instants_kept_as_text_are_read(text: str) -> None:
    assert instant(text) == datetime(2026, 3, 1, 10, tzinfo=UTC)


def test_instants_of_cells_stay_what_they_are() -> None:
    zone = timezone(timedelta(hours=1))
    assert instant(START.astimezone(zone)) == START
    assert instant(None) is None


def test_the_new_run_is_the_manual_one_that_was_not_there_before() -> None:
    scheduled = history_row("ROOT_TASK", "EXECUTING", GRAPH_RUN_GROUP_ID="by schedule", SCHEDULED_FROM="SCHEDULE")
    old = history_row("ROOT_TASK", "SUCCEEDED", GRAPH_RUN_GROUP_ID=OLD_RUN)
    later = history_row(
        "ROOT_TASK", "SCHEDULED", GRAPH_RUN_GROUP_ID="later", SCHEDULED_TIME=START + timedelta(seconds=1)
    )
    rows = task_runs.read([later, scheduled, old, history_row("ROOT_TASK", "EXECUTING")])
    known = task_runs.started_runs(task_runs.read([old]), "ROOT_TASK")
    assert task_runs.new_run(rows, "ROOT_TASK", known) == RUN
    assert task_runs.new_run(rows[:3], "ROOT_TASK", known, frozenset({"later"})) is None
    assert task_runs.new_run(rows[:3], "ROOT_TASK", known) == "later"


def test_the_newest_run_is_not_the_one_that_the_schedule_will_start() -> None:
    coming = history_row("ROOT_TASK", "SCHEDULED", SCHEDULED_FROM="SCHEDULE", SCHEDULED_TIME=START + timedelta(hours=1))
    rows = task_runs.read([history_row("ROOT_TASK", "SUCCEEDED"), coming])
    newest = task_runs.newest_run(rows)
    assert newest is not None
    assert newest.state == "SUCCEEDED"
    assert task_runs.newest_run(rows[1:]) is None


def test_a_waiting_run_has_no_id_to_show_it_by() -> None:
    later = START + timedelta(seconds=1)
    waiting = history_row("ROOT_TASK", "SCHEDULED", GRAPH_RUN_GROUP_ID=None, SCHEDULED_TIME=later)
    rows = task_runs.read([history_row("ROOT_TASK", "EXECUTING"), waiting])
    newest = task_runs.newest_run(rows)
    assert newest is not None
    assert newest.run_id == RUN
    assert task_runs.new_run(rows[1:], "ROOT_TASK", frozenset()) is None


def test_a_kept_run_shows_jobs_that_are_no_longer_deployed() -> None:
    rows = [history_row(name, "SUCCEEDED", **ENDED) for name in ("ROOT_TASK", "T_MYJOB_1", "T_GONE")]
    history = task_runs.read(rows)
    shape = shapes.of_definitions("container_jobs", "ROOT_TASK", history)
    attempts = [attempt("T_MYJOB_1"), attempt("T_GONE")]
    run = graph_run.assemble(shape, RUN, history, attempts, Progress(closed=True))
    assert [job.name for job in run.jobs] == ["T_GONE", "T_MYJOB_1"]
    assert (run.state, run.ended) == ("DONE", True)


def test_a_graph_is_read_with_predecessors_first() -> None:
    rows = quickstart()
    found = deployed.read(reversed(rows))
    assert [one.key for one in found] == ["container_jobs"]
    assert found[0].root_task == "ROOT_TASK"
    assert found[0].finalizer == "GET_GRAPH_STATS"
    assert found[0].job_names == tuple(f"T_MYJOB_{number}" for number in (1, 2, 3, 4, 5, 6))
    assert found[0].jobs[-1].after == ("T_MYJOB_3", "T_MYJOB_4", "T_MYJOB_5")


def test_tables_are_those_that_the_graph_was_deployed_with() -> None:
    rows = [task("R", []), task("A", ["R"], graph="g", job_runs_table="MY_RUNS", job_logs_table="MY_LOGS")]
    tables = deployed.read(rows)[0].tables
    assert (tables.job_runs, tables.job_logs, tables.task_runs) == ("MY_RUNS", "MY_LOGS", "TASK_LOGGING_STATS")


def test_a_task_of_someone_else_is_a_graph_of_its_own() -> None:
    rows = [*quickstart(), task("ALONE", []), task("OTHER", []), {**task("CHILD", ["OTHER"]), "definition": "$${no}$$"}]
    assert [one.key for one in deployed.read(rows)] == ["OTHER", "container_jobs"]
    assert deployed.named(deployed.read(rows), "root_task") == deployed.named(deployed.read(rows), "CONTAINER_JOBS")
    assert deployed.named(deployed.read(rows), "nothing") is None


def test_a_chain_of_a_thousand_is_read() -> None:
    rows = [task("R", [])] + [task(f"T{n}", [f"T{n - 1}" if n else "R"]) for n in range(999)]
    assert deployed.read(rows)[0].job_names == tuple(f"T{n}" for n in range(999))


def test_a_failed_finalizer_fails_the_run_although_every_job_is_done() -> None:
    history, attempts = all_done()
    error = "Python Interpreter Error:\nTraceback …\nValueError: no table\n in function FINALIZE with handler main"
    history = [row for row in history if row["NAME"] != "GET_GRAPH_STATS"]
    history.append(history_row("GET_GRAPH_STATS", "FAILED", ERROR_MESSAGE=error, **ENDED))
    run = assemble(history, attempts)
    assert (run.state, run.cause) == ("FAILED", "GET_GRAPH_STATS FAILED: ValueError: no table")


def test_a_job_skipped_by_its_own_condition_does_not_fail_the_run() -> None:
    history, attempts = all_done()
    history = [row for row in history if row["NAME"] != "T_MYJOB_5"] + [history_row("T_MYJOB_5", "SKIPPED", **ENDED)]
    run = assemble(history, [row for row in attempts if row["TASK_NAME"] != "T_MYJOB_5"])
    job = {job.name: job for job in run.jobs}["T_MYJOB_5"]
    assert (run.state, job.state, job.cause) == ("DONE", "SKIPPED", "its condition was false, or a predecessor's")


@pytest.mark.parametrize(
    ("outputs", "told"),
    [
        ({"n": 0}, "T_MYJOB_3 returned n = 0"),
        ({"n": "many"}, 'T_MYJOB_3 returned n = "many"'),
        ({"n": "größer 😀 \ud800"}, 'T_MYJOB_3 returned n = "größer 😀 \\ud800"'),
        ({"m": 1}, "T_MYJOB_3 returned no n"),
        (None, "T_MYJOB_3 returned no n"),
        ({"n": "x" * 500}, f'T_MYJOB_3 returned n = "{"x" * 79}…'),
    ],
)
def test_a_job_skipped_by_a_condition_says_what_the_value_was(outputs: Any, told: str) -> None:
    rows = quickstart()
    conditions = [{"output": "n", "test": "above", "value": 0}]
    rows[3] = task("T_MYJOB_3", ["T_MYJOB_2"], graph="container_jobs", conditions=conditions)
    history, attempts = all_done()
    history = [*without(history, "T_MYJOB_6"), history_row("T_MYJOB_6", "SKIPPED", **ENDED)]
    done = [
        row | ({"OUTPUTS": json.dumps(outputs)} if row["TASK_NAME"] == "T_MYJOB_3" and outputs is not None else {})
        for row in attempts
        if row["TASK_NAME"] != "T_MYJOB_6"
    ]
    (shape,) = deployed.read(rows)
    run = assemble(history, done, shape)
    before = [name for task in shape.jobs if task.name == "T_MYJOB_6" for name in task.after]
    assert "T_MYJOB_3" in before
    cause = {job.name: job.cause for job in run.jobs}["T_MYJOB_6"]
    assert cause == f"its condition was false, or a predecessor's ({told})"
    assert f"skipped, because {cause}: T_MYJOB_6" in failures(run)


def test_the_signal_that_killed_a_program_is_named() -> None:
    history, attempts = all_done()
    attempts[0] = attempt("T_MYJOB_1", 1, "FAILED", EXIT_CODE=139)
    job = assemble(history, attempts).jobs[0]
    assert job.cause == "app_error(139): killed by SIGSEGV"
