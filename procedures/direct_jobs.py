"""Records the attempts of direct jobs, whose tasks' statements are the jobs themselves, so that no runner records them.

Knows Snowflake's sources: the task history, the job history, the existing services, the event table. Must not know what
their rows mean (`direct_outcome` does). Shipped as a part of a stored procedure's text.

Every finalizer records the ended attempts of its own run, and of earlier runs whose finalizer was killed.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from snowflake.snowpark.exceptions import SnowparkSQLException

from jobgraph.procedures.attempt import (
    DIRECT,
    DONE,
    FINAL,
    IDENTIFIER,
    AttemptRecord,
    Container,
    RunContext,
    direct_mark,
    identifier,
    lower_keys,
    object_name,
    one_line,
)
from jobgraph.procedures.direct_outcome import (
    NOT_KEPT,
    JobRow,
    TaskRow,
    attempt_of,
    by_time,
    kept_instances,
    never_began,
    run_of,
    task_row,
)
from jobgraph.procedures.history import record
from jobgraph.procedures.logs import log_for_history, secrets_of
from jobgraph.procedures.recovery import MOST_DAYS_BACK, SINCE, recorded
from jobgraph.procedures.requested.json_texts import read_json
from jobgraph.procedures.requested.request import LEFT_OUT
from jobgraph.procedures.sending import DOES_NOT_EXIST, error_code, error_text, is_refusal, send
from jobgraph.procedures.service import NO_LOG, containers, expected_containers, stop
from jobgraph.procedures.sweeping import drop

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from jobgraph.procedures.sending import Tagged

# the most DONE services to drop at once; the others are dropped by their age
MOST_DONE_DROPPED = 200
ENDED_STATES = "('SUCCEEDED', 'FAILED', 'FAILED_AND_AUTO_SUSPENDED', 'CANCELLED')"
TASK_COLUMNS = (
    "NAME, STATE, ERROR_CODE, ERROR_MESSAGE, GRAPH_RUN_GROUP_ID, RUN_ID, QUERY_ID, SPCS_JOB_ID, QUERY_START_TIME,"
    " COMPLETED_TIME, RETURN_VALUE, QUERY_TEXT"
)


def record_direct(session: Tagged, graph: Mapping[str, Any], run: RunContext, root_id: str) -> tuple[int, list[str]]:
    """Record what is not recorded yet; returns how many attempts, and why others were not: that fails no run."""
    if not any(job.get("runner") == DIRECT for job in graph["jobs"]):
        return 0, []
    since = str(send(session, SINCE, [run.started, -min(int(graph["keep_services_days"]), MOST_DAYS_BACK)])[0][0])
    tasks = _unrecorded(session, graph, root_id, since)
    if not tasks:
        return 0, []
    remembered, existing = _job_history(session, graph, since), _services(session, graph)
    count, done, failures = 0, list[str](), list[str]()
    for task in tasks:
        job = _job_of(task, graph, remembered, existing)
        try:
            attempt = _attempt(session, task, job)
            record(session, task.job, run_of(task, run), attempt)
        except SnowparkSQLException as error:
            failures.append(f"{task.name}, run {task.group}: not recorded: {one_line(error_text(error))}")
            continue
        count += 1
        if job and job.is_there and attempt.status == DONE:
            done.append(job.name)
    return count, failures + drop(session, done[:MOST_DONE_DROPPED])[1]


def _unrecorded(session: Tagged, graph: Mapping[str, Any], root_id: str, since: str) -> list[TaskRow]:
    """Return the ended task runs that are not in history, each with the number of its new attempt."""
    history, database = object_name(graph, "job_runs_table"), identifier(graph["database"])
    # a job that was left out of its run has recorded that itself, and its task has succeeded at once
    is_recorded = f"R.QUERY_ID = S.QUERY_ID OR R.JOB_STATUS = '{LEFT_OUT}' AND S.STATE = 'SUCCEEDED'"
    statement = (
        f'SELECT {TASK_COLUMNS} FROM TABLE("{database}".INFORMATION_SCHEMA.TASK_HISTORY(ROOT_TASK_ID => ?,'
        " SCHEDULED_TIME_RANGE_START => ?::timestamp_ltz, RESULT_LIMIT => 10000)) AS S"
        f" WHERE S.STATE IN {ENDED_STATES} AND S.QUERY_START_TIME IS NOT NULL"
        " AND STARTSWITH(S.QUERY_TEXT, 'EXECUTE JOB SERVICE')"
        f" AND NOT EXISTS (SELECT 1 FROM {history} AS R WHERE R.GRAPH_RUN_ID = S.GRAPH_RUN_GROUP_ID"
        f" AND R.TASK_NAME = S.NAME AND ({is_recorded})) ORDER BY S.GRAPH_RUN_GROUP_ID, S.NAME, S.ATTEMPT_NUMBER"
    )
    rows = [row.as_dict() for row in send(session, statement, [root_id, since])]
    tasks = [task for row in rows if (task := task_row(row)) is not None]
    last: dict[tuple[str, str], int] = {}
    for group, name, number in recorded(session, graph, sorted({task.group for task in tasks})):
        last[group, name] = max(number, last.get((group, name), 0))
    numbered = []
    for task in tasks:
        number = last.get((task.group, task.name), 0) + 1
        last[task.group, task.name] = number
        numbered.append(task._replace(number=number))
    return numbered


def _job_history(session: Tagged, graph: Mapping[str, Any], since: str) -> dict[str, JobRow]:
    """Return the jobs of the job history, by the id of their statement and by their own; empty if Snowflake refuses."""
    statement = (
        "SELECT ID, QUERY_ID, NAME, CREATED_TIME, COMPLETED_TIME, STATUS, MESSAGE, INSTANCE_STATUSES"
        " FROM TABLE(SNOWFLAKE.SPCS.GET_JOB_HISTORY(CREATED_TIME_START => ?::timestamp_ltz, RESULT_LIMIT => 10000))"
        " WHERE DATABASE_NAME = ? AND SCHEMA_NAME = ?"
    )
    try:
        rows = send(session, statement, [since, graph["database"], graph["schema"]])
    except SnowparkSQLException as error:
        if not is_refusal(error):
            raise
        return {}  # the existing services are sufficient
    jobs: dict[str, JobRow] = {}
    for row in rows:
        if not IDENTIFIER.fullmatch(str(row["NAME"])):
            continue  # jobgraph's jobs do not have such names
        job = JobRow(
            name=_full_name(graph, row["NAME"]),
            status=str(row["STATUS"]),
            created=row["CREATED_TIME"],
            completed=str(row["COMPLETED_TIME"] or ""),
            message=str(row["MESSAGE"] or ""),
            instances=_object(row["INSTANCE_STATUSES"]),
        )
        jobs |= {str(row["QUERY_ID"]): job, str(row["ID"]): job}
    return jobs


def _object(value: Any) -> Any:
    """Return an OBJECT value, which Snowpark returns as JSON text."""
    return read_json(value) if isinstance(value, str) else value


def _full_name(graph: Mapping[str, Any], name: Any) -> str:
    return f"{identifier(graph['database'])}.{identifier(graph['schema'])}.{identifier(name)}"


def _services(session: Tagged, graph: Mapping[str, Any]) -> dict[str, JobRow]:
    """Return the existing job services with the mark of one of this graph's jobs, by full name."""
    place = f"{identifier(graph['database'])}.{identifier(graph['schema'])}"
    rows = [lower_keys(row.as_dict()) for row in send(session, f"SHOW JOB SERVICES IN SCHEMA {place}")]
    start = direct_mark(graph, "")
    services = [
        JobRow(
            name=_full_name(graph, row["name"]),
            status=str(row["status"]),
            created=row["created_on"],
            completed=str(row.get("updated_on") or ""),
            is_there=True,
            comment=str(row["comment"]),
        )
        for row in rows
        if str(row.get("comment") or "").startswith(start)
    ]
    return {service.name: service for service in services}


