"""A Snowpark session that answers from a small model of job services and history, records all, and fails on command."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

from snowflake.snowpark import Row
from snowflake.snowpark.exceptions import SnowparkSQLException

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

NOW = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)
FACTS = {
    "ROOT_TASK": "ROOT_TASK",
    "TASK": "GET_GRAPH_STATS",
    "RUN_GROUP": "run-1",
    "STARTED": "2026-03-01 11:59:00.000 +0000",
    "ROOT_ID": "root-uuid",
}


def sql_error(message: str, code: int = 0) -> SnowparkSQLException:
    return SnowparkSQLException(message, sql_error_code=code)


class Service:
    """What a job service does, once started: its status after a wait, and its containers."""

    def __init__(self, status: str = "DONE", log: str = "", **container: Any) -> None:
        self.status = status
        self.log = log
        self.age = 0
        state = {"status": "DONE" if status == "DONE" else "FAILED", "last_exit_code": None, "message": ""}
        self.containers: list[dict[str, Any]] = [{"instance_id": "0", "container_name": "main"} | state | container]


class RecordingSession:
    """`plan` gives the services in the order in which they are started; `fault` may raise before a statement."""

    def __init__(self, plan: Sequence[Service] = (), fault: Callable[[str], None] | None = None) -> None:
        self.plan = list(plan)
        self.fault = fault
        self.statements: list[tuple[str, list[Any]]] = []
        self.services: dict[str, Service] = {}
        self.history: list[dict[str, Any]] = []
        self.logs: list[dict[str, Any]] = []
        self.job_services: list[Row] = []
        self.return_values: list[str] = []
        self.tasks_in_history = 0

    def sql(self, text: str, params: Sequence[Any] | None = None) -> Any:
        return Pending(self, text, list(params or []))

    def sent(self, start: str) -> list[str]:
        return [text for text, _ in self.statements if text.startswith(start)]

    def run(self, text: str, params: list[Any]) -> list[Row]:
        self.statements.append((text, params))
        if self.fault is not None:
            self.fault(text)
        for pattern, answer in ANSWERS:
            if match := re.match(pattern, text):
                return answer(self, match, params)
        raise AssertionError(f"unexpected statement: {text}")


class Pending:
    def __init__(self, session: RecordingSession, text: str, params: list[Any]) -> None:
        self.session, self.text, self.params = session, text, params

    def collect(self) -> list[Row]:
        return self.session.run(self.text, self.params)


def _row(**values: Any) -> Row:
    return Row(**values)


def _start(session: RecordingSession, match: re.Match[str], _: list[Any]) -> list[Row]:
    name = match["name"]
    if name in session.services:
        raise sql_error(f"SQL compilation error:\nObject '{name}' already exists.", 2002)
    session.services[name] = session.plan.pop(0)
    return [_row(status="Job started")]


def _wait(session: RecordingSession, match: re.Match[str], _: list[Any]) -> list[Row]:
    service = session.services[match["name"]]
    if service.status != "DONE":
        raise sql_error("the service cannot reach DONE")
    return [_row(SPCS_WAIT_FOR="DONE")]


def _describe(session: RecordingSession, match: re.Match[str], _: list[Any]) -> list[Row]:
    service = session.services[match["name"]]
    return [_row(**{'"status"': service.status, '"created_on"': NOW - timedelta(seconds=service.age)})]


def _age(_: RecordingSession, __: re.Match[str], params: list[Any]) -> list[Row]:
    return [_row(AGE=int((NOW - datetime.fromisoformat(params[0])).total_seconds()))]


def _cancel(session: RecordingSession, match: re.Match[str], _: list[Any]) -> list[Row]:
    for container in session.services[match["name"]].containers:
        container["status"] = "FAILED"
    return [_row(SPCS_CANCEL_JOB="cancelled")]


def _containers(session: RecordingSession, match: re.Match[str], _: list[Any]) -> list[Row]:
    return [_row(**container) for container in session.services[match["name"]].containers]


def _log(session: RecordingSession, _: re.Match[str], params: list[Any]) -> list[Row]:
    return [_row(LOG=session.services[params[0]].log)]


def _insert_run(session: RecordingSession, match: re.Match[str], params: list[Any]) -> list[Row]:
    names = re.findall(r"\?(?:::timestamp_ltz)? AS (\w+)", match.string)
    # DURATION_IN_SECS binds the start once more, inside an expression
    values = [*params[:12], *params[13:]] if "JOBS_RUN_STATS" in match.string else params
    row = dict(zip(names, values, strict=True))
    table, key = session.logs, ["GRAPH_RUN_ID", "TASK_NAME", "ATTEMPT", "INSTANCE_ID", "CONTAINER_NAME"]
    if "JOBS_RUN_STATS" in match.string:
        table, key = session.history, key[:3]
    if not any(all(old[name] == row[name] for name in key) for old in table):
        table.append(row)
    return []


def _last(session: RecordingSession, match: re.Match[str], params: list[Any]) -> list[Row]:
    names = [name.strip() for name in match["names"].split(",")]
    rows = [row for row in session.history if [row["GRAPH_RUN_ID"], row["TASK_NAME"]] == params]
    rows.sort(key=lambda row: -row["ATTEMPT"])
    return [_row(**{name: row[name] for name in names}) for row in rows[:1]]


def _return_value(session: RecordingSession, _: re.Match[str], params: list[Any]) -> list[Row]:
    session.return_values.append(params[0])
    return []


def _drop(session: RecordingSession, match: re.Match[str], _: list[Any]) -> list[Row]:
    session.job_services = [row for row in session.job_services if row["name"] != match["name"].rpartition(".")[2]]
    return []


NAME = r"(?P<name>[\w.]+)"
ANSWERS: list[tuple[str, Callable[[RecordingSession, re.Match[str], list[Any]], list[Row]]]] = [
    (r"SELECT SYSTEM\$TASK_RUNTIME_INFO", lambda *_: [_row(**FACTS)]),
    (rf"EXECUTE JOB SERVICE IN COMPUTE POOL \w+ NAME = {NAME} ", _start),
    (rf"CALL {NAME}!SPCS_WAIT_FOR\('DONE', [1-9]\d*\)$", _wait),
    (rf"CALL {NAME}!SPCS_CANCEL_JOB\(\)$", _cancel),
    (rf"DESCRIBE SERVICE {NAME}$", _describe),
    (r"SELECT DATEDIFF\('second', \?::timestamp_ltz", _age),
    (rf"SHOW SERVICE CONTAINERS IN SERVICE {NAME}$", _containers),
    (r"SELECT SYSTEM\$GET_SERVICE_LOGS\(\?, \?, \?, \?\)", _log),
    (r'INSERT INTO "DB"."SC"."(JOBS_RUN_STATS|JOB_LOGS)" .* WHERE NOT EXISTS', _insert_run),
    (r'SELECT (?P<names>ATTEMPT,.*) FROM "DB"."SC"."JOBS_RUN_STATS" WHERE', _last),
    (r"CALL SYSTEM\$SET_RETURN_VALUE\(\?\)$", _return_value),
    (r'INSERT INTO "DB"."SC"."TASK_LOGGING_STATS"', lambda *_: []),
    (r"SELECT COUNT\(\*\) AS N FROM", lambda session, *_: [_row(N=session.tasks_in_history)]),
    (r"SELECT DATEADD\('day', \?", lambda _, __, params: [_row(KEPT_SINCE=NOW + timedelta(days=params[0]))]),
    (r"SHOW JOB SERVICES IN SCHEMA DB\.SC$", lambda session, *_: list(session.job_services)),
    (rf"DROP SERVICE IF EXISTS {NAME}$", _drop),
]
