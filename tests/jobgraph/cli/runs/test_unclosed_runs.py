"""Runs that no finalizer closed are listed, shown and their logs read, as far as anything tells of them."""

from __future__ import annotations

import json
from datetime import timedelta
from typing import TYPE_CHECKING

import pytest

from jobgraph.account.client import refused
from tests.jobgraph.cli.recorded import (
    OLD_RUN,
    RUN,
    START,
    Row,
    Server,
    attempt,
    history_row,
    logged_row,
    quickstart,
    task,
)

if TYPE_CHECKING:
    from jobgraph.account.queries import Statement
    from tests.jobgraph.cli.conftest import Invoke

ORDERS: Row = {"ROOT_TASK_NAME": "ORDERS_ROOT", "GRAPH_NAME": "orders", "GRAPH_RUN_ID": OLD_RUN}
LONG_AGO = START - timedelta(days=30)
BEFORE: Row = {**ORDERS, "GRAPH_START_TIME": LONG_AGO, "STARTED_TIME": LONG_AGO, "COMPLETED_TIME": LONG_AGO}


@pytest.fixture
def never_closed(server: Server) -> Server:
    """The graph `orders` has left the file, and no finalizer closed its one run, a month ago; `ops` is deployed."""
    server.tasks = [
        {**task("OPS_ROOT", []), "definition": "SELECT 1"},
        task("TIDY", ["OPS_ROOT"], graph="ops", compute_pool="P"),
        task("END_OPS", [], finalizes="OPS_ROOT", graph="ops"),
    ]
    server.attempts = [attempt("LOAD", **BEFORE), attempt("REPORT", status="FAILED", **BEFORE)]
    server.steps = ()
    root: Row = {"NAME": "ORDERS_ROOT", "STATE": "SUCCEEDED", "ERROR_MESSAGE": None, "SCHEDULED_FROM": None}
    root |= {"ATTEMPT_NUMBER": 1, "GRAPH_RUN_GROUP_ID": OLD_RUN, **ORDERS}
    log = {"ATTEMPT": 1, "INSTANCE_ID": "0", "CONTAINER_NAME": "main", "LOG": "of orders"}
    server.answers = {
        "AS NAME, ROOT_": lambda statement: [root] if statement.binds in {(), (OLD_RUN,)} else [],
        "JOB_LOGS": lambda statement: [log] if statement.binds[-1] == "ORDERS_ROOT" else [],
    }
    return server


@pytest.mark.usefixtures("never_closed")
def test_a_graph_that_is_gone_and_whose_runs_nothing_closed_is_listed(invoke: Invoke) -> None:
    lines = {line["graph"]: line for line in json.loads(invoke("status", "--json").stdout)["graphs"]}
    assert (lines["orders"]["run_id"], lines["orders"]["state"]) == (OLD_RUN, "FAILED")
    assert not lines["orders"]["deployed"]
    (listed,) = json.loads(invoke("history", "orders", "--json").stdout)
    assert (listed["run_id"], listed["state"]) == (OLD_RUN, "FAILED")


@pytest.mark.parametrize("named", [(), ("orders",)])
@pytest.mark.usefixtures("never_closed")
def test_its_run_is_shown_with_or_without_its_name(invoke: Invoke, named: tuple[str, ...]) -> None:
    told = json.loads(invoke("status", *named, "--run", OLD_RUN, "--json").stdout)
    assert [(job["job"], job["state"]) for job in told["jobs"]] == [("LOAD", "DONE"), ("REPORT", "FAILED")]
    assert "No finalizer closed this run" in told["cause"]


@pytest.mark.parametrize("options", [("--run", OLD_RUN), ("report", "--graph", "orders"), ("--graph", "orders")])
@pytest.mark.usefixtures("never_closed")
def test_its_logs_are_read(invoke: Invoke, options: tuple[str, ...]) -> None:
    done = invoke("logs", *options)
    assert done.exit_code == 0, done.output
    assert "of orders" in done.stdout


def test_what_only_attempts_tell_of_is_not_called_good(invoke: Invoke, never_closed: Server) -> None:
    """A job that made no attempt, and whether one was to come, is not known."""
    never_closed.attempts = never_closed.attempts[:1]
    assert json.loads(invoke("status", "--run", OLD_RUN, "--json").stdout)["state"] == "NOT RECORDED"
    assert invoke("wait", "orders").exit_code == 1


