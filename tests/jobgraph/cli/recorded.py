"""A Snowflake of recorded rows and a clock that only moves when someone sleeps, for tests of the command."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

from jobgraph.account.client import AbsentError
from jobgraph.account.queries import Place, Statement

if TYPE_CHECKING:
    from collections.abc import Callable

Row = dict[str, Any]
START = datetime(2026, 3, 1, 10, 0, tzinfo=UTC)
RUN = "6f1c2a3e-0000-4000-8000-000000000001"
OLD_RUN = "6f1c2a3e-0000-4000-8000-000000000000"
PREDECESSORS = {
    "T_MYJOB_1": ["ROOT_TASK"],
    "T_MYJOB_2": ["ROOT_TASK"],
    "T_MYJOB_3": ["T_MYJOB_2"],
    "T_MYJOB_4": ["T_MYJOB_2"],
    "T_MYJOB_5": ["T_MYJOB_1"],
    "T_MYJOB_6": ["T_MYJOB_3", "T_MYJOB_4", "T_MYJOB_5"],
}

OWNED = [{"privilege": "OWNERSHIP", "grantee_name": "R"}, {"privilege": "MONITOR", "grantee_name": "V"}]


class ManualClock:
    """Moves only by sleep; `at` lets a test do something at an instant."""

    def __init__(self) -> None:
        self.seconds = 0.0
        self.at: Callable[[float], None] = lambda _: None

    def monotonic(self) -> float:
        return self.seconds

    def sleep(self, seconds: float) -> None:
        self.seconds += seconds
        self.at(self.seconds)

    @property
    def now(self) -> datetime:
        return START + timedelta(seconds=self.seconds)


def task(name: str, after: list[str], *, state: str = "started", finalizes: str = "", **definition: Any) -> Row:
    relations: Row = {"Predecessors": [f'"DB"."PUBLIC"."{one}"' for one in after]}
    if finalizes:
        relations["FinalizedRootTask"] = f'"DB"."PUBLIC"."{finalizes}"'
    return {
        "name": name,
        "id": f"id-of-{name}",
        "state": state,
        "predecessors": json.dumps([f"DB.PUBLIC.{one}" for one in after]),
        "task_relations": json.dumps(relations),
        "definition": f'CALL "DB"."PUBLIC".RUN_JOB_0(\'{name}\', $${json.dumps(definition)}$$)'
        if definition
        else "SELECT 1",
    }


def quickstart(**states: str) -> list[Row]:
    """SHOW TASKS of the quickstart's graph; `states` names the tasks that are not started."""
    rows = [task("ROOT_TASK", [], state=states.get("ROOT_TASK", "started"))]
    rows += [
        task(name, after, state=states.get(name, "started"), graph="container_jobs", compute_pool="POOL", retries=0)
        for name, after in PREDECESSORS.items()
    ]
    finalizer = states.get("GET_GRAPH_STATS", "started")
    return [*rows, task("GET_GRAPH_STATS", [], state=finalizer, finalizes="ROOT_TASK", graph="container_jobs")]


@dataclass(frozen=True)
class Step:
    """What happens to a task: executing from `start` to `end` (seconds of the clock), then `state`."""

    name: str
    start: float
    end: float
    state: str = "SUCCEEDED"
    error: str | None = None
    attempt: int = 1


GOOD = (
    Step("ROOT_TASK", 0.5, 0.6),
    Step("T_MYJOB_1", 0.7, 2.0),
    Step("T_MYJOB_2", 0.7, 3.0),
    Step("T_MYJOB_3", 3.1, 5.0),
    Step("T_MYJOB_4", 3.1, 4.5),
    Step("T_MYJOB_5", 2.1, 4.0),
    Step("T_MYJOB_6", 5.1, 7.0),
    Step("GET_GRAPH_STATS", 7.1, 7.6),
)
FAILING = (
    *GOOD[:3],
    Step("T_MYJOB_3", 3.1, 5.0, "FAILED", "Python Interpreter Error: JobFailed: Job T_MYJOB_3 FAILED after 3 attempts"),
    *GOOD[4:6],
    Step("T_MYJOB_6", 5.1, 5.1, "SKIPPED"),
    Step("GET_GRAPH_STATS", 5.2, 5.6),
)


