"""Every view on four histories: of a run that was done, one that failed, one under way, and none at all."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any

import pytest
import streamlit as st

from jobgraph.account.run_histories import RunHistories
from jobgraph.page.views import ways
from jobgraph.page_model import address
from jobgraph.runs import deployed, records
from tests.jobgraph.cli import recorded
from tests.jobgraph.cli.recorded import ManualClock, Server, absent
from tests.page.conftest import shown

if TYPE_CHECKING:
    from tests.page.conftest import Visit

KEY = "container_jobs"
LOG = [
    {"ATTEMPT": 3, "INSTANCE_ID": "0", "CONTAINER_NAME": "main", "LOG": "begins\n<b>17</b> nulls in AMOUNT\nends"},
]


def server(history: str) -> Server:
    """A Snowflake with that history."""
    clock = ManualClock()
    if history == "empty":
        return Server(clock, answers={"TASK_LOGGING_STATS": []}, steps=(), attempts=[])
    answers = {"JOB_LOGS": LOG, "TASK_LOGGING_STATS": [], "INSERT INTO": []}
    if history == "failing":
        attempts = [recorded.attempt(step.name) for step in recorded.GOOD[1:-1] if step.name != "T_MYJOB_3"]
        failing = Server(clock, steps=recorded.FAILING, attempts=[*attempts, *recorded.FAILED_ATTEMPTS], began=0.0)
        failing.answers = dict(answers)
    else:
        failing = Server(clock, began=0.0, answers=dict(answers))
    clock.seconds = 4.2 if history == "running" else 60.0
    return failing


WORDS = {
    ("done", address.GRAPHS): ["container_jobs", "6 jobs", "done"],
    ("done", address.GRID): ["T_MYJOB_6", 'class="c good"'],
    ("done", address.RUN): ["6 of 6", 'class="timeline"'],
    ("done", address.PICTURE): ["<svg", "DONE"],
    ("done", address.JOB): ["usually takes", "T_MYJOB_3"],
    ("done", address.ATTEMPT): ["attempt 1 of 1", "rows_written", "sha256:0123456789abcdef"],
    ("done", address.WHY): ["runs when somebody asks"],
    ("failing", address.GRAPHS): ["failed"],
    ("failing", address.GRID): ['class="c bad again"', 'class="c passed"', "1✗"],
    ("failing", address.RUN): ["4 of 6", "Invalid column name", 'class="failures"'],
    ("failing", address.PICTURE): ["FAILED", "SKIPPED"],
    ("failing", address.JOB): ["app_error(1)", "<b>3</b>"],
    ("failing", address.ATTEMPT): ["attempt 3 of 3", "exit code", "&lt;b&gt;17&lt;/b&gt; nulls", "Invalid column name"],
    ("failing", address.WHY): ["T_MYJOB_3 is FAILED", "jobgraph retry container_jobs"],
    ("running", address.GRAPHS): ["running"],
    ("running", address.GRID): ['class="c live"'],
    ("running", address.RUN): ["so far", "running"],
    ("running", address.PICTURE): ["RUNNING"],
    ("running", address.JOB): ["running"],
    ("running", address.ATTEMPT): ["running"],
    ("running", address.WHY): ["is under way"],
    ("empty", address.GRAPHS): ["never ran"],
    ("empty", address.GRID): ["has not run yet", "jobgraph run container_jobs"],
    ("empty", address.RUN): ["has not run yet"],
    ("empty", address.PICTURE): ["<svg", "T_MYJOB_6"],
    ("empty", address.JOB): ["No recorded run has a job"],
    ("empty", address.WHY): ["It has not run yet"],
}


def test_a_run_of_a_part_is_told_as_one_and_comes_after_the_whole_one(visit: Visit) -> None:
    visit.client = server("failing")
    recorded.then_a_part(visit.client)
    cards = visit.html(view=address.GRAPHS)
    assert "then a part:" in cards
    assert cards.index(f"run {recorded.RUN}: failed") < cards.index("run part: a part, done")
    grid = visit.html(view=address.GRID, graph=KEY)
    assert grid.index(f"run={recorded.RUN}") < grid.index("run=part")
    run = visit.html(view=address.RUN, graph=KEY)
    words = ("<b>1 of 1</b><span>jobs done", "<b>5</b><span>jobs left out", "a part, without", "T_MYJOB_1, T_MYJOB_2")
    assert [word for word in words if word not in run] == []


@pytest.mark.parametrize(("history", "view"), WORDS, ids=str)
def test_a_view_of_a_history(visit: Visit, history: str, view: str) -> None:
    visit.client = server(history)
    parts = {"graph": KEY} if view != address.GRAPHS else {}
    if view in {address.JOB, address.ATTEMPT}:
        parts["job"] = "T_MYJOB_3"
    html = visit.html(view=view, **parts)
    missing = [word for word in WORDS[history, view] if word not in html]
    assert not missing, html


def test_a_graph_that_is_not_there_is_told_with_the_nearest_name(visit: Visit) -> None:
    visit.client = server("done")
    app = visit.open(view="grid", graph="container_job")
    assert "perhaps you meant container_jobs" in app.error[0].value


LONG = "x" * 20_000
SCRIPT = "<script>alert(1)</script>"
# what an address may hold -> words that the page then shows
ODD: dict[str, tuple[dict[str, Any], str]] = {
    "an unknown graph": ({"view": "grid", "graph": "nothing"}, "There is no graph 'nothing'"),
    "a very long graph": ({"view": "grid", "graph": LONG}, "There is no graph 'xxx"),
    "HTML as a graph": ({"view": "grid", "graph": SCRIPT}, "There is no graph"),
    "control characters": ({"view": "run", "graph": KEY, "run": "a\x00b\x07"}, "has no run 'ab'"),
    "a run that is not there": ({"view": "run", "graph": KEY, "run": "17"}, "has no run '17'"),
    "a very long run": ({"view": "picture", "graph": KEY, "run": LONG}, "has no run 'xxx"),
    "an attempt of no run": ({"view": "attempt", "graph": KEY, "run": SCRIPT, "job": "T_MYJOB_3"}, "has no run"),
    "an unknown job": ({"view": "attempt", "graph": KEY, "job": SCRIPT}, "has no job"),
    "a course of an unknown job": ({"view": "job", "graph": KEY, "job": SCRIPT}, "No recorded run has a job &lt;"),
    "no number of an attempt": (
        {"view": "attempt", "graph": KEY, "job": "T_MYJOB_3", "attempt": "²"},
        "attempt 3 of 3",
    ),
    "an endless number": (
        {"view": "attempt", "graph": KEY, "job": "T_MYJOB_3", "attempt": "9" * 5000},
        "attempt 3 of 3",
    ),
    "no such attempt": (
        {"view": "attempt", "graph": KEY, "job": "T_MYJOB_3", "attempt": "99"},
        "Job T_MYJOB_3 has no attempt 99 in run ",
    ),
    "an unknown view": ({"view": SCRIPT, "graph": KEY}, "6 jobs"),
    "a view of no graph": ({"view": "run"}, "6 jobs"),
    "an unknown parameter": ({"<b>": SCRIPT}, "6 jobs"),
    "an unknown group": ({"view": "grid", "graph": KEY, "only": SCRIPT, "filter": LONG}, "6 more jobs are not shown"),
    "a repeated key": ({"view": ["run", "grid"], "graph": ["nothing", KEY]}, "T_MYJOB_6"),
}


@pytest.mark.parametrize("view", [address.ATTEMPT, address.JOB])
def test_an_address_without_a_job_says_so(visit: Visit, view: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where links work, no control beside them chooses a job."""
    monkeypatch.setattr(ways, "is_alive", lambda: True)
    visit.client = server("failing")
    app = visit.open(view=view, graph=KEY)
    assert "The address names no job" in shown(app) + "".join(error.value for error in app.error)