def test_a_run_of_a_part_that_nothing_closed_stays_one(invoke: Invoke, never_closed: Server) -> None:
    never_closed.attempts = [attempt("LOAD", status="LEFT_OUT", **BEFORE), attempt("REPORT", **BEFORE)]
    shown = invoke("status", "orders", "--run", OLD_RUN).stdout
    assert "(a part: 1 of 2 jobs left out)" in shown


def test_runs_of_a_deployed_graph_that_nothing_closed_are_in_its_history(invoke: Invoke, server: Server) -> None:
    """Of the last seven days as Snowflake's task history has them, of before by their attempts."""
    mine: Row = {"GRAPH_NAME": "container_jobs", "GRAPH_START_TIME": LONG_AGO, "STARTED_TIME": LONG_AGO}
    server.tasks = [row for row in quickstart() if row["name"] != "GET_GRAPH_STATS"]
    server.began = -1000.0
    server.attempts += [attempt("T_MYJOB_1", GRAPH_RUN_ID=OLD_RUN, COMPLETED_TIME=LONG_AGO, **mine)]
    server.steps = server.steps[:-1]
    listed = json.loads(invoke("history", "--json").stdout)
    assert [(run["run_id"], run["state"]) for run in listed] == [(RUN, "DONE"), (OLD_RUN, "NOT RECORDED")]
    server.steps = ()
    listed = json.loads(invoke("history", "--json").stdout)
    assert {(run["run_id"], run["state"]) for run in listed} == {(RUN, "NOT RECORDED"), (OLD_RUN, "NOT RECORDED")}


def test_a_run_under_way_is_not_in_the_history(invoke: Invoke, server: Server) -> None:
    server.began = -3.2
    assert json.loads(invoke("history", "--json").stdout) == []


def test_an_unclosed_run_of_a_root_that_was_created_again_is_still_the_graphs(invoke: Invoke, server: Server) -> None:
    """Its root had another id; the attempts of its jobs name the graph."""
    server.steps = ()
    old = {"GRAPH_RUN_GROUP_ID": OLD_RUN, "ROOT_TASK_ID": "another", "COMPLETED_TIME": START, "QUERY_START_TIME": START}
    server.earlier = [history_row(name, "SUCCEEDED", **old) for name in ("ROOT_TASK", "T_MYJOB_1")]
    server.attempts = [attempt("T_MYJOB_1", GRAPH_RUN_ID=OLD_RUN, GRAPH_NAME="container_jobs", GRAPH_START_TIME=START)]
    told = invoke("status", "--run", OLD_RUN, "--json")
    assert json.loads(told.stdout)["run_id"] == OLD_RUN
    server.attempts[0]["GRAPH_NAME"] = "another"
    assert invoke("status", "--run", OLD_RUN).exit_code == 2


@pytest.fixture
def without_root(server: Server) -> Server:
    """A run that began in T_MYJOB_2, because its graph's root was gone; the graph has been deployed again since."""
    mine: Row = {"GRAPH_NAME": "container_jobs", "ROOT_TASK_NAME": "T_MYJOB_2", "GRAPH_RUN_ID": OLD_RUN}
    mine |= dict.fromkeys(("GRAPH_START_TIME", "STARTED_TIME", "COMPLETED_TIME"), LONG_AGO)
    server.steps = ()
    server.attempts = [attempt(name, **mine) for name in ("T_MYJOB_2", "T_MYJOB_3")]
    return server


@pytest.mark.usefixtures("without_root")
def test_a_run_that_began_in_a_task_whose_root_was_gone_is_not_lost(invoke: Invoke) -> None:
    (listed,) = json.loads(invoke("history", "--json").stdout)
    assert (listed["run_id"], listed["state"]) == (OLD_RUN, "NOT RECORDED")
    told = json.loads(invoke("status", "--run", OLD_RUN, "--json").stdout)
    assert [(job["job"], job["state"]) for job in told["jobs"]] == [("T_MYJOB_2", "DONE"), ("T_MYJOB_3", "DONE")]
    assert "does not have it as a run of this graph" in told["cause"]


def test_a_table_of_an_earlier_version_has_no_names_of_graphs(invoke: Invoke, without_root: Server) -> None:
    def refuse(statement: Statement) -> list[Row]:
        raise refused(statement, 904, "invalid identifier 'J.GRAPH_NAME'")

    without_root.answers["J.GRAPH_NAME = "] = refuse
    assert json.loads(invoke("history", "--json").stdout) == []


