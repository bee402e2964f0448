"""One run of a graph of 300 containers, a hundred of which may run at once.

Knows the graph and what must be there afterwards. Must not know the other loads.
"""

from __future__ import annotations

import time
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.reliability.load.client import Client, Sandbox
    from tests.reliability.load.figures import Report

FAN_OUT, LENGTH = 100, 3
PATIENCE = 900.0
# A container is a process with three threads of the sandbox: one that waits for it, and one for each of its outputs.
THREADS_OF_A_CONTAINER = 6
DOCKERFILE = (
    "FROM python:3.11-slim\nLABEL org.opencontainers.image.version=1\n"
    'WORKDIR /app\nCOPY main.py ./\nENTRYPOINT ["python3", "-S", "main.py"]\n'
)
JOB = (
    "EXECUTE JOB SERVICE IN COMPUTE POOL P FROM SPECIFICATION $$"
    "{spec: {containers: [{name: main, image: /d/public/r/job:1}]}}$$"
)
_RUNS = "SELECT STATE, SPCS_JOB_ID FROM TABLE(D.INFORMATION_SCHEMA.TASK_HISTORY(RESULT_LIMIT => 10000{}))"
UNDER_WAY = f"SELECT 1 FROM ({_RUNS.format('')}) WHERE STATE IN ('SCHEDULED', 'EXECUTING')"


def image(folder: Path) -> Path:
    """Make the folder of images."""
    job = folder / "job"
    job.mkdir(parents=True)
    (job / "Dockerfile").write_text(DOCKERFILE)
    (job / "main.py").write_text("print('hello', flush=True)\n")
    return folder


def run(sandbox: Sandbox, client: Client, report: Report) -> None:
    """Deploy the graph, run it once, and tell."""
    for statement in _definitions():
        client.rows(statement)
    memory, threads = sandbox.megabytes, sandbox.threads
    began, most_threads, most_memory = time.monotonic(), 0, 0.0
    client.rows("EXECUTE TASK C_ROOT")
    while client.rows(UNDER_WAY) and time.monotonic() - began < PATIENCE:
        most_threads, most_memory = max(most_threads, sandbox.threads), max(most_memory, sandbox.megabytes)
        time.sleep(0.5)
    seconds = time.monotonic() - began
    states = [client.rows(_RUNS.format(f", TASK_NAME => '{name}'"))[0] for name in _names()]
    jobs = {job for state, job in states if state == "SUCCEEDED" and job is not None}
    told = f"{seconds:.0f} s, {seconds / len(states):.2f} s each"
    report.tell(f"graph of {FAN_OUT * LENGTH} containers, {FAN_OUT} at once: {told}")
    report.want("each of them ran once and succeeded", holds=len(jobs) == FAN_OUT * LENGTH)
    report.hold("most threads for each that runs", (most_threads - threads) / FAN_OUT, THREADS_OF_A_CONTAINER)
    report.hold("most memory / before", most_memory / memory, 2.0)
    report.hold("threads left", sandbox.threads - threads, FAN_OUT)
    left = [p for p in Path("/proc").glob("[0-9]*") if _is_of(p, sandbox.pid)]
    report.want("no process of a container is left", holds=not left)


def _is_of(process: Path, pid: int) -> bool:
    """Tell whether a process runs the containers' program for a sandbox."""
    try:
        return (
            b"main.py" in (process / "cmdline").read_bytes() and f"\nPPid:\t{pid}\n" in (process / "status").read_text()
        )
    except OSError:
        return False  # it has ended meanwhile


def _names() -> list[str]:
    return [f"C{number}" for number in range(FAN_OUT * LENGTH)]


def _definitions() -> Iterator[str]:
    yield "CREATE TASK C_ROOT WAREHOUSE = W AS SELECT 1"
    for number, name in enumerate(_names()):
        before = f"C{number - FAN_OUT}" if number >= FAN_OUT else "C_ROOT"
        yield f"CREATE TASK {name} AFTER {before} AS {JOB}"
    yield "SELECT SYSTEM$TASK_DEPENDENTS_ENABLE('C_ROOT')"
