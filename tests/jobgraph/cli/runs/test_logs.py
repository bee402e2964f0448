"""The command `logs`: kept logs, logs of running jobs, and following them; against recorded rows."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jobgraph.account.containers import added
from jobgraph.procedures.logs import log_for_history, secret_values
from tests.jobgraph.cli.recorded import (
    FAILED_ATTEMPTS,
    FAILING,
    GOOD,
    RUN,
    ManualClock,
    Row,
    Server,
    Step,
    absent,
    attempt,
    logged_row,
    service,
    task,
)

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.jobgraph.cli.conftest import Invoke

SECRETIVE = "start\x1b[31m\nDB_PASSWORD=hunter22-very\nkey sk-abcdefghijklmnop1234\nsame hunter22-very again\nrows 12\n"
ENVIRONMENT = {"DB_PASSWORD": "hunter22-very", "REGION": "eu"}


def log(number: int, text: str) -> Row:
    return {"ATTEMPT": number, "INSTANCE_ID": "0", "CONTAINER_NAME": "main", "LOG": text}


def running(server: Server, live: str | Callable[[Any], list[Row]], kept_logs: list[Row] | None = None) -> None:
    """Let T_MYJOB_1 run in its second attempt, with a log."""
    server.began = -1.0
    containers = [{"name": "main", "env": ENVIRONMENT}]
    server.tasks[1] = task(
        "T_MYJOB_1", ["ROOT_TASK"], graph="container_jobs", specification={"spec": {"containers": containers}}
    )
    services = [service("T_MYJOB_1", 1, "FAILED")]
    services += [service("T_MYJOB_1", 2)]
    server.attempts = [attempt("T_MYJOB_1", 1, "FAILED"), attempt("T_MYJOB_1", 2)]
    server.answers = {
        "JOB_LOGS": kept_logs or [],
        "SHOW JOB SERVICES": services,
        "SHOW SERVICE CONTAINERS": [{"instance_id": 0, "container_name": "main"}],
        "GET_SERVICE_LOGS": live if callable(live) else [{"LOG": live}],
    }


def test_logs_of_a_finished_job_come_from_history(invoke: Invoke, server: Server) -> None:
    server.began = -1000.0
    server.answers = {"JOB_LOGS": [log(1, "one\n"), log(2, "two")]}
    done = invoke("logs", "t_myjob_3")
    assert done.exit_code == 0
    assert done.stdout == "==> attempt 1, instance 0, main <==\none\n==> attempt 2, instance 0, main <==\ntwo\n"
    assert server.sent[-1].binds == (RUN, "T_MYJOB_3", "ROOT_TASK")


def test_logs_as_json_say_whose_they_are(invoke: Invoke, server: Server) -> None:
    server.began = -1000.0
    server.answers = {"JOB_LOGS": [log(2, "two")]}
    done = invoke("logs", "T_MYJOB_3", "--run", RUN, "--json")
    one = {"run_id": RUN, "job": "T_MYJOB_3", "attempt": 2, "instance_id": "0", "container_name": "main", "log": "two"}
    assert json.loads(done.stdout) == [one]


def test_one_log_stands_alone_so_that_it_can_be_piped(invoke: Invoke, server: Server) -> None:
    server.began = -1000.0
    server.answers = {"JOB_LOGS": [log(1, "one"), log(2, "two")]}
    done = invoke("logs", "T_MYJOB_3", "--run", RUN, "--attempt", "2")
    assert done.stdout == "two\n"


def test_logs_of_a_running_job_come_from_its_service(invoke: Invoke, server: Server) -> None:
    running(server, "so far", [log(1, "first try")])
    done = invoke("logs", "T_MYJOB_1")
    assert done.exit_code == 0, done.output
    assert done.stdout.endswith("==> attempt 2, instance 0, main <==\nso far\n")
    assert server.sent[-1].binds == ("DB.PUBLIC.T_MYJOB_1_0123456789ABCDEF_2", "0", "main", 1000)


@pytest.mark.parametrize("options", [(), ("--json",), ("--follow",)])
def test_a_running_jobs_log_shows_no_more_than_the_kept_one_will(
    invoke: Invoke, server: Server, options: tuple[str, ...]
) -> None:
    running(server, SECRETIVE)
    done = invoke("logs", "T_MYJOB_1", "--attempt", "2", *options)
    assert "hunter22" not in done.output
    assert "sk-abc" not in done.output
    assert "\x1b" not in done.stdout
    if not options:
        assert done.stdout == log_for_history(SECRETIVE, secret_values(ENVIRONMENT))


def test_logs_are_read_where_their_attempt_kept_them(invoke: Invoke, server: Server) -> None:
    """`job_logs_table` has another name since; what is no name of a table is never part of a statement."""
    server.began = -1000.0
    places = ('"DB"."OLD"."FORMER_LOGS"', '"DB"."OLD"."DROPPED"', '"DB"."X" AS L, "DB"."Y')
    tries = [
        attempt("T_MYJOB_3", number, "DONE" if number == 3 else "FAILED", LOG_LOCATION=place)
        for number, place in enumerate(places, 1)
    ]
    server.attempts = [*(attempt(step.name) for step in GOOD[1:-1] if step.name != "T_MYJOB_3"), *tries]
    server.answers = {
        "DROPPED": absent(),
        "FORMER_LOGS": [log(1, "of before\n")],
        "JOB_LOGS": [log(2, "of now\n")],
    }
    done = invoke("logs", "t_myjob_3")
    assert (
        done.stdout == "==> attempt 1, instance 0, main <==\nof before\n==> attempt 2, instance 0, main <==\nof now\n"
    ), done.output
    assert not [statement for statement in server.sent if '"DB"."X"' in statement.text]


def test_logs_of_an_unknown_job_suggest_one(invoke: Invoke) -> None:
    done = invoke("logs", "t_myjob_33")
    assert done.exit_code == 2
    assert "perhaps you meant T_MYJOB_3" in done.stderr


def test_logs_of_a_job_that_the_graph_no_longer_has(invoke: Invoke, server: Server) -> None:
    server.began = -1000.0
    server.logged = [logged_row("ROOT_TASK", "SUCCEEDED", jobs=[{"name": "T_GONE"}]), logged_row("T_GONE", "SUCCEEDED")]
    server.attempts = [attempt("T_GONE")]
    server.answers = {"JOB_LOGS": [log(1, "long ago")]}
    assert invoke("logs", "t_gone").stdout == "long ago\n"


def test_logs_of_a_graph_that_never_ran(invoke: Invoke) -> None:
    done = invoke("logs", "T_MYJOB_1")
    assert done.exit_code == 1
    assert "Graph container_jobs has not run yet" in done.stderr


def test_a_job_whose_task_failed_before_its_first_attempt_says_why(invoke: Invoke, server: Server) -> None:
    server.began = -1000.0
    server.steps = (*GOOD[:1], Step("T_MYJOB_1", 0.7, 2.0, "FAILED", "SQL compilation error: no such column"))
    server.attempts = []
    server.answers = {"JOB_LOGS": []}
    done = invoke("logs", "T_MYJOB_1")
    assert done.exit_code == 1
    assert "It made no attempt: SQL compilation error: no such column." in done.stderr


@pytest.mark.parametrize(
    ("options", "why"),
    [
        (("T_MYJOB_6",), "It made no attempt: a predecessor did not succeed."),
        (("T_MYJOB_1", "--attempt", "4"), "It made 1 attempt."),
        (("T_MYJOB_2",), "Its log was kept in another table, or has been removed from the history since."),
        (("T_MYJOB_3",), "Its containers never started: image_pull: no such image."),
    ],
)
def test_a_log_that_is_not_there_is_explained(
    invoke: Invoke, server: Server, options: tuple[str, ...], why: str
) -> None:
    server.began, server.steps = -1000.0, FAILING
    never = attempt("T_MYJOB_3", 1, "FAILED", REASON="no such image", REASON_CLASS="image_pull")
    server.attempts = [attempt("T_MYJOB_1"), attempt("T_MYJOB_2"), never]
    server.answers = {"JOB_LOGS": []}
    done = invoke("logs", "--run", RUN, *options)
    assert done.exit_code == 1
    assert f"in run {RUN}" in done.stderr
    assert why in done.stderr
    assert "Traceback" not in done.output


def test_logs_of_a_run_that_never_was(invoke: Invoke) -> None:
    done = invoke("logs", "T_MYJOB_1", "--run", "nothing")
    assert done.exit_code == 2
    assert "has no run 'nothing'" in done.stderr


EVENTS = "event table, RESOURCE_ATTRIBUTES:\"snow.service.name\" = 'T_MYJOB_1_0123456789ABCDEF_1'"


@pytest.fixture
def in_event_table(server: Server) -> None:
    """A run of which the first job's logs went to the event table, its service is gone."""
    server.began = -1000.0
    server.tasks[1] = task("T_MYJOB_1", ["ROOT_TASK"], graph="container_jobs", logs="event_table")
    server.attempts[0] = attempt("T_MYJOB_1", LOG_LOCATION=EVENTS)
    server.answers = {
        "JOB_LOGS": [],
        "SHOW JOB SERVICES": [],
        "SHOW PARAMETERS": [{"key": "EVENT_TABLE", "value": "ops.logs.events"}],
    }