def _job_of(
    task: TaskRow, graph: Mapping[str, Any], remembered: Mapping[str, JobRow], existing: Mapping[str, JobRow]
) -> JobRow | None:
    """Return the job that a task's statement started; None if it started none."""
    job = remembered.get(task.query_id) or remembered.get(task.job_id)
    if job is None:
        return by_time(task, direct_mark(graph, task.name), list(existing.values()))
    present = existing.get(job.name)
    return job if present is None else present._replace(message=job.message, instances=job.instances)


def _attempt(session: Tagged, task: TaskRow, job: JobRow | None) -> AttemptRecord:
    if job is None:
        return never_began(task)
    if job.is_there:
        try:
            return _of_service(session, task, job)
        except SnowparkSQLException as error:
            if error_code(error) != DOES_NOT_EXIST:
                raise  # otherwise the service was dropped just now
    listed = list(kept_instances(job)) or [Container("0", "main", job.status, job.message, log=NOT_KEPT)]
    return attempt_of(task, job, listed)


def _of_service(session: Tagged, task: TaskRow, job: JobRow) -> AttemptRecord:
    """Return the attempt of an existing service. A service that outlives its task's statement is stopped."""
    if job.status not in FINAL:
        job = job._replace(status=str(stop(session, job.name)["status"]), completed="")
    secrets = secrets_of(task.job)
    listed = containers(session, job.name, secrets, expected_containers(task.job))
    if any(container.log.startswith(NO_LOG) for container in listed):
        listed = _from_event_table(session, task, job, listed, secrets)
    return attempt_of(task, job, listed)


def _from_event_table(
    session: Tagged, task: TaskRow, job: JobRow, listed: Sequence[Container], secrets: Sequence[str]
) -> tuple[Container, ...]:
    """Return the containers, with logs from the event table for those whose node is gone."""
    statement = (
        f"SELECT INSTANCE_ID, CONTAINER_NAME, LOG FROM TABLE({job.name}!SPCS_GET_LOGS(START_TIME => ?::timestamp_ltz))"
        " ORDER BY TIMESTAMP"
    )
    try:
        rows = send(session, statement, [str(task.started)])
    except SnowparkSQLException as error:
        if not is_refusal(error):
            raise
        rows = []
    logs: dict[tuple[str, str], list[str]] = {}
    for row in rows:
        logs.setdefault((str(row["INSTANCE_ID"]), str(row["CONTAINER_NAME"])), []).append(f"{row['LOG']}\n")
    return tuple(
        container._replace(
            log=log_for_history("".join(logs.get((container.instance, container.name), ())), secrets) or NOT_KEPT
        )
        if container.log.startswith(NO_LOG)
        else container
        for container in listed
    )
