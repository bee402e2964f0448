"""The job service of an attempt: its name, its start, waiting for its end, its containers and their logs.

Knows Snowflake's statements for job services. Must not know history, nor what an outcome means. Shipped as a part of a
stored procedure's text.
"""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING, Any, NamedTuple

from snowflake.snowpark.exceptions import SnowparkSQLException

from jobgraph.procedures.attempt import (
    CANCELLED,
    DONE,
    FINAL,
    Container,
    RunContext,
    dollar_quoted,
    identifier,
    literal,
    lower_keys,
    mark,
    one_line,
    results_path,
    yaml_text,
)
from jobgraph.procedures.logs import log_for_history
from jobgraph.procedures.sending import ALREADY_EXISTS, error_code, error_text, is_refusal, send

if TYPE_CHECKING:
    from collections.abc import Sequence

    from jobgraph.procedures.sending import Tagged

# a service's name must be a valid DNS label: docs.snowflake.com/en/sql-reference/sql/execute-job-service
LONGEST_SERVICE_NAME = 63
WAITS = 5
# the platform lets a container end within 30 seconds, then kills it
SECONDS_TO_STOP = 60
LOG_LINES = 100_000
NO_LOG = "[no log could be read:"
# the most logs in one answer, which is at most 2 MB then
LOGS_AT_ONCE = 20


class Ended(NamedTuple):
    """The end of a service: its status then; `expired` if its time was over; instants as text, empty if not known."""

    status: str
    created: str = ""
    ended: str = ""
    expired: bool = False


def service_name(group: str, task: str, number: int) -> str:
    """Return the name of an attempt's service, which is computed from the graph run, job and attempt."""
    tail = f"_{hashlib.sha256(f'{group}/{task}'.encode()).hexdigest()[:16]}_{number}".upper()
    return identifier(task)[: LONGEST_SERVICE_NAME - len(tail)].rstrip("_").upper() + tail


def start_statement(job: dict[str, Any], run: RunContext, service: str, number: int) -> str:
    """Return the statement that starts the service. It allows no binds, so all values are checked or escaped.

    The comment identifies the attempt for the finalizer.
    """
    warehouse, access = job.get("query_warehouse"), job.get("external_access")
    return (
        f"EXECUTE JOB SERVICE IN COMPUTE POOL {identifier(job['compute_pool'])} NAME = {service} ASYNC = TRUE"
        + (f" REPLICAS = {int(job['replicas'])}" if job.get("replicas") else "")
        + (f" QUERY_WAREHOUSE = {identifier(warehouse)}" if warehouse else "")
        + f" COMMENT = {literal(mark(job, run, number))}"
        + (f" EXTERNAL_ACCESS_INTEGRATIONS = ({', '.join(map(identifier, access))})" if access else "")
        + f" FROM SPECIFICATION {specification_text(job, run, number)}"
    )


def specification_text(job: dict[str, Any], run: RunContext, number: int) -> str:
    r"""Return the specification as dollar-quoted JSON, which is also YAML; a `$` in it is written `\u0024`.

    Every container gets its attempt, its data interval, the return values of its predecessors, and the stage folders
    for larger results: its own and those of its predecessors.
    """
    specification, results = job["specification"], results_path(job, run, run.task, number)
    facts = {
        "JOB_ATTEMPT": str(number),
        "RUN_GROUP_ID": run.group,
        "TASK_NAME": run.task,
        "SCHEDULED_AT": run.started,
        "DATA_INTERVAL_START": run.since,
        "DATA_INTERVAL_END": run.until or run.started,
        "JOB_QUERY_TAG": mark(job, run, number),
        **({"RUN_CONFIG": run.config} if run.config else {}),
        **({"JOB_RESULTS_STAGE_PATH": results} if results else {}),
        **{f"OUTPUTS_{task}": value for task, value in run.returned.items()},
        **{f"RESULTS_STAGE_PATH_{task}": path for task, path in run.results.items()},
    }
    containers = [c | {"env": c.get("env", {}) | facts} for c in specification["spec"]["containers"]]
    return dollar_quoted(yaml_text({"spec": specification["spec"] | {"containers": containers}}))


def start(session: Tagged, statement: str) -> tuple[str, bool]:
    """Start the service. Return the statement's query id, and whether the service existed already.

    It exists if this run started it and was then interrupted or lost the reply. The run continues with it then.
    """
    with session.session.query_history() as sent:
        try:
            send(session, statement)
        except SnowparkSQLException as error:
            if error_code(error) != ALREADY_EXISTS and "already exists" not in error_text(error):
                raise
            return "", True
    return (str(sent.queries[-1].query_id) if sent.queries else ""), False


def wait(session: Tagged, service: str, timeout: int, *, adopted: bool) -> Ended:
    """Wait until the service has ended. After `timeout` seconds, it is cancelled, and has stopped when this returns.

    An `adopted` service may have existed for a while, or have ended long ago.
    """
    remaining = timeout
    error: SnowparkSQLException | None = None
    for turn in range(WAITS):
        if turn or not adopted:
            error = _wait_for_done(session, service, remaining)
            if error is None:
                return Ended(DONE)
        state = describe(session, service)
        if state["status"] in FINAL:
            return _found_ended(session, state, timeout, adopted=adopted)
        remaining = timeout - _seconds(session, state["created_on"], None)
        if remaining <= 0:
            return _expire(session, service)
    if error is not None:
        raise error
    return Ended(state["status"], str(state["created_on"]))


def _found_ended(session: Tagged, state: dict[str, Any], timeout: int, *, adopted: bool) -> Ended:
    created, ended = str(state["created_on"]), str(state.get("updated_on") or "")
    lasted = _seconds(session, created, ended or None) if state["status"] == CANCELLED else 0
    return Ended(state["status"], created, ended if adopted else "", expired=lasted >= timeout)