@pytest.mark.usefixtures("in_event_table")
def test_logs_in_the_event_table_are_read_there(invoke: Invoke, server: Server) -> None:
    whose = {"INSTANCE_ID": "0", "CONTAINER_NAME": "main"}
    # the newest first, as they are asked for
    server.answers["FROM OPS.LOGS.EVENTS"] = [{**whose, "LINE": "second\x1b[31m"}, {**whose, "LINE": "first"}]
    done = invoke("logs", "T_MYJOB_1", "--run", RUN)
    assert done.exit_code == 0, done.output
    assert done.stdout == "first\nsecond\\x1b[31m\n"
    (asked,) = [one for one in server.sent if "OPS.LOGS.EVENTS" in one.text]
    assert asked.binds[:3] == ("T_MYJOB_1_0123456789ABCDEF_1", "DB", "PUBLIC")


@pytest.mark.usefixtures("in_event_table")
def test_logs_that_are_not_in_the_event_table_yet_are_pointed_at(invoke: Invoke, server: Server) -> None:
    server.answers["FROM OPS.LOGS.EVENTS"] = absent()
    done = invoke("logs", "T_MYJOB_1", "--run", RUN)
    assert done.exit_code == 1
    assert "or this role may not read it" in done.stderr
    assert "SELECT TIMESTAMP, VALUE FROM OPS.LOGS.EVENTS" in done.stderr
    assert "\"snow.service.name\" = 'T_MYJOB_1_0123456789ABCDEF_1'" in done.stderr


