"""The finalizer closes a run of as many tasks as a graph may have: all in history, none twice, however they ended.

Knows a graph of a thousand tasks on a sandbox, whose jobs are plain statements: some of them fail before any job is
started. Must not know how the figures are shown.
"""

from __future__ import annotations

import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import yaml

from tests.runner.deployed import Deployed, deployed

if TYPE_CHECKING:
    from jobgraph.plan.planning import TaskPlan

# with root and finalizer a thousand: docs.snowflake.com/en/user-guide/tasks-graphs
JOBS = 998
CHILDREN = 100
FAILING_EACH = 10
PATIENCE = 1800.0


def run(_seed: int, _count: int) -> tuple[list[str], list[str]]:
    """Run the graph once, which has no random part; returns figures and what is wrong."""
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder, "jobs.yaml")
        file.write_text(yaml.safe_dump(_configuration()))
        with deployed(Path(folder, "sandbox"), Path(folder, "images"), file, _statement) as graph:
            began = time.monotonic()
            graph.start()
            group = graph.finish(PATIENCE)
            return _figures(graph, group, time.monotonic() - began)


def _configuration() -> dict[str, Any]:
    """Return a hundred chains that begin at the root."""
    jobs = {f"t_{n}": {"after": [f"t_{n - CHILDREN}"]} if n >= CHILDREN else {} for n in range(JOBS)}
    defaults = {"image": "job:1", "compute_pool": "POOL"}
    return {"version": 1, "defaults": defaults, "graphs": {"g": {"jobs": jobs}}}


def _fails(name: str) -> bool:
    """Tell whether a task is one of those that fail: the last of its chain, so that none is skipped."""
    number = int(name.removeprefix("T_"))
    return number >= JOBS - CHILDREN and number % FAILING_EACH == 0


def _statement(task: TaskPlan) -> str:
    return "SELECT 'x'::NUMBER" if _fails(task.name) else "SELECT 1"


def _figures(graph: Deployed, group: str, seconds: float) -> tuple[list[str], list[str]]:
    tasks = graph.rows(f"SELECT NAME, STATE FROM D.S.TASK_LOGGING_STATS WHERE GRAPH_RUN_GROUP_ID = '{group}'")
    attempts = graph.rows(f"SELECT TASK_NAME FROM D.S.JOBS_RUN_STATS WHERE GRAPH_RUN_ID = '{group}'")
    failed = sorted(row["NAME"] for row in tasks if row["STATE"] == "FAILED")
    expected = sorted(f"T_{number}" for number in range(JOBS) if _fails(f"T_{number}"))
    wrong = []
    if len(tasks) != JOBS + 1 or len({row["NAME"] for row in tasks}) != JOBS + 1:
        wrong.append(f"{len(tasks)} rows of tasks for a root and {JOBS} jobs")
    if failed != expected:
        wrong.append(f"failed in history: {failed}, in truth {expected}")
    if sorted(row["TASK_NAME"] for row in attempts) != expected:
        wrong.append(f"recorded as never begun: {attempts}, in truth {expected}")
    told = f"{JOBS + 2} tasks in a run, {len(tasks)} in history, {len(attempts)} of {len(expected)} failures recorded"
    return [f"{told}; {seconds:.0f} seconds"], wrong