def attempt(name: str, number: int = 1, status: str = "DONE", **values: Any) -> Row:
    return {
        "ROOT_TASK_NAME": "ROOT_TASK",
        "GRAPH_RUN_ID": RUN,
        "TASK_NAME": name,
        "ATTEMPT": number,
        "JOB_STATUS": status,
        "REASON": None,
        "ERRORS": None,
        "EXIT_CODE": 0 if status == "DONE" else 1,
        "REASON_CLASS": None if status == "DONE" else "app_error",
        "FIRST_ERROR": None,
        "STARTED_TIME": START + timedelta(seconds=number),
        "COMPLETED_TIME": START + timedelta(seconds=number, milliseconds=800),
        "DURATION_IN_SECS": 0.8,
        "COMPUTE_POOL": "PR_STD_POOL_XS",
        "NODE_FAMILY": "CPU_X64_XS",
        "REPLICAS": 1,
        "IMAGE_DIGEST": "sha256:0123456789abcdef",
        "QUERY_ID": f"01c0ffee-{number}",
        "LOG_LOCATION": '"DB"."PUBLIC"."JOB_LOGS"',
        "SERVICE_NAME": f"DB.PUBLIC.{name}_0123456789ABCDEF_{number}",
        "OUTPUTS": '{"rows_written": 1}' if status == "DONE" else None,
        **values,
    }


FAILED_ATTEMPTS = [
    attempt(
        "T_MYJOB_3",
        number,
        "FAILED",
        REASON="User application error, check container logs",
        ERRORS="Invalid column name 'TIME'\n--- main, instance 0\nTraceback\nInvalid column name 'TIME'",
    )
    for number in (1, 2, 3)
]


