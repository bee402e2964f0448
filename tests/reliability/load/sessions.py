"""Fifty sessions at once that do all that clients do, while twenty schedules of seconds go on.

Knows statements, how long each kind took, and what must be there afterwards. Must not know the other loads.
"""

from __future__ import annotations

import itertools
import threading
import time
from collections import Counter, defaultdict
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from tests.reliability.load.client import RefusedError
from tests.reliability.load.figures import percentile

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.reliability.load.client import Client, Sandbox
    from tests.reliability.load.figures import Report

SESSIONS, SCHEDULES, ROOTS, SECONDS = 50, 20, 10, 120.0
CHILDREN = 4
# A client in ten asks for a run, one in ten looks at the history; the rest reads and writes.
ROUND = ("insert", "select", "read", "insert", "history", "insert", "show", "run", "insert", "read")
# Of a statement beside `SELECT 1` under the same load, both at their 99th percentile.
SLOWEST = 2.0
RUN = "SYSTEM$TASK_RUNTIME_INFO('CURRENT_TASK_GRAPH_RUN_GROUP_ID')"
UNDER_WAY = (
    "SELECT NAME FROM TABLE(D.INFORMATION_SCHEMA.TASK_HISTORY(RESULT_LIMIT => 10000)) WHERE STATE = 'EXECUTING'"
    " OR (STATE = 'SCHEDULED' AND SCHEDULED_FROM = 'EXECUTE_TASK')"
)


@dataclass
class Measured:
    """What the sessions saw."""

    seconds: dict[str, list[float]] = field(default_factory=lambda: defaultdict(list))
    acknowledged: list[tuple[int, int]] = field(default_factory=list)
    refused: list[str] = field(default_factory=list)
    threads: int = 0


def prepare(client: Client) -> None:
    """Make the tables, the graphs that sessions ask for, and the scheduled tasks."""
    for statement in _definitions():
        client.rows(statement)


def _definitions() -> Iterator[str]:
    yield "CREATE TABLE ROWS_ (SESSION NUMBER, N NUMBER)"
    yield "CREATE TABLE RUNS (TASK VARCHAR, RUN VARCHAR)"
    for number in range(ROOTS):
        yield f"CREATE TASK R{number} WAREHOUSE = W AS SELECT 1"
        for child in range(CHILDREN):
            name = f"R{number}_{child}"
            yield f"CREATE TASK {name} WAREHOUSE = W AFTER R{number} AS INSERT INTO RUNS SELECT '{name}', {RUN}"
        yield f"SELECT SYSTEM$TASK_DEPENDENTS_ENABLE('R{number}')"
    for number in range(SCHEDULES):
        name, every = f"EVERY{number}", 10 + number % 3
        yield (
            f"CREATE TASK {name} WAREHOUSE = W SCHEDULE = '{every} SECONDS' AS INSERT INTO RUNS SELECT '{name}', {RUN}"
        )
        yield f"ALTER TASK {name} RESUME"


def measure(sandbox: Sandbox, seconds: float = SECONDS) -> Measured:
    """Let all sessions work for so long."""
    clients = [sandbox.client() for _ in range(SESSIONS)]
    measured, end = Measured(), time.monotonic() + seconds
    threads = [
        threading.Thread(target=_work, args=(number, client, measured, end)) for number, client in enumerate(clients)
    ]
    for thread in threads:
        thread.start()
    while any(thread.is_alive() for thread in threads):
        measured.threads = max(measured.threads, sandbox.threads)
        time.sleep(1)
    return measured


def _work(number: int, client: Client, measured: Measured, end: float) -> None:
    kinds = itertools.cycle(ROUND[number % len(ROUND) :] + ROUND[: number % len(ROUND)])
    for n, kind in enumerate(kinds):
        if time.monotonic() > end:
            return
        began = time.monotonic()
        try:
            client.rows(_statement(kind, number, n))
        except RefusedError as error:
            measured.refused.append(str(error))
        else:
            measured.seconds[kind].append(time.monotonic() - began)
            if kind == "insert":
                measured.acknowledged.append((number, n))


def _statement(kind: str, number: int, n: int) -> str:
    return {
        "insert": f"INSERT INTO ROWS_ VALUES ({number}, {n})",
        "select": "SELECT 1",
        "read": f"SELECT COUNT(*) FROM ROWS_ WHERE SESSION = {number}",
        "history": "SELECT * FROM TABLE(INFORMATION_SCHEMA.TASK_HISTORY())",
        "show": "SHOW TASKS",
        "run": f"EXECUTE TASK R{number % ROOTS}",
    }[kind]


def tell(measured: Measured, report: Report) -> None:
    """Add the figures, and hold each kind of statement against `SELECT 1`."""
    count = sum(map(len, measured.seconds.values()))
    report.tell(f"{SESSIONS} sessions, {SCHEDULES} schedules of seconds: {count} statements")
    for kind, seconds in sorted(measured.seconds.items()):
        p50, p99 = percentile(seconds, 50), percentile(seconds, 99)
        report.tell(f"  {kind:<8}{len(seconds):>6}   p50 {p50 * 1000:6.0f} ms   p99 {p99 * 1000:6.0f} ms")
    plain = percentile(measured.seconds["select"], 99)
    for kind in ("run", "history", "insert", "show", "read"):
        report.hold(f"p99 of {kind} / p99 of SELECT 1", percentile(measured.seconds[kind], 99) / plain, SLOWEST)
    report.tell(f"  most threads {measured.threads}")
    report.want("no statement was refused", holds=not measured.refused)


def check(client: Client, measured: Measured, report: Report) -> None:
    """Hold what must be there afterwards: each acknowledged row once, each run's row once, nothing under way."""
    for number in range(SCHEDULES):
        client.rows(f"ALTER TASK EVERY{number} SUSPEND")
    report.want("no run is stuck", holds=client.until(UNDER_WAY, 60))
    rows = Counter((int(session), int(n)) for session, n in client.rows("SELECT SESSION, N FROM ROWS_"))
    report.want("no acknowledged row is lost", holds=not set(measured.acknowledged) - set(rows))
    report.want("no row is there twice", holds=set(rows.values()) <= {1})
    recorded = Counter((task, run) for task, run in client.rows("SELECT TASK, RUN FROM RUNS"))
    succeeded = _succeeded(client)
    report.tell(f"  task runs {len(succeeded)}")
    report.want("each task run that succeeded left one row", holds=recorded == Counter(succeeded))
    report.want("no task run failed", holds=not client.rows(f"SELECT 1 FROM ({_HISTORY}) WHERE STATE = 'FAILED'"))


_HISTORY = "SELECT NAME, GRAPH_RUN_GROUP_ID, STATE FROM TABLE(D.INFORMATION_SCHEMA.TASK_HISTORY(RESULT_LIMIT => 10000))"


def _succeeded(client: Client) -> list[tuple[str, str]]:
    """Return task and run of each that writes a row, also where the history has more than one answer can hold."""
    names = [f"EVERY{number}" for number in range(SCHEDULES)]
    names += [f"R{number}_{child}" for number in range(ROOTS) for child in range(CHILDREN)]
    return [
        (name, str(run))
        for name in names
        for _, run, state in client.rows(_HISTORY.replace("=> 10000", f"=> 10000, TASK_NAME => '{name}'"))
        if state == "SUCCEEDED"
    ]
