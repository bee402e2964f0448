"""The state of a job never goes backwards while it is watched, unless a new attempt is shown."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from jobgraph.runs import deployed, graph_run, shapes, task_runs
from jobgraph.runs.graph_run import JobRun, Progress
from jobgraph.runs.services import JobService
from tests.jobgraph.cli.recorded import RUN, START, attempt, history_row, task

ORDER = {"PENDING": 0, "RUNNING": 1, "DONE": 2}
BEGAN = {"QUERY_START_TIME": START}


def _job(
    seconds: float, services: dict[str, JobService], attempts: int = 0, state: str = "EXECUTING", **definition: Any
) -> JobRun:
    """The job after so many seconds, with so many failed attempts on record."""
    rows = [{**task("ROOT", []), "definition": "SELECT 1"}, task("LOAD", ["ROOT"], **definition)]
    history = task_runs.read([history_row("ROOT", "SUCCEEDED", **BEGAN), history_row("LOAD", state, **BEGAN)])
    tries = [attempt("LOAD", number + 1, "FAILED") for number in range(attempts)]
    tries += [attempt("LOAD", attempts + 1)] if state == "SUCCEEDED" else []
    progress = Progress(now=START + timedelta(seconds=seconds), services=services)
    shape = shapes.of_deployed(deployed.read(rows)[0])
    return graph_run.assemble(shape, RUN, history, tries, progress).jobs[0]


def _service(status: str, number: int = 1) -> dict[str, JobService]:
    return {"LOAD": JobService(f"LOAD_{number}", status, number, "POOL", START)}


def test_states_go_forwards_from_the_start_of_the_task_to_the_end_of_the_job() -> None:
    moments = [
        _job(0, {}, graph="g"),
        _job(20, {}, graph="g"),
        _job(30, _service("PENDING"), graph="g"),
        _job(90, _service("PENDING"), graph="g"),
        _job(95, _service("RUNNING"), graph="g"),
        _job(99, {}, state="SUCCEEDED", graph="g"),
    ]
    assert [job.state for job in moments] == ["PENDING", "PENDING", "PENDING", "PENDING", "RUNNING", "DONE"]
    assert moments[3].cause == "waits for a node of POOL"


def test_a_job_goes_back_only_with_a_new_attempt() -> None:
    moments = [
        _job(10, _service("RUNNING"), graph="g"),
        _job(20, {}, 1, graph="g"),
        _job(30, _service("PENDING", 2), 1, graph="g"),
        _job(40, _service("RUNNING", 2), 1, graph="g"),
        _job(50, {}, 1, state="SUCCEEDED", graph="g"),
    ]
    shown = [(job.attempts, ORDER[job.state]) for job in moments]
    assert shown == sorted(shown)
    assert [job.state for job in moments] == ["RUNNING", "RUNNING", "PENDING", "RUNNING", "DONE"]


@pytest.mark.parametrize(("seconds", "state"), [(10, "PENDING"), (70, "RUNNING")])
def test_without_sight_of_services_a_job_soon_counts_as_started(seconds: float, state: str) -> None:
    assert _job(seconds, {}, graph="g").state == state


def test_services_of_other_jobs_tell_that_this_one_has_none_yet() -> None:
    others = {"OTHER": JobService("OTHER_1", "RUNNING", 1)}
    assert _job(300, others, graph="g").state == "PENDING"


def test_a_task_that_is_no_job_of_ours_runs_when_it_executes() -> None:
    assert _job(1, {}).state == "RUNNING"
