"""`jobgraph status` without a graph: every graph of the schema on a line, what needs attention first."""

from __future__ import annotations

import json
from datetime import timedelta
from typing import TYPE_CHECKING

import pytest
from rich.console import Console

from jobgraph.account.client import AbsentError
from jobgraph.account.queries import Place
from jobgraph.cli.views import overview_table
from jobgraph.plan.sql import ROOT_BODY
from jobgraph.runs.deployed import read as read_deployed
from jobgraph.runs.graph_run import GraphRun
from jobgraph.runs.overview import GraphOverview
from jobgraph.runs.records import of_deployed
from tests.jobgraph.cli.recorded import (
    FAILED_ATTEMPTS,
    FAILING,
    PREDECESSORS,
    RUN,
    START,
    Row,
    Server,
    attempt,
    history_row,
    logged_row,
    quickstart,
    recorded_jobs,
    task,
    then_a_part,
)

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from tests.jobgraph.cli.conftest import Invoke


def graph(key: str, root: str, *, state: str = "started", **values: str) -> list[Row]:
    rooted = {**task(root, [], state=state), "schedule": "59 MINUTES", "definition": ROOT_BODY, **values}
    return [rooted, task(f"T_{key.upper()}", [root], graph=key), task(f"END_{root}", [], finalizes=root, graph=key)]


def closed(server: Server, key: str, root: str, run_id: str, minute: int) -> None:
    """A good run of the graph's one job, of 10 seconds, in the history tables and in TASK_HISTORY."""
    job, at = f"T_{key.upper()}", START - timedelta(minutes=minute)
    times = {"QUERY_START_TIME": at.isoformat(), "COMPLETED_TIME": (at + timedelta(seconds=10)).isoformat()}
    whose = {"GRAPH_RUN_GROUP_ID": run_id, "ROOT_TASK_NAME": root, "GRAPH_NAME": key, "ROOT_TASK_ID": f"id-of-{root}"}
    rows = [logged_row(name, "SUCCEEDED", jobs=recorded_jobs({job: []}), **whose, **times) for name in (root, job)]
    server.logged += rows
    server.attempts.append(attempt(job, GRAPH_RUN_ID=run_id, ROOT_TASK_NAME=root))


@pytest.fixture
def schema(server: Server) -> None:
    """One graph failed, one is suspended after good runs, one never ran, one is gone."""
    server.began, server.steps = -1000.0, FAILING
    server.attempts = [attempt(f"T_MYJOB_{number}") for number in (1, 2, 4, 5)] + FAILED_ATTEMPTS
    server.tasks = [*quickstart(), *graph("fresh", "FRESH_ROOT")]
    server.tasks += graph("nightly", "NIGHTLY", state="suspended", last_suspended_reason="SUSPENDED_DUE_TO_ERRORS")
    for number, minute in enumerate((70, 60, 50)):
        closed(server, "nightly", "NIGHTLY", f"n{number}", minute)
    closed(server, "orders", "ORDERS_ROOT", "o1", 90)
    coming = START + timedelta(minutes=30)
    scheduled = {"GRAPH_RUN_GROUP_ID": None, "ROOT_TASK_ID": "id-of-FRESH_ROOT", "SCHEDULED_FROM": "SCHEDULE"}
    server.earlier = [history_row("FRESH_ROOT", "SCHEDULED", SCHEDULED_TIME=coming, **scheduled)]


