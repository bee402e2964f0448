"""The fault matrix of direct jobs: every statement that the finalizer sends to record them, met by every kind of fault.

Knows the finalizer and the stand-in of its session. Nobody stands beside such a job, so only the finalizer can be met;
after it the next one runs: that of the same run, tried again, or that of the run after it.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from jobgraph.procedures.direct_outcome import NOT_KEPT
from tests.procedures.direct import DEFINITION, TIMED_OUT, add_run
from tests.procedures.recording import FINAL, RecordingSession, Service
from tests.reliability.runner import FAULTS, PASSING, Case, calm, disturb, figures, finalize

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator


@dataclass(frozen=True)
class Scenario:
    """What Snowflake tells of one or more runs of a direct job's task, and the attempts that history is to have."""

    name: str
    add: Callable[[RecordingSession], Any]
    statuses: tuple[str, ...]


def _failed() -> Service:
    return Service("FAILED", log="ValueError: no\n", last_exit_code=3, message="User application error")


def _three() -> Service:
    service = _failed()
    done = {"status": "DONE", "last_exit_code": 0, "message": ""}
    first = service.containers[0]
    service.containers = [first | done | {"instance_id": str(n)} for n in range(2)] + [first | {"instance_id": "2"}]
    return service


def _tried_twice(session: RecordingSession) -> None:
    add_run(session, service=_failed(), state="FAILED", attempt=1)
    add_run(session, service=Service(log='{"n": 1}\n'), attempt=2, returned='{"n": 1}')


SCENARIOS = (
    Scenario("done", lambda s: add_run(s, service=Service(log="bye\n")), ("DONE",)),
    Scenario("failed", lambda s: add_run(s, service=_failed(), state="FAILED"), ("FAILED",)),
    Scenario("failed, then done with the graph tried again", _tried_twice, ("FAILED", "DONE")),
    Scenario(
        "beyond its time",
        lambda s: add_run(s, service=Service("RUNNING"), state="FAILED", error=TIMED_OUT),
        ("TIMED_OUT",),
    ),
    Scenario("never begun", lambda s: add_run(s, state="FAILED", error="no pool", code=603), ("FAILED",)),
    Scenario("dropped meanwhile", lambda s: add_run(s, service=_failed(), state="FAILED", there=False), ("FAILED",)),
    Scenario(
        "not in the job history", lambda s: add_run(s, service=_failed(), state="FAILED", remembered=False), ("FAILED",)
    ),
    Scenario(
        "one of three replicas fails", lambda s: add_run(s, service=_three(), state="FAILED", replicas=3), ("FAILED",)
    ),
)


def matrix(scenarios: tuple[Scenario, ...] = SCENARIOS) -> Iterator[Case]:
    """Yield all cases."""
    for scenario in scenarios:
        clean = _session(scenario)
        finalize(clean, DEFINITION)
        expected = _told(clean)
        for number, (text, _) in enumerate(clean.statements, 1):
            for fault in FAULTS:
                if fault.endswith("within") and " ->> INSERT" not in text:
                    continue
                case = Case(scenario.name, number, text[:40], fault, "finalizer again")
                session = _session(scenario)
                disturb(session, number, fault)
                case.ended = finalize(session, DEFINITION)
                calm(session)
                if case.ended != "SUCCEEDED" or fault not in PASSING:
                    finalize(session, DEFINITION)
                case.problems += _wrong(scenario, session, expected if fault in PASSING else None)
                yield case


def _session(scenario: Scenario) -> RecordingSession:
    session = RecordingSession()
    scenario.add(session)
    return session


def _told(session: RecordingSession) -> list[tuple[Any, ...]]:
    keys = ("ATTEMPT", "JOB_STATUS", "REASON_CLASS", "EXIT_CODE", "OUTPUTS", "SERVICE_NAME", "QUERY_ID")
    return sorted(tuple(map(row.get, keys)) for row in session.history)


def _wrong(scenario: Scenario, session: RecordingSession, expected: list[tuple[Any, ...]] | None) -> Iterator[str]:
    rows = sorted(session.history, key=lambda row: int(row["ATTEMPT"]))
    if [row["ATTEMPT"] for row in rows] != list(range(1, len(scenario.statuses) + 1)):
        yield f"rows of attempts {[row['ATTEMPT'] for row in rows]}"
    if tuple(row["JOB_STATUS"] for row in rows) != scenario.statuses:
        yield f"attempts {[row['JOB_STATUS'] for row in rows]}"
    if running := [name for name, service in session.services.items() if service.status not in FINAL]:
        yield f"still running: {running}"
    started = {row["ATTEMPT"] for row in rows if row["SERVICE_NAME"]}
    if lost := started - {log["ATTEMPT"] for log in session.logs}:
        yield f"no log of attempts {lost}"
    if len({(log["ATTEMPT"], log["INSTANCE_ID"]) for log in session.logs}) != len(session.logs):
        yield "a log is there twice"
    if expected is not None and _told(session) != expected:
        yield f"a fault that passed changed the attempts: {json.dumps(_told(session), default=str)}"
    if scenario.name == "dropped meanwhile" and {log["LOG"] for log in session.logs} != {NOT_KEPT}:
        yield "it is not said that the log was not kept"


def run(_seed: int, _count: int) -> tuple[list[str], list[str]]:
    """Run the whole matrix, which has no random part; returns figures and what is wrong."""
    cases = list(matrix())
    return figures(cases).splitlines(), [str(case) for case in cases if case.problems]