def test_logs_in_the_event_table_are_shown_while_the_service_is_there(invoke: Invoke, server: Server) -> None:
    running(server, "still here\n")
    server.began = -1000.0
    server.tasks[1] = task("T_MYJOB_1", ["ROOT_TASK"], graph="container_jobs", logs="event_table")
    done = invoke("logs", "T_MYJOB_1", "--run", RUN, "--attempt", "2")
    assert done.stdout == "still here\n"


def test_following_shows_each_line_once_and_ends_with_the_job(
    invoke: Invoke, server: Server, clock: ManualClock
) -> None:
    """Attempt 1 is kept, attempt 2 grows and is kept in its turn when the task ends (at 2.0 s)."""
    whole = "".join(f"line {n}\n" for n in range(30)) + '{"rows_written": 1}'
    began = -0.8
    running(server, lambda _: [{"LOG": whole[: int((clock.seconds - began) * 150)]}])
    server.began = began

    def kept_logs(_: object) -> list[Row]:
        return [log(1, "first try\n")] + ([log(2, whole)] if clock.seconds - began >= 2 else [])

    server.answers["JOB_LOGS"] = kept_logs
    done = invoke("logs", "T_MYJOB_1", "--follow")
    assert done.exit_code == 0, done.output
    first, second = "==> attempt 1, instance 0, main <==\n", "==> attempt 2, instance 0, main <==\n"
    assert done.stdout == f"{first}first try\n{second}{whole}\n"
    assert "T_MYJOB_1 DONE" in done.stderr
    assert clock.seconds == 2.0


