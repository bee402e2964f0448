"""Conditions on the run's own values, with real containers: the root decides them, whoever looks."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest
import yaml

from tests.runner.deployed import DEFAULTS, Deployed, deployed, write_image

if TYPE_CHECKING:
    from pathlib import Path

    from jobgraph.plan.planning import TaskPlan

pytestmark = pytest.mark.sandbox

JOBS: dict[str, dict[str, Any]] = {
    "t_first": {"args": ["nothing"]},
    "t_us": {"args": ["nothing"], "when": {"config": "market", "is": "us $$'s"}},
    "t_large": {"args": ["nothing"], "after": ["t_first"], "when": {"config": "days", "above": 5}},
    "t_whole": {"args": ["nothing"], "after": ["t_first"], "when": {"config": "whole", "is_not": True}},
}
CONFIG = {"market": "eu", "days": 3, "whole": True}
# values of a run, and which of the three conditions hold
RUNS: tuple[tuple[dict[str, Any], set[str]], ...] = (
    ({}, set()),
    ({"market": "us $$'s", "days": "12"}, {"T_US", "T_LARGE"}),
    ({"days": "many", "whole": False}, {"T_WHOLE"}),
)


def test_values_of_a_run_decide_which_jobs_run(tmp_path: Path) -> None:
    write_image(tmp_path / "images")
    file = tmp_path / "jobs.yaml"
    graphs = {"g": {"config": CONFIG, "jobs": JOBS}}
    file.write_text(yaml.safe_dump({"version": 1, "defaults": DEFAULTS, "graphs": graphs}))
    with deployed(tmp_path / "sandbox", tmp_path / "images", file, _body) as graph:
        for count, (values, _) in enumerate(RUNS, 1):
            graph.start(values)
            runs = graph.finish_all(count)
        assert [_done(graph, run) for run in runs] == [{"T_FIRST", *jobs} for _, jobs in RUNS]


def _body(task: TaskPlan) -> str:
    return task.sql


def _done(graph: Deployed, run: str) -> set[str]:
    rows = graph.rows(
        "SELECT NAME, STATE FROM TABLE(D.INFORMATION_SCHEMA.TASK_HISTORY(RESULT_LIMIT => 1000))"
        f" WHERE GRAPH_RUN_GROUP_ID = '{run}' AND STARTSWITH(NAME, 'T_')"
    )
    states = {row["NAME"]: row["STATE"] for row in rows}
    assert set(states.values()) <= {"SUCCEEDED", "SKIPPED"}, json.dumps(states)
    return {name for name, state in states.items() if state == "SUCCEEDED"}
