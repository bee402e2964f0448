"""A Snowpark session that answers from a small model of job services and history, records all, and fails on command."""

from __future__ import annotations

import json
import re
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
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
    """`plan` gives the services in the order in which they are started; faults may be raised around a statement.

    `within` is called between the statements of a chain. `task_run` tells the rows of one task run from another's.
    """

    def __init__(
        self,
        plan: Sequence[Service] = (),
        fault: Callable[[str], None] | None = None,
        after: Callable[[str], None] | None = None,
    ) -> None:
        self.plan = list(plan)
        self.fault = fault
        self.after = after
        self.within: Callable[[str], None] | None = None
        self.task_run = 1
        self.files: dict[str, bytes] = {}
        self.tags: list[str] = []
        self.statements: list[tuple[str, list[Any]]] = []
        self.services: dict[str, Service] = {}
        self.history: list[dict[str, Any]] = []
        self.logs: list[dict[str, Any]] = []
        self.dropped: list[str] = []
        self.return_values: list[str] = []
        self.task_ends: list[dict[str, Any]] = []
        self.queries: list[Any] = []
        self.predecessors: dict[str, str | None] = {}
        self.task_rows: list[dict[str, Any]] = []
        self.job_rows: list[dict[str, Any]] = []
        self.bodies: dict[tuple[str, str], str] = {}
        self.events: dict[str, list[tuple[str, str, str]]] = {}

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

    @property
    def file(self) -> Any:
        return SimpleNamespace(get=self._get)

    def _get(self, place: str, folder: str, statement_params: dict[str, str]) -> None:
        text = f"GET {place}"
        self.statements.append((text, []))
        self.tags.append(statement_params["QUERY_TAG"])
        if self.fault is not None:
            self.fault(text)
        Path(folder, place.rpartition("/")[2]).write_bytes(self.files[place])
        if self.after is not None:
            self.after(text)

    def known(self, task: str, predecessors: Sequence[str] = (), since: str | None = None) -> str:
        """What the query in a task's statement finds out, as Snowflake would give it: without NULLs."""
        rows = [r for r in self.history if r["GRAPH_RUN_ID"] == "run-1" and r["TASK_NAME"] in (task, *predecessors)]
        columns = ("TASK_NAME", "ATTEMPT", "SERVICE_NAME", "JOB_STATUS", "REASON_CLASS", "REASON", "FIRST_ERROR")
        attempts = [{name: row.get(name) for name in (*columns, "EXIT_CODE", "OUTPUTS")} for row in rows]
        for row, attempt in zip(rows, attempts, strict=True):
            attempt |= {"CAUSE": (row.get("ERRORS") or "").partition("\n")[0] or None, "AGE": 10}
        facts: dict[str, Any] = {"root": "ROOT_TASK", "group": "run-1", "started": FACTS["STARTED"], "since": since}
        facts["attempts"] = [{k: v for k, v in one.items() if v is not None} for one in reversed(attempts)]
        return json.dumps({name: value for name, value in facts.items() if value is not None})

    def run(self, text: str, params: list[Any], tag: str) -> list[Row]:
        self.statements.append((text, params))
        self.tags.append(tag)
        if self.fault is not None:
            self.fault(text)
        rows = self._answer(text, params)
        self.queries.append(SimpleNamespace(query_id=f"query-{len(self.statements)}"))
        if self.after is not None:
            self.after(text)
        return rows

    def _answer(self, text: str, params: list[Any]) -> list[Row]:
        for pattern, answer in ANSWERS:
            if match := re.match(pattern, text):
                return answer(self, match, params)
        step, arrow, rest = text.partition(" ->> ")
        assert arrow, f"unexpected statement: {text}"
        taken = step.count("?")
        self._answer(step, params[:taken])
        if self.within is not None:
            self.within(text)
        return self._answer(rest, params[taken:])

    def service(self, name: str) -> Service:
        if name not in self.services:
            raise sql_error(f"Service '{name}' does not exist or not authorized.", 2003)
        return self.services[name]


class Pending:
    def __init__(self, session: RecordingSession, text: str, params: list[Any]) -> None:
        self.session, self.text, self.params = session, text, params

    def collect(self, *, statement_params: dict[str, str]) -> list[Row]:
        return self.session.run(self.text, self.params, statement_params["QUERY_TAG"])


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


def _containers_and_logs(session: RecordingSession, match: re.Match[str], _: list[Any]) -> list[Row]:
    service = session.service(match["name"])
    asked = re.findall(r"SYSTEM\$GET_SERVICE_LOGS\('([^']*)', '([^']*)', '([^']*)', \d+\)", match.string)
    logs = {(instance, name): session.service(of).log for of, instance, name in asked}
    there = [(one["instance_id"], one["container_name"]) for one in service.containers]
    return [_row(**container, LOG=logs.get(place)) for place, container in zip(there, service.containers, strict=True)]


