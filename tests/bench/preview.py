"""`pulumi preview` of a graph of 1,000 tasks beside a bare Pulumi program with the same 1,000 tasks."""

from __future__ import annotations

import tempfile
from pathlib import Path

from tests.bench.figure import Figure, paired
from tests.lifecycle import project as projects

JOBS = 998  # with root and finalizer a graph of 1,000 tasks
WIDTH = 20


def configuration(jobs: int, width: int = WIDTH) -> str:
    """A graph of so many chains of jobs: each job follows the one `width` places before it."""
    lines = ["version: 1", "defaults: {image: 'my_job_image:latest', compute_pool: PR_STD_POOL_XS}", "graphs:"]
    lines += ["  container_jobs:", "    root_task: ROOT_TASK", "    finalizer_task: GET_GRAPH_STATS", "    jobs:"]
    for number in range(jobs):
        after = f"after: [job_{number - width:04}], " if number >= width else ""
        lines.append(
            f"      job_{number:04}: {{{after}args: ['--query=select {number}', '--result_table=r_{number}']}}"
        )
    return "\n".join(lines) + "\n"


BARE = '''"""The same tasks without anything around them."""
import json
import pathlib
import pulumi
import pulumi_snowflake as snowflake

made = {}
for task in json.loads(pathlib.Path("tasks.json").read_text()):
    before = [made[name] for name in task.pop("before")]
    made[task["name"]] = snowflake.Task(task["name"], opts=pulumi.ResourceOptions(depends_on=before), **task)
'''

EXPORT = """
import json, pathlib
from importlib.resources import files
from jobgraph.config.reading import read
from jobgraph.plan.planning import Procedures, plan
from jobgraph.plan.procedure_text import sources_in, texts
from jobgraph.settings import read_settings
settings = read_settings({}, "bench")
procedures = Procedures(**texts(sources_in(files("jobgraph.procedures"))))
(graph,) = plan(read("jobconfig.yaml", settings.pool_families), settings, procedures).graphs
def task(one, **more):
    return {"name": one.name, "database": settings.database, "schema": settings.schema, "sql_statement": one.sql,
            "comment": one.comment, **more}
tasks = [task(graph.root, started=False, before=[])]
tasks += [task(one, started=True, afters=list(one.after), warehouse=settings.warehouse,
               before=list(one.predecessors)) for one in graph.tasks]
tasks.append(task(graph.finalizer, started=True, finalize=graph.root.full_name, before=[graph.root.name]))
pathlib.Path("../bare/tasks.json").write_text(json.dumps(tasks))
"""


def measure(repeat: int) -> list[Figure]:
    """First previews of both, alternating."""
    with tempfile.TemporaryDirectory() as folder:
        project = projects.make(Path(folder) / "project")
        try:
            (project.folder / "jobconfig.yaml").write_text(configuration(JOBS))
            bare = Path(folder) / "bare"
            bare.mkdir()
            (bare / "__main__.py").write_text(BARE)
            settings = (project.folder / "Pulumi.yaml").read_text().split("config:")[0].replace("jobgraph", "bare")
            (bare / "Pulumi.yaml").write_text(settings)
            (bare / "Pulumi.dev.yaml").write_text((project.folder / "Pulumi.dev.yaml").read_text())
            (bare / ".venv").symlink_to(projects.ROOT / ".venv")
            project.run(str(projects.BIN / "python"), "-c", EXPORT)
            plain = projects.Project(bare, project.environment)
            plain.run("pulumi", "stack", "select", "--create", "dev", "--non-interactive")
            ratio, mine, other = paired(lambda: project.pulumi("preview"), lambda: plain.pulumi("preview"), repeat)
        finally:
            project.jobgraph("sandbox", "stop", check=False)
    return [Figure("preview of 1,000 tasks / bare program", ratio, 1.1, f"{mine:.1f} s / {other:.1f} s")]
