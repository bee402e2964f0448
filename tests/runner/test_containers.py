"""Every reason class from a real child process, one graph for all: what history says is what happened."""

from __future__ import annotations

import json
import os
import shutil
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
import yaml

from jobgraph.procedures import run_job
from jobgraph.procedures.attempt import JobFailed
from tests.procedures.recording import RecordingSession, Service
from tests.runner.deployed import Deployed, deployed

if TYPE_CHECKING:
    from collections.abc import Iterator

    from jobgraph.plan.planning import TaskPlan

pytestmark = pytest.mark.sandbox

DOCKERFILE = 'FROM python:3.11-slim\nWORKDIR /app\nCOPY program.py ./\nENTRYPOINT ["python3", "program.py"]\n'
SECRET = "correct-horse-battery"
HOSTILE = [
    "'); DROP TABLE JOBS_RUN_STATS; --",
    'she said "no" `id` $(id) ${HOME} $$ $',
    "\\ \\n \\u0024 \\\\",
    "two\nlines\r\nand\ttabs",
    "{{ jinja }} {% raw %} &anchor *alias !tag %x @y # comment: yes",
    "naïve 😀 \u2028 \u00a0 \x7f",
    "",
    " ",
    "~",
    "- 1e3",
]
JOBS: dict[str, dict[str, Any]] = {
    "exit": {"args": ["exit", "3"]},
    "memory": {"args": ["memory"], "resources": {"memory": "100Mi"}},
    "no_image": {"image": "missing:1", "retries": {"count": 0, "backoff": "1 second"}},
    "hang": {"args": ["hang"], "timeout": "2 seconds"},
    "stubborn": {"args": ["stubborn"], "timeout": "2 seconds"},
    "quiet": {"args": ["nothing"]},
    "big": {"args": ["big"]},
    "bytes": {"args": ["bytes"]},
    "secret": {"args": ["secret"], "env": {"DB_PASSWORD": SECRET}},
    "replica": {"args": ["replica"], "replicas": 3},
    "asleep": {
        "args": ["nothing"],
        "compute_pool": "ASLEEP",
        "timeout": "2 seconds",
        "retries": {"count": 0, "causes": {"infrastructure": 0}},
    },
    "no_warehouse": {"args": ["nothing"], "warehouse": "NO_SUCH_WAREHOUSE", "retries": 3},
    "bad_spec": {"args": ["nothing"], "retries": 3},
    "broken": {"args": ["nothing"]},
    "arguments": {"args": ["arguments", *HOSTILE], "env": {"HOSTILE": "".join(HOSTILE)}},
    "environment": {"args": ["environment"], "after": ["big"]},
    "cancelled_job": {"args": ["meet"]},
    "cancelled_task": {"args": ["meet"]},
    "preempted": {
        "args": ["lost"],
        "compute_pool": "SHAKY",
        "retries": {"count": 1, "backoff": "1 second", "causes": {"application": 0}},
    },
    "events": {"args": ["exit", "5"], "logs": "event_table"},
    "leaves": {"args": ["leave"], "outputs": {"file": "outputs.json"}},
    "takes": {"args": ["take"], "after": ["leaves"], "when": {"job": "leaves", "output": "rows", "above": 2}},
    "leaves_nothing": {"args": ["nothing"], "outputs": {"file": "outputs.json"}},
    "rule": {
        "args": ["exit", "75"],
        "retries": {"count": 0, "rules": [{"exit_codes": ["70-79"], "message": "^RuntimeError", "count": 1}]},
    },
    "flaky": {"args": ["flaky", "3"], "retries": {"count": 0, "causes": {"application": 2}}},
}
# task -> status, class, exit code of the last attempt
EXPECTED = {
    "T_EXIT": ("FAILED", "app_error", 3),
    "T_MEMORY": ("FAILED", "out_of_memory", 137),
    "T_NO_IMAGE": ("FAILED", "image_pull", None),
    "T_HANG": ("TIMED_OUT", "timeout", 143),
    "T_STUBBORN": ("TIMED_OUT", "timeout", 137),
    "T_QUIET": ("DONE", None, 0),
    "T_BIG": ("DONE", None, 0),
    "T_BYTES": ("DONE", None, 0),
    "T_SECRET": ("DONE", None, 0),
    "T_REPLICA": ("FAILED", "app_error", 4),
    "T_ASLEEP": ("FAILED", "pool_unavailable", None),
    "T_NO_WAREHOUSE": ("FAILED", "permission", None),
    "T_BAD_SPEC": ("FAILED", "spec_invalid", None),
    "T_BROKEN": ("FAILED", "internal", None),
    "T_ARGUMENTS": ("DONE", None, 0),
    "T_ENVIRONMENT": ("DONE", None, 0),
    "T_CANCELLED_JOB": ("CANCELLED", "cancelled", 143),
    "T_CANCELLED_TASK": ("CANCELLED", "cancelled", 143),
    "T_PREEMPTED": ("DONE", None, 0),
    "T_EVENTS": ("FAILED", "app_error", 5),
    "T_LEAVES": ("DONE", None, 0),
    "T_TAKES": ("DONE", None, 0),
    "T_LEAVES_NOTHING": ("FAILED", "app_error", 0),
    "T_RULE": ("FAILED", "app_error", 75),
    "T_FLAKY": ("DONE", None, 0),
}
ATTEMPTS = {"T_PREEMPTED": 2, "T_RULE": 2, "T_FLAKY": 3, "T_NO_IMAGE": 3}