@pytest.mark.parametrize("name", ODD)
def test_an_odd_address_is_told_in_plain_words_with_a_way_back(visit: Visit, name: str) -> None:
    """`open` fails on a traceback."""
    visit.client = server("failing")
    parameters, words = ODD[name]
    app = visit.open(**parameters)
    html = shown(app)
    told = html + "".join(error.value for error in app.error)
    assert words in told, told
    assert SCRIPT not in html
    assert len(app.error) <= 1
    assert all(len(error.value) < 2_000 for error in app.error)
    assert not app.error or ">All graphs</a>" in html


def test_a_run_of_another_graph_is_told_with_that_graph(visit: Visit) -> None:
    client = server("done")
    client.answers = {"INSERT INTO": []}
    client.logged = [recorded.logged_row("OTHER_ROOT", "SUCCEEDED", GRAPH_RUN_GROUP_ID="77", GRAPH_NAME="other")]
    visit.client = client
    app = visit.open(view="run", graph=KEY, run="77")
    assert "Run '77' is of graph other" in app.error[0].value
    assert "All runs of container_jobs" in shown(app)


def test_runs_that_no_finalizer_closed_are_listed(visit: Visit) -> None:
    """As `jobgraph history` lists them, and of a graph that is gone as `jobgraph status` does."""
    client = server("done")
    long_ago = recorded.START - timedelta(days=30)
    times = {"GRAPH_START_TIME": long_ago, "STARTED_TIME": long_ago, "COMPLETED_TIME": long_ago}
    old: recorded.Row = {"GRAPH_RUN_ID": recorded.OLD_RUN, "GRAPH_NAME": KEY, **times}
    client.attempts = [*client.attempts, recorded.attempt("T_MYJOB_1", status="FAILED", **old)]
    gone: recorded.Row = {
        "NAME": "GONE_ROOT",
        "ROOT_TASK_NAME": "GONE_ROOT",
        "GRAPH_NAME": "gone",
        "GRAPH_RUN_GROUP_ID": "1",
    }
    gone |= {"STATE": "SUCCEEDED", "ERROR_MESSAGE": None, "SCHEDULED_FROM": None, "ATTEMPT_NUMBER": 1}
    client.answers = {"AS NAME, ROOT_": [gone], "INSERT INTO": []}
    visit.client = client
    html = visit.html(view="grid", graph=KEY)
    assert html.index(f"run={recorded.OLD_RUN}") < html.index(f"run={recorded.RUN}")
    assert "only in history" in visit.html()


