"""Runs are told as they were, whatever was deployed since; and rows belong to graph, run and task together."""

from __future__ import annotations

import json
from datetime import timedelta
from typing import TYPE_CHECKING

import pytest

from tests.jobgraph.cli.recorded import RUN, START, Row, Server, attempt, history_row, logged_row, recorded_jobs, task

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.jobgraph.cli.conftest import Invoke

JOBS = recorded_jobs({"A": [], "B": ["A"]})
ENDED = {"QUERY_START_TIME": START, "COMPLETED_TIME": START + timedelta(seconds=2)}
STATES = (("ROOT_TASK", "SUCCEEDED"), ("A", "SUCCEEDED"), ("B", "FAILED"))


def failed_in_b(server: Server) -> None:
    """A run of the jobs A and B failed in B; then B was renamed to B2."""
    server.earlier = [history_row(name, state, **ENDED) for name, state in STATES]
    server.earlier += [history_row("GET_GRAPH_STATS", "SUCCEEDED", **ENDED)]
    server.logged = [logged_row(name, state, jobs=JOBS) for name, state in STATES]
    server.attempts = [attempt("A"), attempt("B", 1, "FAILED", EXIT_CODE=3)]
    server.began = -1000.0
    server.steps = ()
    server.tasks = graph("container_jobs", "ROOT_TASK", "A", "B2")


def graph(key: str, root: str, *names: str) -> list[Row]:
    """SHOW TASKS of a graph whose jobs follow one another, committed long after the run."""
    rows = [{**task(root, []), "last_committed_on": START + timedelta(hours=1)}]
    before = root
    for name in names:
        created = START - timedelta(hours=1) if name == "A" else START + timedelta(hours=1)
        rows.append({**task(name, [before], graph=key, compute_pool="POOL"), "created_on": created})
        before = name
    return [*rows, task(f"END_OF_{root}" if root != "ROOT_TASK" else "GET_GRAPH_STATS", [], finalizes=root, graph=key)]


def of_yesterday(server: Server) -> None:
    """TASK_HISTORY no longer has the run."""
    server.earlier = []


def of_an_earlier_version(server: Server) -> None:
    """The run was recorded by a version that did not record the graph; TASK_HISTORY has the bodies that ran."""
    body = {"graph": "container_jobs", "compute_pool": "POOL"}
    server.logged = [{**row, "GRAPH_DEFINITION": None, "GRAPH_NAME": None} for row in server.logged]
    definitions: dict[str, Row] = {
        "A": body,
        "B": {**body, "predecessors": ["A"]},
        "GET_GRAPH_STATS": {"task_runs_table": "T"},
    }
    for row in server.earlier:
        if row["NAME"] in definitions:
            row["QUERY_TEXT"] = task(row["NAME"], [], **definitions[row["NAME"]])["definition"]


def of_an_earlier_version_long_ago(server: Server) -> None:
    of_an_earlier_version(server)
    of_yesterday(server)
    for row in server.logged:
        del row["GRAPH_DEFINITION"], row["GRAPH_NAME"]


def as_recorded(_: Server) -> None:
    """With all there is."""


SOURCES = [as_recorded, of_yesterday, of_an_earlier_version, of_an_earlier_version_long_ago]


@pytest.mark.parametrize("source", SOURCES)
@pytest.mark.parametrize("scheduled", [True, False])
def test_a_failed_run_stays_failed_after_a_job_was_renamed(
    invoke: Invoke, server: Server, source: Callable[[Server], None], *, scheduled: bool
) -> None:
    """A graph without a schedule is not committed by the deploy, but by the run after it."""
    failed_in_b(server)
    if not scheduled:
        server.tasks[0]["last_committed_on"] = None
    source(server)
    told = json.loads(invoke("status", "--json").stdout)
    assert (told["state"], [(job["job"], job["state"]) for job in told["jobs"]]) == (
        "FAILED",
        [("A", "DONE"), ("B", "FAILED")],
    )
    waited = invoke("wait")
    assert waited.exit_code == 1
    assert "B FAILED: app_error(3)" in waited.stdout
    assert "B2" not in waited.output
    assert "retry" not in waited.stderr
    drawn = invoke("graph", "--run", "last").stdout
    assert "FAILED" in drawn
    assert "B2" not in drawn
    (listed,) = json.loads(invoke("history", "--json").stdout)
    assert (listed["run_id"], listed["state"]) == (RUN, "FAILED")


def test_a_run_under_way_is_not_told_with_jobs_that_were_added_since(invoke: Invoke, server: Server) -> None:
    failed_in_b(server)
    server.logged = []
    body = task("A", [], graph="container_jobs", compute_pool="POOL")["definition"]
    server.earlier = [history_row("ROOT_TASK", "SUCCEEDED", **ENDED)]
    server.earlier += [history_row("A", "EXECUTING", QUERY_START_TIME=START, QUERY_TEXT=body)]
    done = invoke("status", "--json")
    told = json.loads(done.stdout)
    assert (told["state"], [job["job"] for job in told["jobs"]]) == ("RUNNING", ["A"])
    assert "jobs that have not started yet are not listed" in done.stderr