def test_following_as_json_writes_one_object_on_a_line(invoke: Invoke, server: Server) -> None:
    server.began = -1000.0
    server.answers = {"JOB_LOGS": [log(1, "one\ntwo\n"), log(2, "three")]}
    lines = [json.loads(line) for line in invoke("logs", "T_MYJOB_1", "--follow", "--json").stdout.splitlines()]
    assert [(line["attempt"], line["log"]) for line in lines] == [(1, "one\ntwo\n"), (2, "three")]


def test_following_waits_for_a_job_that_has_not_started(invoke: Invoke, server: Server, clock: ManualClock) -> None:
    server.began = -1.0
    server.answers = {"SHOW JOB SERVICES": []}
    server.answers["JOB_LOGS"] = lambda _: [log(1, "late\n")] if clock.seconds >= 6 else []
    done = invoke("logs", "T_MYJOB_6", "-f")
    assert done.stdout == "==> attempt 1, instance 0, main <==\nlate\n"
    assert done.stderr.count("has not started; waiting") == 1


def test_following_a_job_that_is_skipped_ends_and_says_why(invoke: Invoke, server: Server) -> None:
    server.began, server.steps = -4.0, FAILING
    server.attempts = [attempt(f"T_MYJOB_{number}") for number in (1, 2, 4, 5)] + FAILED_ATTEMPTS
    server.answers = {"SHOW JOB SERVICES": [], "JOB_LOGS": []}
    done = invoke("logs", "T_MYJOB_6", "-f")
    assert done.exit_code == 1
    assert "a predecessor did not succeed" in done.stderr


def test_an_interrupt_ends_the_following_only(invoke: Invoke, server: Server, clock: ManualClock) -> None:
    running(server, "so far\n")

    def interrupt(_: float) -> None:
        raise KeyboardInterrupt

    clock.at = interrupt
    done = invoke("logs", "T_MYJOB_1", "--follow")
    assert done.exit_code == 130
    assert "so far" in done.stdout
    assert f"jobgraph logs T_MYJOB_1 --run {RUN} --follow" in done.stderr