def test_a_schema_without_graphs_says_what_to_do(visit: Visit) -> None:
    visit.client = Server(ManualClock(), tasks=[], answers={"TASK_LOGGING_STATS": []})
    html = visit.html()
    assert "No graph is deployed here yet" in html
    assert "pulumi up" in html


def test_a_filter_is_part_of_the_address(visit: Visit) -> None:
    visit.client = server("failing")
    app = visit.open(view="grid", graph=KEY, filter="job_3")
    assert "T_MYJOB_3" in shown(app)
    assert "T_MYJOB_4" not in shown(app)
    app.text_input[0].set_value("job_4").run()
    assert app.query_params["filter"] == "job_4"
    assert "T_MYJOB_3" not in shown(app)


def test_where_one_is_is_told_to_who_hears_the_page(visit: Visit) -> None:
    visit.client = server("failing")
    html = visit.html(view="attempt", graph=KEY, job="T_MYJOB_3")
    assert [part.partition("<")[0].strip() for part in html.split(' aria-current="page">')[1:]] == [
        "Timeline",
        "attempt 3",
    ]


def test_trouble_alone(visit: Visit) -> None:
    visit.client = server("failing")
    html = visit.html(view="grid", graph=KEY, only="trouble")
    assert "T_MYJOB_3" in html
    assert 'data-job="T_MYJOB_1"' not in html
    assert "5 more jobs are not shown" in html


def test_a_log_is_searched(visit: Visit) -> None:
    visit.client = server("failing")
    html = visit.html(view="attempt", graph=KEY, job="T_MYJOB_3", find="amount")
    assert "<mark>AMOUNT</mark>" in html
    assert "begins" not in html
    assert "1 of 3 lines" in html


def test_the_cost_of_idle_nodes_is_what_was_charged_and_not_used(visit: Visit) -> None:
    client = server("done")
    ran = {"ROOT_TASK_NAME": "ROOT_TASK", "COMPUTE_POOL": "P", "NODE_FAMILY": "CPU_X64_XS", "REPLICAS": 1}
    times = {"STARTED_TIME": client.clock.now - timedelta(hours=2), "COMPLETED_TIME": client.clock.now}
    halves = [ran | times | {"COMPLETED_TIME": client.clock.now - timedelta(hours=1)}, ran | times]
    halves[1] |= {"STARTED_TIME": client.clock.now - timedelta(hours=1), "NODE_FAMILY": None}  # a recovered attempt
    client.answers[r"COMPLETED_TIME >= "] = halves
    client.answers["SNOWPARK_CONTAINER_SERVICES_HISTORY"] = [
        {"NAME": "P", "CREDITS": 0.1},
        {"NAME": "P", "CREDITS": 0.1},
    ]
    visit.client = client
    html = visit.html(view=address.COST, graph=KEY)
    # two hours at 0.06 credits an hour
    assert "0.08 (40%)" in html
    client.answers["SNOWPARK_CONTAINER_SERVICES_HISTORY"] = absent()
    assert "GRANT DATABASE ROLE SNOWFLAKE.USAGE_VIEWER" in visit.html(view=address.COST, graph=KEY)


