"""The end of a stack and of a graph: refused while runs are under way, repeatable, and what holds data stays."""

from __future__ import annotations

import json
import re
import signal
import subprocess
from typing import TYPE_CHECKING

from tests.lifecycle import stack
from tests.lifecycle.deploying.test_deploy import inventory
from tests.lifecycle.project import kill

if TYPE_CHECKING:
    from tests.lifecycle.project import Project

S = stack.PLACE
# its job never ends by itself
SECOND = """\
  second:
    jobs:
      other:
        image: "my_job_image:latest"
        compute_pool: PR_STD_POOL_XS
        command: [python3, -c, "import threading; threading.Event().wait()"]
"""


def tasks(project: Project) -> dict[str, str]:
    """States of all tasks by name."""
    return {row["name"]: row["state"] for row in project.query("SHOW TASKS IN ACCOUNT")}


def test_a_stack_and_its_graphs_go_only_when_nothing_runs_and_what_holds_data_stays(fresh: Project) -> None:
    before = inventory(fresh)
    stack.choose(fresh, retain=True)
    both = (fresh.folder / "jobconfig.yaml").read_text() + SECOND
    (fresh.folder / "jobconfig.yaml").write_text(both)
    fresh.up()
    everything = tasks(fresh)

    fresh.jobgraph("run", "second")
    refused_and_untouched(fresh, everything, "of graph second. Wait for it (`jobgraph wait second`)", "destroy")
    fresh.restore()
    refused_and_untouched(fresh, everything, "1 run is under way: run ", "up")
    (fresh.folder / "jobconfig.yaml").write_text(both)
    stack.choose(fresh, retain=True, force_destroy=True)
    fresh.up()
    fresh.restore()
    fresh.up()
    assert set(tasks(fresh)) == {"ROOT_TASK", "GET_GRAPH_STATS", *(f"T_MYJOB_{number}" for number in range(1, 7))}

    drops = json.loads(fresh.pulumi("stack", "output", "to_drop_what_destroy_keeps", "--json").stdout)
    killed_in_the_middle(fresh)
    fresh.pulumi("destroy", "--yes", "--skip-preview", "--refresh")
    assert tasks(fresh) == {}
    for kind in ("ROLES", "WAREHOUSES", "COMPUTE POOLS"):
        assert stack.names(fresh, f"SHOW {kind}") == before[kind]
    assert stack.names(fresh, f"SHOW STAGES IN SCHEMA {S}") == ["JOBS"]
    assert {"JOBS_RUN_STATS", "JOB_LOGS", "TASK_LOGGING_STATS"} <= set(stack.names(fresh, f"SHOW TABLES IN SCHEMA {S}"))
    assert stack.names(fresh, f"SHOW VIEWS IN SCHEMA {S}") == []
    for statement in drops:
        fresh.query(statement)
    assert inventory(fresh) == before


def refused_and_untouched(project: Project, expected: dict[str, str], reason: str, command: str) -> None:
    """The command fails for that reason, says what to do, and no task is different."""
    done = project.pulumi(command, "--yes", "--skip-preview", check=False)
    told = done.stdout + done.stderr
    assert done.returncode != 0
    assert reason in told
    assert "jobgraph cancel" in told
    assert "force_destroy" in told
    assert tasks(project) == expected


def killed_in_the_middle(project: Project) -> None:
    """End the engine with a signal that it cannot handle, once it has deleted the first task."""
    command = ["pulumi", "destroy", "--yes", "--skip-preview", "--non-interactive", "--stack", "dev"]
    with subprocess.Popen(
        command,
        cwd=project.folder,
        env=project.cold,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        start_new_session=True,
    ) as engine:
        assert engine.stdout
        for line in engine.stdout:
            if re.search(r":Task \S*T_MYJOB.*deleted", line):
                kill(engine, plugins=False)
                break
    assert engine.returncode == -signal.SIGKILL
    assert stack.names(project, "SHOW COMPUTE POOLS LIKE 'PR_STD_POOL_S'")
    project.pulumi("cancel", "--yes", check=False)
