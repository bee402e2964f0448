"""Runs one containerized job inside a task: start the service, wait, look at every container, keep logs and history.

Shipped as the text of a stored procedure (Python 3.11, caller's rights, handler `main`), so it imports nothing but
Snowpark and the standard library. Knows Snowflake's statements for job services. Must not know how graphs are
configured: all it needs is in the definition that its task's body holds.

A run may be interrupted anywhere and be started again with the same run id: names of services are computed, history is
written once, and a service that exists already is adopted instead of started a second time.
"""

from __future__ import annotations

import hashlib
import json
import re
from typing import TYPE_CHECKING, Any, NamedTuple

from snowflake.snowpark.exceptions import SnowparkSQLException

if TYPE_CHECKING:
    from collections.abc import Iterable

    from snowflake.snowpark import Session

IDENTIFIER = re.compile(r"[A-Za-z_][A-Za-z0-9_]{0,254}")
# a service's name must serve as a DNS label: docs.snowflake.com/en/sql-reference/sql/execute-job-service
LONGEST_SERVICE_NAME = 63
ALREADY_EXISTS = 2002
DONE = "DONE"
# from these no job moves on: docs.snowflake.com/en/sql-reference/sql/desc-service
FINAL = frozenset({DONE, "FAILED", "CANCELLED", "SUSPENDED", "DELETED", "INTERNAL_ERROR"})
TIMED_OUT = "TIMED_OUT"
WAITS = 5
LOG_LINES = 100_000
MOST_LOG_BYTES = 100_000
LOG_HEAD_BYTES = 20_000
ERRORS_TAIL = 4_000
MOST_RETURN_BYTES = 10_000
LONGEST_CAUSE = 300


class JobFailed(Exception):  # noqa: N818  # its name starts the task's error message
    """The job ended other than DONE after its last attempt; the text is one line."""


class Run(NamedTuple):
    """What a task run is part of; `root` and `task` are names, `started` is the graph run's scheduled time as text."""

    root: str
    task: str
    group: str
    started: str


class Container(NamedTuple):
    """A container's state as `SHOW SERVICE CONTAINERS` gives it, and its log."""

    instance: str
    name: str
    status: str
    message: str
    exit_code: int | None
    log: str = ""


class Attempt(NamedTuple):
    """How one attempt went. `created` is when its service was created, as text; empty: it never was."""

    number: int
    service: str
    status: str
    reason: str = ""
    cause: str = ""
    exit_code: int | None = None
    created: str = ""
    outputs: str = ""
    containers: tuple[Container, ...] = ()


def main(session: Session, task_name: str, definition: str) -> str:
    """Run the job of a task, with its retries; returns the job's outputs (JSON) or a line that says how it ended.

    Raises:
        JobFailed: if the last attempt did not end DONE and the definition says `on_failure: stop`.
    """
    job: dict[str, Any] = json.loads(definition)
    run = _run_facts(session, task_name)
    last = _last_recorded(session, job, run)
    if last is not None and last.status == DONE:
        return _succeed(session, last)
    for number in _attempts_left(last.number if last else 0, int(job["retries"])):
        last = _attempt(session, job, run, number)
        _record(session, job, run, last)
        if last.status == DONE:
            return _succeed(session, last)
    if last is None:
        raise JobFailed(f"Job {task_name}: no attempt is allowed; its definition has retries {job['retries']}")
    return _fail(session, job, run, last)