def test_messages_and_what_people_did(visit: Visit) -> None:
    client = server("failing")
    notice = {
        "EVENT": "failure",
        "STATE": "REFUSED",
        "CHANNEL": "slack",
        "RECIPIENTS": "OPS_SLACK",
        "SUBJECT": "container_jobs failed",
        "ANSWER": "integration <OPS_SLACK> is disabled",
        "GRAPH_RUN_ID": recorded.RUN,
        "WRITTEN_TIME": recorded.START,
        "GRAPH_NAME": KEY,
        "QUERY_ID": None,
    }
    operation = {
        "OPERATION": "retry",
        "GRAPH_NAME": KEY,
        "NOTE": "the nulls are gone",
        "GRAPH_RUN_ID": recorded.RUN,
        "BACKFILL_ID": None,
        "USER_NAME": "ANNA",
        "CREATED_TIME": recorded.START,
    }
    client.answers |= {"NOTIFICATIONS": [notice], "OPERATIONS": [operation]}
    visit.client = client
    html = visit.html(view="alerts", graph=KEY)
    words = (
        "✗",
        "failure",
        "OPS_SLACK",
        "integration &lt;OPS_SLACK&gt; is disabled",
        "retry",
        "ANNA",
        "the nulls are gone",
    )
    assert [word for word in words if word not in html] == []
    client.answers |= {"NOTIFICATIONS": absent(), "OPERATIONS": absent()}
    html = visit.html(view="alerts", graph=KEY)
    assert "No message was sent about this graph" in html
    assert "Nobody has run, cancelled or changed it by hand" in html


def test_a_closed_run_is_read_once() -> None:
    """Looking again at what cannot change costs one statement, for the list of runs."""
    closed = Server(ManualClock(), steps=(), attempts=[recorded.attempt("T_MYJOB_1")])
    closed.logged = [
        recorded.logged_row("ROOT_TASK", "SUCCEEDED", jobs=recorded.recorded_jobs({"T_MYJOB_1": []})),
        recorded.logged_row("T_MYJOB_1", "SUCCEEDED"),
    ]
    graphs = records.graphs(deployed.read(closed.tasks), ())
    histories = RunHistories(closed)
    first = histories.newest(graphs, 10)
    before = len(closed.sent)
    assert histories.newest(graphs, 10) == first
    assert len(closed.sent) - before == 1
    assert [run.state for run in first[0][KEY]] == ["DONE"]


def test_of_a_large_graph_the_newest_runs_are_drawn_first() -> None:
    closed = Server(ManualClock(), steps=(), attempts=[])
    for number in range(5):
        run = f"{number}"
        closed.logged += [
            recorded.logged_row(
                "ROOT_TASK",
                "SUCCEEDED",
                jobs=recorded.recorded_jobs({"T_MYJOB_1": []}),
                GRAPH_RUN_GROUP_ID=run,
            ),
            recorded.logged_row("T_MYJOB_1", "SUCCEEDED", GRAPH_RUN_GROUP_ID=run),
        ]
    graphs = records.graphs(deployed.read(closed.tasks), ())
    histories = RunHistories(closed)
    looks = [histories.newest(graphs, 10, 2) for _ in range(3)]
    assert [[run.run_id for run in runs[KEY]] for runs, _ in looks] == [
        ["4", "3"],
        ["4", "3", "2", "1"],
        ["4", "3", "2", "1", "0"],
    ]
    assert [unread for _, unread in looks] == [3, 1, 0]


@pytest.mark.parametrize(
    ("host", "is_own"),
    [
        ("127.0.0.1:8501", True),
        ("LOCALHOST:8501", True),
        ("localhost", True),
        ("evil.test:8501", False),
        ("127.0.0.1.evil.test:8501", False),
        ("localhost.evil.test", False),
        ("10.0.0.7:8501", False),
    ],
)
def test_only_who_opens_the_page_by_a_name_of_this_machine_sees_it(
    visit: Visit, monkeypatch: pytest.MonkeyPatch, host: str, *, is_own: bool
) -> None:
    monkeypatch.setattr(type(st.context), "headers", {"Host": host})
    visit.client = server("done")
    app = visit.open(view=address.GRAPHS)
    assert ("container_jobs" in shown(app)) is is_own
    assert [host in error.value for error in app.error] == [True] * (not is_own)
    assert is_own or visit.client.sent == []