def _expire(session: Tagged, service: str) -> Ended:
    state = stop(session, service)
    return Ended(state["status"], str(state["created_on"]), expired=state["status"] != DONE)


def stop(session: Tagged, service: str) -> dict[str, Any]:
    """Cancel a job, wait until it has stopped, and return its row of DESCRIBE. It may have ended by itself."""
    try:
        send(session, f"CALL {service}!SPCS_CANCEL_JOB()")
    except SnowparkSQLException as error:
        if not is_refusal(error):
            raise  # a job that has ended meanwhile causes a refusal; its status shows that
    for _ in range(WAITS):
        _wait_for_done(session, service, SECONDS_TO_STOP)
        state = describe(session, service)
        if state["status"] in FINAL:
            break
    return state


def _wait_for_done(session: Tagged, service: str, seconds: int) -> SnowparkSQLException | None:
    """Wait for DONE. Return the error if DONE is impossible, late, or a fault occurred; the status shows which."""
    try:
        session.collect(f"CALL {service}!SPCS_WAIT_FOR('DONE', {seconds})")
    except SnowparkSQLException as error:
        return error
    return None


def _seconds(session: Tagged, since: Any, until: Any) -> int:
    """Return the seconds between two instants, by Snowflake's clock; `until` defaults to now."""
    statement = "SELECT DATEDIFF('second', ?::timestamp_ltz, COALESCE(?::timestamp_ltz, CURRENT_TIMESTAMP())) AS AGE"
    return int(send(session, statement, [str(since), until])[0]["AGE"])


def describe(session: Tagged, service: str) -> dict[str, Any]:
    """Return the service's row of DESCRIBE, with lower-case names."""
    return lower_keys(send(session, f"DESCRIBE SERVICE {service}")[0].as_dict())


def expected_containers(job: dict[str, Any]) -> list[tuple[str, str]]:
    """Return the instance and name of every container of a definition's service."""
    names = [str(container["name"]) for container in job["specification"]["spec"]["containers"]]
    return [(str(instance), name) for instance in range(int(job.get("replicas", 1))) for name in names]


def containers(
    session: Tagged, service: str, secrets: Sequence[str], expected: Sequence[tuple[str, str]] = ()
) -> tuple[Container, ...]:
    """Return all containers of all instances, with their logs prepared for history.

    `expected` are the instances and names of containers that are known in advance: a few need only one statement.
    """
    if 0 < len(expected) <= LOGS_AT_ONCE and (whole := _with_logs(session, service, secrets, expected)) is not None:
        return whole
    rows = [lower_keys(row.as_dict()) for row in send(session, f"SHOW SERVICE CONTAINERS IN SERVICE {service}")]
    listed = [_container(row) for row in rows]
    logs: list[str] = []
    for first in range(0, len(listed), LOGS_AT_ONCE):
        logs += _logs(session, service, listed[first : first + LOGS_AT_ONCE])
    return tuple(c._replace(log=log_for_history(log, secrets)) for c, log in zip(listed, logs, strict=True))


def _with_logs(
    session: Tagged, service: str, secrets: Sequence[str], expected: Sequence[tuple[str, str]]
) -> tuple[Container, ...] | None:
    try:
        rows = [lower_keys(row.as_dict()) for row in send(session, containers_statement(service, expected))]
    except SnowparkSQLException:
        return None  # one log may be unreadable; if they are read one by one, that one has the error
    return tuple(_container(row)._replace(log=log_for_history(str(row["log"] or ""), secrets)) for row in rows)


def containers_statement(service: str, expected: Sequence[tuple[str, str]]) -> str:
    """Return the statement that lists all containers, with the logs of the expected ones."""
    logs = [
        f"SELECT {literal(instance)} AS INSTANCE, {literal(name)} AS CONTAINER,"
        f" SYSTEM$GET_SERVICE_LOGS({literal(service)}, {literal(instance)}, {literal(name)}, {LOG_LINES}) AS LOG"
        for instance, name in expected
    ]
    return (
        f"SHOW SERVICE CONTAINERS IN SERVICE {service} ->> SELECT C.*, L.LOG FROM $1 AS C"
        f" LEFT JOIN ({' UNION ALL '.join(logs)}) AS L"
        ' ON L.INSTANCE = C."instance_id"::VARCHAR AND L.CONTAINER = C."container_name"'
        ' ORDER BY C."instance_id", C."container_name"'
    )


def _container(row: dict[str, Any]) -> Container:
    code, started = row.get("last_exit_code"), row.get("start_time")
    return Container(
        instance=str(row["instance_id"]),
        name=str(row["container_name"]),
        status=str(row["status"]),
        message=str(row.get("message") or ""),
        exit_code=int(code) if code not in (None, "") else None,
        digest=str(row.get("image_digest") or ""),
        started=str(started or ""),
    )


def _logs(session: Tagged, service: str, listed: Sequence[Container]) -> list[str]:
    """Return the logs of some containers with one statement; a log that cannot be read contains the error."""
    columns = ", ".join(f"SYSTEM$GET_SERVICE_LOGS(?, ?, ?, ?) AS LOG_{n}" for n in range(len(listed)))
    params = [value for c in listed for value in (service, c.instance, c.name, LOG_LINES)]
    try:
        return [str(log or "") for log in send(session, f"SELECT {columns}", params)[0]]
    except SnowparkSQLException as error:
        if len(listed) == 1:
            return [f"{NO_LOG} {one_line(error_text(error))}]"]
    return [log for c in listed for log in _logs(session, service, [c])]
