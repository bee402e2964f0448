"""Runs asked for with other values, and what a dry run shows before anything is sent."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

from tests.jobgraph.cli.recorded import GOOD, OLD_RUN, PREDECESSORS, START, Server, attempt, history_row, task

if TYPE_CHECKING:
    from pathlib import Path

    from tests.jobgraph.cli.conftest import Invoke


def sent(server: Server, start: str) -> list[str]:
    return [statement.text for statement in server.sent if statement.text.startswith(start)]


@pytest.fixture
def configured(server: Server) -> None:
    server.tasks[0] = {**server.tasks[0], "config": '{"market": "eu", "days": 7}'}


@pytest.mark.usefixtures("configured")
def test_a_run_is_asked_for_with_other_values(invoke: Invoke, server: Server, tmp_path: Path) -> None:
    file = tmp_path / "values.yaml"
    file.write_text("days: 3\nmarket: fr\n")
    done = invoke("run", "--set", "market=$us", "--config", str(file))
    assert done.exit_code == 0, done.output
    statement = 'EXECUTE TASK "DB"."PUBLIC"."ROOT_TASK" USING CONFIG = $${"days": 3, "market": "\\u0024us"}$$'
    assert sent(server, "EXECUTE") == [statement]
    assert f"{statement};" in done.stderr
    assert "6 jobs: T_MYJOB_1, T_MYJOB_2" in done.stderr


@pytest.mark.usefixtures("configured")
def test_a_dry_run_shows_what_would_be_sent_and_sends_nothing(invoke: Invoke, server: Server) -> None:
    shown = json.loads(invoke("run", "--set", "days=3", "--dry-run", "--json").stdout)
    assert not sent(server, "EXECUTE")
    assert (shown["config"], len(shown["jobs"])) == ({"days": 3}, 6)
    invoke("run", "--set", "days=3")
    assert sent(server, "EXECUTE") == shown["statements"]


@pytest.mark.parametrize("value", ["yes", "007", "2026-03-01", "null", "a: b", "{}"])
@pytest.mark.usefixtures("configured")
def test_a_value_that_is_a_text_in_the_configuration_stays_one(invoke: Invoke, value: str) -> None:
    shown = json.loads(invoke("run", "--set", f"market={value}", "--dry-run", "--json").stdout)
    assert shown["config"] == {"market": value}
    assert json.loads(shown["statements"][0].split("$$")[1]) == {"market": value}


@pytest.mark.parametrize("option", ["", "--wait"])
def test_a_run_whose_id_nobody_waited_for_is_kept_all_the_same(
    invoke: Invoke, server: Server, monkeypatch: pytest.MonkeyPatch, option: str
) -> None:
    def interrupted(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("jobgraph.cli.watching.Launch.find", interrupted)
    done = invoke("run", "--note", "why", *filter(None, [option]))
    assert done.exit_code == 130
    assert "Stopped waiting. " in done.stderr
    assert (
        "`jobgraph cancel container_jobs` cancels that one, `jobgraph cancel container_jobs --all` both" in done.stderr
    )
    (kept,) = [one for one in server.sent if one.text.startswith("INSERT")]
    assert (kept.binds[3], kept.binds[4]) == ("run", "why")


@pytest.mark.parametrize(
    ("options", "text"),
    [
        (("--set", "marked=eu"), "has no key 'marked'; perhaps you meant market"),
        (("--set", "market"), "--set market: no `key=value`"),
        (("--set", "market=[1"), "--set market=[1: the value cannot be read"),
        (("--config", "/nowhere/values.yaml"), "/nowhere/values.yaml: The file cannot be read"),
    ],
)
@pytest.mark.usefixtures("configured")
def test_values_that_reach_nobody_are_refused(
    invoke: Invoke, server: Server, options: tuple[str, ...], text: str
) -> None:
    done = invoke("run", *options)
    assert done.exit_code == 2
    assert text in done.stderr
    assert not sent(server, "EXECUTE")


@pytest.mark.usefixtures("configured")
def test_a_file_of_values_names_each_of_them_once(invoke: Invoke, tmp_path: Path) -> None:
    (tmp_path / "values.yaml").write_text("market: eu\nmarket: us\n")
    done = invoke("run", "--config", str(tmp_path / "values.yaml"))
    assert done.exit_code == 2
    assert "values.yaml:2:1: `market` is repeated here; it first appears on line 1" in done.stderr


def test_a_graph_without_config_takes_no_values(invoke: Invoke) -> None:
    done = invoke("run", "--set", "market=eu")
    assert done.exit_code == 2
    assert "has no `config`" in done.stderr


def test_cancelling_is_shown_first_and_tells_which_run_waits(invoke: Invoke, server: Server) -> None:
    server.began = -1.0
    waiting = history_row("ROOT_TASK", "SCHEDULED", GRAPH_RUN_GROUP_ID=None, SCHEDULED_TIME=START)
    server.earlier = [waiting]
    server.answers = {
        "CANCEL_ONGOING": [{"STATUS": "ok"}],
        "SHOW JOB SERVICES LIKE": [{"name": "NEW", "status": "RUNNING"}],
        "SPCS_CANCEL_JOB": [{"status": "ok"}],
    }
    shown = invoke("cancel", "--dry-run")
    assert (
        "A run that was requested at 2026-03-01 10:00:00 UTC is queued behind it and would start then" in shown.stderr
    )
    assert not any("CANCEL" in one.text for one in server.sent)
    assert invoke("cancel").exit_code == 0
    texts = [
        one.text.replace("?", f"'{one.binds[0]}'" if one.binds else "") for one in server.sent if "CANCEL" in one.text
    ]
    assert [*(f"{text};" for text in texts), "2 jobs: T_MYJOB_1, T_MYJOB_2"] == shown.stdout.splitlines()


TAKES_REQUESTS = "(SELECT 'last_config')"
LAST_DONE = [{"TASK_NAME": "T_MYJOB_1", "GRAPH_RUN_ID": OLD_RUN}]


@pytest.fixture
def partial(server: Server) -> None:
    """Tasks that ask what their run was asked for."""
    for row in server.tasks:
        row["definition"] = row["definition"].replace("', $$", f"', {TAKES_REQUESTS}, $$")
    server.answers = {"JOB_STATUS = 'DONE'": LAST_DONE}


@pytest.mark.usefixtures("partial")
def test_a_part_of_a_graph_is_shown_first_and_asked_for_as_shown(invoke: Invoke, server: Server) -> None:
    options = ("--from", "t_myjob_3", "--skip", "T_MYJOB_6")
    shown = json.loads(invoke("run", *options, "--dry-run", "--json").stdout)
    assert not sent(server, "EXECUTE")
    left_out = ["T_MYJOB_1", "T_MYJOB_2", "T_MYJOB_4", "T_MYJOB_5", "T_MYJOB_6"]
    assert shown["jobs"] == ["T_MYJOB_3"]
    assert [entry["job"] for entry in shown["left_out"]] == left_out
    assert [entry["hands_on_run"] for entry in shown["left_out"]] == [OLD_RUN, None, None, None, None]
    done = invoke("run", *options)
    assert sent(server, "EXECUTE") == shown["statements"]
    request = json.loads(shown["statements"][0].split("$$")[1])
    assert request == {"jobgraph": {"left_out": left_out}}
    assert "1 job: T_MYJOB_3" in done.stderr
    never = "T_MYJOB_2, T_MYJOB_4, T_MYJOB_5, T_MYJOB_6 without outputs (never DONE)"
    assert f"Left out: T_MYJOB_1 with outputs of run {OLD_RUN}; {never}" in done.stderr


def test_a_disabled_job_is_not_waited_for(invoke: Invoke, server: Server) -> None:
    server.tasks[4] = task("T_MYJOB_4", ["T_MYJOB_2"], state="suspended", graph="container_jobs", enabled=False)
    server.steps = tuple(step for step in GOOD if step.name != "T_MYJOB_4")
    done = invoke("run", "--wait")
    assert "5 jobs: T_MYJOB_1, T_MYJOB_2, T_MYJOB_3, T_MYJOB_5, T_MYJOB_6" in done.stderr
    assert "waiting for 5 jobs." in done.stderr


@pytest.mark.usefixtures("partial")
@pytest.mark.parametrize("option", ["only", "from", "skip"])
def test_several_jobs_are_separated_by_commas(invoke: Invoke, option: str) -> None:
    together = json.loads(invoke("run", f"--{option}", "t_myjob_2,T_MYJOB_5", "--dry-run", "--json").stdout)
    repeated = ("--dry-run", "--json", f"--{option}", "t_myjob_2", f"--{option}", "t_myjob_5")
    assert together["jobs"] == json.loads(invoke("run", *repeated).stdout)["jobs"]
    assert {"T_MYJOB_2", "T_MYJOB_5"} <= set(together["jobs"]) or option == "skip"
    assert not {"T_MYJOB_2", "T_MYJOB_5"} & set(together["jobs"]) or option != "skip"
    assert f"for several, `--{option} a,b` or repeat it" in " ".join(invoke("run", "--help").stdout.split())


def test_of_many_jobs_left_out_the_number_and_the_first_are_told(invoke: Invoke, server: Server) -> None:
    jobs = [f"J{number:03}" for number in range(400)]
    server.tasks = [task("ROOT_TASK", []), *(task(name, ["ROOT_TASK"], graph="g", image="i") for name in jobs)]
    for row in server.tasks:
        row["definition"] = row["definition"].replace("', $$", f"', {TAKES_REQUESTS}, $$")
    server.answers = {"JOB_STATUS = 'DONE'": [{"TASK_NAME": name, "GRAPH_RUN_ID": OLD_RUN} for name in jobs[1:301]]}
    shown = invoke("run", "--only", "J000", "--dry-run").stdout
    assert shown.splitlines()[-1] == (
        f"Left out: 300 jobs (J001, J002, J003, J004, J005 and 295 more) with outputs of run {OLD_RUN};"
        " 99 jobs (J301, J302, J303, J304, J305 and 94 more) without outputs (never DONE)"
    )


@pytest.mark.usefixtures("partial")
def test_a_run_of_a_part_shows_what_it_left_out(invoke: Invoke, server: Server) -> None:
    jobs = [name for name in PREDECESSORS if name != "T_MYJOB_3"]
    reason = f"left out of this run; hands on what it returned in run {OLD_RUN} of 2026-02-28, attempt 1"
    server.attempts = [
        *(attempt(name, status="LEFT_OUT", REASON=reason, REASON_CLASS=None, EXIT_CODE=None) for name in jobs),
        attempt("T_MYJOB_3"),
    ]
    server.config = json.dumps({"jobgraph": {"left_out": jobs}})
    done = invoke("run", "--only", "t_myjob_3", "--wait", "--json")
    assert done.exit_code == 0, done.output
    shown = json.loads(done.stdout)
    assert shown["state"] == "DONE"
    assert shown["request"] == {"left_out": jobs}
    assert {(job["job"], job["state"], job["attempts"]) for job in shown["jobs"]} == {
        *((name, "LEFT_OUT", 0) for name in jobs),
        ("T_MYJOB_3", "DONE", 1),
    }
    told = f"left out of this run; passes on its outputs of run {OLD_RUN} of 2026-02-28, attempt 1"
    text = invoke("status", "container_jobs").output
    assert f"T_MYJOB_1, T_MYJOB_2, T_MYJOB_4, T_MYJOB_5, T_MYJOB_6 LEFT_OUT: {told}" in text
    assert "✗" not in invoke("graph", "--run", "last").stdout


def test_tasks_of_an_earlier_version_are_not_left_out(invoke: Invoke, server: Server) -> None:
    done = invoke("run", "--only", "t_myjob_3")
    assert done.exit_code == 2
    assert "cannot be left out of a run: T_MYJOB_1" in done.stderr
    assert not sent(server, "EXECUTE")


def test_a_job_that_the_graph_does_not_have_is_named(invoke: Invoke) -> None:
    done = invoke("run", "--skip", "t_myjob_7")
    assert done.exit_code == 2
    assert "has no job 't_myjob_7'; perhaps you meant" in done.stderr