def test_a_suspended_job_of_a_past_run_is_told_although_it_left_no_row(invoke: Invoke, server: Server) -> None:
    """It could have run, since all before it were done: so its task was suspended then."""
    failed_in_b(server)
    server.logged = [row for row in server.logged if row["NAME"] != "B"]
    server.earlier = [row for row in server.earlier if row["NAME"] != "B"]
    server.attempts = server.attempts[:1]
    told = json.loads(invoke("status", "--json").stdout)
    assert [(job["job"], job["state"]) for job in told["jobs"]] == [("A", "DONE"), ("B", "SUSPENDED")]
    server.logged[0]["GRAPH_DEFINITION"] = json.dumps({"jobs": [JOBS[0], {**JOBS[1], "enabled": False}]})
    told = json.loads(invoke("status", "--json").stdout)
    assert (told["state"], told["jobs"][1]["state"]) == ("DONE", "DISABLED")


ORDERS_RUN = "6f1c2a3e-0000-4000-8000-00000000000a"


def two_graphs_had_a_report(server: Server) -> None:
    """The graph `orders`, now gone, had a job REPORT; so has `ops`, which has not run since it was deployed."""
    server.tasks = graph("ops", "OPS_ROOT", "REPORT")
    mine = {"GRAPH_RUN_GROUP_ID": ORDERS_RUN, "ROOT_TASK_NAME": "ORDERS_ROOT", "GRAPH_NAME": "orders"}
    jobs = recorded_jobs({"REPORT": []})
    server.logged = [logged_row(name, "SUCCEEDED", jobs=jobs, **mine) for name in ("ORDERS_ROOT", "REPORT")]
    server.attempts = [attempt("REPORT", GRAPH_RUN_ID=ORDERS_RUN, ROOT_TASK_NAME="ORDERS_ROOT")]
    server.began, server.steps = -1000.0, ()
    log = {"ATTEMPT": 1, "INSTANCE_ID": "0", "CONTAINER_NAME": "main", "LOG": "of orders"}
    server.answers = {"JOB_LOGS": lambda statement: [log] if statement.binds[-1] == "ORDERS_ROOT" else []}


def test_a_graph_is_not_told_the_log_of_another(invoke: Invoke, server: Server) -> None:
    two_graphs_had_a_report(server)
    done = invoke("logs", "report", "--graph", "ops")
    assert (done.exit_code, done.stdout) == (1, "")
    assert "Graph ops has not run yet" in done.stderr


def test_a_run_of_another_graph_is_refused_and_named(invoke: Invoke, server: Server) -> None:
    two_graphs_had_a_report(server)
    done = invoke("status", "ops", "--run", ORDERS_RUN)
    assert done.exit_code == 2
    assert f"Run '{ORDERS_RUN}' is of graph orders" in done.stderr
    assert f"jobgraph status orders --run {ORDERS_RUN}" in done.stderr


def test_runs_of_a_graph_that_is_gone_are_listed_shown_and_their_logs_read(invoke: Invoke, server: Server) -> None:
    two_graphs_had_a_report(server)
    (listed,) = json.loads(invoke("history", "orders", "--json").stdout)
    assert (listed["graph"], listed["run_id"], listed["state"]) == ("orders", ORDERS_RUN, "DONE")
    for command in (("status", "orders"), ("status", "--run", ORDERS_RUN), ("status", "orders_root")):
        shown = invoke(*command)
        assert f"orders, run {ORDERS_RUN}: DONE" in shown.stdout
    for options in (("--graph", "orders"), ("--run", ORDERS_RUN)):
        assert invoke("logs", "report", *options).stdout == "of orders\n"
    unknown = invoke("history", "nothing")
    assert "Here, the deployed graphs are: ops; only in history: orders." in unknown.stderr
    steered = invoke("cancel", "orders")
    assert steered.exit_code == 2
    assert "Here, the deployed graphs are: ops." in steered.stderr


def test_runs_of_a_graph_are_listed_when_nothing_is_deployed(invoke: Invoke, server: Server) -> None:
    two_graphs_had_a_report(server)
    server.tasks = []
    (listed,) = json.loads(invoke("history", "--json").stdout)
    assert listed["graph"] == "orders"


