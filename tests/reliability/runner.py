"""The fault matrix of the runner: every statement that it sends, met by every kind of fault, and what is left after it.

A chain of statements can also be met between two of them.

Knows the procedures and the stand-in of their session. Must not know how the figures are shown.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any
from unittest.mock import patch

from snowflake.snowpark.exceptions import SnowparkSQLException

from jobgraph.procedures import finalize_graph, run_job
from jobgraph.procedures.attempt import JobFailed
from tests.procedures.recording import FINAL, RecordingSession, Service, sql_error

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

TASK = "T_JOB"
DEFINITION: dict[str, Any] = {
    "graph": "container_jobs",
    "database": "DB",
    "schema": "SC",
    "compute_pool": "POOL",
    "query_warehouse": "WH",
    "retries": 0,
    "timeout": 60,
    "on_failure": "stop",
    "job_runs_table": "JOBS_RUN_STATS",
    "job_logs_table": "JOB_LOGS",
    "task_runs_table": "TASK_LOGGING_STATS",
    "jobs": [{"name": "T_JOB"}],
    "keep_services_days": 1,
    "results": '@"DB"."SC"."JOBS"/runs',
    "keep_results_days": 14,
    "specification": {"spec": {"containers": [{"name": "main", "image": "/db/sc/images/job:1"}]}},
}
# connector's "failed to connect"; Snowflake's internal error: both may pass
LOST, INTERNAL = 250_001, 603


class Killed(BaseException):
    """The procedure's process is gone at this point: no code of its own runs any more."""


@dataclass(frozen=True)
class Scenario:
    """What the services of a job do, in the order of the attempts, and how an undisturbed run ends."""

    name: str
    services: Callable[[], list[Service]]
    retries: int
    statuses: tuple[str, ...]
    replicas: int = 1
    on_failure: str = "stop"
    outputs_file: str | None = None


def _ok() -> Service:
    return Service(log='working\n{"n": 1}\n')


def _bad() -> Service:
    return Service("FAILED", log="ValueError: no\n", last_exit_code=3, message="User application error")


def _endless() -> Service:
    service = Service("RUNNING")
    service.age = 61
    service.containers[0]["status"] = "READY"
    return service


def _one_of_three() -> Service:
    service = _bad()
    done = {"status": "DONE", "last_exit_code": 0, "message": "Completed successfully"}
    first = service.containers[0]
    service.containers = [first | done | {"instance_id": str(n)} for n in range(2)] + [first | {"instance_id": "2"}]
    return service


SCENARIOS = (
    Scenario("done", lambda: [_ok()], 0, ("DONE",)),
    Scenario("failed, then done", lambda: [_bad(), _ok()], 1, ("FAILED", "DONE")),
    Scenario("failed", lambda: [_bad()], 0, ("FAILED",)),
    Scenario("failed twice", lambda: [_bad(), _bad()], 1, ("FAILED", "FAILED")),
    Scenario("failed, and others go on", lambda: [_bad()], 0, ("FAILED",), on_failure="continue"),
    Scenario("outputs of a file", lambda: [_ok(), _ok()], 1, ("FAILED", "DONE"), outputs_file="out.json"),
    Scenario("beyond its time", lambda: [_endless()], 0, ("TIMED_OUT",)),
    Scenario("one of three replicas fails", lambda: [_one_of_three(), _ok()], 1, ("FAILED", "DONE"), 3),
)
PASSING = ("error before", "error after it took effect", "reply lost", "error within")
FAULTS = (*PASSING, "killed before", "killed within", "killed after", "down from here")
# what follows a procedure that ended before its job: the same statement again (the platform was down), or nothing
SETTLED = ("run again", "finalizer only")


@dataclass
class Case:
    """One fault at one statement. `problems` are empty if all is as it should be."""

    scenario: str
    number: int
    statement: str
    fault: str
    settled: str
    ended: str = ""
    more_attempts: int = 0
    problems: list[str] = field(default_factory=list)


