"""Why a job was skipped is read from what its run recorded, after the task history has forgotten the run."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest
import yaml

from jobgraph.cli.json_forms import run_json
from jobgraph.cli.views import failures, history_table
from jobgraph.config.model import Condition
from jobgraph.config.reading import read
from jobgraph.plan.finalizer_definition import finalizer_definition
from jobgraph.plan.planning import Procedures, plan
from jobgraph.runs import deployed, graph_run, shapes, skips, task_runs
from jobgraph.runs.graph_run import GraphRun, Progress
from jobgraph.settings import Pool, Settings
from tests.jobgraph.runs.test_any_run import RUN, _attempt, _row

if TYPE_CHECKING:
    from pathlib import Path

SETTINGS = Settings(pools=(Pool("POOL", "CPU_X64_XS", 1, 1, 300),))
JOBS: dict[str, dict[str, Any]] = {
    "load": {},
    "check": {"after": ["load"], "when": {"job": "load", "output": "rows", "above": 10}},
    "tell": {"after": ["check"]},
    "whole": {"after": ["load"], "when": {"job": "load", "is": "yes"}},
    "market": {"after": ["load"], "when": {"config": "market", "is": "eu"}},
    "other": {"after": ["load"], "when": {"config": "market", "is_not": "us"}},
    "day": {"after": ["load"], "when": {"config": "day", "below": 3}},
    "breaks": {},
    "behind": {"after": ["breaks"]},
}
CONDITIONS = {
    "CHECK": "it needs rows of LOAD above 10, but LOAD returned rows = 3",
    "TELL": "a condition skipped what it follows: CHECK",
    "WHOLE": 'it needs the return value of LOAD = "yes", but LOAD returned {"rows": 3}',
    "MARKET": 'it needs market = "eu", but the run had "us"',
    "OTHER": 'it needs market other than "us", but the run had "us"',
    "DAY": "it needs day below 3, but the run had no day",
    "BEHIND": "a predecessor did not succeed",
}


def _tasks_and_record(folder: Path) -> tuple[list[dict[str, Any]], str]:
    """The rows of SHOW TASKS of the planned graph, and what its finalizer records of the graph."""
    file = folder / "jobs.yaml"
    defaults = {"image": "job:1", "compute_pool": "POOL"}
    graphs = {"g": {"jobs": JOBS, "config": {"market": "eu", "day": 1}}}
    file.write_text(yaml.safe_dump({"version": 1, "defaults": defaults, "graphs": graphs}))
    config = read(file)
    (graph,) = plan(config, SETTINGS, Procedures("RUN", "CLOSE", "DROP", "WATCH")).graphs
    rows = [
        {
            "name": task.name,
            "id": "id",
            "state": "started",
            "definition": task.sql,
            "condition": task.when,
            "predecessors": json.dumps(list(task.predecessors)),
        }
        for task in (graph.root, *graph.tasks)
    ]
    recorded = finalizer_definition(config.graphs[0], SETTINGS, (), "")["jobs"]
    return rows, json.dumps({"finalizer": "G_FINALIZER", "jobs": recorded})


def _history(root: str, definition: str = "") -> list[dict[str, Any]]:
    states = dict.fromkeys(CONDITIONS, "SKIPPED") | {"LOAD": "SUCCEEDED", "BREAKS": "FAILED", root: "SUCCEEDED"}
    rows = [{**_row(name, state), "ROOT_TASK_NAME": root} for name, state in states.items()]
    rows[-1] |= {"CONFIG": '{"market": "us"}', "GRAPH_DEFINITION": definition}
    return rows


ATTEMPTS = [{**_attempt("LOAD", "DONE"), "OUTPUTS": '{"rows": 3}'}, _attempt("BREAKS", "FAILED")]


@pytest.fixture
def closed(tmp_path: Path) -> GraphRun:
    """A run of which only history knows."""
    rows, definition = _tasks_and_record(tmp_path)
    history = task_runs.read(_history(rows[0]["name"], definition))
    shape = shapes.of_record("g", rows[0]["name"], history)
    assert shape is not None
    return graph_run.assemble(shape, RUN, history, ATTEMPTS, Progress(closed=True))


def _skipped(run: GraphRun) -> dict[str, str]:
    return {job.name: job.cause for job in run.jobs if job.state == "SKIPPED"}


def test_history_says_which_condition_skipped_a_job_and_which_value_it_had(closed: GraphRun) -> None:
    assert _skipped(closed) == CONDITIONS
    assert {job["job"]: job["cause"] for job in run_json(closed)["jobs"] if job["state"] == "SKIPPED"} == CONDITIONS
    assert f"skipped, because {CONDITIONS['TELL']}: TELL" in failures(closed)


def test_a_run_is_told_alike_before_and_after_its_finalizer(tmp_path: Path, closed: GraphRun) -> None:
    rows, _ = _tasks_and_record(tmp_path)
    history = task_runs.read(_history(rows[0]["name"]))
    live = graph_run.assemble(shapes.of_deployed(deployed.read(rows)[0]), RUN, history, ATTEMPTS, Progress(closed=True))
    assert _skipped(live) == _skipped(closed)


def test_the_list_of_runs_counts_what_was_skipped_by_its_reason(closed: GraphRun) -> None:
    cells = [[str(cell) for cell in column.cells] for column in history_table([closed], terminal=False).columns]
    assert ["1/9 (1 skipped: failure, 6 skipped: condition)"] in cells


def test_a_job_that_was_left_out_is_not_said_to_have_returned_nothing(tmp_path: Path) -> None:
    rows, definition = _tasks_and_record(tmp_path)
    lines = _history(rows[0]["name"], definition)
    lines[-1]["CONFIG"] = json.dumps({"jobgraph": {"left_out": ["LOAD"]}})
    history = task_runs.read(lines)
    shape = shapes.of_record("g", rows[0]["name"], history)
    assert shape is not None
    run = graph_run.assemble(shape, RUN, history, [_attempt("LOAD", "LEFT_OUT")], Progress(closed=True))
    assert _skipped(run)["CHECK"] == "it needs rows of LOAD above 10, but LOAD was LEFT_OUT"


def test_values_are_told_as_people_write_them_and_shortened() -> None:
    long = "ö" * 200
    when = Condition("", "is", long, config="market")
    cause = skips._cause(when, [], {}, json.dumps({"market": "Zürich" + long}))
    short = '"' + "ö" * 79 + "…"
    assert cause == f'it needs market = {short}, but the run had "Zürich{short[1:-7]}…'
    deep = "[" * 100_000 + "]" * 100_000
    assert skips._cause(when, [], {}, deep).endswith("but the run had no market")


@pytest.mark.parametrize("when", ["words", 7, [], {"test": "is"}, {"value": 1}, {}])
def test_what_is_no_condition_in_the_record_is_none(when: Any) -> None:
    definition = json.dumps({"finalizer": "END", "jobs": [{"name": "A", "when": when}]})
    (row,) = task_runs.read([{**_row("ROOT", "SUCCEEDED"), "ROOT_TASK_NAME": "ROOT", "GRAPH_DEFINITION": definition}])
    shape = shapes.of_record("g", "ROOT", [row])
    assert shape is not None
    assert shape.jobs[0].when is None
