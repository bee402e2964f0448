"""A run of the six-job graph beside its critical path: the container seconds along the longest path of the same run."""

from __future__ import annotations

import json
import statistics
import tempfile
from pathlib import Path
from typing import Any

from jobgraph.config.reading import read
from tests.bench.figure import Figure
from tests.lifecycle import project as projects

SCHEMA = "PR_CONTAINER_ORCHESTRATION.PUBLIC"


def critical_path(seconds: dict[str, float], after: dict[str, tuple[str, ...]]) -> float:
    """The longest sum of seconds along the edges."""
    finished: dict[str, float] = {}

    def finish(job: str) -> float:
        if job not in finished:
            finished[job] = seconds[job] + max((finish(before) for before in after[job]), default=0.0)
        return finished[job]

    return max(finish(job) for job in after)


def _one(project: projects.Project, after: dict[str, tuple[str, ...]]) -> tuple[float, float]:
    run = json.loads(project.jobgraph("run", "--wait", "--json").stdout)["run_id"]
    rows = project.query(
        f"SELECT TASK_NAME, STARTED_TIME, COMPLETED_TIME FROM {SCHEMA}.JOBS_RUN_STATS WHERE GRAPH_RUN_ID = ?", run
    )
    seconds = {row["TASK_NAME"]: (row["COMPLETED_TIME"] - row["STARTED_TIME"]).total_seconds() for row in rows}
    (graph,) = project.query(
        "SELECT MIN(QUERY_START_TIME) AS BEGAN, MAX(COMPLETED_TIME) AS ENDED FROM TABLE("
        "INFORMATION_SCHEMA.TASK_HISTORY(RESULT_LIMIT => 10000))"
        " WHERE GRAPH_RUN_GROUP_ID = ? AND NAME <> 'GET_GRAPH_STATS'",
        run,
    )
    return (graph["ENDED"] - graph["BEGAN"]).total_seconds(), critical_path(seconds, after)


def measure(repeat: int) -> list[Figure]:
    """The median ratio over several runs."""
    with tempfile.TemporaryDirectory() as folder:
        project = projects.make(Path(folder) / "project")
        try:
            project.up()
            graph: Any = read(project.folder / "jobconfig.yaml").graphs[0]
            after = {job.name.upper(): tuple(name.upper() for name in job.after) for job in graph.jobs}
            runs = [_one(project, after) for _ in range(repeat)]
        finally:
            project.jobgraph("sandbox", "stop", check=False)
    ratio = statistics.median(whole / path for whole, path in runs)
    detail = (
        f"{statistics.median(a for a, _ in runs):.1f} s / {statistics.median(b for _, b in runs):.1f} s on the path"
    )
    return [Figure("six-job graph / its critical path", ratio, 1.3, detail)]