def test_two_graphs_may_have_runs_of_the_same_id(invoke: Invoke, server: Server) -> None:
    """The id is the instant for which the run was scheduled: two graphs of one schedule have it in common."""
    two_graphs_had_a_report(server)
    server.tasks = [*graph("ops", "OPS_ROOT", "CLEAN"), *graph("orders", "ORDERS_ROOT", "REPORT")]
    mine = {"GRAPH_RUN_GROUP_ID": ORDERS_RUN, "ROOT_TASK_NAME": "OPS_ROOT", "GRAPH_NAME": "ops"}
    rows = [("OPS_ROOT", "SUCCEEDED"), ("CLEAN", "FAILED")]
    jobs = recorded_jobs({"CLEAN": []})
    server.logged += [logged_row(name, state, jobs=jobs, **mine) for name, state in rows]
    server.attempts += [attempt("CLEAN", 1, "FAILED", GRAPH_RUN_ID=ORDERS_RUN, ROOT_TASK_NAME="OPS_ROOT")]
    for key, state, job in (("ops", "FAILED", "CLEAN"), ("orders", "DONE", "REPORT")):
        told = json.loads(invoke("status", key, "--run", ORDERS_RUN, "--json").stdout)
        assert (told["state"], [one["job"] for one in told["jobs"]]) == (state, [job])
        (listed,) = json.loads(invoke("history", key, "--json").stdout)
        assert (listed["state"], [one["job"] for one in listed["jobs"]]) == (state, [job])


def test_a_root_that_another_graph_had_before_does_not_lend_its_runs(invoke: Invoke, server: Server) -> None:
    two_graphs_had_a_report(server)
    server.tasks = graph("ops", "ORDERS_ROOT", "REPORT")
    assert json.loads(invoke("history", "ops", "--json").stdout) == []
    assert invoke("logs", "report", "--graph", "ops").exit_code == 1
    (listed,) = json.loads(invoke("history", "orders", "--json").stdout)
    assert listed["run_id"] == ORDERS_RUN


def test_a_graph_keeps_its_runs_when_its_root_is_renamed(invoke: Invoke, server: Server) -> None:
    two_graphs_had_a_report(server)
    server.tasks = graph("orders", "NEW_ROOT", "REPORT")
    (listed,) = json.loads(invoke("history", "--json").stdout)
    assert listed["run_id"] == ORDERS_RUN
    assert f"run {ORDERS_RUN}: DONE" in invoke("status").stdout


def test_rows_that_name_no_graph_count_for_the_only_one_that_had_their_root(invoke: Invoke, server: Server) -> None:
    """The first run of a graph that is gone was recorded by an earlier version, the second was not."""
    two_graphs_had_a_report(server)
    first = {"GRAPH_RUN_GROUP_ID": "0", "ROOT_TASK_NAME": "ORDERS_ROOT", "GRAPH_NAME": None}
    earlier = [logged_row(name, "SUCCEEDED", **first) for name in ("ORDERS_ROOT", "REPORT")]
    server.logged = [*earlier, *server.logged]
    server.attempts.append(attempt("REPORT", GRAPH_RUN_ID="0", ROOT_TASK_NAME="ORDERS_ROOT"))
    listed = json.loads(invoke("history", "orders", "--json").stdout)
    assert [run["run_id"] for run in listed] == [ORDERS_RUN, "0"]
    assert "orders, run 0: DONE" in invoke("status", "--run", "0").stdout
    server.tasks += graph("heir", "ORDERS_ROOT", "REPORT")
    assert [run["run_id"] for run in json.loads(invoke("history", "heir", "--json").stdout)] == ["0"]
    assert [run["run_id"] for run in json.loads(invoke("history", "orders", "--json").stdout)] == [ORDERS_RUN]


def test_a_job_that_has_not_run_yet_under_its_new_name_says_so(invoke: Invoke, server: Server) -> None:
    failed_in_b(server)
    done = invoke("logs", "b2")
    assert done.exit_code == 1
    assert f"B2 has not run yet: run {RUN} was of an earlier version of the graph" in done.stderr
    assert "`jobgraph run container_jobs --wait` runs it; that run had A, B" in done.stderr


def test_a_run_that_no_finalizer_closed_is_shown_when_its_graph_is_gone(invoke: Invoke, server: Server) -> None:
    body = 'CALL RUN_JOB_0(\'A\', (SELECT 1), $${"graph": "gone", "specification": {}}$$)'
    server.tasks, server.began = [], None
    ended = {**ENDED, "ROOT_TASK_ID": "id-of-OLD_ROOT"}
    server.earlier = [
        history_row("OLD_ROOT", "SUCCEEDED", **ended),
        history_row("A", "FAILED", ERROR_MESSAGE="killed", QUERY_TEXT=body, **ended),
    ]
    server.attempts = [attempt("A", 1, "FAILED", ROOT_TASK_NAME="OLD_ROOT")]
    root = {"NAME": "OLD_ROOT", "ROOT_TASK_NAME": "OLD_ROOT", "GRAPH_NAME": "gone", "GRAPH_RUN_GROUP_ID": RUN}
    row = {**root, "STATE": "SUCCEEDED", "ERROR_MESSAGE": None, "SCHEDULED_FROM": None, "ATTEMPT_NUMBER": 1}
    server.answers = {"AS NAME, ROOT_TASK_NAME, GRAPH_NAME": [row]}
    shown = json.loads(invoke("status", "gone", "--json").stdout)
    assert [(job["job"], job["state"]) for job in shown["jobs"]] == [("A", "FAILED")]
    assert invoke("status", "nothing").exit_code != 0
