"""Jobs without a runner in runs of a part and of an interval, with real containers: their programs ask, and comply."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest
import yaml

from tests.runner.deployed import Deployed, deployed, write_image_with_runtime
from tests.runner.test_backfills import containers, intervals, jobgraph

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

pytestmark = pytest.mark.sandbox

BEFORE = ("OUTPUTS_T_FIRST", "RESULTS_STAGE_PATH_T_FIRST")
INTERVAL = ("DATA_INTERVAL_START", "DATA_INTERVAL_END")
PROGRAM = ["python3", "job_run.py", "python3", "program.py"]
JOBS: dict[str, dict[str, Any]] = {
    "t_first": {"args": ["say", "NOTHING"]},
    "t_direct": {"args": ["say", *BEFORE, *INTERVAL], "after": ["t_first"]},
    "t_managed": {"args": ["say", *BEFORE, *INTERVAL], "after": ["t_first"], "runner": "managed"},
    "t_last": {"args": ["say", "OUTPUTS_T_DIRECT"], "after": ["t_direct"]},
}


@pytest.fixture
def graph(tmp_path: Path) -> Iterator[Deployed]:
    write_image_with_runtime(tmp_path / "images")
    defaults: dict[str, Any] = {"image": "job:latest", "compute_pool": "POOL", "timeout": "60 seconds"}
    defaults |= {"runner": "direct", "retries": 0}
    jobs = {name: {"command": PROGRAM, **job} for name, job in JOBS.items()}
    file = tmp_path / "jobs.yaml"
    file.write_text(yaml.safe_dump({"version": 1, "defaults": defaults, "graphs": {"g": {"jobs": jobs}}}))
    with deployed(tmp_path / "sandbox", tmp_path / "images", file, lambda task: task.sql) as found:
        yield found


def attempts(graph: Deployed, run: str) -> dict[str, list[str]]:
    rows = graph.rows(
        f"SELECT TASK_NAME, JOB_STATUS FROM D.S.JOBS_RUN_STATS WHERE GRAPH_RUN_ID = '{run}' ORDER BY TASK_NAME, ATTEMPT"
    )
    listed: dict[str, list[str]] = {}
    for row in rows:
        listed.setdefault(row["TASK_NAME"], []).append(row["JOB_STATUS"])
    return listed


def test_a_part_of_a_graph_leaves_out_jobs_without_a_runner(graph: Deployed) -> None:
    graph.start()
    (whole,) = graph.finish_all(1, 180)
    assert attempts(graph, whole) == {name: ["DONE"] for name in ("T_DIRECT", "T_FIRST", "T_LAST", "T_MANAGED")}
    done = jobgraph(graph, "run", "--skip", "t_first", "--skip", "t_last")
    assert done.exit_code == 0, done.output
    partial = graph.finish_all(2, 180)[-1]
    assert attempts(graph, partial) == {
        **{name: ["LEFT_OUT"] for name in ("T_FIRST", "T_LAST")},
        **{name: ["DONE"] for name in ("T_DIRECT", "T_MANAGED")},
    }
    for task in ("T_DIRECT", "T_MANAGED"):
        seen = containers(graph, task)
        assert [seen[partial][name] for name in BEFORE] == [seen[whole][name] for name in BEFORE]
        assert f"/{whole}/T_FIRST/direct/" in seen[partial]["RESULTS_STAGE_PATH_T_FIRST"]
    shown = json.loads(jobgraph(graph, "status", "g", "--run", partial, "--json").stdout)
    assert shown["state"] == "DONE"
    states = {job["job"]: job["state"] for job in shown["jobs"]}
    assert (states["T_FIRST"], states["T_LAST"]) == ("LEFT_OUT", "LEFT_OUT")


def test_a_backfill_of_jobs_without_a_runner_runs_each_interval_once(graph: Deployed) -> None:
    days = ("--from", "2026-11-01", "--to", "2026-11-02", "--every", "day")
    done = jobgraph(graph, "backfill", "g", *days)
    assert done.exit_code == 0, done.output
    runs = graph.finish_all(2, 180)
    assert [(place, state) for place, state, _ in intervals(graph)] == [(1, "DONE"), (2, "DONE")]
    seen = containers(graph, "T_DIRECT")
    assert [seen[run]["DATA_INTERVAL_START"][:10] for run in runs] == ["2026-11-01", "2026-11-02"]
    # somebody asks for an interval that has its run
    (backfill,) = {row["BACKFILL_ID"] for row in graph.rows("SELECT BACKFILL_ID FROM D.S.BACKFILLS")}
    request = {"backfill": backfill, "interval": 1, "start": "2026-11-01 Z", "end": "2026-11-02 Z"}
    graph.start({"jobgraph": request})
    again = graph.finish_all(3, 180)[-1]
    assert {status for listed in attempts(graph, again).values() for status in listed} == {"LEFT_OUT"}
