"""A direct job before the finalizer has recorded it: its state is its task's, its attempt its service's."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from jobgraph.runs import graph_run, services
from jobgraph.runs.deployed import Task
from jobgraph.runs.graph_run import Progress
from jobgraph.runs.shapes import Shape
from jobgraph.runs.task_runs import TaskRun

START = datetime(2026, 3, 1, 10, tzinfo=UTC)
RUN = "7"
DIRECT = {"runner": "direct", "graph": "g"}
SHAPE = Shape("g", "ROOT", (Task("J", ("ROOT",), started=True, definition=DIRECT),), "END", finalizer_runs=True)


def at(seconds: float) -> datetime:
    return START + timedelta(seconds=seconds)


def task_run(name: str, state: str, began: float, ended: float | None, attempt: int = 1) -> TaskRun:
    completed = None if ended is None else at(ended)
    return TaskRun(name, state, RUN, at(0), at(began), completed, "", "EXECUTE_TASK", attempt)


ROOT = task_run("ROOT", "SUCCEEDED", 0, 1)


def service(comment: str, seconds: float, status: str = "RUNNING", name: str = "JOB_1") -> dict[str, Any]:
    return {"name": name, "status": status, "comment": comment, "created_on": at(seconds), "compute_pool": "P"}


def recorded(number: int, status: str, began: float, ended: float) -> dict[str, Any]:
    return {
        "TASK_NAME": "J",
        "ATTEMPT": number,
        "JOB_STATUS": status,
        "REASON_CLASS": None if status == "DONE" else "app_error",
        "STARTED_TIME": at(began),
        "COMPLETED_TIME": at(ended),
    }


def job(
    *rows: TaskRun, tries: tuple[dict[str, Any], ...] = (), there: tuple[dict[str, Any], ...] = ()
) -> graph_run.JobRun:
    progress = Progress(now=at(100), services=services.of_run(there, "g", RUN, rows))
    found = graph_run.assemble(SHAPE, RUN, [ROOT, *rows], tries, progress).job("J")
    assert found is not None
    return found


def test_it_runs_as_its_service_does() -> None:
    running = job(task_run("J", "EXECUTING", 2, None), there=(service("jobgraph g direct J", 3),))
    assert (running.state, running.attempts) == ("RUNNING", 1)
    assert running.service is not None
    assert (running.service.name, running.service.attempt) == ("JOB_1", 1)
    waiting = job(task_run("J", "EXECUTING", 2, None), there=(service("jobgraph g direct J", 3, "PENDING"),))
    assert (waiting.state, waiting.waited) == ("PENDING", 97)


@pytest.mark.parametrize(
    ("comment", "seconds"),
    [("jobgraph g direct K", 3), ("jobgraph h direct J", 3), ("jobgraph g direct J", 1), ("jobgraph g 7 K 1", 3)],
)
def test_a_service_of_another_job_graph_or_time_is_not_its_own(comment: str, seconds: float) -> None:
    assert job(task_run("J", "EXECUTING", 2, None), there=(service(comment, seconds),)).service is None


@pytest.mark.parametrize(("state", "shown"), [("SUCCEEDED", "DONE"), ("FAILED", "FAILED"), ("CANCELLED", "CANCELLED")])
def test_its_end_is_its_tasks_before_it_is_recorded(state: str, shown: str) -> None:
    ended = job(task_run("J", state, 2, 9), there=(service("jobgraph g direct J", 3, "FAILED"),))
    assert (ended.state, ended.attempts) == (shown, 1)


def test_once_recorded_the_record_says_how_it_ended() -> None:
    ended = job(
        task_run("J", "FAILED", 2, 9),
        tries=(recorded(1, "TIMED_OUT", 3, 9),),
        there=(service("jobgraph g direct J", 3, "CANCELLED"),),
    )
    assert (ended.state, ended.attempts, ended.service) == ("TIMED_OUT", 1, None)


def test_the_record_of_an_earlier_attempt_does_not_speak_for_a_later_one() -> None:
    """After a retry the graph's rows are new, and the finalizer has recorded the first attempt alone."""
    first, second = task_run("J", "FAILED", 2, 9), task_run("J", "SUCCEEDED", 20, 29, attempt=2)
    there = (
        service("jobgraph g direct J", 3, "FAILED"),
        service("jobgraph g direct J", 21, "DONE", "JOB_2"),
    )
    again = job(first, second, tries=(recorded(1, "FAILED", 3, 9),), there=there)
    assert (again.state, again.attempts, again.cause) == ("DONE", 2, "")
    assert again.service is not None
    assert (again.service.name, again.service.attempt) == ("JOB_2", 2)
    failed = job(first, replace(second, state="FAILED", error="worse"), tries=(recorded(1, "FAILED", 3, 9),))
    assert (failed.state, failed.cause) == ("FAILED", "worse")