@dataclass
class Server:
    """Answers the command's statements from a timeline, as of the clock's instant. Is a `Client`.

    EXECUTE TASK starts the timeline at the clock's instant; `began` says that a run was started before.
    """

    clock: ManualClock
    tasks: list[Row] = field(default_factory=quickstart)
    steps: tuple[Step, ...] = GOOD
    attempts: list[Row] = field(default_factory=lambda: [attempt(step.name) for step in GOOD[1:-1]])
    began: float | None = None
    scheduled_from: str = "EXECUTE_TASK"
    config: str | None = None
    answers: dict[str, Any] = field(default_factory=dict)
    sent: list[Statement] = field(default_factory=list)
    earlier: list[Row] = field(default_factory=list)
    logged: list[Row] = field(default_factory=list)
    services: list[Row] = field(default_factory=list)
    operations: list[Row] = field(default_factory=list)
    place: Place = field(default_factory=lambda: Place("DB", "PUBLIC"))
    server: str = "127.0.0.1:8765"

    def rows(self, statement: Statement) -> list[Row]:
        self.sent.append(statement)
        for pattern, answer in self.answers.items():
            if re.search(pattern, statement.text):
                if isinstance(answer, BaseException):
                    raise answer
                found: list[Row] = answer(statement) if callable(answer) else answer
                return found
        return self._known(statement)

    def _known(self, statement: Statement) -> list[Row]:
        text = statement.text
        if text.startswith("SHOW TASKS"):
            return self.tasks
        if text.startswith("SELECT CURRENT_TIMESTAMP"):
            return [{"NOW": self.clock.now}]
        if text.startswith("EXECUTE TASK"):
            self.began = self.clock.seconds
            return [{"status": "Task scheduled."}]
        listed = {
            "SHOW JOB SERVICES IN SCHEMA": self.services or self._services_of_steps(),
            "OPERATIONS": self.operations,
            "AS NAME, ROOT_": [],
        }
        listed |= {"FROM " + self.place.qualified("BACKFILLS"): [], "SHOW SCHEMAS": [{"name": self.place.schema}]}
        listed |= {"SHOW JOB SERVICES LIKE": []}
        listed |= {"SHOW GRANTS ON TASK": OWNED, "IS_ROLE_IN_SESSION": [{"HAS_ONE": True}], "COMPLETED_TIME >= ": []}
        if match := next((name for name in listed if name in text), None):
            return listed[match]
        if "TASK_HISTORY" in text:
            return self._history(statement)
        return self._recorded(statement)

    def _recorded(self, statement: Statement) -> list[Row]:
        text = statement.text
        if "UNCLOSED_ID" in text:
            rows = self._unclosed_attempts(statement)
            return [{"ROOT_TASK_NAME": row["ROOT_TASK_NAME"], "UNCLOSED_ID": row["GRAPH_RUN_ID"]} for row in rows]
        if "QUALIFY DENSE_RANK" in text:
            return self._unclosed_attempts(statement)
        if "TASK_LOGGING_STATS" in text:
            return self._logged(statement)
        if "JOBS_RUN_STATS" in text and "TASK_NAME, ATTEMPT, JOB_STATUS" in text:
            rows = [row for row in self.attempts if row["GRAPH_RUN_ID"] in statement.binds and self._has_ended(row)]
            if "ROOT_TASK_NAME = ?" in text:
                rows = [row for row in rows if row["ROOT_TASK_NAME"] == statement.binds[-1]]
            return rows
        if "JOBS_RUN_STATS" in text and "MAX(CREATED_DATE)" in text:
            rows = [row for row in self.attempts if row["TASK_NAME"] == statement.binds[0]]
            return list({(row["ROOT_TASK_NAME"], row["GRAPH_RUN_ID"]): row for row in reversed(rows)}.values())
        raise AssertionError(f"a statement that was not expected: {text}")

    def _services_of_steps(self) -> list[Row]:
        """A running service for each job whose task is executing."""
        executing = {row["NAME"] for step in self.steps if (row := self._row(step)) and row["STATE"] == "EXECUTING"}
        names = [name for name in PREDECESSORS if name in executing]
        return [
            service(name, 1 + sum(row["TASK_NAME"] == name for row in self.attempts if row["JOB_STATUS"] == "FAILED"))
            for name in names
        ]

    def _closed(self) -> set[tuple[str, str]]:
        return {(row["ROOT_TASK_NAME"], row["GRAPH_RUN_GROUP_ID"]) for row in self.logged}

    def _unclosed_attempts(self, statement: Statement) -> list[Row]:
        """The attempts of runs that no finalizer closed; those of the timeline are there once it has begun."""
        rows = [row for row in self.attempts if row["GRAPH_RUN_ID"] != RUN or self.began is not None]
        if "J.GRAPH_RUN_ID = ?" in statement.text:
            rows = [row for row in rows if row["GRAPH_RUN_ID"] == statement.binds[-1]]
        columns = ("ROOT_TASK_NAME", *(("GRAPH_NAME",) if "J.GRAPH_NAME = ?" in statement.text else ()))
        meant = [row for row in rows if {row.get(column) for column in columns}.intersection(statement.binds)]
        rows = [row for row in meant if self._has_ended(row)]
        return [row for row in rows if (row["ROOT_TASK_NAME"], row["GRAPH_RUN_ID"]) not in self._closed()]

    def _logged(self, statement: Statement) -> list[Row]:
        """The history of closed runs, as the table keeps it: the newest run is the last in the list."""
        text, rows = statement.text, self.logged
        if "NAME = ROOT_TASK_NAME" in text:
            rows = [row for row in rows if row["NAME"] == row["ROOT_TASK_NAME"]]
        if "GRAPH_RUN_GROUP_ID IN" in text:
            return [row for row in rows if row["GRAPH_RUN_GROUP_ID"] in statement.binds]
        newest_first = rows[::-1]
        if "AS BAD" in text:
            return [self._span(root, rows) for root in dict.fromkeys(row["ROOT_TASK_NAME"] for row in rows)]
        if "GROUP BY ROOT_TASK_NAME" not in text:
            return newest_first
        rows = [row for row in newest_first if row["ROOT_TASK_NAME"] in statement.binds]
        pairs = {(row["ROOT_TASK_NAME"], row["GRAPH_RUN_GROUP_ID"]): row for row in rows}
        return list(pairs.values())[: int(text.rpartition(" ")[2])]

    @staticmethod
    def _span(root: str, rows: list[Row]) -> Row:
        own = [row for row in rows if row["ROOT_TASK_NAME"] == root]
        began, ended = min(row["QUERY_START_TIME"] for row in own), max(row["COMPLETED_TIME"] for row in own)
        return {"ROOT_TASK_NAME": root, "BEGAN": began, "ENDED": ended, "BAD": 0}

    def _has_ended(self, attempt: Row) -> bool:
        """A row of a failed attempt is there at once, that of the last one when its task ends."""
        ends = [step.end for step in self.steps if step.name == attempt["TASK_NAME"]]
        began = self.began or 0.0
        return attempt["JOB_STATUS"] == "FAILED" or not ends or any(began + end <= self.clock.seconds for end in ends)

    def _history(self, statement: Statement) -> list[Row]:
        rows = self.earlier + [row for step in self.steps if (row := self._row(step))]
        if "TASK_NAME =>" in statement.text:
            rows = [row for row in rows if row["NAME"] == statement.binds[-1]]
        if "ROOT_TASK_ID =>" in statement.text:
            rows = [row for row in rows if row["ROOT_TASK_ID"] == statement.binds[2]]
        if "NAME IN (" in statement.text:
            rows = [row for row in rows if row["NAME"] in statement.binds]
        if "GRAPH_RUN_GROUP_ID::VARCHAR = ?" in statement.text:
            rows = [row for row in rows if row["GRAPH_RUN_GROUP_ID"] == statement.binds[-1]]
        if "NOT EXISTS" in statement.text:
            rows = [row for row in rows if (row["NAME"], row["GRAPH_RUN_GROUP_ID"]) not in self._closed()]
        since = next((value for value in statement.binds if re.match(r"\d{4}-", str(value))), None)
        if since:
            rows = [row for row in rows if row["SCHEDULED_TIME"] >= datetime.fromisoformat(since)]
        return [{**row, "NOW": self.clock.now} for row in rows]

    def _row(self, step: Step) -> Row | None:
        if self.began is None or self.clock.seconds < self.began + step.start:
            return None
        origin = START + timedelta(seconds=self.began)
        ended = self.clock.seconds >= self.began + step.end
        return history_row(
            step.name,
            step.state if ended else "EXECUTING",
            SCHEDULED_TIME=origin + timedelta(seconds=0 if step.name == "ROOT_TASK" else step.start),
            QUERY_START_TIME=origin + timedelta(seconds=step.start),
            COMPLETED_TIME=origin + timedelta(seconds=step.end) if ended else None,
            ERROR_MESSAGE=step.error if ended else None,
            SCHEDULED_FROM=self.scheduled_from,
            CONFIG=self.config,
            ATTEMPT_NUMBER=step.attempt,
        )


