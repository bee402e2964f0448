"""What a deploy sends: statements counted for no change and for one changed job, by kind.

Knows how statements are seen. Must not know how a deploy is ordered.
"""

from __future__ import annotations

import tempfile
from pathlib import Path

from tests.bench.figure import Figure
from tests.deploys.driver import Deploys, deploys
from tests.deploys.proxy import is_write

# Writes of a bare program for one changed task: root SUSPEND, task SUSPEND, MODIFY AS, RESUME, root RESUME.
GOAL = 4
JOBS = 12


def _graph(number: int) -> dict[str, dict[str, object]]:
    jobs = {f"job_{one}": {"after": [f"job_{one - 1}"] if one else []} for one in range(JOBS)}
    jobs["job_5"]["args"] = [f"--number={number}"]
    return {"one": {"jobs": jobs}}


def _sent(project: Deploys, number: int) -> tuple[int, int, int]:
    project.up(_graph(number))
    writes = [one for one in project.proxy.statements if is_write(one)]
    tasks = [one for one in writes if "TASK" in one.upper().split("(")[0]]
    return len(project.proxy.statements) - len(writes), len(writes), len(tasks)


def measure(_repeat: int) -> list[Figure]:
    """Counts are the same every time, so one deploy of each kind is enough."""
    with tempfile.TemporaryDirectory() as folder, deploys(Path(folder) / "project") as project:
        project.up(_graph(0))
        reads, writes, _ = _sent(project, 0)
        changed_reads, changed_writes, tasks = _sent(project, 1)
    per_task = f"{reads} reads for {JOBS + 2} tasks and all else; {reads / (JOBS + 2):.2f} per task"
    one = f"{changed_reads} reads; of the writes {tasks} on tasks, {changed_writes - tasks} on the staged configuration"
    return [
        Figure("writes of an `up` without a change", writes, 0, per_task, "statements"),
        Figure("writes of an `up` with one changed job", changed_writes, GOAL, one, "statements"),
    ]