def _attempts_left(recorded: int, retries: int) -> range:
    """Return the numbers of the attempts to make after `recorded` ones.

    An interrupted task goes on where it was. All attempts used up means that the graph run is being retried, as by
    EXECUTE TASK ... RETRY LAST: then the job gets as many again, numbered on.
    """
    each = retries + 1
    return range(recorded + 1, (recorded // each + 1) * each + 1)


def _attempt(session: Session, job: dict[str, Any], run: Run, number: int) -> Attempt:
    """Make one attempt, or adopt the one that was under way; never raises for what is wrong with the job."""
    name = service_name(run.group, run.task, number)
    service = f"{identifier(job['database'])}.{identifier(job['schema'])}.{name}"
    try:
        _start(session, start_statement(job, run, service, number))
        state = _wait(session, service, int(job["timeout"]))
        containers = tuple(_with_log(session, service, c) for c in _containers(session, service))
    except SnowparkSQLException as error:
        return Attempt(number, service, "FAILED", "Snowflake refused a statement", one_line(sql_message(error)))
    ended = Attempt(number, service, str(state["status"]), created=str(state["created_on"]), containers=containers)
    return judge(ended, int(job["timeout"]))


def judge(attempt: Attempt, timeout: int) -> Attempt:
    """Return the attempt with outcome, reason, cause, exit code, outputs: DONE only if every container is."""
    bad = [c for c in attempt.containers if c.status != DONE]
    if attempt.status == DONE and not bad:
        logs = [c.log for c in attempt.containers]
        return attempt._replace(exit_code=0, outputs=last_json_line(logs[0] if logs else ""))
    first = next((c for c in bad if c.exit_code), bad[0] if bad else None)
    status = "FAILED" if attempt.status == DONE else attempt.status
    if attempt.status == TIMED_OUT:
        reason = f"cancelled: not done within {timeout} seconds"
    else:
        reason = one_line(first.message) if first and first.message else f"service ended {attempt.status}"
    error, code = (error_line(first.log), first.exit_code) if first else ("", None)
    return attempt._replace(status=status, reason=reason, cause=error or reason, exit_code=code)


def _run_facts(session: Session, task_name: str) -> Run:
    """Return what run this is; only inside a task does Snowflake answer."""
    row = session.sql(
        "SELECT SYSTEM$TASK_RUNTIME_INFO('CURRENT_ROOT_TASK_NAME') AS ROOT_TASK,"
        " SYSTEM$TASK_RUNTIME_INFO('CURRENT_TASK_GRAPH_RUN_GROUP_ID') AS RUN_GROUP,"
        " SYSTEM$TASK_RUNTIME_INFO('CURRENT_TASK_GRAPH_ORIGINAL_SCHEDULED_TIMESTAMP') AS STARTED",
    ).collect()[0]
    return Run(
        str(row["ROOT_TASK"]).replace('"', "").rpartition(".")[2], task_name, str(row["RUN_GROUP"]), str(row["STARTED"])
    )


def _last_recorded(session: Session, job: dict[str, Any], run: Run) -> Attempt | None:
    """Return the last attempt of this job in this graph run that history has; `None` if none."""
    rows = session.sql(
        f"SELECT ATTEMPT, SERVICE_NAME, JOB_STATUS, REASON, EXIT_CODE, OUTPUTS FROM {_table(job, 'job_runs_table')}"
        " WHERE GRAPH_RUN_ID = ? AND TASK_NAME = ? ORDER BY ATTEMPT DESC LIMIT 1",
        params=[run.group, run.task],
    ).collect()
    if not rows:
        return None
    number, service, status, reason, code, outputs = rows[0]
    return Attempt(int(number), str(service), str(status), reason or "", exit_code=code, outputs=outputs or "")


def start_statement(job: dict[str, Any], run: Run, service: str, number: int) -> str:
    """Return the statement that starts the service; no part of it can be bound, so all are checked or escaped."""
    warehouse, access = job.get("query_warehouse"), job.get("external_access")
    return (
        f"EXECUTE JOB SERVICE IN COMPUTE POOL {identifier(job['compute_pool'])} NAME = {service} ASYNC = TRUE"
        + (f" REPLICAS = {int(job['replicas'])}" if job.get("replicas") else "")
        + (f" QUERY_WAREHOUSE = {identifier(warehouse)}" if warehouse else "")
        + f" COMMENT = {literal(' '.join(['jobgraph', identifier(job['graph']), run.group]))}"
        + (f" EXTERNAL_ACCESS_INTEGRATIONS = ({', '.join(map(identifier, access))})" if access else "")
        + f" FROM SPECIFICATION {specification_text(job['specification'], run, number)}"
    )


def specification_text(specification: dict[str, Any], run: Run, number: int) -> str:
    r"""Return the specification as JSON, which is YAML too, dollar-quoted; a `$` in it is written `\u0024`.

    Every container learns which attempt it is: variables JOB_ATTEMPT, RUN_GROUP_ID, TASK_NAME.
    """
    facts = {"JOB_ATTEMPT": str(number), "RUN_GROUP_ID": run.group, "TASK_NAME": run.task}
    containers = [c | {"env": c.get("env", {}) | facts} for c in specification["spec"]["containers"]]
    text = json.dumps({"spec": specification["spec"] | {"containers": containers}}).replace("$", "\\u0024")
    quotes = "$" * 2  # written out, they would end the dollar quoting of this very text in CREATE PROCEDURE
    return f"{quotes}{text}{quotes}"


def _start(session: Session, statement: str) -> None:
    """Start the service; if it exists already, this run has started it before and goes on with it."""
    try:
        session.sql(statement).collect()
    except SnowparkSQLException as error:
        if error.sql_error_code != ALREADY_EXISTS and "already exists" not in sql_message(error):
            raise


def _wait(session: Session, service: str, timeout: int) -> dict[str, Any]:
    """Wait until the service has ended; returns what DESCRIBE says then, with status TIMED_OUT if it was cancelled."""
    left, state, error = timeout, {}, None
    for _ in range(WAITS):
        error = _wait_for_done(session, service, left)
        state = _describe(session, service)
        if state["status"] in FINAL:
            return state
        left = timeout - _age(session, state["created_on"])
        if left <= 0:
            session.sql(f"CALL {service}!SPCS_CANCEL_JOB()").collect()
            return state | {"status": TIMED_OUT}
    if error is not None:
        raise error
    return state


def _wait_for_done(session: Session, service: str, seconds: int) -> SnowparkSQLException | None:
    """Wait for DONE; returns the error if it cannot be reached, is late, or on a fault: the status tells which."""
    try:
        session.sql(f"CALL {service}!SPCS_WAIT_FOR('DONE', {seconds})").collect()
    except SnowparkSQLException as error:
        return error
    return None


def _age(session: Session, created: Any) -> int:
    """Return for how many seconds a service has existed, by Snowflake's clock."""
    statement = "SELECT DATEDIFF('second', ?::timestamp_ltz, CURRENT_TIMESTAMP()) AS AGE"
    return int(session.sql(statement, params=[str(created)]).collect()[0]["AGE"])


def _describe(session: Session, service: str) -> dict[str, Any]:
    return lower_keys(session.sql(f"DESCRIBE SERVICE {service}").collect()[0].as_dict())


def _containers(session: Session, service: str) -> list[Container]:
    statement = f"SHOW SERVICE CONTAINERS IN SERVICE {service}"
    return [_container(lower_keys(row.as_dict())) for row in session.sql(statement).collect()]


def _container(row: dict[str, Any]) -> Container:
    code = row.get("last_exit_code")
    names = str(row["instance_id"]), str(row["container_name"]), str(row["status"])
    return Container(*names, str(row.get("message") or ""), int(code) if code not in (None, "") else None)


def _with_log(session: Session, service: str, container: Container) -> Container:
    """Return the container with its log; where none can be had, the log says why."""
    statement = "SELECT SYSTEM$GET_SERVICE_LOGS(?, ?, ?, ?) AS LOG"
    try:
        params = [service, container.instance, container.name, LOG_LINES]
        log = str(session.sql(statement, params=params).collect()[0]["LOG"] or "")
    except SnowparkSQLException as error:
        log = f"[no log could be read: {one_line(sql_message(error))}]"
    return container._replace(log=log)


def _record(session: Session, job: dict[str, Any], run: Run, attempt: Attempt) -> None:
    """Write the containers' logs, then the attempt's row; what is there already stays as it is."""
    for container in attempt.containers:
        values = [run.group, run.task, attempt.number, container.instance, container.name, fit(container.log)]
        session.sql(insert_statement(_table(job, "job_logs_table"), LOG_COLUMNS, LOG_KEY), params=values).collect()
    values = [
        *(run.root, run.task, attempt.status, run.group, run.started, errors_text(attempt), attempt.number),
        *(attempt.service, job["compute_pool"], attempt.exit_code, attempt.reason),
        *(attempt.created or None, attempt.created or None, attempt.outputs or None),
    ]
    session.sql(insert_statement(_table(job, "job_runs_table"), RUN_COLUMNS, RUN_KEY), params=values).collect()


LOG_KEY = ("GRAPH_RUN_ID", "TASK_NAME", "ATTEMPT", "INSTANCE_ID", "CONTAINER_NAME")
LOG_COLUMNS = dict.fromkeys((*LOG_KEY, "LOG"), "?")
RUN_COLUMNS = {  # column -> how its value is computed; `?` takes the next value
    **dict.fromkeys(("ROOT_TASK_NAME", "TASK_NAME", "JOB_STATUS", "GRAPH_RUN_ID"), "?"),
    "GRAPH_START_TIME": "?::timestamp_ltz",
    **dict.fromkeys(("ERRORS", "ATTEMPT", "SERVICE_NAME", "COMPUTE_POOL", "EXIT_CODE", "REASON"), "?"),
    "STARTED_TIME": "?::timestamp_ltz",
    "COMPLETED_TIME": "CURRENT_TIMESTAMP()",
    "DURATION_IN_SECS": "DATEDIFF('millisecond', ?::timestamp_ltz, CURRENT_TIMESTAMP()) / 1000",
    "OUTPUTS": "?",
}
RUN_KEY = ("GRAPH_RUN_ID", "TASK_NAME", "ATTEMPT")


def insert_statement(table: str, columns: dict[str, str], key: Iterable[str]) -> str:
    """Return the statement that adds one row unless one with the same key is there."""
    # no MERGE: that locks the table, and only 20 statements may wait for a lock; more jobs may end at once
    source = ", ".join(f"{value} AS {name}" for name, value in columns.items())
    same = " AND ".join(f"T.{name} = S.{name}" for name in key)
    return (
        f"INSERT INTO {table} ({', '.join(columns)}) SELECT {', '.join(f'S.{name}' for name in columns)}"
        f" FROM (SELECT {source}) AS S WHERE NOT EXISTS (SELECT 1 FROM {table} AS T WHERE {same})"
    )


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
    session.sql("CALL SYSTEM$SET_RETURN_VALUE(?)", params=[value]).collect()


def failure_line(run: Run, attempt: Attempt) -> str:
    """Return one line: job, attempts, exit code, reason, last error line and where the rest can be read."""
    count = f"{attempt.number} attempt{'s' if attempt.number > 1 else ''}"
    code = "" if attempt.exit_code is None else f"exit code {attempt.exit_code}; "
    cause = attempt.reason
    if attempt.cause and attempt.cause != attempt.reason:
        cause = f"{attempt.reason}; last error: {attempt.cause}" if attempt.reason else attempt.cause
    return f"Job {run.task} {attempt.status} after {count}: {code}{cause} (service {attempt.service}, run {run.group})"


def errors_text(attempt: Attempt) -> str | None:
    """Return what history says of a failure: cause first, then the end of each log that is not of a DONE container."""
    if attempt.status == DONE:
        return None
    logs = [
        f"--- {c.name}, instance {c.instance}\n{c.log[-ERRORS_TAIL:]}" for c in attempt.containers if c.status != DONE
    ]
    return "\n".join([attempt.cause or attempt.reason, *logs])


def service_name(group: str, task: str, number: int) -> str:
    """Return the name of an attempt's service: unique to graph run, job and attempt, and the same every time."""
    tail = f"_{hashlib.sha256(f'{group}/{task}'.encode()).hexdigest()[:16]}_{number}".upper()
    return identifier(task)[: LONGEST_SERVICE_NAME - len(tail)].rstrip("_").upper() + tail


def fit(log: str) -> str:
    """Return a log of at most 100 KB: head and tail, with a line between that says what was cut."""
    raw = log.encode()
    if len(raw) <= MOST_LOG_BYTES:
        return log
    tail = MOST_LOG_BYTES - LOG_HEAD_BYTES - 200
    cut = len(raw) - LOG_HEAD_BYTES - tail
    note = f"\n[... {cut} bytes cut here: jobgraph keeps {MOST_LOG_BYTES} bytes of a log ...]\n"
    return raw[:LOG_HEAD_BYTES].decode(errors="ignore") + note + raw[-tail:].decode(errors="ignore")


def last_json_line(log: str) -> str:
    """Return the last line of a log if it is a JSON object, else an empty text."""
    line = log.rstrip().rpartition("\n")[2].strip()
    try:
        return line if isinstance(json.loads(line), dict) else ""
    except ValueError:
        return ""  # a line of a log that only looks like JSON is no output


def error_line(log: str) -> str:
    """Return the line that most likely says what went wrong: the last that speaks of an error, else the last."""
    lines = [line.strip() for line in log.splitlines() if line.strip()]
    telling = [line for line in lines if re.search(r"error|exception|fatal|killed", line, re.IGNORECASE)]
    return one_line((telling or lines or [""])[-1])


def one_line(text: str) -> str:
    """Return a text on one line, cut to 300 characters."""
    joined = " ".join(text.split())
    return joined if len(joined) <= LONGEST_CAUSE else joined[: LONGEST_CAUSE - 3] + "..."


def sql_message(error: SnowparkSQLException) -> str:
    """Return an SQL error's own text."""
    return str(getattr(error, "message", "") or error)


def lower_keys(row: dict[str, Any]) -> dict[str, Any]:
    """Return a row of SHOW or DESCRIBE with plain lower-case names; Snowpark may hand them on in quotes."""
    return {key.strip('"').lower(): value for key, value in row.items()}


def identifier(name: Any) -> str:
    """Return a name that may stand unquoted in a statement, as job services want it; raises ValueError otherwise."""
    if not isinstance(name, str) or not IDENTIFIER.fullmatch(name):
        raise ValueError(f"not a plain Snowflake identifier: {name!r}")
    return name


def literal(text: str) -> str:
    """Return a single-quoted constant, for the clauses that take no bind."""
    return "'" + text.replace("\\", "\\\\").replace("'", "\\'") + "'"


def _table(job: dict[str, Any], key: str) -> str:
    return ".".join(f'"{identifier(name)}"' for name in (job["database"], job["schema"], job[key]))
