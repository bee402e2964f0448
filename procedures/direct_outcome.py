"""The outcome of a direct job's attempt, from the rows of its task and job, and from its containers.

Knows rows of TASK_HISTORY, GET_JOB_HISTORY and SHOW JOB SERVICES. Must not send statements. Shipped as a part of a
stored procedure's text.
"""

from __future__ import annotations

import json
import re
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, NamedTuple

from jobgraph.procedures.attempt import CANCELLED, DONE, FAILED, FINAL, AttemptRecord, Container, RunContext, one_line
from jobgraph.procedures.logs import last_json_line
from jobgraph.procedures.outcome import class_of_refusal, judge
from jobgraph.procedures.recovery import TaskEnd
from jobgraph.procedures.verdicts import without_verdicts

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

# The definition is a comment before the specification (jobgraph.plan.direct_body).
BODY = re.compile(r"\$\$# (\{[^$\n]*\})\n(\{[^$]*\})\$\$")
NOT_KEPT = "[not kept: the node is gone, and the event table has no line of this container]\n"


class TaskRow(NamedTuple):
    """A run of a task in TASK_HISTORY; `job` is the definition in the body that ran. Instants are as in the row.

    `job_id` is the id of the job that its statement started, `group` the graph run group, `number` the job's attempt.
    """

    name: str
    end: TaskEnd
    error_code: int
    group: str
    scheduled: str
    query_id: str
    job_id: str
    started: datetime
    completed: datetime
    returned: str
    job: dict[str, Any]
    number: int = 1


class JobRow(NamedTuple):
    """A job of GET_JOB_HISTORY or SHOW JOB SERVICES; `name` is its full name; `is_there` means not dropped yet."""

    name: str
    status: str
    created: datetime
    completed: str = ""
    message: str = ""
    instances: Any = None
    is_there: bool = False
    comment: str = ""


def task_row(row: Mapping[str, Any]) -> TaskRow | None:
    """Return a row of TASK_HISTORY; None if its body is not a job of jobgraph."""
    match = BODY.search(str(row["QUERY_TEXT"] or ""))
    if match is None:
        return None
    # the scheduled start of the graph run, in milliseconds since 1970
    scheduled = datetime.fromtimestamp(int(row["RUN_ID"]) / 1000, UTC).isoformat()
    return TaskRow(
        name=str(row["NAME"]),
        end=TaskEnd(str(row["STATE"]), str(row["ERROR_MESSAGE"] or "")),
        error_code=int(row["ERROR_CODE"] or 0),
        group=str(row["GRAPH_RUN_GROUP_ID"]),
        scheduled=scheduled,
        query_id=str(row["QUERY_ID"] or ""),
        job_id="" if row["SPCS_JOB_ID"] is None else str(row["SPCS_JOB_ID"]),
        started=row["QUERY_START_TIME"],
        completed=row["COMPLETED_TIME"],
        returned=without_verdicts(str(row["RETURN_VALUE"] or "")),
        job={**json.loads(match[1]), "specification": json.loads(match[2])},
    )


def run_of(task: TaskRow, run: RunContext) -> RunContext:
    """Return the run of a task: that of the finalizer, `run`, or an earlier one of the same root."""
    own = task.group == run.group
    return RunContext(run.root, task.name, task.group, run.started if own else task.scheduled)


def by_time(task: TaskRow, mark: str, jobs: Sequence[JobRow]) -> JobRow | None:
    """Return the job that a task's statement started, if no id names it: the first with its mark in that time."""
    own = [job for job in jobs if job.comment == mark and task.started <= job.created <= task.completed]
    return min(own, key=lambda job: job.created, default=None)


def never_began(task: TaskRow) -> AttemptRecord:
    """Return the attempt of a task whose statement ended before it had started a job."""
    text = one_line(task.end.message) or f"its task ended {task.end.state}"
    why = task.end.reason_class
    if why == "internal":
        why = class_of_refusal(task.error_code, text)
    status = CANCELLED if task.end.state == CANCELLED else FAILED
    reason = f"its task ended {task.end.state} before a job was started"
    return AttemptRecord(task.number, "", status, why, reason, text, text, query_id=task.query_id)


def attempt_of(task: TaskRow, job: JobRow, listed: Sequence[Container]) -> AttemptRecord:
    """Return the attempt of an ended job, with its containers; its outputs are the return value of its task."""
    attempt = AttemptRecord(
        task.number,
        job.name,
        job.status if job.status in FINAL else _status(task.end),
        created=str(job.created),
        ended=job.completed or str(task.completed),
        query_id=task.query_id,
        containers=tuple(listed),
    )
    expired = task.end.bad and task.end.reason_class == "timeout" and job.status != DONE
    judged = judge(attempt, int(task.job["timeout"]), expired=expired)
    if judged.status != DONE:
        return judged
    return judged._replace(outputs=outputs(task.returned) or judged.outputs)


def _status(end: TaskEnd) -> str:
    """Return the status of a job that no row shows, from the end of its task, whose statement waits for the job."""
    return CANCELLED if end.state == CANCELLED else FAILED if end.bad else DONE


def outputs(returned: str) -> str:
    """Return the outputs in a task's return value, a JSON object; empty if it only says that there are none."""
    text = last_json_line(returned)
    return "" if text and json.loads(text).keys() <= {"status", "attempt", "note"} else text


def kept_instances(job: JobRow) -> Iterator[Container]:
    """Yield the containers that the job history has; it does not have their logs.

    Of its column INSTANCE_STATUSES, two keys are documented, lastExitCode and imageSha256, but not their nesting.
    """
    for instance, container, state in _states(job.instances):
        code, digest = state.get("lastExitCode"), str(state.get("imageSha256") or "")
        yield Container(
            instance=instance,
            name=container,
            status=str(state.get("status") or (DONE if job.status == DONE else FAILED)),
            message=str(state.get("message") or ""),
            exit_code=None if code is None else int(code),
            digest=f"sha256:{digest}" if digest and ":" not in digest else digest,
            log=NOT_KEPT,
        )


def _states(value: Any, path: tuple[str, ...] = ()) -> Iterator[tuple[str, str, Mapping[str, Any]]]:
    """Yield the instance, container and state of every mapping with an exit code, at any depth."""
    if not isinstance(value, dict):
        return
    if "lastExitCode" in value:
        yield path[0] if path else "0", path[-1] if len(path) > 1 else "main", value
        return
    for key, inner in value.items():
        yield from _states(inner, (*path, str(key)))