MET = ("t_cancelled_job", "t_cancelled_task", "t_preempted")


def _changed(task: TaskPlan) -> str:
    if task.name == "T_BAD_SPEC":
        return task.sql.replace('"name": "main"', '"name": "NOT A NAME"')
    if task.name == "T_BROKEN":
        return task.sql.replace('"retries": 0', '"retries": "many"')
    return task.sql


@pytest.fixture(scope="module")
def ran(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Deployed]:
    folder = tmp_path_factory.mktemp("containers")
    image = folder / "images" / "job"
    image.mkdir(parents=True)
    (image / "Dockerfile").write_text(DOCKERFILE)
    shutil.copy(Path(__file__).with_name("program.py"), image / "program.py")
    jobs = {f"t_{name}": dict(job) for name, job in JOBS.items()}
    for name in MET:
        os.mkfifo(folder / name)
        jobs[name]["args"] = [*jobs[name]["args"], str(folder / name)]
    jobs["t_environment"]["after"] = ["t_big"]
    jobs["t_takes"] |= {"after": ["t_leaves"], "when": jobs["t_takes"]["when"] | {"job": "t_leaves"}}
    defaults = {"image": "job:latest", "compute_pool": "POOL", "retries": 0, "timeout": "40 seconds"}
    file = folder / "jobs.yaml"
    graph = {"config": {"market": "eu", "days": 7}, "jobs": jobs}
    file.write_text(yaml.safe_dump({"version": 1, "defaults": defaults, "graphs": {"g": graph}}))
    with deployed(folder / "sandbox", folder / "images", file, _changed) as found:
        found.start({"market": "u$s"})
        for name in MET:
            assert (folder / name).read_text() == "here"
        found.rows("SELECT SYSTEM$SANDBOX_LOSE_NODE('SHAKY')")
        found.rows("SELECT SYSTEM$USER_TASK_CANCEL_ONGOING_EXECUTIONS('T_CANCELLED_TASK')")
        services = [row["name"] for row in found.rows("SHOW JOB SERVICES IN SCHEMA D.S")]
        (service,) = [name for name in services if name.startswith("T_CANCELLED_JOB")]
        found.rows(f"CALL {service}!SPCS_CANCEL_JOB()")
        found.finish()
        yield found


@pytest.mark.parametrize("task", EXPECTED)
def test_status_class_and_exit_code(ran: Deployed, task: str) -> None:
    last = ran.attempts()[task][-1]
    assert (last["JOB_STATUS"], last["REASON_CLASS"], last["EXIT_CODE"]) == EXPECTED[task], last


def test_each_job_has_one_row_for_each_attempt(ran: Deployed) -> None:
    numbers = {task: [row["ATTEMPT"] for row in rows] for task, rows in ran.attempts().items()}
    assert numbers == {task: list(range(1, ATTEMPTS.get(task, 1) + 1)) for task in EXPECTED}


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
    assert big.endswith('{"written": 200}\n')
    assert 80_000 < len(big) < 128_000


def test_no_byte_of_a_log_does_harm(ran: Deployed) -> None:
    assert ran.logs("T_BYTES") == {"0": "\ufffd\ufffd café \\x1b[31mred\\x00\n"}


def test_a_secret_is_hidden(ran: Deployed) -> None:
    assert ran.logs("T_SECRET") == {"0": "using [hidden] and Bearer [hidden]\n"}
    assert not [row for rows in ran.attempts().values() for row in rows if SECRET in json.dumps(row, default=str)]


