"""A deploy in the middle of a run: the run ends as it began, and what it needed goes when nothing needs it any more."""

from __future__ import annotations

import json
import os
from contextlib import contextmanager
from typing import TYPE_CHECKING

from tests.lifecycle import stack

if TYPE_CHECKING:
    from collections.abc import Iterator
    from collections.abc import Set as AbstractSet
    from pathlib import Path

    from tests.lifecycle.project import Project

S = stack.PLACE
GRAPH = """\
version: 1
defaults: {{image: "my_job_image:1.1.0", compute_pool: PR_STD_POOL_XS}}
graphs:
  flight:
    schedule: 59 minutes
    jobs:
      slow: {{command: [python3, -c, "open('{gate}').read()"]}}
      told: {{after: [slow], command: [python3, -c, "print('{{\\"said\\": \\"{said}\\"}}')"]}}
      unpacked: {{after: [slow], payload: {{path: src, entrypoint: main.py}}}}
{more}"""


def configure(project: Project, gate: Path, said: str, more: str = "") -> None:
    """Write a graph whose first job waits at the gate, and whose others say what they were told to say."""
    (project.folder / "jobconfig.yaml").write_text(GRAPH.format(gate=gate, said=said, more=more))
    (project.folder / "src").mkdir(exist_ok=True)
    (project.folder / "src" / "main.py").write_text(f'print(\'{{"said": "{said}"}}\')\n')


def change_procedures(project: Project, note: str) -> None:
    """Give runner and finalizer another text."""
    for name in ("run_job", "finalize_graph"):
        path = project.folder / "procedures" / f"{name}.py"
        path.write_text(path.read_text().partition("\n# noted: ")[0] + note)


@contextmanager
def held(gate: Path) -> Iterator[None]:
    """Let the first job go when the block ends; it begins when the job has come to the gate."""
    with gate.open("w"):
        yield


def procedures(project: Project) -> dict[str, str]:
    """Comments of all procedures that tasks call, by name."""
    rows = project.query(f"SHOW PROCEDURES IN SCHEMA {S}")
    return {row["name"]: row["description"] for row in rows if not row["name"].startswith("DROP_")}


def said(project: Project) -> dict[str, str]:
    """What the jobs of the last run said, by name, once it is over; all of them are done."""
    jobs = json.loads(project.jobgraph("status", "--json").stdout)["jobs"]
    assert {job["state"] for job in jobs} == {"DONE"}, jobs
    return {job["job"]: job["outputs"]["said"] for job in jobs if job["job"] != "SLOW"}


def called(project: Project) -> dict[str, str]:
    """The procedure that each task of the last run called."""
    rows = project.query(
        "SELECT NAME, QUERY_TEXT FROM TABLE(INFORMATION_SCHEMA.TASK_HISTORY()) WHERE QUERY_TEXT LIKE 'CALL%'"
        " ORDER BY QUERY_START_TIME"
    )
    return {row["NAME"]: row["QUERY_TEXT"].partition("(")[0].rpartition(".")[2] for row in rows}


def test_a_run_in_flight_ends_with_what_it_began_with(fresh: Project, tmp_path: Path) -> None:
    gate = tmp_path / "gate"
    os.mkfifo(gate)
    stack.choose(fresh, retain=True)
    configure(fresh, gate, "old")
    fresh.up()
    first = procedures(fresh)

    fresh.jobgraph("run")
    with held(gate):
        configure(fresh, gate, "new")
        change_procedures(fresh, "\n# noted: a new text\n")
        fresh.up()
        both = procedures(fresh)
        second = both.keys() - first.keys()
        assert len(both) == 4
        assert {name for name, comment in both.items() if comment.endswith(" [superseded]")} == first.keys()
        stack.unchanged(fresh)
        taken_back(fresh, both, first.keys(), second)
    fresh.jobgraph("wait")
    assert said(fresh) == {"TOLD": "old", "UNPACKED": "old"}
    assert set(called(fresh).values()) == first.keys()
    assert procedures(fresh) == both

    fresh.jobgraph("run")
    with held(gate):
        pass
    fresh.jobgraph("wait")
    assert said(fresh) == {"TOLD": "new", "UNPACKED": "new"}
    assert procedures(fresh).keys() == set(called(fresh).values()) == second

    change_procedures(fresh, "")
    fresh.up()
    assert procedures(fresh) == first
    stack.unchanged(fresh)
    what_a_run_needs_is_not_taken_away(fresh, gate)
    fresh.pulumi("destroy", "--yes", "--skip-preview")
    assert fresh.query(f"SHOW PROCEDURES IN SCHEMA {S}") == []


def taken_back(project: Project, both: dict[str, str], first: AbstractSet[str], second: AbstractSet[str]) -> None:
    """The former text while its procedures are there still, and the later one again: what is there is used."""
    for note, unused in (("", second), ("\n# noted: a new text\n", first)):
        change_procedures(project, note)
        project.up()
        found = procedures(project)
        assert found.keys() == both.keys()
        assert {name for name, comment in found.items() if comment.endswith(" [superseded]")} == unused
        if unused is second:
            stack.unchanged(project)


def what_a_run_needs_is_not_taken_away(project: Project, gate: Path) -> None:
    """A pool that the run in flight may need stays; everything else is deployed, and the next `up` takes the pool."""
    project.jobgraph("run")
    with held(gate):
        configure(project, gate, "newest")
        stack.choose(project, retain=True, pools={"PR_STD_POOL_XS": {"instance_family": "CPU_X64_XS"}})
        refused = project.pulumi("up", "--yes", "--skip-preview", check=False)
        assert refused.returncode != 0
        assert "compute pool PR_STD_POOL_S stays for now: runs of FLIGHT_ROOT are under way" in refused.stdout
        (root,) = project.query(f"SHOW TASKS LIKE 'FLIGHT_ROOT' IN SCHEMA {S}")
        assert root["state"] == "started"
    project.jobgraph("wait")
    assert said(project)["TOLD"] == "new"
    project.up()
    assert stack.names(project, "SHOW COMPUTE POOLS") == ["PR_STD_POOL_XS"]
    stack.unchanged(project)
