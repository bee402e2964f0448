"""The commands `status` and `history`, against recorded rows."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

from tests.jobgraph.cli.recorded import (
    FAILED_ATTEMPTS,
    FAILING,
    GOOD,
    OLD_RUN,
    PREDECESSORS,
    RUN,
    Server,
    attempt,
    logged_row,
    recorded_jobs,
    service,
    task,
)

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.jobgraph.cli.conftest import Invoke


def test_status_shows_a_run_under_way(invoke: Invoke, server: Server, golden: Callable[[str, str], None]) -> None:
    server.began = -3.5
    server.attempts = [attempt("T_MYJOB_1"), attempt("T_MYJOB_2"), FAILED_ATTEMPTS[0]]
    server.services = [service("T_MYJOB_3", 2), service("T_MYJOB_4", 1, "PENDING")]
    done = invoke("status", "container_jobs")
    assert done.exit_code == 0
    golden("status.txt", done.stdout)
    told = json.loads(invoke("status", "--json").stdout)
    assert (told["state"], [line["graph"] for line in told["graphs"]]) == ("RUNNING", ["container_jobs"])


@pytest.mark.usefixtures("far_away")
def test_status_of_a_job_tells_all_of_each_attempt(
    invoke: Invoke, server: Server, golden: Callable[[str, str], None]
) -> None:
    server.began = -3.5
    wide = attempt("T_MYJOB_3", 1, "FAILED", REASON="killed", REASON_CLASS="out_of_memory", EXIT_CODE=137, REPLICAS=3)
    server.attempts = [attempt("T_MYJOB_1"), attempt("T_MYJOB_2"), wide, FAILED_ATTEMPTS[1]]
    server.services = [service("T_MYJOB_3", 3)]
    done = invoke("status", "--job", "t_myjob_3")
    assert done.exit_code == 0, done.output
    golden("status-job.txt", done.stdout)
    server.tasks[1] = task("T_MYJOB_1", ["ROOT_TASK"], graph="container_jobs", results='@"DB"."PUBLIC"."JOBS"/runs')
    golden("status-job-done.txt", invoke("status", "--job", "t_myjob_1").stdout)
    golden("status-job.json", invoke("status", "--job", "t_myjob_3", "--json").stdout)
    waiting = invoke("status", "--job", "t_myjob_6")
    assert waiting.stdout == f"T_MYJOB_6, run {RUN}: PENDING\n"
    unknown = invoke("status", "--job", "t_myjob_33")
    assert unknown.exit_code == 2
    assert "perhaps you meant T_MYJOB_3" in unknown.stderr


@pytest.mark.parametrize("outputs", ['{"accuracy": 0.93, "model": "m1"}', "[1, 2]", "just words"])
def test_outputs_of_another_kind_are_shown_too(invoke: Invoke, server: Server, outputs: str) -> None:
    server.began = -1000.0
    server.attempts[0] = attempt("T_MYJOB_1", OUTPUTS=outputs)
    shown = invoke("status").stdout
    assert outputs in shown
    assert '{"rows_written": 1}' in shown
    told = json.loads(invoke("status", "--json").stdout)["jobs"][0]
    assert told["rows_written"] is None
    assert told["outputs"] == (outputs if outputs == "just words" else json.loads(outputs))


@pytest.mark.parametrize("command", [("status",), ("status", "--job", "t_myjob_1")])
@pytest.mark.parametrize("outputs", [r'{"s": "\ud800"}', r'["\ud800"]', r'"\ud800"'])
def test_half_of_a_surrogate_pair_is_shown_escaped(
    invoke: Invoke, server: Server, outputs: str, command: tuple[str, ...]
) -> None:
    server.began = -1000.0
    server.attempts[0] = attempt("T_MYJOB_1", OUTPUTS=outputs)
    done = invoke(*command)
    assert done.exit_code == 0, done.output
    assert r"\ud800" in done.stdout


@pytest.mark.parametrize(
    "reason",
    [
        *("app_error", "out_of_memory", "image_pull", "timeout", "cancelled"),
        *("pool_unavailable", "preempted", "spec_invalid", "permission", "internal"),
    ],
)
def test_every_reason_class_is_told_everywhere(invoke: Invoke, server: Server, reason: str) -> None:
    server.began, server.steps = -1000.0, FAILING
    bad = attempt("T_MYJOB_3", 1, "FAILED", REASON_CLASS=reason, REASON="it went wrong", EXIT_CODE=3)
    server.attempts = [*(attempt(f"T_MYJOB_{number}") for number in (1, 2, 4, 5)), bad]
    label = "app_error(3)" if reason == "app_error" else reason
    assert f"T_MYJOB_3 FAILED: {label}: it went wrong" in invoke("status").stdout
    assert f"attempt 1: FAILED {label}," in invoke("status", "--job", "T_MYJOB_3").stdout
    (told,) = [job for job in json.loads(invoke("status", "--json").stdout)["jobs"] if job["job"] == "T_MYJOB_3"]
    assert (told["reason_class"], told["exit_code"], told["tries"][0]["reason"]) == (reason, 3, "it went wrong")
    attempts = server.attempts
    two_runs(server)
    server.attempts = attempts
    assert f"T_MYJOB_3 {label}" in invoke("history").stdout


def test_status_of_a_graph_that_never_ran(invoke: Invoke) -> None:
    done = invoke("status", "container_jobs")
    assert done.exit_code == 1
    assert "Graph container_jobs has not run yet" in done.stderr
    overview = invoke("status")
    assert "NEVER RAN" in overview.stdout
    assert "jobgraph run container_jobs --wait" in overview.stderr


def test_status_of_an_old_run_comes_from_the_history_tables(invoke: Invoke, server: Server) -> None:
    server.began = -1000.0
    rows = [logged_row(step.name, step.state) for step in GOOD[:-1]]
    server.steps = ()
    server.logged = rows
    told = json.loads(invoke("status", "--run", RUN, "--json").stdout)
    assert (told["state"], told["duration_seconds"]) == ("DONE", 12.5)


@pytest.mark.parametrize("command", [("status",), ("wait",), ("logs", "T_MYJOB_1")])
def test_the_newest_run_may_be_called_last(invoke: Invoke, server: Server, command: tuple[str, ...]) -> None:
    server.began = -1000.0
    server.answers = {"JOB_LOGS": [{"ATTEMPT": 1, "INSTANCE_ID": "0", "CONTAINER_NAME": "main", "LOG": "a log"}]}
    server.answers["SELECT GRAPH_RUN_ID"] = [{"GRAPH_RUN_ID": RUN}]
    done = invoke(*command, "--run", "last")
    assert done.exit_code == 0, done.output
    assert RUN in done.output


def test_status_of_an_unknown_run(invoke: Invoke) -> None:
    done = invoke("status", "--run", "nothing")
    assert done.exit_code == 2
    assert "jobgraph history container_jobs" in done.stderr


def two_runs(server: Server) -> None:
    """Let history have a good run, and after it one that failed."""
    jobs = recorded_jobs(
        {name: [one for one in before if one in PREDECESSORS] for name, before in PREDECESSORS.items()}
    )
    old = {"GRAPH_RUN_GROUP_ID": OLD_RUN, "SCHEDULED_FROM": "SCHEDULE", "jobs": jobs}
    server.logged = [logged_row(step.name, "SUCCEEDED", **old) for step in GOOD[:-1]]
    server.logged += [logged_row(step.name, step.state, jobs=jobs) for step in FAILING[:-1]]
    server.attempts = [attempt(f"T_MYJOB_{number}") for number in (1, 2, 4, 5)] + FAILED_ATTEMPTS
    server.attempts += [attempt(step.name, GRAPH_RUN_ID=OLD_RUN) for step in GOOD[1:-1]]


@pytest.mark.usefixtures("far_away")
def test_history_lists_runs_newest_first(invoke: Invoke, server: Server, golden: Callable[[str, str], None]) -> None:
    two_runs(server)
    server.began = -1000.0
    done = invoke("history", "--limit", "5")
    assert done.exit_code == 0
    golden("history.txt", done.stdout)
    told = json.loads(invoke("history", "--json").stdout)
    assert [(run["run_id"], run["state"]) for run in told] == [(RUN, "FAILED"), (OLD_RUN, "DONE")]


def test_history_without_runs(invoke: Invoke) -> None:
    done = invoke("history")
    assert (done.exit_code, done.stdout) == (0, "")
    assert json.loads(invoke("history", "--json").stdout) == []
