"""The outcome of an attempt and its reason class, from all containers of all replicas, and their wording.

Knows the statuses and messages of job services and the numbers of SQL errors. Must not send statements. Shipped as a
part of a stored procedure's text.

The classes: app_error, out_of_memory, image_pull, timeout, cancelled, pool_unavailable, preempted, spec_invalid,
permission, internal.
"""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING

from jobgraph.procedures.attempt import CANCELLED, DONE, FAILED, TIMED_OUT, AttemptRecord, RunContext, one_line
from jobgraph.procedures.logs import error_lines, last_json_line
from jobgraph.procedures.sending import DOES_NOT_EXIST, error_code, error_text, is_refusing
from jobgraph.procedures.verdicts import verdicts

if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import Any

    from snowflake.snowpark.exceptions import SnowparkSQLException

    from jobgraph.procedures.attempt import Container

NO_PRIVILEGE = 3001
# docs.snowflake.com/en/sql-reference/functions/system_set_return_value: 10 kB, part of which is for verdicts
MOST_RETURN_BYTES = 10_000
# messages of docs.snowflake.com/en/developer-guide/snowpark-container-services/monitoring-services and of Kubernetes
OF_MESSAGE = (
    ("out_of_memory", re.compile(r"OOM ?Killed|out of memory", re.IGNORECASE)),
    ("image_pull", re.compile(r"pull(ing)? image|ImagePull|image .*not found|manifest unknown", re.IGNORECASE)),
    (
        "preempted",
        re.compile(
            r"encountered fatal error|preempt|evict|maintenance|node .*(lost|removed|unavailable|shut)", re.IGNORECASE
        ),
    ),
    ("pool_unavailable", re.compile(r"being provisioned|insufficient (cpu|memory|gpu|capacity)", re.IGNORECASE)),
)
OF_ERROR = (
    ("spec_invalid", re.compile(r"specification|invalid spec", re.IGNORECASE)),
    ("permission", re.compile(r"insufficient privileges|not authorized|access denied", re.IGNORECASE)),
    ("pool_unavailable", re.compile(r"compute pool.*(suspend|stopp|limit|capacity)|limit.*exceeded", re.IGNORECASE)),
)
# the platform's message for a container that it stopped because another one failed or the job was cancelled
STOPPED = re.compile(r"terminated", re.IGNORECASE)


def judge(attempt: AttemptRecord, timeout: int, *, expired: bool) -> AttemptRecord:
    """Return the attempt with its outcome, reason, cause, exit code and outputs; DONE only if every container is.

    `expired` means that it was, or was about to be, cancelled after `timeout` seconds.
    """
    bad = [c for c in attempt.containers if c.status != DONE]
    first = decisive(bad) or next(iter(attempt.containers), None)
    digest = first.digest if first else ""
    if attempt.status == DONE and not bad:
        logs = [c.log for c in attempt.containers]
        outputs = last_json_line(logs[0]) if logs else ""
        return attempt._replace(exit_code=0, outputs=outputs, digest=digest)
    why = reason_class(attempt, bad, expired=expired)
    reason = one_line(first.message) if first and first.message else f"service ended {attempt.status}"
    if expired:
        state = "no container had started" if why == "pool_unavailable" else "cancelled"
        reason = f"{state}: not done within {timeout} seconds"
    elif attempt.status == CANCELLED:
        reason = "cancelled while it ran"
    # errors in the log of a cancelled job are not what ended it
    log = first.log if first and why != "cancelled" else ""
    earliest, latest = map(one_line, error_lines(log, has_failed_itself=why == "app_error"))
    return attempt._replace(
        status=TIMED_OUT if expired else FAILED if attempt.status == DONE else attempt.status,
        reason_class=why,
        reason=reason,
        cause=latest or ("" if why == "cancelled" else reason),
        first_error=earliest or ("" if why == "cancelled" else reason),
        exit_code=first.exit_code if first else None,
        digest=digest,
    )


def decisive(bad: list[Container]) -> Container | None:
    """Return the container that decides the outcome: one that failed by itself, rather than one that was stopped."""
    own = [c for c in bad if not STOPPED.search(c.message)]
    return next((c for c in own if c.exit_code), None) or next(iter(own), None) or next(iter(bad), None)


def reason_class(attempt: AttemptRecord, bad: list[Container], *, expired: bool) -> str:
    """Return the reason class of an attempt that is not DONE."""
    if expired:
        started = any(c.started for c in attempt.containers)
        classes = {of_message(c.message) for c in attempt.containers}
        return "image_pull" if "image_pull" in classes else "timeout" if started else "pool_unavailable"
    if attempt.status in {CANCELLED, "CANCELLING", "DELETED"}:
        return "cancelled"
    if attempt.status == "SUSPENDED":
        return "preempted"
    first = decisive(bad)
    if first is None:
        return "internal"
    return of_message(first.message) or ("app_error" if first.exit_code else "internal")


def of_message(message: str) -> str:
    """Return the reason class that a container's message suggests; empty if it suggests none."""
    return next((name for name, pattern in OF_MESSAGE if pattern.search(message)), "")


def refused(number: int, service: str, error: SnowparkSQLException) -> AttemptRecord:
    """Return the attempt that could not be started, or not be followed, because a statement was refused."""
    text = one_line(error_text(error))
    why = class_of_refusal(error_code(error), text)
    reason = "Snowflake refused a statement"
    return AttemptRecord(number, service, FAILED, why, reason, text, text)


def class_of_refusal(code: int, text: str) -> str:
    """Return the reason class of an SQL error, by its number and its text."""
    if code in {NO_PRIVILEGE, DOES_NOT_EXIST}:
        return "permission"  # Snowflake has one message for objects that do not exist and for invisible ones
    why = next((name for name, pattern in OF_ERROR if pattern.search(text)), "")
    return why or ("spec_invalid" if is_refusing(code) else "internal")


def task_value(job: Mapping[str, Any], attempt: AttemptRecord) -> str:
    """Return the return value of a job's task: the verdicts on its dependents' conditions, and the job's own value."""
    asked = job.get("conditions", ())
    return verdicts(attempt.outputs if attempt.status == DONE else "", asked) + returned_value(attempt)


def returned_value(attempt: AttemptRecord) -> str:
    """Return the job's value after its last attempt: the outputs, or JSON on how it ended."""
    if attempt.status != DONE:
        return json.dumps({"status": attempt.status, "attempt": attempt.number, "cause": cause_line(attempt)})
    if len(attempt.outputs.encode()) > MOST_RETURN_BYTES:
        note = f"outputs of more than {MOST_RETURN_BYTES} bytes are in history"
        return json.dumps({"status": DONE, "attempt": attempt.number, "note": note})
    return attempt.outputs or json.dumps({"status": DONE, "attempt": attempt.number})


def cause_line(attempt: AttemptRecord) -> str:
    """Return the reason class, exit code, reason and last error line as one line."""
    code = "" if attempt.exit_code is None else f"exit code {attempt.exit_code}; "
    cause = attempt.reason
    if attempt.cause and attempt.cause != attempt.reason:
        cause = f"{attempt.reason}; last error: {attempt.cause}" if attempt.reason else attempt.cause
    return f"{attempt.label}: {code}{cause}"


def failure_line(run: RunContext, attempt: AttemptRecord) -> str:
    """Return one line with the job, its attempts, the cause, and where to read more."""
    count = f"{attempt.number} attempt{'s' if attempt.number > 1 else ''}"
    where = f"(service {attempt.service}, run {run.group})"
    return f"Job {run.task} {attempt.status} after {count}: {cause_line(attempt)} {where}"
