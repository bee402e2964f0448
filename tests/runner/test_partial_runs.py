"""Runs of a part of a graph, with real containers: what is left out hands on what it returned, and starts nothing."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest
import yaml

from jobgraph.procedures.requested.request import REQUEST, Request
from tests.runner.deployed import DEFAULTS, Deployed, deployed, write_image

if TYPE_CHECKING:
    from collections.abc import Iterator

pytestmark = pytest.mark.sandbox

NAMES = (
    *("OUTPUTS_T_FIRST", "RESULTS_STAGE_PATH_T_FIRST", "RUN_CONFIG"),
    *("DATA_INTERVAL_START", "DATA_INTERVAL_END", "SCHEDULED_AT"),
)
JOBS: dict[str, dict[str, Any]] = {
    "t_first": {"args": ["say", "OUTPUTS_NONE"]},
    "t_second": {"args": ["say", *NAMES], "after": ["t_first"]},
    "t_third": {"args": ["nothing"], "after": ["t_second"]},
}


@pytest.fixture(scope="module")
def ran(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Deployed, list[str]]]:
    """A graph that ran as a whole, then without its first and last job, then with values, as a whole."""
    folder = tmp_path_factory.mktemp("partial")
    write_image(folder / "images")
    file = folder / "jobs.yaml"
    file.write_text(yaml.safe_dump({"version": 1, "defaults": DEFAULTS, "graphs": {"g": {"jobs": JOBS}}}))
    with deployed(folder / "sandbox", folder / "images", file, lambda task: task.sql) as graph:
        graph.start()
        graph.finish_all(1)
        graph.start({REQUEST: Request(left_out=("T_FIRST", "T_THIRD")).entry})
        graph.finish_all(2)
        graph.start()
        yield graph, graph.finish_all(3)


def outputs(graph: Deployed, run: str) -> dict[str, Any]:
    """What the second job saw of its surroundings in a run."""
    rows = graph.rows(f"SELECT OUTPUTS FROM D.S.JOBS_RUN_STATS WHERE TASK_NAME = 'T_SECOND' AND GRAPH_RUN_ID = '{run}'")
    seen: dict[str, Any] = json.loads(rows[0]["OUTPUTS"])
    return seen


def test_jobs_that_are_left_out_start_nothing_and_are_recorded_as_such(ran: tuple[Deployed, list[str]]) -> None:
    graph, (whole, partial, _) = ran
    rows = graph.rows(f"SELECT * FROM D.S.JOBS_RUN_STATS WHERE GRAPH_RUN_ID = '{partial}' ORDER BY TASK_NAME")
    assert [(row["TASK_NAME"], row["JOB_STATUS"], row["SERVICE_NAME"] == "") for row in rows] == [
        ("T_FIRST", "LEFT_OUT", True),
        ("T_SECOND", "DONE", False),
        ("T_THIRD", "LEFT_OUT", True),
    ]
    assert rows[0]["REASON"].startswith(f"left out of this run; hands on what it returned in run {whole} of ")
    assert (rows[0]["ERRORS"], rows[0]["DURATION_IN_SECS"]) == (None, None)
    counted = graph.rows(f"SELECT * FROM D.S.LAST_GRAPH_RUNS WHERE GRAPH_RUN_ID = '{partial}'")
    assert not counted or (counted[0]["JOBS_FAILED"], counted[0]["JOBS_DONE"]) == (0, 1)
    assert not graph.rows("SELECT * FROM D.S.FAILED_JOBS")


def test_what_follows_gets_what_they_returned_before(ran: tuple[Deployed, list[str]]) -> None:
    graph, (whole, partial, _) = ran
    first, second = outputs(graph, whole), outputs(graph, partial)
    assert first["OUTPUTS_T_FIRST"] == second["OUTPUTS_T_FIRST"] == '{"OUTPUTS_NONE": null}'
    assert first["RESULTS_STAGE_PATH_T_FIRST"] == second["RESULTS_STAGE_PATH_T_FIRST"]
    assert f"/{whole}/T_FIRST/1/" in second["RESULTS_STAGE_PATH_T_FIRST"]
    assert second["RUN_CONFIG"] is None


def test_the_next_run_covers_the_time_since_the_last_whole_one(ran: tuple[Deployed, list[str]]) -> None:
    graph, (whole, partial, later) = ran
    seen = [outputs(graph, run) for run in (whole, partial, later)]
    assert [run["DATA_INTERVAL_START"] for run in seen] == ["", seen[0]["SCHEDULED_AT"], seen[0]["SCHEDULED_AT"]]
    assert all(run["DATA_INTERVAL_END"] == run["SCHEDULED_AT"] for run in seen)