def _log(session: RecordingSession, _: re.Match[str], params: list[Any]) -> list[Row]:
    logs = [session.service(params[n]).log for n in range(0, len(params), 4)]
    return [_row(**{f"LOG_{n}": log for n, log in enumerate(logs)})]


def _insert(session: RecordingSession, match: re.Match[str], params: list[Any]) -> list[Row]:
    """Take the values in the order of the marks; of a column with several marks, the first."""
    source = match["source"].split(" UNION ALL ")
    table = session.history if match["table"] == "JOBS_RUN_STATS" else session.logs
    key = re.findall(r"T\.(\w+) = S\.\1\b", match["same"])
    values = iter(params)
    for select in source:
        row: dict[str, Any] = {}
        for expression, name in re.findall(r"(.*?) AS (\w+)(?:, |$)", select):
            marked = [next(values) for _ in range(expression.count("?"))]
            if marked:  # the other columns say what Snowflake computes
                row[name] = marked[0]
        if not key or not any(all(old[name] == row[name] for name in key) for old in table):
            table.append(row | ({"TASK_RUN": session.task_run} if table is session.history else {}))
    assert next(values, None) is None
    return []


def _of_this_task_run(session: RecordingSession, _: re.Match[str], params: list[Any]) -> list[Row]:
    assert params == [*params[:2], params[1], params[0], "DB", "SC"]
    rows = [row for row in session.history if [row["GRAPH_RUN_ID"], row["TASK_NAME"]] == params[:2]]
    return [_row(ATTEMPT=row["ATTEMPT"]) for row in rows if row["TASK_RUN"] == session.task_run]


def _list(session: RecordingSession, match: re.Match[str], _: list[Any]) -> list[Row]:
    found = {name: text for name, text in session.files.items() if name.startswith(match["place"])}
    return [_row(**{'"name"': name.lower(), '"size"': len(text)}) for name, text in found.items()]


def _old_days(session: RecordingSession, match: re.Match[str], params: list[Any]) -> list[Row]:
    before = f"{NOW + timedelta(days=params[0]):%Y-%m-%d}"
    days = {name.removeprefix(match["place"]).partition("/")[0] for name in session.files}
    return [_row(DAY=day) for day in sorted(days) if day < before][: int(match["most"])]


def _remove(session: RecordingSession, match: re.Match[str], _: list[Any]) -> list[Row]:
    session.files = {name: text for name, text in session.files.items() if not name.startswith(match["place"])}
    return []


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


def _unrecorded(session: RecordingSession, _: re.Match[str], __: list[Any]) -> list[Row]:
    """What the task history has of direct jobs, but for what history has by the id of the statement."""
    recorded = {(row["GRAPH_RUN_ID"], row["TASK_NAME"], row.get("QUERY_ID")) for row in session.history}
    ended = [row for row in session.task_rows if row["STATE"] not in ("EXECUTING", "SKIPPED")]
    return [_row(**row) for row in ended if (row["GRAPH_RUN_GROUP_ID"], row["NAME"], row["QUERY_ID"]) not in recorded]


def _statements_of_tasks(session: RecordingSession, _: re.Match[str], params: list[Any]) -> list[Row]:
    """What the tasks of the services ran: the bodies that a test gives, else calls without variables."""
    words = [service.comment.split(" ") for service in session.services.values()]
    runs = {(one[2], one[3]) for one in words if len(one) == 5 and one[2] in params[2:]}
    called = 'CALL RUN_JOB(\'T\', (SELECT 1), $${"specification": {"spec": {"containers": []}}}$$)'
    bodies = {(group, task): session.bodies.get((group, task), called) for group, task in sorted(runs)}
    return [_row(GRAPH_RUN_GROUP_ID=group, NAME=task, QUERY_TEXT=text) for (group, task), text in bodies.items()]


def _predecessor_value(session: RecordingSession, _: re.Match[str], params: list[Any]) -> list[Row]:
    if params[0] not in session.predecessors:
        raise sql_error(f"Predecessor task {params[0]} is not enabled.", 91_088)
    return [_row(VALUE=session.predecessors[params[0]])]


def _events(session: RecordingSession, match: re.Match[str], _: list[Any]) -> list[Row]:
    session.service(match["name"])
    rows = session.events.get(match["name"], [])
    return [_row(INSTANCE_ID=instance, CONTAINER_NAME=name, LOG=line) for instance, name, line in rows]


