"""Every reason class from a real child process, one graph for all: what history says is what happened."""

from __future__ import annotations

import json
import os
import time
from contextlib import suppress
from typing import TYPE_CHECKING

import pytest
import yaml

from jobgraph.config.model import DIRECT, MANAGED
from jobgraph.cost.rates import published
from jobgraph.procedures import run_job
from jobgraph.procedures.attempt import JobFailed
from tests.procedures.recording import RecordingSession, Service
from tests.runner.deployed import Deployed, deployed, write_image_with_runtime
from tests.runner.jobs import ATTEMPTS, ENDS, EXPECTED, HOSTILE, SECRET, TRIES, jobs_of

if TYPE_CHECKING:
    from collections.abc import Iterator

    from jobgraph.plan.planning import TaskPlan

pytestmark = pytest.mark.sandbox

MET = ("t_cancelled_job", "t_cancelled_task", "t_preempted")


def _changed(task: TaskPlan) -> str:
    if task.name == "T_BAD_SPEC":
        return task.sql.replace('"name": "main"', '"name": "NOT A NAME"')
    if task.name == "T_BROKEN":
        return task.sql.replace('"retries": 0', '"retries": "many"')
    return task.sql


@pytest.fixture(scope="module", params=[MANAGED, DIRECT])
def runner(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture(scope="module")
def ran(runner: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Deployed]:
    folder = tmp_path_factory.mktemp("containers")
    write_image_with_runtime(folder / "images")
    jobs = jobs_of(runner)
    for name in MET:
        os.mkfifo(folder / name)
        jobs[name]["args"] = [*jobs[name]["args"], str(folder / name)]
    jobs["t_environment"]["after"] = ["t_big"]
    for name in ("t_takes", "t_too_few", "t_three", "t_no_number"):
        ancestor = f"t_{jobs[name]['after'][0]}"
        jobs[name] |= {"after": [ancestor], "when": jobs[name]["when"] | {"job": ancestor}}
    defaults = {"image": "job:latest", "compute_pool": "POOL", "retries": 0, "runner": runner}
    defaults["timeout"] = "3 minutes"
    file = folder / "jobs.yaml"
    graph = {"config": {"market": "eu", "days": 7}, "jobs": jobs}
    file.write_text(yaml.safe_dump({"version": 1, "defaults": defaults, "graphs": {"g": graph}}))
    with deployed(folder / "sandbox", folder / "images", file, _changed) as found:
        found.start({"market": "u$s"})
        for name in MET:
            assert (folder / name).read_text() == "here"
        lost = _service(found, "T_PREEMPTED")
        while not found.rows(f"SELECT LOG FROM TABLE(D.S.{lost}!SPCS_GET_LOGS())"):
            time.sleep(0.05)  # what job_run.py has not passed on yet, no node has
        found.rows("SELECT SYSTEM$SANDBOX_LOSE_NODE('SHAKY')")
        found.rows("SELECT SYSTEM$USER_TASK_CANCEL_ONGOING_EXECUTIONS('T_CANCELLED_TASK')")
        found.rows(f"CALL {_service(found, 'T_CANCELLED_JOB')}!SPCS_CANCEL_JOB()")
        found.finish(400)
        yield found


def _service(graph: Deployed, task: str) -> str:
    """Return the name of the one service of a job, by its mark."""
    services = {row["name"]: row["comment"] for row in graph.rows("SHOW JOB SERVICES IN SCHEMA D.S")}
    (name,) = [name for name, comment in services.items() if task in comment.split()]
    return str(name)


@pytest.fixture
def managed(runner: str, ran: Deployed) -> Deployed:
    """For what only a runner does."""
    if runner != MANAGED:
        pytest.skip("a direct job has no runner")
    return ran


@pytest.fixture
def direct(runner: str, ran: Deployed) -> Deployed:
    """For what differs where no runner is."""
    if runner != DIRECT:
        pytest.skip("a managed job has a runner")
    return ran


@pytest.mark.parametrize("task", EXPECTED)
def test_status_class_and_exit_code(ran: Deployed, runner: str, task: str) -> None:
    if task not in ENDS[runner]:
        pytest.skip("only a runner can run it")
    last = ran.attempts()[task][-1]
    assert (last["JOB_STATUS"], last["REASON_CLASS"], last["EXIT_CODE"]) == ENDS[runner][task], last


def test_each_job_has_one_row_for_each_attempt(ran: Deployed, runner: str) -> None:
    numbers = {task: [row["ATTEMPT"] for row in rows] for task, rows in ran.attempts().items()}
    assert numbers == {task: list(range(1, TRIES[runner].get(task, 1) + 1)) for task in ENDS[runner]}


def test_no_job_runs_on_and_those_that_were_done_are_gone(ran: Deployed) -> None:
    left = {row["name"]: row["status"] for row in ran.rows("SHOW JOB SERVICES IN SCHEMA D.S")}
    assert set(left.values()) == {"FAILED", "CANCELLED"}


def test_columns_say_where_what_ran(ran: Deployed) -> None:
    (row,) = ran.attempts()["T_EXIT"]
    assert row["NODE_FAMILY"] == "CPU_X64_M"
    assert row["IMAGE_DIGEST"].startswith("sha256:")
    assert row["QUERY_ID"]
    assert row["LOG_LOCATION"] == '"D"."S"."JOB_LOGS"'
    assert row["FIRST_ERROR"] == "ValueError: first"
    assert row["ERRORS"].startswith("RuntimeError: last")
    assert 0 <= row["DURATION_IN_SECS"] < 30


def test_logs_are_kept_whole_or_with_the_cut_stated(ran: Deployed) -> None:
    assert ran.logs("T_QUIET") == {"0": ""}
    assert ran.logs("T_EXIT") == {"0": "starting\nValueError: first\nRuntimeError: last\n"}
    assert ran.logs("T_STUBBORN") == {"0": "not listening\n"}
    big = ran.logs("T_BIG")["0"]
    assert big.startswith("[jobgraph: Snowflake hands out the newest 100 KB")
    assert big.endswith('{"written": 40}\n')
    assert 80_000 < len(big) < 128_000


def test_no_byte_of_a_log_does_harm(ran: Deployed) -> None:
    assert ran.logs("T_BYTES") == {"0": "\ufffd\ufffd café \\x1b[31mred\\x00\n"}


def test_a_secret_is_hidden(ran: Deployed) -> None:
    assert ran.logs("T_SECRET") == {"0": "using [hidden] and Bearer [hidden]\n"}
    assert ran.logs("T_CANCELLED_TASK") == {"0": "here [hidden]\n"}
    assert not [row for rows in ran.attempts().values() for row in rows if SECRET in json.dumps(row, default=str)]


def test_views_answer_what_people_ask(managed: Deployed) -> None:
    ran = managed
    (last,) = ran.rows("SELECT * FROM D.S.LAST_GRAPH_RUNS")
    assert (last["JOBS"], last["ATTEMPTS"]) == (len(EXPECTED), len(EXPECTED) + sum(ATTEMPTS.values()) - len(ATTEMPTS))
    assert last["JOBS_DONE"] == sum(status == "DONE" for status, _, _ in EXPECTED.values())
    weeks = {row["REASON_CLASS"]: row["JOBS"] for row in ran.rows("SELECT * FROM D.S.FAILURES_BY_WEEK")}
    assert weeks["timeout"] == 2
    assert set(weeks) == {name for _, name, _ in EXPECTED.values() if name} | {"preempted"}
    (costs,) = ran.rows("SELECT * FROM D.S.JOB_COSTS WHERE TASK_NAME = 'T_FLAKY'")
    assert (costs["RUNS"], costs["ATTEMPTS"], costs["FAILED_ATTEMPTS"]) == (1, 3, 2)
    assert costs["POOL_SECONDS"] > costs["FAILED_POOL_SECONDS"] > 0
    tries = ran.rows("SELECT * FROM D.S.ATTEMPT_COSTS WHERE TASK_NAME = 'T_FLAKY' ORDER BY ATTEMPT")
    assert [row["ATTEMPT"] for row in tries] == [1, 2, 3]
    rate = published().families[ran.attempts()["T_FLAKY"][0]["NODE_FAMILY"]].high
    assert sum(row["CREDITS"] for row in tries) == pytest.approx(float(costs["POOL_SECONDS"]) / 3600 * rate)
    assert tries[0]["DOLLARS"] == pytest.approx(tries[0]["CREDITS"] * 3)
    # an attempt whose row does not say its nodes' family costs what others on its pool do
    ran.rows(
        "INSERT INTO D.S.JOBS_RUN_STATS (ROOT_TASK_NAME, TASK_NAME, GRAPH_RUN_ID, ATTEMPT, JOB_STATUS, COMPUTE_POOL,"
        " REPLICAS, DURATION_IN_SECS)"
        f" SELECT 'OTHER_ROOT', 'RECOVERED', '1', 1, 'CANCELLED', '{costs['COMPUTE_POOL']}',"
        " 1, 3600"
    )
    (recovered,) = ran.rows("SELECT * FROM D.S.ATTEMPT_COSTS WHERE TASK_NAME = 'RECOVERED'")
    assert (recovered["NODE_FAMILY"], recovered["CREDITS"]) == (tries[0]["NODE_FAMILY"], pytest.approx(rate))
    (together,) = ran.rows("SELECT * FROM D.S.JOB_COSTS WHERE TASK_NAME = 'RECOVERED'")
    assert together["NODE_FAMILY"] == tries[0]["NODE_FAMILY"]
    ran.rows("DELETE FROM D.S.JOBS_RUN_STATS WHERE TASK_NAME = 'RECOVERED'")
    slowest = ran.rows(
        "SELECT TASK_NAME, DURATION_IN_SECS FROM D.S.SLOWEST_JOBS ORDER BY DURATION_IN_SECS DESC LIMIT 3"
    )
    lasted = [row["DURATION_IN_SECS"] for rows in ran.attempts().values() for row in rows]
    assert [row["DURATION_IN_SECS"] for row in slowest] == sorted((n for n in lasted if n is not None), reverse=True)[
        :3
    ]
    (failed,) = ran.rows("SELECT * FROM D.S.FAILED_JOBS WHERE TASK_NAME = 'T_EXIT'")
    assert (failed["REASON_CLASS"], failed["EXIT_CODE"], failed["FIRST_ERROR"]) == ("app_error", 3, "ValueError: first")
    (lasting,) = ran.rows("SELECT * FROM D.S.JOB_DURATIONS WHERE TASK_NAME = 'T_FLAKY'")
    assert lasting["ATTEMPTS"] == 1


def test_every_replica_has_its_log_and_one_that_fails_fails_all(ran: Deployed) -> None:
    logs = ran.logs("T_REPLICA")
    # the others are stopped as soon as it has failed, perhaps before they could print
    assert logs["1"] == "index 1\n"
    assert all(logs[n] in ("", f"index {n}\n") for n in "02")
    assert ran.attempts()["T_REPLICA"][0]["REPLICAS"] == 3


def test_hostile_arguments_arrive_byte_for_byte(ran: Deployed) -> None:
    (row,) = ran.attempts()["T_ARGUMENTS"]
    assert json.loads(row["OUTPUTS"]) == {"arguments": HOSTILE, "text": "".join(HOSTILE)}


def test_a_dependent_reads_what_its_predecessor_returned(ran: Deployed) -> None:
    (row,) = ran.attempts()["T_ENVIRONMENT"]
    outputs = json.loads(row["OUTPUTS"])
    assert json.loads(outputs["OUTPUTS_T_BIG"]) == {"written": 40}
    assert (outputs["JOB_ATTEMPT"], outputs["TASK_NAME"]) == ("1", "T_ENVIRONMENT")
    assert outputs["SCHEDULED_AT"] == outputs["DATA_INTERVAL_END"]
    assert json.loads(outputs["RUN_CONFIG"]) == {"market": "u$s", "days": 7}


def test_history_keeps_the_values_and_the_jobs_of_the_run(ran: Deployed) -> None:
    (root,) = ran.rows("SELECT * FROM D.S.TASK_LOGGING_STATS WHERE NAME = ROOT_TASK_NAME")
    assert json.loads(root["RUN_CONFIG"]) == {"market": "u$s", "days": 7}
    definition = json.loads(root["GRAPH_DEFINITION"])
    names = [job["name"] for job in definition["jobs"]]
    takes = definition["jobs"][names.index("T_TAKES")]
    skipped = {"T_TOO_FEW", "T_NO_NUMBER"}
    assert (set(names), root["GRAPH_NAME"]) == (set(ran.attempts()) | skipped, "g")
    assert [names[place] for place in takes["after"]] == ["T_LEAVES"]
    (events,) = [job for job in definition["jobs"] if job["name"] == "T_EVENTS"]
    assert events["logs"] == "event_table"


def test_a_job_whose_node_was_lost_is_run_again(managed: Deployed) -> None:
    ran = managed
    lost, again = ran.attempts()["T_PREEMPTED"]
    assert (lost["JOB_STATUS"], lost["REASON_CLASS"], lost["EXIT_CODE"]) == ("FAILED", "preempted", None)
    assert lost["REASON"] == "Encountered fatal error"
    assert again["JOB_STATUS"] == "DONE"
    assert "no log could be read" in ran.logs("T_PREEMPTED")["0"] or ran.logs("T_PREEMPTED")["0"] == "again\n"


def test_logs_of_the_event_table_are_there_and_not_in_history(ran: Deployed) -> None:
    (row,) = ran.attempts()["T_EVENTS"]
    assert ran.logs("T_EVENTS") == {}
    assert row["FIRST_ERROR"] == "ValueError: first"
    name = row["SERVICE_NAME"].rpartition(".")[2]
    condition = f"RESOURCE_ATTRIBUTES:\"snow.service.name\" = '{name}'"
    assert row["LOG_LOCATION"] == f"event table, {condition}"
    found = ran.rows(f"SELECT VALUE FROM SNOWFLAKE.TELEMETRY.EVENTS WHERE {condition} ORDER BY TIMESTAMP")
    assert [str(one["VALUE"]).strip('"') for one in found] == ["starting", "ValueError: first", "RuntimeError: last"]


def test_conditions_on_outputs_are_decided_by_the_job_that_has_them(ran: Deployed) -> None:
    rows = ran.rows(
        "SELECT NAME, STATE, RETURN_VALUE FROM TABLE(D.INFORMATION_SCHEMA.TASK_HISTORY(RESULT_LIMIT => 1000))"
    )
    tasks = {row["NAME"]: row for row in rows}
    assert {name for name, row in tasks.items() if row["STATE"] == "SKIPPED"} == {"T_TOO_FEW", "T_NO_NUMBER"}
    # in the order of their words: above 2, above 3, is 3
    assert tasks["T_LEAVES"]["RETURN_VALUE"].startswith('101{"rows": 3')
    assert tasks["T_ENVIRONMENT"]["RETURN_VALUE"].startswith('0{"')


def test_outputs_of_a_file_and_larger_results_reach_a_dependent(managed: Deployed) -> None:
    ran = managed
    (left,), (taken,), (missing,) = (ran.attempts()[f"T_{name}"] for name in ("LEAVES", "TAKES", "LEAVES_NOTHING"))
    assert json.loads(left["OUTPUTS"]) == {"rows": 3}
    assert json.loads(taken["OUTPUTS"]) == {"bytes": 100_000, "outputs": {"rows": 3}}
    assert missing["REASON"] == "it left no file outputs.json at JOB_RESULTS_STAGE_PATH"
    run, day = left["GRAPH_RUN_ID"], str(left["GRAPH_START_TIME"])[:10]
    names = {row["name"] for row in ran.rows("LIST @D.S.JOBS/runs/")}
    assert names == {f"jobs/runs/{day}/{run}/T_LEAVES/1/{name}" for name in ("outputs.json", "large.csv")}


def test_results_and_outputs_of_a_direct_job_reach_a_dependent(direct: Deployed) -> None:
    (left,), (taken,) = (direct.attempts()[f"T_{name}"] for name in ("LEAVES", "TAKES"))
    assert json.loads(left["OUTPUTS"]) == {"rows": 3, "from": "log"}
    assert json.loads(taken["OUTPUTS"]) == {"bytes": 100_000, "outputs": {"rows": 3, "from": "log"}}
    run, day = left["GRAPH_RUN_ID"], str(left["GRAPH_START_TIME"])[:10]
    names = {row["name"] for row in direct.rows("LIST @D.S.JOBS/runs/")}
    assert names == {f"jobs/runs/{day}/{run}/T_LEAVES/direct/{name}" for name in ("outputs.json", "large.csv")}


def test_the_event_table_has_the_log_of_a_direct_job_whose_node_was_lost(direct: Deployed) -> None:
    (lost,) = direct.attempts()["T_PREEMPTED"]
    assert lost["REASON"] == "Encountered fatal error"
    assert direct.logs("T_PREEMPTED") == {"0": "here\n"}


def test_the_task_history_names_the_job_that_the_tasks_own_statement_made(ran: Deployed, runner: str) -> None:
    """Documented by BCR-2182: none where a procedure made it."""
    (task,) = ran.rows("SELECT SPCS_JOB_ID FROM TABLE(D.INFORMATION_SCHEMA.TASK_HISTORY(TASK_NAME => 'T_EXIT'))")
    names = {row["ID"]: row["NAME"] for row in ran.rows("SELECT * FROM TABLE(SNOWFLAKE.SPCS.GET_JOB_HISTORY())")}
    (row,) = ran.attempts()["T_EXIT"]
    service = row["SERVICE_NAME"].rpartition(".")[2]
    assert names.get(task["SPCS_JOB_ID"]) == (service if runner == DIRECT else None)


def test_nothing_is_awake_for_a_direct_job_but_its_pool(direct: Deployed) -> None:
    """Its task has no warehouse, and what its program asks about its run needs none."""
    tasks = {row["name"]: row["warehouse"] for row in direct.rows("SHOW TASKS IN SCHEMA D.S")}
    assert {name for name, warehouse in tasks.items() if warehouse} == {"G_ROOT", "G_FINALIZER"}


def _tagged(ran: Deployed, task: str, attempt: int) -> list[str]:
    """Return the statements that carry the tag of an attempt, in their order."""
    run = ran.attempts()[task][0]["GRAPH_RUN_ID"]
    sent = ran.rows(
        "SELECT QUERY_TEXT FROM TABLE(D.INFORMATION_SCHEMA.QUERY_HISTORY(RESULT_LIMIT => 10000))"
        f" WHERE QUERY_TAG = 'jobgraph g {run} {task} {attempt}' ORDER BY START_TIME"
    )
    return [str(row["QUERY_TEXT"]) for row in sent]


@pytest.mark.parametrize("task", ["T_QUIET", "T_BIG", "T_ENVIRONMENT"])
def test_a_job_that_is_done_takes_three_statements_besides_the_wait(managed: Deployed, task: str) -> None:
    """The last two are chains, whose parts Snowflake lists one by one."""
    start, wait, *others = [text.split()[0] for text in _tagged(managed, task, 1)]
    assert [start, wait] == ["EXECUTE", "CALL"]
    assert others == ["SHOW", "SELECT", "INSERT", "INSERT", "CALL"]


def test_statements_of_each_attempt_can_be_told_apart(managed: Deployed) -> None:
    assert all(_tagged(managed, "T_FLAKY", number)[0].startswith("EXECUTE") for number in (1, 2, 3))


def test_statements_of_a_container_can_be_told_apart(ran: Deployed) -> None:
    assert [text for text in _tagged(ran, "T_LEAVES", 1) if text.startswith("PUT")]


@pytest.mark.parametrize("task", ["T_QUIET", "T_ARGUMENTS", "T_EXIT"])
def test_the_unit_tests_session_gets_the_same_statements(managed: Deployed, task: str) -> None:
    """What the stand-in in tests/procedures answers is what a sandbox with real containers is asked."""
    ran = managed
    (row,) = ran.attempts()[task]
    (planned,) = [one for one in ran.graph.tasks if one.name == task]
    definition = dict(planned.definition or {}) | {"database": "DB", "schema": "SC"}
    told = _environment(ran)
    known = {"root": row["ROOT_TASK_NAME"], "group": row["GRAPH_RUN_ID"], "started": told["SCHEDULED_AT"]}
    known["config"] = told["RUN_CONFIG"]
    bad = {} if row["JOB_STATUS"] == "DONE" else {"last_exit_code": row["EXIT_CODE"]}
    session = RecordingSession([Service(row["JOB_STATUS"], **bad)])
    with suppress(JobFailed):
        run_job.main(session, task, json.dumps(known), json.dumps(definition))  # type: ignore[arg-type]  # a stand-in
    asked = [step for text, _ in session.statements for step in text.split(" ->> ")]
    real = [text.replace("D.S.", "DB.SC.").replace('"D"."S"', '"DB"."SC"') for text in _tagged(ran, task, 1)]
    assert asked == real


def _environment(ran: Deployed) -> dict[str, str]:
    (row,) = ran.attempts()["T_ENVIRONMENT"]
    return dict(json.loads(row["OUTPUTS"]))
