"""Equal jobs below one root, on eight slots of a warehouse, on a slot for each, and direct: run time to critical path.

The path is one job: all of them may run at once. The containers only wait, and the sandbox holds its warehouse to its
slots, so what is measured is the queue and what the ways to run a job cost besides.
"""

from __future__ import annotations

import statistics
import tempfile
from pathlib import Path

import yaml

from jobgraph.config.model import DIRECT, MANAGED
from tests.bench.figure import Figure
from tests.runner.deployed import Deployed, deployed

JOBS = 100
SECONDS = 20
SLOTS = 8
DOCKERFILE = f'FROM python:3.11-slim\nENTRYPOINT ["sleep", "{SECONDS}"]\n'
# of a graph that waits for no slot: what starts and ends of the jobs of one run may take besides its longest job
GOAL = 1.3


def measure(repeat: int, jobs: int = JOBS) -> list[Figure]:
    """The median ratios over several runs of each way."""
    rounds = -(-jobs // SLOTS)
    ways = (
        (f"{jobs} equal jobs on {SLOTS} slots / {rounds} rounds of them", MANAGED, SLOTS, rounds),
        (f"{jobs} equal jobs on {jobs} slots / one of them", MANAGED, jobs, 1),
        (f"{jobs} equal direct jobs / one of them", DIRECT, SLOTS, 1),
    )
    figures = []
    for name, runner, slots, path in ways:
        runs = [_run(jobs, runner, slots) for _ in range(repeat)]
        whole = statistics.median(seconds for seconds, _ in runs)
        one = statistics.median(longest for _, longest in runs)
        detail = f"{whole:.1f} s / {path} x {one:.1f} s; {whole / one:.1f} times the critical path"
        figures.append(Figure(name, statistics.median(a / (b * path) for a, b in runs), GOAL, detail))
    return figures


def _run(jobs: int, runner: str, slots: int) -> tuple[float, float]:
    """Run such a graph once; returns its seconds without the finalizer, and those of its median container."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        image = folder / "images" / "job"
        image.mkdir(parents=True)
        (image / "Dockerfile").write_text(DOCKERFILE)
        defaults = {"image": "job:latest", "compute_pool": "POOL", "retries": 0, "runner": runner}
        graph: dict[str, dict[str, dict[str, str]]] = {"jobs": {f"t_{number}": {} for number in range(jobs)}}
        file = folder / "jobs.yaml"
        file.write_text(yaml.safe_dump({"version": 1, "defaults": defaults, "graphs": {"g": graph}}))
        with deployed(folder / "sandbox", folder / "images", file, lambda task: task.sql) as ran:
            ran.rows(f"ALTER WAREHOUSE WH SET MAX_CONCURRENCY_LEVEL = {slots}")
            ran.rows(f"ALTER COMPUTE POOL POOL SET MAX_NODES = {min(jobs, 150)}")
            ran.start()
            ran.finish(60.0 * jobs)
            return _seconds(ran)


def _seconds(ran: Deployed) -> tuple[float, float]:
    rows = [row for attempts in ran.attempts().values() for row in attempts]
    assert {row["JOB_STATUS"] for row in rows} == {"DONE"}, rows
    assert ran.graph.finalizer is not None
    (run,) = ran.rows(
        "SELECT MIN(QUERY_START_TIME) AS BEGAN, MAX(COMPLETED_TIME) AS ENDED FROM TABLE("
        "D.INFORMATION_SCHEMA.TASK_HISTORY(RESULT_LIMIT => 10000))"
        f" WHERE NAME <> '{ran.graph.finalizer.name}' AND STATE = 'SUCCEEDED'"
    )
    longest = statistics.median((row["COMPLETED_TIME"] - row["STARTED_TIME"]).total_seconds() for row in rows)
    return (run["ENDED"] - run["BEGAN"]).total_seconds(), longest