def history_row(name: str, state: str, **values: Any) -> Row:
    return {
        "NAME": name,
        "STATE": state,
        "SCHEDULED_TIME": START,
        "QUERY_START_TIME": None,
        "COMPLETED_TIME": None,
        "ERROR_MESSAGE": None,
        "SCHEDULED_FROM": "EXECUTE_TASK",
        "ATTEMPT_NUMBER": 1,
        "GRAPH_RUN_GROUP_ID": RUN,
        "ROOT_TASK_ID": "id-of-ROOT_TASK",
        "NOW": START,
        **values,
    }


def absent() -> AbsentError:
    return AbsentError("Table 'X' does not exist or not authorized.")


def service(name: str, number: int, status: str = "RUNNING", **values: Any) -> Row:
    """A row of SHOW JOB SERVICES, with the comment that the runner gives a service."""
    comment = f"jobgraph container_jobs {RUN} {name} {number}"
    row = {"name": f"{name}_0123456789ABCDEF_{number}", "status": status, "comment": comment}
    return {**row, "compute_pool": "PR_STD_POOL_XS", "created_on": START, **values}


def logged_row(name: str, state: str, **values: Any) -> Row:
    """A row as TASK_LOGGING_STATS keeps it; a root's row tells the jobs that the graph had, if `jobs` are given."""
    jobs = values.pop("jobs", None)
    definition = json.dumps({"finalizer": "GET_GRAPH_STATS", "jobs": jobs}) if jobs is not None else None
    row = history_row(name, state)
    return {
        **row,
        "QUERY_START_TIME": "2026-03-01 10:00:00.000 +0000",
        "COMPLETED_TIME": "2026-03-01 10:00:12.500 +0000",
        "ROOT_TASK_NAME": "ROOT_TASK",
        "GRAPH_NAME": "container_jobs",
        "GRAPH_DEFINITION": definition,
        **values,
    }


def recorded_jobs(after: dict[str, list[str]]) -> list[Row]:
    """The jobs of a graph as the finalizer records them."""
    names = list(after)
    return [{"name": name, "after": [names.index(one) for one in before]} for name, before in after.items()]


def then_a_part(server: Server) -> None:
    """A whole run that failed, then a good one of T_MYJOB_6 alone."""
    left_out = [f"T_MYJOB_{number}" for number in range(1, 6)]
    closed_part = {"GRAPH_RUN_GROUP_ID": "part", "CONFIG": json.dumps({"jobgraph": {"left_out": left_out}})}
    server.began, server.steps = -1000.0, FAILING
    server.attempts = [attempt(f"T_MYJOB_{number}") for number in (1, 2, 4, 5)] + FAILED_ATTEMPTS
    later = START - timedelta(seconds=60)
    times = {"SCHEDULED_TIME": later, "QUERY_START_TIME": later, "COMPLETED_TIME": later + timedelta(seconds=9)}
    names = ["ROOT_TASK", *left_out, "T_MYJOB_6", "GET_GRAPH_STATS"]
    server.earlier = [history_row(name, "SUCCEEDED", **closed_part, **times) for name in names]
    server.attempts += [attempt(name, status="LEFT_OUT", GRAPH_RUN_ID="part") for name in left_out]
    server.attempts.append(attempt("T_MYJOB_6", GRAPH_RUN_ID="part"))


def prepare_run(server: Server, command: str) -> None:
    """Give the server a run that the command can act on."""
    if command == "retry":
        server.steps, server.began = FAILING, -20.0
        server.attempts = [attempt(f"T_MYJOB_{number}") for number in (1, 2, 4, 5)] + FAILED_ATTEMPTS
    elif command == "cancel":
        server.began = -1.0
