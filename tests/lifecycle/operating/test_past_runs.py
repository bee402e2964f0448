"""A run that failed stays failed, whatever is deployed after it; history of an earlier version is upgraded and read."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from jobgraph.runs.wording import duration
from tests.lifecycle import stack

if TYPE_CHECKING:
    from tests.lifecycle.project import Project

S = stack.PLACE
GRAPH = """\
version: 1
defaults: {{image: "my_job_image:1.1.0", compute_pool: PR_STD_POOL_XS, retries: 0}}
graphs:
  {graph}:
    jobs:
      a: {{command: [python3, -c, "print('fine')"]}}
      {second}: {{after: [a], command: [python3, -c, "import sys; print('oh no'); sys.exit(3)"]}}
"""
LATER = ("GRAPH_NAME", "ROOT_TASK_ID", "SCHEDULED_TIME", "STARTED_TIME", "ENDED_TIME", "RUN_CONFIG", "GRAPH_DEFINITION")


def configure(project: Project, second: str, graph: str = "past") -> None:
    (project.folder / "jobconfig.yaml").write_text(GRAPH.format(second=second, graph=graph))


def told(project: Project, *options: str) -> tuple[str, list[tuple[str, str]]]:
    """The state of a run and of its jobs, as `status` tells them."""
    run = json.loads(project.jobgraph("status", "--json", *options).stdout)
    return run["state"], [(job["job"], job["state"]) for job in run["jobs"]]


def test_a_failed_run_stays_failed_after_deploys(fresh: Project) -> None:
    stack.choose(fresh, retain=True)
    configure(fresh, "b")
    fresh.up()
    assert fresh.jobgraph("run", "--wait", check=False).returncode == 1
    failed = "FAILED", [("A", "DONE"), ("B", "FAILED")]
    run = json.loads(fresh.jobgraph("status", "past", "--json").stdout)["run_id"]

    # as a version without these columns left it
    for column in LATER:
        fresh.query(f"ALTER TABLE {S}.TASK_LOGGING_STATS DROP COLUMN {column}")
    configure(fresh, "b2")
    fresh.up("--refresh")
    columns = fresh.query(f"SELECT * FROM {S}.TASK_LOGGING_STATS")[0].keys()
    assert set(LATER) <= columns
    assert told(fresh, "past") == failed
    assert fresh.jobgraph("wait", check=False).returncode == 1
    assert "oh no" in fresh.jobgraph("logs", "b").stdout
    drawn = fresh.jobgraph("graph", "--run", "last").stdout
    assert "FAILED" in drawn
    assert "B2" not in drawn

    assert fresh.jobgraph("run", "--wait", check=False).returncode == 1
    configure(fresh, "other", graph="present")
    fresh.up()
    listed = json.loads(fresh.jobgraph("history", "past", "--json").stdout)
    assert [[(job["job"], job["state"]) for job in one["jobs"]] for one in listed] == [
        [("A", "DONE"), ("B2", "FAILED")],
        failed[1],
    ]
    assert told(fresh, "past", "--run", run) == failed
    assert "oh no" in fresh.jobgraph("logs", "b2", "--graph", "past").stdout
    overview = json.loads(fresh.jobgraph("status", "--json").stdout)["graphs"]
    assert [(line["graph"], line["state"], line["deployed"]) for line in overview] == [
        ("present", None, True),
        ("past", "FAILED", False),
    ]


def test_all_commands_tell_the_same_durations_of_a_run(deployed: Project) -> None:
    first, second = (json.loads(deployed.jobgraph("run", "--wait", "--json").stdout) for _ in range(2))
    ids = first["run_id"], second["run_id"]
    shown = {run["run_id"]: run for run in json.loads(deployed.jobgraph("history", "--json").stdout)}
    listed = deployed.jobgraph("history").stdout
    differences = json.loads(deployed.jobgraph("compare", *ids, "--json").stdout)["differences"]
    graphs = json.loads(deployed.jobgraph("status", "--json").stdout)["graphs"]
    line = next(graph for graph in graphs if graph["run_id"] == second["run_id"])  # graphs that are gone are told too
    assert line["duration_seconds"] == second["duration_seconds"]
    for place, waited in enumerate((first, second)):
        status = json.loads(deployed.jobgraph("status", "--run", ids[place], "--json").stdout)
        texts = deployed.jobgraph("status", "--run", ids[place]).stdout
        spans = durations(waited)
        assert None not in spans.values()
        assert durations(status) == durations(shown[ids[place]]) == spans
        assert f"DONE in {duration(spans[''])}" in texts
        assert duration(spans[""]) in next(line for line in listed.splitlines() if line.split()[:1] == [ids[place]])
        for job, seconds in spans.items():
            assert not job or duration(seconds) in next(
                line for line in texts.splitlines() if line.split()[:1] == [job]
            )
        for one in differences:
            if one["fact"] == "duration":
                assert one[("first", "second")[place]] == spans[one["job"] or ""]


def durations(run: dict[str, Any]) -> dict[str, float]:
    """How long a run and its jobs took, as JSON tells it; the run itself has no name."""
    return {"": run["duration_seconds"], **{job["job"]: job["duration_seconds"] for job in run["jobs"]}}
