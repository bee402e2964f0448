"""A Snowpark session that answers from a small model of job services and history, records all, and fails on command."""

from __future__ import annotations

import re
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

from snowflake.snowpark import Row
from snowflake.snowpark.exceptions import SnowparkSQLException

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

NOW = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)
FACTS = {
    "ROOT_TASK": "ROOT_TASK",
    "TASK": "GET_GRAPH_STATS",
    "RUN_GROUP": "run-1",
    "STARTED": "2026-03-01 11:59:00.000 +0000",
    "SINCE": None,
    "ROOT_ID": "root-uuid",
}
FINAL = {"DONE", "FAILED", "CANCELLED", "SUSPENDED", "DELETED", "INTERNAL_ERROR"}


def sql_error(message: str, code: int = 0) -> SnowparkSQLException:
    return SnowparkSQLException(message, sql_error_code=code)


class Service:
    """What a job service does, once started: its status after a wait, and its containers."""

    def __init__(self, status: str = "DONE", log: str = "", **container: Any) -> None:
        self.status = status
        self.log = log
        self.age = 5
        self.comment = ""
        self.pool = ""
        self.statement = ""
        state = {"status": "DONE" if status == "DONE" else "FAILED", "last_exit_code": None, "message": ""}
        more = {"image_digest": "sha256:1", "start_time": str(NOW - timedelta(seconds=4))}
        self.containers: list[dict[str, Any]] = [
            {"instance_id": "0", "container_name": "main"} | state | more | container
        ]

    @property
    def created(self) -> datetime:
        return NOW - timedelta(seconds=self.age)


class RecordingSession:
    """`plan` gives the services in the order in which they are started; faults may be raised around a statement."""

    def __init__(
        self,
        plan: Sequence[Service] = (),
        fault: Callable[[str], None] | None = None,
        after: Callable[[str], None] | None = None,
    ) -> None:
        self.plan = list(plan)
        self.fault = fault
        self.after = after
        self.statements: list[tuple[str, list[Any]]] = []
        self.services: dict[str, Service] = {}
        self.history: list[dict[str, Any]] = []
        self.logs: list[dict[str, Any]] = []
        self.dropped: list[str] = []
        self.return_values: list[str] = []
        self.task_ends: list[dict[str, Any]] = []
        self.returned: dict[str, str | None] = {}
        self.queries: list[Any] = []

    def sql(self, text: str, params: Sequence[Any] | None = None) -> Any:
        return Pending(self, text, list(params or []))

    @contextmanager
    def query_history(self) -> Iterator[Any]:
        first = len(self.queries)
        found = SimpleNamespace(queries=[])
        try:
            yield found
        finally:
            found.queries += self.queries[first:]

    def sent(self, start: str) -> list[str]:
        return [text for text, _ in self.statements if text.startswith(start)]

    def run(self, text: str, params: list[Any]) -> list[Row]:
        self.statements.append((text, params))
        if self.fault is not None:
            self.fault(text)
        for pattern, answer in ANSWERS:
            if match := re.match(pattern, text):
                rows = answer(self, match, params)
                self.queries.append(SimpleNamespace(query_id=f"query-{len(self.statements)}"))
                if self.after is not None:
                    self.after(text)
                return rows
        raise AssertionError(f"unexpected statement: {text}")

    def service(self, name: str) -> Service:
        if name not in self.services:
            raise sql_error(f"Service '{name}' does not exist or not authorized.", 2003)
        return self.services[name]


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
    service = session.plan.pop(0)
    service.comment, service.pool, service.statement = match["comment"], match["pool"], match.string
    session.services[name] = service
    return [_row(status="Job started")]


def _wait(session: RecordingSession, match: re.Match[str], _: list[Any]) -> list[Row]:
    if session.service(match["name"]).status != "DONE":
        raise sql_error("the service cannot reach DONE", 395_043)
    return [_row(SPCS_WAIT_FOR="DONE")]


def _describe(session: RecordingSession, match: re.Match[str], _: list[Any]) -> list[Row]:
    service = session.service(match["name"])
    return [_row(**{'"status"': service.status, '"created_on"': service.created, '"updated_on"': NOW})]


def _age(_: RecordingSession, __: re.Match[str], params: list[Any]) -> list[Row]:
    until = datetime.fromisoformat(params[1]) if params[1] else NOW
    return [_row(AGE=int((until - datetime.fromisoformat(params[0])).total_seconds()))]


def _cancel(session: RecordingSession, match: re.Match[str], _: list[Any]) -> list[Row]:
    service = session.service(match["name"])
    if service.status not in FINAL:
        service.status = "CANCELLED"
        for container in service.containers:
            container |= {"status": "FAILED", "message": "Container was terminated"}
    return [_row(SPCS_CANCEL_JOB="cancelled")]


def _containers(session: RecordingSession, match: re.Match[str], _: list[Any]) -> list[Row]:
    return [_row(**container) for container in session.service(match["name"]).containers]


def _log(session: RecordingSession, _: re.Match[str], params: list[Any]) -> list[Row]:
    logs = [session.service(params[n]).log for n in range(0, len(params), 4)]
    return [_row(**{f"LOG_{n}": log for n, log in enumerate(logs)})]


