"""Writes the history of attempts, their rows and logs, for the runner and the finalizer.

Knows the history tables' columns. Must not know why an attempt went as it did. Shipped as a part of a stored
procedure's text.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from jobgraph.procedures.attempt import DONE, AttemptRecord, RunContext, object_name
from jobgraph.procedures.requested.request import LEFT_OUT
from jobgraph.procedures.sending import send

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from jobgraph.procedures.sending import Tagged

ERRORS_TAIL = 4_000
LOGS_AT_ONCE_WRITTEN = 10
EVENT_TABLE = "event_table"
RUN_KEY = ("GRAPH_RUN_ID", "TASK_NAME", "ATTEMPT")
LOG_KEY = (*RUN_KEY, "INSTANCE_ID", "CONTAINER_NAME")
# written although it is the column's default: a default that somebody dropped cannot be restored
WRITTEN = {"CREATED_DATE": "CURRENT_TIMESTAMP()::timestamp_ntz"}
LOG_COLUMNS = dict.fromkeys((*LOG_KEY, "LOG", "ROOT_TASK_NAME"), "?") | WRITTEN
ENDED = "COALESCE(?::timestamp_ltz, CURRENT_TIMESTAMP())"
RUN_COLUMNS = {  # column -> expression of its value; each `?` is a bind
    **dict.fromkeys(("ROOT_TASK_NAME", "TASK_NAME", "JOB_STATUS", "GRAPH_RUN_ID"), "?"),
    "GRAPH_START_TIME": "?::timestamp_ltz",
    **dict.fromkeys(("ERRORS", "ATTEMPT", "SERVICE_NAME", "COMPUTE_POOL", "EXIT_CODE", "REASON"), "?"),
    "STARTED_TIME": "?::timestamp_ltz",
    "COMPLETED_TIME": ENDED,
    "DURATION_IN_SECS": f"DATEDIFF('millisecond', ?::timestamp_ltz, {ENDED}) / 1000",
    **dict.fromkeys(("OUTPUTS", "REASON_CLASS", "FIRST_ERROR", "IMAGE_DIGEST", "NODE_FAMILY", "REPLICAS"), "?"),
    **dict.fromkeys(("QUERY_ID", "LOG_LOCATION", "GRAPH_NAME"), "?"),
    **WRITTEN,
}
SET_RETURN_VALUE = "CALL SYSTEM$SET_RETURN_VALUE(?)"
# docs.snowflake.com/en/sql-reference/operators-flow: runs several statements in order, until one fails
THEN = " ->> "


def record(
    session: Tagged, job: Mapping[str, Any], run: RunContext, attempt: AttemptRecord, value: str | None = None
) -> None:
    """Write the containers' logs, then the attempt's row. Existing rows are not changed.

    `value` is the task's return value if this attempt is the last. Everything is sent in one statement unless there are
    many containers.
    """
    steps = _log_inserts(job, run, attempt)
    row = insert_statement(object_name(job, "job_runs_table"), RUN_COLUMNS, RUN_KEY)
    last = [*steps[-1:], (row, run_values(job, run, attempt))]
    if value is not None:
        last.append((SET_RETURN_VALUE, [value]))
    for statement, values in steps[:-1]:
        send(session, statement, values)
    send(session, THEN.join(text for text, _ in last), [bind for _, values in last for bind in values])


def _log_inserts(job: Mapping[str, Any], run: RunContext, attempt: AttemptRecord) -> list[tuple[str, list[Any]]]:
    """Return the statements that insert the logs, with their binds; none if the event table has them."""
    if job.get("logs") == EVENT_TABLE:
        return []
    logs = [[run.group, run.task, attempt.number, c.instance, c.name, c.log, run.root] for c in attempt.containers]
    table, inserts = object_name(job, "job_logs_table"), []
    for first in range(0, len(logs), LOGS_AT_ONCE_WRITTEN):
        batch = logs[first : first + LOGS_AT_ONCE_WRITTEN]
        statement = insert_statement(table, LOG_COLUMNS, LOG_KEY, len(batch))
        inserts.append((statement, [value for row in batch for value in row]))
    return inserts


def run_values(job: Mapping[str, Any], run: RunContext, attempt: AttemptRecord) -> list[Any]:
    """Return the binds of an attempt's row."""
    started, ended = attempt.started or None, attempt.ended or None
    return [
        *(run.root, run.task, attempt.status, run.group, run.started, errors_text(attempt), attempt.number),
        *(attempt.service, job["compute_pool"], attempt.exit_code, attempt.reason),
        *(started, ended, started, ended, attempt.outputs or None),
        *(attempt.reason_class or None, attempt.first_error or None, attempt.digest or None),
        *(job.get("instance_family"), int(job.get("replicas", 1)), attempt.query_id or None),
        *(log_location(job, attempt) or None, job["graph"]),
    ]


def log_location(job: Mapping[str, Any], attempt: AttemptRecord) -> str:
    """Return the location of an attempt's logs: a history table, or the event table with a condition to find them."""
    if not attempt.containers:
        return ""
    if job.get("logs") == EVENT_TABLE:
        return f"event table, RESOURCE_ATTRIBUTES:\"snow.service.name\" = '{attempt.service.rpartition('.')[2]}'"
    return object_name(job, "job_logs_table")


def insert_statement(table: str, columns: Mapping[str, str], key: Iterable[str], rows: int = 1) -> str:
    """Return the statement that inserts rows, except those whose key exists already."""
    # not MERGE, which locks the table: only 20 statements may wait for a lock, but more jobs may end at once
    row = "SELECT " + ", ".join(f"{value} AS {name}" for name, value in columns.items())
    same = " AND ".join(f"T.{name} = S.{name}" for name in key)
    return (
        f"INSERT INTO {table} ({', '.join(columns)}) SELECT {', '.join(f'S.{name}' for name in columns)}"
        f" FROM ({' UNION ALL '.join([row] * rows)}) AS S WHERE NOT EXISTS (SELECT 1 FROM {table} AS T WHERE {same})"
    )


def errors_text(attempt: AttemptRecord) -> str | None:
    """Return the error text in history: the cause, then the end of the log of each container that is not DONE."""
    if attempt.status in {DONE, LEFT_OUT}:
        return None
    logs = [
        f"--- {c.name}, instance {c.instance}\n{c.log[-ERRORS_TAIL:]}" for c in attempt.containers if c.status != DONE
    ]
    return "\n".join([attempt.cause or attempt.reason, *logs])
