"""Runs one containerized job inside a task: start the service, wait, look at every container, keep logs and history.

The entry of a stored procedure (Python 3.11, caller's rights, handler `main`), whose text is this file and those of
this folder that it imports. Knows the order of the steps. Must not know how graphs are configured: all it needs is in
the definition that its task's body holds.

A run may be interrupted anywhere and be started again with the same run id: names of services are computed, history is
written once, and a service that exists already is adopted instead of started a second time.
"""

from __future__ import annotations

import json
import time
from typing import TYPE_CHECKING, Any

from snowflake.snowpark.exceptions import SnowparkSQLException

from procedures.attempt import DONE, Attempt, JobFailed, Run, identifier, one_line
from procedures.history import record, situation
from procedures.logs import secret_values
from procedures.outcome import judge, refused
from procedures.retries import Rules, goes_on, open_attempts, pause, rules_of
from procedures.sending import DOES_NOT_EXIST, error_code, error_text, is_refusal, send
from procedures.service import Ended, containers, describe, service_name, start, start_statement, stop, wait

if TYPE_CHECKING:
    from snowflake.snowpark import Session

MOST_RETURN_BYTES = 10_000


def main(session: Session, task_name: str, definition: str) -> str:
    """Run the job of a task, with its retries; returns the job's outputs (JSON) or a line that says how it ended.

    Raises:
        JobFailed: if the last attempt did not end DONE and the definition says `on_failure: stop`.
    """
    job: dict[str, Any] = json.loads(definition)
    run, recorded = situation(session, job, task_name)
    if recorded and recorded[-1].status == DONE:
        return _succeed(session, recorded[-1])
    rules = rules_of(job)
    counted = open_attempts(rules, recorded)
    number = recorded[-1].number if recorded else 0
    began = time.monotonic() - (counted[0].age if counted else 0)
    while True:
        number += 1
        _pause(rules, run, len(counted))
        attempt = _attempt(session, job, run, number)
        record(session, job, run, attempt)
        if attempt.status == DONE:
            return _succeed(session, attempt)
        counted.append(attempt)
        if not goes_on(rules, counted, time.monotonic() - began):
            return _fail(session, job, run, attempt)


def _pause(rules: Rules, run: Run, failures: int) -> None:
    seconds = pause(rules, run.group, run.task, failures) if failures else 0
    if seconds > 0:
        time.sleep(seconds)


def _attempt(session: Session, job: dict[str, Any], run: Run, number: int) -> Attempt:
    """Make one attempt, or adopt the one that was under way; raises only if Snowflake cannot be reached."""
    service = f"{identifier(job['database'])}.{identifier(job['schema'])}.{service_name(run.group, run.task, number)}"
    try:
        query_id, adopted = start(session, start_statement(job, run, service, number))
    except SnowparkSQLException as error:
        if is_refusal(error) or not _exists(session, service):
            return refused(number, service, error)
        query_id, adopted = "", True
    try:
        ended = wait(session, service, int(job["timeout"]), adopted=adopted)
        return _ended(session, job, Attempt(number, service, ended.status, query_id=query_id), ended)
    except SnowparkSQLException as error:
        return _abandon(session, job, Attempt(number, service, "", query_id=query_id), error)


def _exists(session: Session, service: str) -> bool:
    try:
        describe(session, service)
    except SnowparkSQLException as error:
        if error_code(error) != DOES_NOT_EXIST:
            raise
        return False
    return True


def _ended(session: Session, job: dict[str, Any], attempt: Attempt, ended: Ended) -> Attempt:
    """Return the attempt as its service ended."""
    env: dict[str, str] = {}
    for container in job["specification"]["spec"]["containers"]:
        env |= container.get("env", {})
    found = containers(session, attempt.service, secret_values(env))
    attempt = attempt._replace(created=ended.created, ended=ended.ended, containers=found)
    return judge(attempt, int(job["timeout"]), expired=ended.expired)


def _abandon(session: Session, job: dict[str, Any], attempt: Attempt, error: SnowparkSQLException) -> Attempt:
    """Return an attempt that could not be followed to its end: its service must not go on beside the next one."""
    why = refused(attempt.number, attempt.service, error)
    if not _exists(session, attempt.service):
        return why._replace(reason_class="cancelled", reason="the service was dropped while it ran")
    state = stop(session, attempt.service)
    ended = Ended(state["status"], str(state["created_on"]))
    attempt = _ended(session, job, attempt._replace(status=ended.status), ended)
    if attempt.status == DONE:
        return attempt
    return attempt._replace(reason_class="internal", reason=f"it could not be followed: {one_line(error_text(error))}")


def _succeed(session: Session, attempt: Attempt) -> str:
    result = attempt.outputs or json.dumps({"status": DONE, "attempt": attempt.number})
    if len(result.encode()) > MOST_RETURN_BYTES:
        result = json.dumps({"status": DONE, "note": f"outputs of more than {MOST_RETURN_BYTES} bytes are in history"})
    _set_return_value(session, result)
    return result


def _fail(session: Session, job: dict[str, Any], run: Run, attempt: Attempt) -> str:
    """End the task by the definition's rule: raises JobFailed unless that is `continue`."""
    cause = failure_line(run, attempt)
    if job["on_failure"] != "continue":
        raise JobFailed(cause)
    result = json.dumps({"status": attempt.status, "cause": cause})
    _set_return_value(session, result)
    return result


def _set_return_value(session: Session, value: str) -> None:
    send(session, "CALL SYSTEM$SET_RETURN_VALUE(?)", [value])


def failure_line(run: Run, attempt: Attempt) -> str:
    """Return one line: job, attempts, class, exit code, reason, last error line and where the rest can be read."""
    count = f"{attempt.number} attempt{'s' if attempt.number > 1 else ''}"
    code = "" if attempt.exit_code is None else f"exit code {attempt.exit_code}; "
    cause = attempt.reason
    if attempt.cause and attempt.cause != attempt.reason:
        cause = f"{attempt.reason}; last error: {attempt.cause}" if attempt.reason else attempt.cause
    return (
        f"Job {run.task} {attempt.status} after {count}: {attempt.label}: {code}{cause}"
        f" (service {attempt.service}, run {run.group})"
    )