def matrix(scenarios: tuple[Scenario, ...] = SCENARIOS) -> Iterator[Case]:
    """Yield all cases: first of the runner, then of the finalizer that finds a run whose procedure was killed."""
    for scenario in scenarios:
        clean = _session(scenario)
        _run(clean, scenario)
        for number, (text, _) in enumerate(clean.statements, 1):
            for fault in FAULTS:
                if fault.endswith("within") and " ->> INSERT" not in text:
                    continue
                for settled in SETTLED:
                    case = Case(scenario.name, number, text[:40], fault, settled)
                    yield _runner_case(scenario, case)
        yield from _finalizer_cases(scenario)


def _session(scenario: Scenario) -> RecordingSession:
    # a graph run that is tried again makes attempts beyond those of the scenario
    session = RecordingSession([*scenario.services(), *scenario.services(), *scenario.services()])
    # the first attempt leaves no file
    session.files = {f"{DEFINITION['results']}/2026-03-01/run-1/{TASK}/2/{scenario.outputs_file}": b'{"n": 2}'}
    return session


def _run(session: RecordingSession, scenario: Scenario) -> str:
    """Run the job as its task does; returns how the task ended."""
    definition = DEFINITION | {"retries": scenario.retries, "replicas": scenario.replicas}
    definition |= {"on_failure": scenario.on_failure, "outputs_file": scenario.outputs_file}
    try:
        with patch.object(run_job, "_pause"):
            run_job.main(session, TASK, session.known(TASK), json.dumps(definition))  # type: ignore[arg-type]  # a stand-in
    except JobFailed:
        return "FAILED"
    except Killed:
        return "killed"
    except SnowparkSQLException:
        return "error"
    return "SUCCEEDED"


# fault -> where in the statement it meets, and what it is
MOMENTS: dict[str, tuple[str, Callable[[], BaseException]]] = {
    "error before": ("before", lambda: sql_error("Failed to connect to DB", LOST)),
    "error within": ("within", lambda: sql_error("Processing aborted by error 300010", INTERNAL)),
    "error after it took effect": ("after", lambda: sql_error("Processing aborted by error 300010", INTERNAL)),
    "reply lost": ("after", lambda: sql_error("Connection reset by peer", LOST)),
    "killed before": ("before", Killed),
    "killed within": ("within", Killed),
    "killed after": ("after", Killed),
    "down from here": ("before", lambda: sql_error("Failed to connect to DB", LOST)),
}


def disturb(session: RecordingSession, number: int, fault: str) -> None:
    """Let the fault meet the statement of that number, counted from what was sent so far."""
    number += len(session.statements)
    moment, error = MOMENTS[fault]

    def meet(_: str) -> None:
        sent = len(session.statements)
        if sent == number or (sent > number and fault == "down from here"):
            raise error()

    session.fault = meet if moment == "before" else None
    session.within = meet if moment == "within" else None
    session.after = meet if moment == "after" else None


def calm(session: RecordingSession) -> None:
    """Let no more faults happen."""
    session.fault = session.within = session.after = None


def _runner_case(scenario: Scenario, case: Case) -> Case:
    session = _session(scenario)
    disturb(session, case.number, case.fault)
    case.ended = _run(session, scenario)
    calm(session)
    whole = case.ended in {"SUCCEEDED", "FAILED"}
    if not whole and case.settled == "run again":
        case.ended = _run(session, scenario)
        whole = True
    session.task_ends = [{"NAME": TASK, "STATE": case.ended if whole else "FAILED", "ERROR_MESSAGE": "killed"}]
    finalize(session)
    _check(case, scenario, session, whole=whole)
    return case


def finalize(session: RecordingSession, definition: dict[str, Any] = DEFINITION) -> str:
    """Run the finalizer; returns how it ended."""
    try:
        finalize_graph.main(session, json.dumps(definition))  # type: ignore[arg-type]  # a stand-in
    except Killed:
        return "killed"
    except SnowparkSQLException:
        return "error"
    return "SUCCEEDED"