def test_on_a_terminal_lines_of_errors_stand_out(
    invoke: Invoke, server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    long = "error: " + "x" * 200
    server.began = -1000.0
    server.answers = {"JOB_LOGS": [log(1, f"fine\n{long}\n")]}
    monkeypatch.setattr("jobgraph.cli.log_output.is_terminal", lambda: True)
    monkeypatch.setenv("FORCE_COLOR", "1")
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.setenv("COLUMNS", "80")
    done = invoke("logs", "T_MYJOB_3", "--run", RUN)
    assert done.stdout == f"fine\n\x1b[31m{long}\x1b[0m\n"
    monkeypatch.delenv("FORCE_COLOR")
    monkeypatch.setenv("NO_COLOR", "1")
    assert invoke("logs", "T_MYJOB_3", "--run", RUN).stdout == f"fine\n{long}\n"


LINES = st.lists(st.sampled_from(["a\n", "b\n", "c\n", "d e\n"]), max_size=12)


@given(LINES, LINES)
def test_what_is_added_to_a_log_is_what_came(before: list[str], after: list[str]) -> None:
    assert added("".join(before), "".join(before + after)) == "".join(after)


@given(st.integers(1, 60), st.integers(0, 60), st.integers(5, 50))
def test_no_line_is_lost_or_shown_twice_when_the_first_are_gone(before: int, after: int, window: int) -> None:
    lines = [f"line {n}\n" for n in range(before + after)]
    seen, now = "".join(lines[:before][-window:]), "".join(lines[-window:])
    if after < window:
        assert added(seen, now) == "".join(lines[before:])
    else:
        assert added(seen, now).endswith(now)
        assert after == window or "missing here" in added(seen, now)


def test_a_kept_log_that_was_cut_in_its_middle_goes_on_where_it_was_left() -> None:
    lines = [f"line {n}\n" for n in range(100)]
    cut = "".join([*lines[:10], "[... cut ...]\n", *lines[40:]])
    assert added("".join(lines[:80]), cut) == "".join(lines[80:])


def test_an_empty_log_is_told_as_one(invoke: Invoke, server: Server) -> None:
    server.began = -1000.0
    server.answers = {"JOB_LOGS": [log(1, "")]}
    assert invoke("logs", "T_MYJOB_1").stdout == "[the container wrote nothing]\n"


@pytest.mark.parametrize(
    ("reason_class", "exit_code", "shown"),
    [
        (
            "image_pull",
            None,
            "[no container started: image_pull: no such image]\n[what to do: push the image for linux/amd64, or corr",
        ),
        (
            "pool_unavailable",
            None,
            "[no container started: pool_unavailable: no such image]\n[what to do: resume its pool",
        ),
        ("timeout", None, "[nothing was written: timeout: no such image]\n"),
        ("app_error", 3, "[the container wrote nothing]\n"),
    ],
)
def test_an_empty_log_says_whether_a_container_started(
    invoke: Invoke, server: Server, reason_class: str, exit_code: int | None, shown: str
) -> None:
    server.began, server.steps = -1000.0, FAILING
    failed: Row = {"REASON_CLASS": reason_class, "REASON": "no such image", "EXIT_CODE": exit_code, "ERRORS": None}
    server.attempts = [{**attempt("T_MYJOB_3", status="FAILED"), "FIRST_ERROR": None, **failed}]
    server.answers = {"JOB_LOGS": [log(1, "")]}
    assert invoke("logs", "T_MYJOB_3", "--run", RUN).stdout.startswith(shown)


def test_the_logs_of_all_jobs_of_a_run_or_of_those_that_failed(invoke: Invoke, server: Server) -> None:
    server.began, server.steps = -1000.0, FAILING
    server.attempts = [attempt(f"T_MYJOB_{number}") for number in (1, 2, 4, 5)] + FAILED_ATTEMPTS
    server.answers = {"JOB_LOGS": lambda statement: [log(1, f"of {statement.binds[1]}")]}
    done = invoke("logs", "--run", RUN)
    assert "==> T_MYJOB_1, attempt 1, instance 0, main <==\nof T_MYJOB_1\n==> T_MYJOB_2" in done.stdout
    failed = invoke("logs", "--failed")
    assert failed.stdout == "==> T_MYJOB_3, attempt 1, instance 0, main <==\nof T_MYJOB_3\n"
    plain = json.loads(invoke("logs", "--failed", "--json").stdout)
    assert [entry["job"] for entry in plain] == ["T_MYJOB_3"]
    assert invoke("logs", "T_MYJOB_1", "--failed").exit_code == 2


def test_the_logs_of_all_jobs_are_followed_with_the_jobs_name_before_each_line(
    invoke: Invoke, server: Server, clock: ManualClock
) -> None:
    server.began = -0.5
    server.answers = {"JOB_LOGS": lambda statement: [log(1, f"of {statement.binds[1]}\nmore\n")]}
    done = invoke("logs", "-f")
    assert done.exit_code == 0, done.output
    lines = done.stdout.splitlines()
    assert sorted(lines) == sorted(f"T_MYJOB_{n} | {text}" for n in range(1, 7) for text in (f"of T_MYJOB_{n}", "more"))
    assert lines.index("T_MYJOB_1 | of T_MYJOB_1") < lines.index("T_MYJOB_6 | of T_MYJOB_6")
    assert f"container_jobs, run {RUN}: DONE" in done.stderr
    assert clock.seconds >= 7.1