def _drop(session: RecordingSession, match: re.Match[str], _: list[Any]) -> list[Row]:
    if session.services.pop(match["name"], None) is not None:
        session.dropped.append(match["name"])
    return []


NAME = r"(?P<name>[\w.]+)"
# what does not go beyond one statement of a chain
STEP = "(?:(?! ->> ).)*"
INSERT = rf'INSERT INTO "DB"\."SC"\."(?P<table>JOBS_RUN_STATS|JOB_LOGS)" {STEP} FROM \((?P<source>SELECT {STEP})\) AS S'
ANSWERS: list[tuple[str, Callable[[RecordingSession, re.Match[str], list[Any]], list[Row]]]] = [
    (r"SELECT SYSTEM\$TASK_RUNTIME_INFO", lambda *_: [_row(**FACTS)]),
    (r'SELECT H\.ATTEMPT FROM "DB"\."SC"\."JOBS_RUN_STATS" AS H WHERE .*TASK_HISTORY\(', _of_this_task_run),
    (rf"SHOW SERVICE CONTAINERS IN SERVICE {NAME} ->> SELECT C\.\*, L\.LOG FROM \$1 AS C", _containers_and_logs),
    (r"LIST (?P<place>\S+) ->> SELECT DISTINCT .* AS DAY FROM \$1 WHERE .* LIMIT (?P<most>\d+)$", _old_days),
    (r"LIST (?P<place>\S+)$", _list),
    (r"SELECT GRAPH_RUN_GROUP_ID, NAME, QUERY_TEXT FROM TABLE\(.*TASK_HISTORY\(", _statements_of_tasks),
    (r"REMOVE (?P<place>\S+/)$", _remove),
    (rf"EXECUTE JOB SERVICE IN COMPUTE POOL (?P<pool>\w+) NAME = {NAME} .*COMMENT = '(?P<comment>[^']*)'", _start),
    (rf"CALL {NAME}!SPCS_WAIT_FOR\('DONE', [1-9]\d*\)$", _wait),
    (rf"CALL {NAME}!SPCS_CANCEL_JOB\(\)$", _cancel),
    (rf"DESCRIBE SERVICE {NAME}$", _describe),
    (r"SELECT DATEDIFF\('second', \?::timestamp_ltz", _age),
    (rf"SHOW SERVICE CONTAINERS IN SERVICE {NAME}$", _containers),
    (r"SELECT SYSTEM\$GET_SERVICE_LOGS\(\?, \?, \?, \?\)", _log),
    (rf"{INSERT} WHERE NOT EXISTS \(SELECT 1 FROM (?P<same>{STEP})\)$", _insert),
    (r'SELECT GRAPH_RUN_ID, TASK_NAME, ATTEMPT FROM "DB"."SC"."JOBS_RUN_STATS" WHERE', _recorded),
    (r"CALL SYSTEM\$SET_RETURN_VALUE\(\?\)$", _return_value),
    (r'INSERT INTO "DB"."SC"."TASK_LOGGING_STATS"', lambda *_: []),
    (
        r'SELECT NAME, STATE, ERROR_MESSAGE, STARTED_TIME FROM "DB"."SC"."TASK_LOGGING_STATS"',
        lambda session, *_: [_row(STARTED_TIME=None, **end) for end in session.task_ends],
    ),
    (r"SELECT DATEADD\('day', \?", lambda _, __, params: [_row(KEPT_SINCE=NOW + timedelta(days=params[0]))]),
    (r"SHOW JOB SERVICES IN SCHEMA DB\.SC$", _job_services),
    (r"SELECT SYSTEM\$GET_PREDECESSOR_RETURN_VALUE\(\?\)$", _predecessor_value),
    (r"SELECT LEAST\(\?::timestamp_ltz, DATEADD\('day', \?", lambda *_: [_row(SINCE="2026-02-28 11:59:00 Z")]),
    (r'SELECT NAME, STATE, ERROR_CODE, .* FROM TABLE\("DB"\.INFORMATION_SCHEMA\.TASK_HISTORY\(', _unrecorded),
    (
        r"SELECT ID, QUERY_ID, NAME, .* FROM TABLE\(SNOWFLAKE\.SPCS\.GET_JOB_HISTORY\(",
        lambda session, *_: [_row(**row) for row in session.job_rows],
    ),
    (rf"SELECT INSTANCE_ID, CONTAINER_NAME, LOG FROM TABLE\({NAME}!SPCS_GET_LOGS\(", _events),
    (rf"DROP SERVICE IF EXISTS {NAME}$", _drop),
]