@pytest.mark.usefixtures("schema", "far_away")
@pytest.mark.parametrize("width", [80, 120])
def test_every_graph_is_on_a_line_and_what_failed_first(
    invoke: Invoke, golden: Callable[[str, str], None], width: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("jobgraph.cli.commands.status.terminal_width", lambda: width)
    done = invoke("status")
    assert done.exit_code == 0, done.output
    golden(f"overview-{width}.txt", done.stdout)
    assert max(map(len, done.stdout.splitlines())) <= width
    assert "The root NIGHTLY is suspended (after too many failures in a row)" in done.stderr
    assert "jobgraph run fresh --wait" in done.stderr


@pytest.mark.usefixtures("schema")
def test_the_overview_as_json(invoke: Invoke) -> None:
    lines = {line["graph"]: line for line in json.loads(invoke("status", "--json").stdout)["graphs"]}
    assert list(lines) == ["container_jobs", "nightly", "fresh", "orders"]
    assert (lines["container_jobs"]["run_id"], lines["container_jobs"]["failed_jobs"]) == (RUN, ["T_MYJOB_3"])
    nightly = lines["nightly"]
    assert (nightly["state"], nightly["suspended"], nightly["suspended_because"]) == (
        "DONE",
        True,
        "after too many failures",
    )
    assert (nightly["duration_seconds"], nightly["usual_seconds"]) == (10.0, None)
    assert lines["fresh"]["next_start"] == "2026-03-01T10:30:00+00:00"
    assert [line["well"] for line in lines.values()] == [False, False, True, True]
    assert not lines["orders"]["deployed"]


@pytest.mark.usefixtures("schema")
def test_the_exit_code_tells_whether_all_is_well(invoke: Invoke, server: Server) -> None:
    assert invoke("status").exit_code == 0
    assert invoke("status", "--exit-code").exit_code == 1
    assert invoke("status", "container_jobs", "--exit-code").exit_code == 1
    server.tasks = graph("fresh", "FRESH_ROOT")
    server.logged = []
    assert invoke("status", "--exit-code").exit_code == 0


def a_part(server: Server, run_id: str, left_out: list[str], *, minutes: int, state: str = "SUCCEEDED") -> None:
    """A further run of a part, so many minutes after the first."""
    config = json.dumps({"jobgraph": {"left_out": left_out}})
    at = START - timedelta(seconds=60) + timedelta(minutes=minutes)
    common = {"GRAPH_RUN_GROUP_ID": run_id, "CONFIG": config, "SCHEDULED_TIME": at, "QUERY_START_TIME": at}
    ran = [name for name in PREDECESSORS if name not in left_out]
    names = ["ROOT_TASK", *left_out, *ran, "GET_GRAPH_STATS"]
    server.earlier += [
        history_row(name, state if name in ran else "SUCCEEDED", **common, COMPLETED_TIME=at) for name in names
    ]
    server.attempts += [attempt(name, status="LEFT_OUT", GRAPH_RUN_ID=run_id) for name in left_out]
    status = "DONE" if state == "SUCCEEDED" else state
    server.attempts += [attempt(name, status=status, GRAPH_RUN_ID=run_id) for name in ran]


@pytest.fixture
def part(server: Server) -> None:
    then_a_part(server)


@pytest.mark.usefixtures("part")
def test_a_run_of_a_part_does_not_decide_the_state_of_its_graph(invoke: Invoke) -> None:
    told = json.loads(invoke("status", "--json").stdout)
    (line,) = told["graphs"]
    assert (told["run_id"], line["run_id"], line["state"], line["well"]) == ("part", RUN, "FAILED", False)
    assert (line["part"]["run_id"], line["part"]["state"], len(line["part"]["left_out"])) == ("part", "DONE", 5)
    assert invoke("status", "container_jobs", "--exit-code").exit_code == 1
    assert invoke("status", "container_jobs", "--run", "part", "--exit-code").exit_code == 0


@pytest.mark.usefixtures("part")
def test_a_run_of_a_part_is_told_as_one(invoke: Invoke) -> None:
    done = invoke("status")
    assert "then a part DONE" in done.stdout
    assert "container_jobs, run part (a part: 5 of 6 jobs left out): DONE" in done.stdout
    last = (
        f"The last run of graph container_jobs was of a part of it: part DONE. The last run of the whole graph: {RUN}"
    )
    assert last in done.stderr
    assert last in invoke("status", "container_jobs").stderr


@pytest.mark.usefixtures("part")
def test_what_was_bad_is_over_once_parts_ran_all_of_it(invoke: Invoke, server: Server) -> None:
    """T_MYJOB_3 failed and T_MYJOB_6 was skipped for it: both have to run, whether in one part or in several."""
    line = json.loads(invoke("status", "--json").stdout)["graphs"][0]
    assert (line["trouble"], line["well"]) == (["T_MYJOB_3"], False)
    done = invoke("status", "--exit-code")
    assert done.exit_code == 1
    missing = "Without a good run since: T_MYJOB_3; `jobgraph run container_jobs --from T_MYJOB_3` runs them"
    assert missing in done.stderr
    refused = invoke("retry", "--dry-run")
    assert (refused.exit_code, "there is nothing to retry" in refused.stderr) == (1, True)
    assert missing in refused.stderr
    left_out = [name for name in PREDECESSORS if name != "T_MYJOB_3"]
    a_part(server, "another", left_out, minutes=2)
    line = json.loads(invoke("status", "--json").stdout)["graphs"][0]
    assert (line["run_id"], line["state"], line["trouble"], line["well"]) == (RUN, "FAILED", [], True)
    done = invoke("status", "--exit-code")
    assert (done.exit_code, invoke("status", "container_jobs", "--exit-code").exit_code) == (0, 0)
    assert "then a part DONE: recovered" in done.stdout
    assert "has been run well since" in done.stderr


@pytest.mark.usefixtures("part")
def test_a_part_that_failed_counts_until_its_job_has_run_well(invoke: Invoke, server: Server) -> None:
    a_part(server, "bad", [name for name in PREDECESSORS if name != "T_MYJOB_1"], minutes=2, state="FAILED")
    a_part(server, "good", [name for name in PREDECESSORS if name not in {"T_MYJOB_3", "T_MYJOB_6"}], minutes=3)
    line = json.loads(invoke("status", "--json").stdout)["graphs"][0]
    assert (line["part"]["state"], line["trouble"], line["well"]) == ("DONE", ["T_MYJOB_1"], False)


def test_an_overview_of_eighty_columns_has_every_fact() -> None:
    """The next start stands below the last one, the usual duration below the last."""
    run = GraphRun(shape=None, run_id="1", state="FAILED", ended=True, jobs=(), started=START, duration=75.0)  # type: ignore[arg-type]  # no table of it is drawn
    record = of_deployed(read_deployed(graph("nightly", "NIGHTLY"))[0])
    listed = [GraphOverview(record, run, usual=72.0, next_start=START + timedelta(days=1))]
    console = Console(width=80, color_system=None)
    with console.capture() as captured:
        console.print(overview_table(listed, terminal=True, width=80))
    text = captured.get()
    lines = [line.split("  ") for line in text.splitlines()[3:5]]
    cells = [[cell.strip() for cell in line if cell.strip()] for line in lines]
    assert cells == [
        ["nightly", "FAILED", "2026-03-01 10:00", "1 min 15 s"],
        ["next 03-02 10:00", "usually 1 min 12 s"],
    ]
    assert max(map(len, text.splitlines())) <= 80


def test_the_usual_time_is_the_median_of_good_runs() -> None:
    from jobgraph.runs import overview  # noqa: PLC0415  # what this test is about

    rows = [
        {"ROOT_TASK_NAME": "R", "BEGAN": "2026-03-01 10:00:00", "ENDED": f"2026-03-01 10:00:{end}", "BAD": bad}
        for end, bad in ((10, 0), (20, 0), (12, 0), (59, 1))
    ]
    assert overview.good_spans(rows) == {"R": [10.0, 20.0, 12.0]}
    assert overview.usual([10.0, 20.0, 12.0]) == 12.0
    assert overview.usual([10.0, 20.0]) is None


def test_a_schema_without_graphs(invoke: Invoke, server: Server) -> None:
    server.tasks = []
    server.place = Place("DB", "EMPTY")
    done = invoke("status")
    assert done.exit_code == 1
    assert "No graph is deployed in DB.EMPTY" in done.stderr


def test_watching_a_run_ends_with_it(invoke: Invoke, server: Server) -> None:
    server.began = -1.0
    done = invoke("status", "container_jobs", "--watch")
    assert done.exit_code == 0
    assert "container_jobs, run" in done.stdout
    assert "T_MYJOB_6 DONE" in done.stderr
    assert invoke("status", "--watch", "--json").exit_code == 2


def test_the_run_of_the_only_deployed_graph_is_shown_beside_graphs_that_are_gone(
    invoke: Invoke, server: Server
) -> None:
    closed(server, "orders", "ORDERS_ROOT", "o1", 90)
    server.began = -1000.0
    told = json.loads(invoke("status", "--json").stdout)
    assert (told["graph"], [line["graph"] for line in told["graphs"]]) == (
        "container_jobs",
        ["container_jobs", "orders"],
    )
    assert "T_MYJOB_6" in invoke("status").stdout


def budgeted(folder: Path, server: Server, *, suspend: bool = False) -> None:
    """Give the stack that deploys into the schema a budget, of which a part is used."""
    place = f"database: {server.place.database}, schema: {server.place.schema}"
    budget = f"budget: {{credits_per_month: 10, suspend: {str(suspend).lower()}}}"
    settings = f"{{{place}, {budget}, pools: {{P: {{}}}}}}"
    (folder / "Pulumi.yaml").write_text("name: jobgraph\nruntime: python\n")
    (folder / "Pulumi.dev.yaml").write_text(f"config:\n  jobgraph:settings: {settings}\n")
    hour = {"START_TIME": server.clock.now, "END_TIME": server.clock.now + timedelta(hours=1)}
    server.answers["SNOWPARK_CONTAINER_SERVICES_HISTORY"] = [{**hour, "NAME": "P", "CREDITS": 2.0}]
    server.answers["WAREHOUSE_METERING_HISTORY"] = [{**hour, "NAME": "SMALL_WAREHOUSE", "CREDITS": 0.5}]


@pytest.mark.usefixtures("schema")
def test_the_budget_is_told(invoke: Invoke, server: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    assert "Budget" not in invoke("status").stdout
    budgeted(tmp_path, server)
    assert "Budget: 2.5 of 10 credits used since the month began (25%)\n" in invoke("status").stdout
    told = json.loads(invoke("status", "--json").stdout)["budget_this_month"]
    assert told == {"used": 2.5, "limit": 10, "exceeded": False, "suspended_warehouse": None}
    server.answers["SNOWPARK_CONTAINER_SERVICES_HISTORY"] = AbsentError("no such view")
    assert "Budget: 10 credits a month; how much is used is not known" in invoke("status").stdout


@pytest.mark.usefixtures("schema")
def test_a_warehouse_that_the_budget_suspended_is_told(
    invoke: Invoke, server: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    budgeted(tmp_path, server, suspend=True)
    row = {"name": "SMALL_WAREHOUSE_MONITOR", "credit_quota": "10.00", "used_credits": "9.50", "suspend_at": "100%"}
    server.answers["SHOW RESOURCE MONITORS"] = [row]
    assert "SMALL_WAREHOUSE is suspended" not in invoke("status").stdout
    server.answers["SHOW RESOURCE MONITORS"] = [{**row, "used_credits": "10.02"}]
    done = invoke("status", "--exit-code")
    assert "warehouse SMALL_WAREHOUSE is suspended until the month ends" in done.stdout
    assert done.exit_code == 1