def _insert(session: RecordingSession, match: re.Match[str], params: list[Any]) -> list[Row]:
    """Take the values in the order of the marks; of a column with several marks, the first."""
    source = match["source"].split(" UNION ALL ")
    table, key = session.logs, ["GRAPH_RUN_ID", "TASK_NAME", "ATTEMPT", "INSTANCE_ID", "CONTAINER_NAME"]
    if match["table"] == "JOBS_RUN_STATS":
        table, key = session.history, key[:3]
    values = iter(params)
    for select in source:
        row: dict[str, Any] = {}
        for expression, name in re.findall(r"(.*?) AS (\w+)(?:, |$)", select):
            taken = [next(values) for _ in range(expression.count("?"))]
            row[name] = taken[0]
        if not any(all(old[name] == row[name] for name in key) for old in table):
            table.append(row)
    assert next(values, None) is None
    return []


def _situation(session: RecordingSession, match: re.Match[str], params: list[Any]) -> list[Row]:
    columns = re.findall(r"H\.(\w+)(?=,)", match.string.partition(" FROM ")[0].partition("DATEDIFF")[0])
    found = [row for row in session.history if (row["GRAPH_RUN_ID"], row["TASK_NAME"]) == ("run-1", params[0])]
    asked = re.findall(r"SYSTEM\$GET_PREDECESSOR_RETURN_VALUE\('(\w+)'\) AS (\w+)", match.string)
    for name, _ in asked:
        if name not in session.returned:
            raise sql_error(f"Predecessor task {name} is not enabled.", 91_088)
    facts = FACTS | {column: session.returned[name] for name, column in asked}
    found.sort(key=lambda row: int(row["ATTEMPT"]))
    rows = [{name: row[name] for name in columns} | {"AGE": 10} for row in found]
    return [_row(**facts, **row) for row in rows or [dict.fromkeys([*columns, "AGE"])]]


def _return_value(session: RecordingSession, _: re.Match[str], params: list[Any]) -> list[Row]:
    session.return_values.append(params[0])
    return []


def _recorded(session: RecordingSession, _: re.Match[str], params: list[Any]) -> list[Row]:
    names = ("GRAPH_RUN_ID", "TASK_NAME", "ATTEMPT")
    return [_row(**{name: row[name] for name in names}) for row in session.history if row["GRAPH_RUN_ID"] in params]


def _job_services(session: RecordingSession, _: re.Match[str], __: list[Any]) -> list[Row]:
    return [
        _row(
            name=name.rpartition(".")[2],
            status=service.status,
            compute_pool=service.pool,
            comment=service.comment,
            created_on=service.created,
            updated_on=NOW,
        )
        for name, service in session.services.items()
    ]


def _drop(session: RecordingSession, match: re.Match[str], _: list[Any]) -> list[Row]:
    if session.services.pop(match["name"], None) is not None:
        session.dropped.append(match["name"])
    return []


NAME = r"(?P<name>[\w.]+)"
ANSWERS: list[tuple[str, Callable[[RecordingSession, re.Match[str], list[Any]], list[Row]]]] = [
    (r"SELECT SYSTEM\$TASK_RUNTIME_INFO", lambda *_: [_row(**FACTS)]),
    (r"SELECT R\.\*, .* FROM \(SELECT SYSTEM\$TASK_RUNTIME_INFO.* ORDER BY H\.ATTEMPT$", _situation),
    (rf"EXECUTE JOB SERVICE IN COMPUTE POOL (?P<pool>\w+) NAME = {NAME} .*COMMENT = '(?P<comment>[^']*)'", _start),
    (rf"CALL {NAME}!SPCS_WAIT_FOR\('DONE', [1-9]\d*\)$", _wait),
    (rf"CALL {NAME}!SPCS_CANCEL_JOB\(\)$", _cancel),
    (rf"DESCRIBE SERVICE {NAME}$", _describe),
    (r"SELECT DATEDIFF\('second', \?::timestamp_ltz", _age),
    (rf"SHOW SERVICE CONTAINERS IN SERVICE {NAME}$", _containers),
    (r"SELECT SYSTEM\$GET_SERVICE_LOGS\(\?, \?, \?, \?\)", _log),
    (
        r'INSERT INTO "DB"."SC"."(?P<table>JOBS_RUN_STATS|JOB_LOGS)" .* FROM \((?P<source>SELECT .*)\) AS S WHERE NOT',
        _insert,
    ),
    (r'SELECT GRAPH_RUN_ID, TASK_NAME, ATTEMPT FROM "DB"."SC"."JOBS_RUN_STATS" WHERE', _recorded),
    (r"CALL SYSTEM\$SET_RETURN_VALUE\(\?\)$", _return_value),
    (r'INSERT INTO "DB"."SC"."TASK_LOGGING_STATS"', lambda *_: []),
    (
        r'SELECT NAME, STATE, ERROR_MESSAGE FROM "DB"."SC"."TASK_LOGGING_STATS"',
        lambda session, *_: [_row(**end) for end in session.task_ends],
    ),
    (r"SELECT DATEADD\('day', \?", lambda _, __, params: [_row(KEPT_SINCE=NOW + timedelta(days=params[0]))]),
    (r"SHOW JOB SERVICES IN SCHEMA DB\.SC$", _job_services),
    (rf"DROP SERVICE IF EXISTS {NAME}$", _drop),
]
