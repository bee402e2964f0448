"""The history of attempts: what a run has of it already, and one row more for an attempt, whoever writes it.

Knows the history tables' columns. Must not know why an attempt went as it did. Shipped as a part of a stored
procedure's text.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from snowflake.snowpark.exceptions import SnowparkSQLException

from procedures.attempt import DONE, Attempt, Run, bare_name, identifier, literal, object_name
from procedures.sending import is_refusal, send

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from snowflake.snowpark import Row, Session

ERRORS_TAIL = 4_000
LOGS_AT_ONCE_WRITTEN = 10
INFO = "SYSTEM$TASK_RUNTIME_INFO"
FACTS = (
    f"{INFO}('CURRENT_ROOT_TASK_NAME') AS ROOT_TASK, {INFO}('CURRENT_TASK_GRAPH_RUN_GROUP_ID') AS RUN_GROUP,"
    f" {INFO}('CURRENT_TASK_GRAPH_ORIGINAL_SCHEDULED_TIMESTAMP') AS STARTED,"
    f" {INFO}('LAST_SUCCESSFUL_TASK_GRAPH_ORIGINAL_SCHEDULED_TIMESTAMP') AS SINCE"
)
RECORDED = ("ATTEMPT", "SERVICE_NAME", "JOB_STATUS", "REASON_CLASS", "REASON", "FIRST_ERROR", "EXIT_CODE", "OUTPUTS")
RUN_KEY = ("GRAPH_RUN_ID", "TASK_NAME", "ATTEMPT")
LOG_KEY = (*RUN_KEY, "INSTANCE_ID", "CONTAINER_NAME")
LOG_COLUMNS = dict.fromkeys((*LOG_KEY, "LOG"), "?")
ENDED = "COALESCE(?::timestamp_ltz, CURRENT_TIMESTAMP())"
RUN_COLUMNS = {  # column -> how its value is computed; `?` takes the next value
    **dict.fromkeys(("ROOT_TASK_NAME", "TASK_NAME", "JOB_STATUS", "GRAPH_RUN_ID"), "?"),
    "GRAPH_START_TIME": "?::timestamp_ltz",
    **dict.fromkeys(("ERRORS", "ATTEMPT", "SERVICE_NAME", "COMPUTE_POOL", "EXIT_CODE", "REASON"), "?"),
    "STARTED_TIME": "?::timestamp_ltz",
    "COMPLETED_TIME": ENDED,
    "DURATION_IN_SECS": f"DATEDIFF('millisecond', ?::timestamp_ltz, {ENDED}) / 1000",
    **dict.fromkeys(("OUTPUTS", "REASON_CLASS", "FIRST_ERROR", "IMAGE_DIGEST", "NODE_FAMILY", "REPLICAS"), "?"),
    **dict.fromkeys(("QUERY_ID", "LOG_LOCATION"), "?"),
}


def situation(session: Session, job: Mapping[str, Any], task: str) -> tuple[Run, list[Attempt]]:
    """Return which run this is and the attempts of this job that it has already, by number.

    Only inside a task does Snowflake answer. A predecessor that an operator has suspended has no value to ask for, and
    asking is an error: then the job is told none.
    """
    names = [identifier(name) for name in job.get("predecessors", ())]
    try:
        rows = send(session, situation_statement(job, names), [task])
    except SnowparkSQLException as error:
        if not names or not is_refusal(error):
            raise
        names = []
        rows = send(session, situation_statement(job, names), [task])
    first = rows[0]
    returned = {name: str(first[f"RETURNED_{n}"]) for n, name in enumerate(names) if first[f"RETURNED_{n}"] is not None}
    run = Run(
        root=bare_name(first["ROOT_TASK"]),
        task=task,
        group=str(first["RUN_GROUP"]),
        started=str(first["STARTED"]),
        since=str(first["SINCE"] or ""),
        returned=returned,
    )
    return run, [_recorded(row) for row in rows if row["ATTEMPT"] is not None]


def situation_statement(job: Mapping[str, Any], predecessors: Iterable[str]) -> str:
    """Return the statement that asks for both at once; its bind is the task's name."""
    values = [f"SYSTEM$GET_PREDECESSOR_RETURN_VALUE({literal(name)})" for name in predecessors]
    asked = ", ".join([FACTS, *(f"{value} AS RETURNED_{n}" for n, value in enumerate(values))])
    columns = ", ".join(f"H.{name}" for name in RECORDED)
    return (
        f"SELECT R.*, {columns}, DATEDIFF('second', H.STARTED_TIME, CURRENT_TIMESTAMP()) AS AGE"
        f" FROM (SELECT {asked}) AS R LEFT JOIN {object_name(job, 'job_runs_table')} AS H"
        " ON H.GRAPH_RUN_ID = R.RUN_GROUP AND H.TASK_NAME = ? ORDER BY H.ATTEMPT"
    )


