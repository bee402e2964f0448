"""`jobgraph logs --failed`: of which run, and what it says where no job failed."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import TYPE_CHECKING

from jobgraph.procedures.requested.request import Request
from jobgraph.runs import overview
from jobgraph.runs.graph_run import GraphRun, JobRun
from jobgraph.runs.shapes import Shape
from jobgraph.runs.skips import BLOCKED
from tests.jobgraph.cli.recorded import PREDECESSORS, RUN, Row, Server, then_a_part
from tests.jobgraph.cli.runs.test_logs import log
from tests.jobgraph.cli.runs.test_overview import a_part

if TYPE_CHECKING:
    from jobgraph.account.queries import Statement
    from tests.jobgraph.cli.conftest import Invoke


def of_each_job(statement: Statement) -> list[Row]:
    """One line, which names the job."""
    return [log(1, f"of {statement.binds[1]}")]


def test_after_a_part_the_logs_are_of_what_failed_before_it_and_was_not_in_it(invoke: Invoke, server: Server) -> None:
    then_a_part(server)
    server.answers = {"JOB_LOGS": of_each_job}
    done = invoke("logs", "--failed")
    assert (done.exit_code, done.stdout) == (0, "==> T_MYJOB_3, attempt 1, instance 0, main <==\nof T_MYJOB_3\n")
    assert f"container_jobs, run {RUN}: the newest run with jobs that failed" in done.stderr
    of_part = invoke("logs", "--failed", "--run", "part")
    assert (of_part.exit_code, of_part.stdout) == (1, "")
    command = "jobgraph logs --graph container_jobs --run part"
    assert " ".join(of_part.stderr.split()) == (
        f"No job of run part failed. `{command}` shows the logs of all its jobs."
    )


def test_where_no_job_failed_the_logs_of_failed_jobs_are_none_and_that_is_no_error(
    invoke: Invoke, server: Server
) -> None:
    server.began = -1000.0
    done = invoke("logs", "--failed")
    assert (done.exit_code, done.stdout) == (1, "")
    assert done.stderr.startswith(f"No job of run {RUN} failed. `jobgraph logs --graph container_jobs --run {RUN}`")
    plain = invoke("logs", "--failed", "--json")
    assert (plain.exit_code, json.loads(plain.stdout)) == (1, [])
    server.began = -1.0
    assert f"No job of run {RUN} has failed so far." in invoke("logs", "--failed").stderr


def test_of_several_runs_with_failed_jobs_the_newest_is_shown_and_the_others_are_named(
    invoke: Invoke, server: Server
) -> None:
    then_a_part(server)
    a_part(server, "bad", [name for name in PREDECESSORS if name != "T_MYJOB_1"], minutes=2, state="FAILED")
    server.answers = {"JOB_LOGS": of_each_job}
    done = invoke("logs", "--failed")
    assert "of T_MYJOB_1" in done.stdout
    assert "T_MYJOB_3" not in done.stdout
    named = f"run {RUN}: T_MYJOB_3; `jobgraph logs --failed --graph container_jobs --run {RUN}`"
    assert f"Without a good run since {named}" in done.stderr
    a_part(server, "good", [name for name in PREDECESSORS if name not in {"T_MYJOB_1", "T_MYJOB_3"}], minutes=3)
    done = invoke("logs", "--failed")
    assert done.exit_code == 1
    assert "No job of run good failed, and what had failed before has run well since." in done.stderr


def test_a_failed_job_that_a_failure_kept_from_running_later_has_still_failed() -> None:
    shape = Shape("g", "ROOT_TASK", ())
    first = GraphRun(shape, "1", "FAILED", ended=True, jobs=(JobRun("A", "DONE"), JobRun("B", "FAILED")))
    second = replace(first, run_id="2", jobs=(JobRun("A", "FAILED"), JobRun("B", "SKIPPED", cause=BLOCKED)))
    third = replace(first, run_id="3", jobs=(JobRun("A", "DONE"),), request=Request(left_out=("B",)))
    listed = overview.failed_since([third, second, first])
    assert [(run.run_id, [job.name for job in jobs]) for run, jobs in listed] == [("1", ["B"])]
    assert overview.failed_since([replace(third, request=Request()), second, first]) == []