def _orphaned(scenario: Scenario) -> RecordingSession:
    """Return a session whose runner was killed while it waited for its first service."""
    session = _session(scenario)
    disturb(session, 2, "killed before")
    _run(session, scenario)
    calm(session)
    session.task_ends = [{"NAME": TASK, "STATE": "FAILED", "ERROR_MESSAGE": "killed"}]
    return session


def _finalizer_cases(scenario: Scenario) -> Iterator[Case]:
    clean = _orphaned(scenario)
    first = len(clean.statements)
    finalize(clean)
    for number, (text, _) in enumerate(clean.statements[first:], 1):
        for fault in FAULTS:
            if fault.endswith("within") and " ->> INSERT" not in text:
                continue
            case = Case(scenario.name, number, text[:40], fault, "finalizer again")
            session = _orphaned(scenario)
            disturb(session, number, fault)
            case.ended = finalize(session)
            calm(session)
            finalize(session)
            _check(case, scenario, session, whole=False)
            yield case


def _check(case: Case, scenario: Scenario, session: RecordingSession, *, whole: bool) -> None:
    """Write down all that is wrong: rows, services that still run, logs, the outcome."""
    case.problems += _wrong_in_history(session)
    statuses = tuple(row["JOB_STATUS"] for row in sorted(session.history, key=lambda row: int(row["ATTEMPT"])))
    case.more_attempts = max(0, len(statuses) - len(scenario.statuses))
    if case.more_attempts:
        case.problems.append(f"attempts beyond those of an undisturbed run: {statuses}")
    if case.fault in PASSING and case.settled in SETTLED and statuses != scenario.statuses:
        case.problems.append(f"a fault that passed changed the attempts: {statuses}")
    if whole:
        case.problems += _wrong_at_the_end(case, scenario, session, statuses)
    elif not statuses:
        case.problems.append("nothing tells that the task failed")


def _wrong_in_history(session: RecordingSession) -> Iterator[str]:
    numbers = sorted(row["ATTEMPT"] for row in session.history)
    if numbers != list(range(1, len(numbers) + 1)):
        yield f"rows of attempts {numbers}"
    rows = {row["SERVICE_NAME"]: row for row in session.history}
    started = set(session.services) | set(session.dropped)
    if missing := started - set(rows):
        yield f"no row for {missing}"
    if running := [name for name, service in session.services.items() if service.status not in FINAL]:
        yield f"still running: {running}"
    logged = {log["ATTEMPT"] for log in session.logs}
    if lost := {row["ATTEMPT"] for name, row in rows.items() if name in started} - logged:
        yield f"no log of attempts {lost}"


def _wrong_at_the_end(
    case: Case, scenario: Scenario, session: RecordingSession, statuses: tuple[str, ...]
) -> Iterator[str]:
    well = scenario.statuses[-1] == "DONE" or scenario.on_failure == "continue"
    if well and not session.return_values:
        yield "no return value was set"
    if case.ended != ("SUCCEEDED" if well else "FAILED") or statuses[-1:] != scenario.statuses[-1:]:
        yield f"task {case.ended}, attempts {statuses}"


def run(_seed: int, _count: int) -> tuple[list[str], list[str]]:
    """Run the whole matrix, which has no random part; returns figures and what is wrong."""
    cases = list(matrix())
    return figures(cases).splitlines(), [str(case) for case in cases if case.problems]


def figures(cases: list[Case]) -> str:
    """Return the figures as a table for people."""
    lines = ["| Scenario | Cases | Wrong | With attempts beyond an undisturbed run's |", "| --- | ---: | ---: | ---: |"]
    for name in dict.fromkeys(case.scenario for case in cases):
        of = [case for case in cases if case.scenario == name]
        wrong, more = sum(bool(case.problems) for case in of), sum(case.more_attempts > 0 for case in of)
        lines.append(f"| {name} | {len(of)} | {wrong} | {more} |")
    wrong, more = sum(bool(case.problems) for case in cases), sum(case.more_attempts > 0 for case in cases)
    return "\n".join([*lines, f"| all | {len(cases)} | {wrong} | {more} |"])