def test_views_answer_what_people_ask(ran: Deployed) -> None:
    (last,) = ran.rows("SELECT * FROM D.S.LAST_GRAPH_RUNS")
    assert (last["JOBS"], last["ATTEMPTS"]) == (len(EXPECTED), len(EXPECTED) + sum(ATTEMPTS.values()) - len(ATTEMPTS))
    assert last["JOBS_DONE"] == sum(status == "DONE" for status, _, _ in EXPECTED.values())
    weeks = {row["REASON_CLASS"]: row["JOBS"] for row in ran.rows("SELECT * FROM D.S.FAILURES_BY_WEEK")}
    assert weeks["timeout"] == 2
    assert set(weeks) == {name for _, name, _ in EXPECTED.values() if name} | {"preempted"}
    (costs,) = ran.rows("SELECT * FROM D.S.JOB_COSTS WHERE TASK_NAME = 'T_FLAKY'")
    assert (costs["RUNS"], costs["ATTEMPTS"], costs["FAILED_ATTEMPTS"]) == (1, 3, 2)
    assert costs["POOL_SECONDS"] > costs["FAILED_POOL_SECONDS"] > 0
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
    assert json.loads(outputs["OUTPUTS_T_BIG"]) == {"written": 200}
    assert (outputs["JOB_ATTEMPT"], outputs["TASK_NAME"]) == ("1", "T_ENVIRONMENT")
    assert outputs["SCHEDULED_AT"] == outputs["DATA_INTERVAL_END"]
    assert json.loads(outputs["RUN_CONFIG"]) == {"market": "u$s", "days": 7}


def test_history_keeps_the_values_and_the_jobs_of_the_run(ran: Deployed) -> None:
    (root,) = ran.rows("SELECT * FROM D.S.TASK_LOGGING_STATS WHERE NAME = ROOT_TASK_NAME")
    assert json.loads(root["RUN_CONFIG"]) == {"market": "u$s", "days": 7}
    definition = json.loads(root["GRAPH_DEFINITION"])
    names = [job["name"] for job in definition["jobs"]]
    takes = definition["jobs"][names.index("T_TAKES")]
    assert (set(names), root["GRAPH_NAME"]) == (set(ran.attempts()), "g")
    assert [names[place] for place in takes["after"]] == ["T_LEAVES"]
    (events,) = [job for job in definition["jobs"] if job["name"] == "T_EVENTS"]
    assert events["logs"] == "event_table"


def test_a_job_whose_node_was_lost_is_run_again(ran: Deployed) -> None:
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


def test_outputs_of_a_file_and_larger_results_reach_a_dependent(ran: Deployed) -> None:
    (left,), (taken,), (missing,) = (ran.attempts()[f"T_{name}"] for name in ("LEAVES", "TAKES", "LEAVES_NOTHING"))
    assert json.loads(left["OUTPUTS"]) == {"rows": 3}
    assert json.loads(taken["OUTPUTS"]) == {"bytes": 100_000, "outputs": {"rows": 3}}
    assert missing["REASON"] == "it left no file outputs.json at JOB_RESULTS_STAGE_PATH"
    run, day = left["GRAPH_RUN_ID"], str(left["GRAPH_START_TIME"])[:10]
    names = {row["name"] for row in ran.rows("LIST @D.S.JOBS/runs/")}
    assert names == {f"jobs/runs/{day}/{run}/T_LEAVES/1/{name}" for name in ("outputs.json", "large.csv")}


def _tagged(ran: Deployed, task: str, attempt: int) -> list[str]:
    """Return the statements that carry the tag of an attempt, in their order."""
    run = ran.attempts()[task][0]["GRAPH_RUN_ID"]
    sent = ran.rows(
        "SELECT QUERY_TEXT FROM TABLE(D.INFORMATION_SCHEMA.QUERY_HISTORY(RESULT_LIMIT => 10000))"
        f" WHERE QUERY_TAG = 'jobgraph g {run} {task} {attempt}' ORDER BY START_TIME"
    )
    return [str(row["QUERY_TEXT"]) for row in sent]


@pytest.mark.parametrize("task", ["T_QUIET", "T_BIG", "T_ENVIRONMENT"])
def test_a_job_that_is_done_takes_three_statements_besides_the_wait(ran: Deployed, task: str) -> None:
    """The last two are chains, whose parts Snowflake lists one by one."""
    start, wait, *others = [text.split()[0] for text in _tagged(ran, task, 1)]
    assert [start, wait] == ["EXECUTE", "CALL"]
    assert others == ["SHOW", "SELECT", "INSERT", "INSERT", "CALL"]


def test_statements_of_each_attempt_and_of_its_container_can_be_told_apart(ran: Deployed) -> None:
    assert all(_tagged(ran, "T_FLAKY", number)[0].startswith("EXECUTE") for number in (1, 2, 3))
    assert [text for text in _tagged(ran, "T_LEAVES", 1) if text.startswith("PUT")]


@pytest.mark.parametrize("task", ["T_QUIET", "T_ARGUMENTS", "T_EXIT"])
def test_the_unit_tests_session_gets_the_same_statements(ran: Deployed, task: str) -> None:
    """What the stand-in in tests/procedures answers is what a sandbox with real containers is asked."""
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