@pytest.fixture
def with_its_root(server: Server) -> Server:
    """The graph `orders` was replaced by `container_jobs`, with the same root; `orders` has one closed run."""
    mine: Row = {"GRAPH_NAME": "orders", "GRAPH_RUN_GROUP_ID": OLD_RUN}
    server.logged = [logged_row(name, "SUCCEEDED", **mine) for name in ("ROOT_TASK", "T_OLD", "GET_GRAPH_STATS")]
    server.steps = server.steps[:-1]
    for row in server.attempts:
        row["GRAPH_NAME"] = "container_jobs"
    return server


@pytest.mark.parametrize("began", [-1.0, -3.2, -1000.0])
@pytest.mark.parametrize("recorded", [True, False])
def test_a_graph_that_is_gone_takes_no_run_of_the_graph_that_has_its_root(
    invoke: Invoke, with_its_root: Server, began: float, *, recorded: bool
) -> None:
    """Its unclosed and running runs are not those of `orders`, whether or not a job has recorded an attempt yet."""
    with_its_root.began = began
    if not recorded:
        with_its_root.attempts = []
    assert json.loads(invoke("status", "orders", "--json").stdout)["run_id"] == OLD_RUN
    assert [run["run_id"] for run in json.loads(invoke("history", "orders", "--json").stdout)] == [OLD_RUN]
    assert invoke("status", "orders", "--run", RUN).exit_code == 2
    assert json.loads(invoke("status", "container_jobs", "--json").stdout)["run_id"] == RUN


@pytest.mark.parametrize("named_by", ["attempts", "definitions", "nothing"])
def test_an_unclosed_run_of_a_graph_that_is_gone_needs_something_that_names_it(
    invoke: Invoke, with_its_root: Server, named_by: str
) -> None:
    """Two runs of `orders` before it was replaced, one of them unclosed."""
    unclosed: Row = {"GRAPH_RUN_GROUP_ID": "u", "ROOT_TASK_ID": "another", "COMPLETED_TIME": START}
    body = 'CALL "DB"."PUBLIC".RUN_JOB_0(\'T_OLD\', $${"graph": "orders"}$$)'
    texts = {"ROOT_TASK": "SELECT 1", "T_OLD": body if named_by == "definitions" else "SELECT 1"}
    with_its_root.earlier = [
        history_row(name, "SUCCEEDED", QUERY_START_TIME=START, QUERY_TEXT=text, **unclosed)
        for name, text in texts.items()
    ]
    if named_by == "attempts":
        named: Row = {"GRAPH_NAME": "orders", "GRAPH_START_TIME": START}
        with_its_root.attempts += [attempt("T_OLD", GRAPH_RUN_ID="u", **named)]
    listed = json.loads(invoke("history", "orders", "--json").stdout)
    assert ("u" in {run["run_id"] for run in listed}) is (named_by != "nothing")


def test_the_logs_are_those_of_a_jobs_newest_run_even_without_a_root(invoke: Invoke, without_root: Server) -> None:
    """The graph's last closed run is older, or newer."""
    without_root.logged = [logged_row("ROOT_TASK", "SUCCEEDED", jobs=[{"name": "T_MYJOB_2"}])]
    without_root.attempts.append(attempt("T_MYJOB_4", GRAPH_RUN_ID=RUN))
    line = {"ATTEMPT": 1, "INSTANCE_ID": "0", "CONTAINER_NAME": "main", "LOG": "without a root"}
    without_root.answers["JOB_LOGS"] = lambda statement: [line] if statement.binds[-1] == "T_MYJOB_2" else []
    done = invoke("logs", "t_myjob_2")
    assert (done.exit_code, done.stdout) == (0, "without a root\n"), done.output
    assert OLD_RUN in done.stderr


def test_status_shows_a_run_that_began_without_a_root_if_it_is_the_newest(invoke: Invoke, without_root: Server) -> None:
    before = {"QUERY_START_TIME": LONG_AGO - timedelta(days=1), "SCHEDULED_TIME": LONG_AGO - timedelta(days=1)}
    without_root.earlier = [history_row("ROOT_TASK", "SUCCEEDED", COMPLETED_TIME=LONG_AGO, **before)]
    without_root.attempts.append(attempt("T_MYJOB_1", GRAPH_START_TIME=LONG_AGO, GRAPH_NAME="container_jobs"))
    assert json.loads(invoke("status", "container_jobs", "--json").stdout)["run_id"] == OLD_RUN
    after = {"QUERY_START_TIME": START, "SCHEDULED_TIME": START}
    without_root.earlier = [history_row("ROOT_TASK", "SUCCEEDED", COMPLETED_TIME=START, **after)]
    assert json.loads(invoke("status", "container_jobs", "--json").stdout)["run_id"] == RUN