def _recorded(row: Row) -> Attempt:
    code = row["EXIT_CODE"]
    return Attempt(
        number=int(row["ATTEMPT"]),
        service=str(row["SERVICE_NAME"]),
        status=str(row["JOB_STATUS"]),
        reason_class=row["REASON_CLASS"] or "",
        reason=row["REASON"] or "",
        first_error=row["FIRST_ERROR"] or "",
        exit_code=None if code is None else int(code),
        outputs=row["OUTPUTS"] or "",
        age=float(row["AGE"] or 0),
    )


def record(session: Session, job: Mapping[str, Any], run: Run, attempt: Attempt) -> None:
    """Write the containers' logs, then the attempt's row; what is there already stays as it is."""
    logs = [
        [run.group, run.task, attempt.number, container.instance, container.name, container.log]
        for container in attempt.containers
    ]
    for first in range(0, len(logs), LOGS_AT_ONCE_WRITTEN):
        some = logs[first : first + LOGS_AT_ONCE_WRITTEN]
        statement = insert_statement(object_name(job, "job_logs_table"), LOG_COLUMNS, LOG_KEY, len(some))
        send(session, statement, [value for row in some for value in row])
    statement = insert_statement(object_name(job, "job_runs_table"), RUN_COLUMNS, RUN_KEY)
    send(session, statement, run_values(job, run, attempt))


def run_values(job: Mapping[str, Any], run: Run, attempt: Attempt) -> list[Any]:
    """Return the binds of an attempt's row."""
    started, ended = attempt.started or None, attempt.ended or None
    location = object_name(job, "job_logs_table") if attempt.containers else None
    return [
        *(run.root, run.task, attempt.status, run.group, run.started, errors_text(attempt), attempt.number),
        *(attempt.service, job["compute_pool"], attempt.exit_code, attempt.reason),
        *(started, ended, started, ended, attempt.outputs or None),
        *(attempt.reason_class or None, attempt.first_error or None, attempt.digest or None),
        *(job.get("instance_family"), int(job.get("replicas", 1)), attempt.query_id or None, location),
    ]


def insert_statement(table: str, columns: Mapping[str, str], key: Iterable[str], rows: int = 1) -> str:
    """Return the statement that adds rows, but for those whose key is there."""
    # no MERGE: that locks the table, and only 20 statements may wait for a lock; more jobs may end at once
    row = "SELECT " + ", ".join(f"{value} AS {name}" for name, value in columns.items())
    same = " AND ".join(f"T.{name} = S.{name}" for name in key)
    return (
        f"INSERT INTO {table} ({', '.join(columns)}) SELECT {', '.join(f'S.{name}' for name in columns)}"
        f" FROM ({' UNION ALL '.join([row] * rows)}) AS S WHERE NOT EXISTS (SELECT 1 FROM {table} AS T WHERE {same})"
    )


def errors_text(attempt: Attempt) -> str | None:
    """Return what history says of a failure: cause first, then the end of each log that is not of a DONE container."""
    if attempt.status == DONE:
        return None
    logs = [
        f"--- {c.name}, instance {c.instance}\n{c.log[-ERRORS_TAIL:]}" for c in attempt.containers if c.status != DONE
    ]
    return "\n".join([attempt.cause or attempt.reason, *logs])
