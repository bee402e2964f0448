"""Runs one containerized job inside a task: starts the service, waits, reads all containers, and writes history.

The entry of a stored procedure (Python 3.11, caller's rights, handler `main`), whose text is this file and the files of
this folder that it imports. Knows the order of the steps. Must not know how graphs are configured: its task's body
passes everything in the definition.

A run may be interrupted anywhere and started again with the same run id: names of services are computed, history is
written once, and an existing service is adopted instead of started a second time.
"""

from __future__ import annotations

import json
import time
from typing import TYPE_CHECKING, Any

from snowflake.snowpark.exceptions import SnowparkSQLException

from jobgraph.procedures.attempt import DIRECT, DONE, AttemptRecord, JobFailed, RunContext, identifier, mark, one_line
from jobgraph.procedures.history import SET_RETURN_VALUE, record
from jobgraph.procedures.logs import secrets_of
from jobgraph.procedures.outcome import failure_line, judge, refused, task_value
from jobgraph.procedures.outputs import file_outputs
from jobgraph.procedures.requested.claiming import claim
from jobgraph.procedures.requested.direct import answer
from jobgraph.procedures.requested.left_out import leave_out
from jobgraph.procedures.retries import Rules, goes_on, pause, rules_of
from jobgraph.procedures.sending import DOES_NOT_EXIST, Tagged, error_code, error_text, is_refusal, send
from jobgraph.procedures.service import (
    Ended,
    containers,
    describe,
    expected_containers,
    service_name,
    start,
    start_statement,
    stop,
    wait,
)
from jobgraph.procedures.situation import (
    follows_another_request,
    left_out_before,
    of_this_task_run,
    since_ordinary,
    situation,
    with_direct_values,
)

if TYPE_CHECKING:
    from snowflake.snowpark import Session


def main(session: Session, task_name: str, facts: str, definition: str) -> str:
    """Run the job of a task, with its retries. Return the job's outputs (JSON), or a line on how it ended.

    `facts` is the result of a query in the task's statement: see `situation`. The program of a direct job calls this
    too, in a run that was requested for a part of the graph or an interval: see `requested.direct`.

    Raises:
        JobFailed: if the last attempt is not DONE and the definition has `on_failure: stop`.
    """
    job: dict[str, Any] = json.loads(definition)
    run, recorded = situation(facts, job, task_name)
    if job.get("runner") == DIRECT:
        return answer(session, job, run)
    if run.task in run.request.left_out:
        return leave_out(Tagged(session, mark(job, run, 1)), job, run)
    if run.request.backfill and (refusal := claim(Tagged(session, mark(job, run, 1)), job, run)):
        return leave_out(Tagged(session, mark(job, run, 1)), job, run, refusal)
    if run.request.is_ordinary and follows_another_request(facts):
        run = run._replace(since=since_ordinary(Tagged(session, mark(job, run, len(recorded) + 1)), job, run))
    if job.get("direct_predecessors"):
        run = with_direct_values(Tagged(session, mark(job, run, len(recorded) + 1)), job, run, left_out_before(facts))
    if recorded:
        tagged = Tagged(session, mark(job, run, recorded[-1].number))
        counted = of_this_task_run(tagged, job, run, recorded)
        if _over(job, recorded, counted):
            return _again(tagged, job, run, recorded[-1])
        return _attempts(session, job, run, recorded[-1].number, counted)
    return _attempts(session, job, run, 0, [])


def _over(job: dict[str, Any], recorded: list[AttemptRecord], counted: list[AttemptRecord]) -> bool:
    """Return whether all attempts are over: the procedure was interrupted after it had recorded the last one."""
    if recorded[-1].status == DONE:
        return True
    return bool(counted) and not goes_on(rules_of(job), counted, counted[0].age)


