"""A graph of a thousand tasks without containers: a run of it on the sandbox beside Dagster's run in one process.

Dagster gets an environment of its own, made here, and its quickest way: `execute_in_process`, which keeps nothing. The
sandbox keeps every transition of every task. Its tasks are what a task must be, a statement; Dagster's ops do nothing.
"""

from __future__ import annotations

import json
import statistics
import subprocess
import sys
import tempfile
import time
import venv
from pathlib import Path
from typing import TYPE_CHECKING

from tests.bench.figure import Figure
from tests.reliability.load.client import running

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.reliability.load.client import Client

# The most that a task graph may have: docs.snowflake.com/en/user-guide/tasks-graphs
TASKS, CHAINS = 1000, 100
VERSION = "1.13.28"
PATIENCE = 600.0
UNDER_WAY = (
    "SELECT 1 FROM TABLE(D.INFORMATION_SCHEMA.CURRENT_TASK_GRAPHS(ROOT_TASK_NAME => 'T0')) WHERE STATE = 'EXECUTING'"
)
PROGRAM = """
import json, sys, time, logging
from dagster import DependencyDefinition, GraphDefinition, In, Nothing, OpDefinition, Out

tasks, chains = int(sys.argv[1]), int(sys.argv[2])

def op(number):
    ins = {"before": In(Nothing)} if number else {}
    return OpDefinition(lambda _context, _inputs: iter(()), f"t{number}", ins=ins, outs={"result": Out(Nothing)})

def before(number):
    return f"t{number - chains}" if number > chains else "t0"

ops = [op(number) for number in range(tasks)]
edges = {f"t{n}": {"before": DependencyDefinition(before(n), "result")} for n in range(1, tasks)}
job = GraphDefinition("g", node_defs=ops, dependencies=edges).to_job()
logging.disable(logging.CRITICAL)
for _ in range(int(sys.argv[3])):
    began = time.perf_counter()
    result = job.execute_in_process()
    seconds = time.perf_counter() - began
    assert result.success
    print(json.dumps(seconds), flush=True)
"""


def measure(repeat: int) -> list[Figure]:
    """The ratio of the medians, each after one run that is not counted."""
    with tempfile.TemporaryDirectory() as folder:
        theirs = _dagster(Path(folder), repeat)
        ours = list(_sandbox(Path(folder), repeat))
    value = statistics.median(ours) / statistics.median(theirs)
    detail = f"{statistics.median(ours):.1f} s / {statistics.median(theirs):.1f} s"
    return [Figure(f"run of {TASKS} tasks / Dagster {VERSION} in process", value, 1.0, detail)]


def _dagster(folder: Path, repeat: int) -> list[float]:
    venv.create(folder / "dagster", with_pip=True)
    python = str(folder / "dagster" / "bin" / "python")
    pip = [python, "-m", "pip", "install", "--quiet", "--disable-pip-version-check", f"dagster=={VERSION}"]
    subprocess.run(pip, check=True)
    (folder / "program.py").write_text(PROGRAM)
    command = [python, str(folder / "program.py"), str(TASKS), str(CHAINS), str(repeat + 1)]
    answer = subprocess.run(command, check=False, capture_output=True, text=True)
    if answer.returncode:
        sys.stderr.write(answer.stderr)
        raise RuntimeError("Dagster's run of the graph failed")
    return [float(json.loads(line)) for line in answer.stdout.splitlines()][1:]


def _sandbox(folder: Path, repeat: int) -> Iterator[float]:
    with running(folder / "sandbox") as sandbox:
        client = sandbox.client()
        for statement in _definitions():
            client.rows(statement)
        _run(client)
        for _ in range(repeat):
            yield _run(client)


def _run(client: Client) -> float:
    began = time.perf_counter()
    client.rows("EXECUTE TASK T0")
    if not client.until(UNDER_WAY, PATIENCE):
        raise RuntimeError("the run of the graph has not ended")
    return time.perf_counter() - began


def _definitions() -> Iterator[str]:
    for number in range(TASKS):
        after = f"AFTER T{max(number - CHAINS, 0)}" if number else ""
        yield f"CREATE TASK T{number} WAREHOUSE = W {after} AS SELECT 1"
    yield "SELECT SYSTEM$TASK_DEPENDENTS_ENABLE('T0')"