def _attempts(session: Session, job: dict[str, Any], run: RunContext, number: int, counted: list[AttemptRecord]) -> str:
    """Make attempts from `number` + 1 on, until one is DONE or the rules, which count those in `counted`, end them."""
    rules = rules_of(job)
    began = time.monotonic() - (counted[0].age if counted else 0)
    while True:
        number += 1
        tagged = Tagged(session, mark(job, run, number))
        _pause(rules, run, counted)
        attempt = _attempt(tagged, job, run, number)
        counted.append(attempt)
        goes = attempt.status != DONE and goes_on(rules, counted, time.monotonic() - began)
        record(tagged, job, run, attempt, None if goes or _fails(job, attempt) else task_value(job, attempt))
        if not goes:
            return _end(job, run, attempt)


def _fails(job: dict[str, Any], attempt: AttemptRecord) -> bool:
    """Return whether the task fails if this is its last attempt."""
    return attempt.status != DONE and job["on_failure"] != "continue"


def _end(job: dict[str, Any], run: RunContext, attempt: AttemptRecord) -> str:
    if _fails(job, attempt):
        raise JobFailed(failure_line(run, attempt))
    return task_value(job, attempt)


def _again(session: Tagged, job: dict[str, Any], run: RunContext, attempt: AttemptRecord) -> str:
    """End with the recorded attempt, as before the interruption, which may have happened before the value was set."""
    if not _fails(job, attempt):
        send(session, SET_RETURN_VALUE, [task_value(job, attempt)])
    return _end(job, run, attempt)


def _pause(rules: Rules, run: RunContext, counted: list[AttemptRecord]) -> None:
    seconds = pause(rules, run.group, run.task, counted) if counted else 0
    if seconds > 0:
        time.sleep(seconds)


def _attempt(session: Tagged, job: dict[str, Any], run: RunContext, number: int) -> AttemptRecord:
    """Make one attempt, or adopt the one in progress; raise only if Snowflake cannot be reached."""
    service = f"{identifier(job['database'])}.{identifier(job['schema'])}.{service_name(run.group, run.task, number)}"
    try:
        query_id, adopted = start(session, start_statement(job, run, service, number))
    except SnowparkSQLException as error:
        if is_refusal(error) or not _exists(session, service):
            return refused(number, service, error)
        query_id, adopted = "", True
    try:
        ended = wait(session, service, int(job["timeout"]), adopted=adopted)
        attempt = _ended(session, job, AttemptRecord(number, service, ended.status, query_id=query_id), ended)
        return file_outputs(session, job, run, attempt)
    except SnowparkSQLException as error:
        return _abandon(session, job, AttemptRecord(number, service, "", query_id=query_id), error)


def _exists(session: Tagged, service: str) -> bool:
    try:
        describe(session, service)
    except SnowparkSQLException as error:
        if error_code(error) != DOES_NOT_EXIST:
            raise
        return False
    return True


def _ended(session: Tagged, job: dict[str, Any], attempt: AttemptRecord, ended: Ended) -> AttemptRecord:
    """Return the attempt with the outcome of its service."""
    listed = containers(session, attempt.service, secrets_of(job), expected_containers(job))
    attempt = attempt._replace(created=ended.created, ended=ended.ended, containers=listed)
    return judge(attempt, int(job["timeout"]), expired=ended.expired)


def _abandon(
    session: Tagged, job: dict[str, Any], attempt: AttemptRecord, error: SnowparkSQLException
) -> AttemptRecord:
    """Return an attempt that could not be watched to its end. Its service is stopped before the next one starts."""
    why = refused(attempt.number, attempt.service, error)
    if not _exists(session, attempt.service):
        return why._replace(reason_class="cancelled", reason="the service was dropped while it ran")
    state = stop(session, attempt.service)
    ended = Ended(state["status"], str(state["created_on"]))
    attempt = _ended(session, job, attempt._replace(status=ended.status), ended)
    if attempt.status == DONE:
        return attempt
    return attempt._replace(reason_class="internal", reason=f"it could not be followed: {one_line(error_text(error))}")
