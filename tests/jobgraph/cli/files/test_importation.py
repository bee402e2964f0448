"""`import` from a JSON list and from a live graph."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from jobgraph.account.client import ConnectionChoice, connect
from jobgraph.account.queries import Statement
from jobgraph.config.reading import read
from jobgraph.plan.planning import Procedures, plan
from jobgraph.plan.sql import literal
from jobgraph.settings import Settings
from tests.jobgraph.importing.test_live_graph import deployed
from tests.jobgraph.importing.test_quickstart import job

if TYPE_CHECKING:
    from jobgraph.plan.planning import GraphPlan, TaskPlan
    from tests.jobgraph.cli.conftest import Invoke
    from tests.jobgraph.cli.recorded import Server
    from tests.jobgraph.cli.shell import Shell

ROOT = Path(__file__).resolve().parents[4]


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "jobconfig.json").write_text(json.dumps([job(n) for n in range(1, 7)]))
    return tmp_path


def test_the_quickstarts_file(invoke: Invoke, project: Path, server: Server) -> None:
    done = invoke("import", "jobconfig.json", "-o", "jobconfig.yaml")
    assert (done.exit_code, done.stdout) == (0, ""), done.output
    assert "jobconfig.yaml was written" in done.stderr
    assert len(read(project / "jobconfig.yaml").graphs[0].jobs) == 6
    assert invoke("import", "jobconfig.json").stdout == (project / "jobconfig.yaml").read_text()
    assert server.sent == []


def test_a_file_is_written_over_only_by_force(invoke: Invoke, project: Path) -> None:
    (project / "jobconfig.yaml").write_text("mine")
    done = invoke("import", "jobconfig.json", "--output", "jobconfig.yaml")
    assert done.exit_code == 2
    assert "--force" in done.stderr
    assert (project / "jobconfig.yaml").read_text() == "mine"
    assert invoke("import", "jobconfig.json", "--output", "jobconfig.yaml", "--force").exit_code == 0
    assert (project / "jobconfig.yaml").read_text() != "mine"


def test_notes_and_problems(invoke: Invoke, project: Path) -> None:
    (project / "jobconfig.json").write_text(json.dumps([job(1, retry_count="1"), job(2)]))
    assert 'note: t_myjob_1: retry_count was in quotes: "1"' in invoke("import", "jobconfig.json").stderr
    (project / "jobconfig.json").write_text(json.dumps([job(1, retry_count=99), job(2, after_task_name="t_9")]))
    done = invoke("import", "jobconfig.json", "-o", "out.yaml")
    assert done.exit_code == 2
    assert "2 problems found" in done.stderr
    assert not (project / "out.yaml").exists()


@pytest.mark.usefixtures("project")
@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        ((), "name either a JSON file or a root task"),
        (("jobconfig.json", "--from-snowflake", "A.B.C"), "name either a JSON file or a root task"),
        (("none.json",), "cannot be read"),
        (("jobconfig.json", "-o", "none/x.yaml"), "cannot be written"),
        (("--from-snowflake", "A.C"), "is not the name of a task"),
        (("--from-snowflake", "A.B.C D"), "is not the name of a task"),
    ],
)
def test_wrong_usage(invoke: Invoke, arguments: tuple[str, ...], told: str) -> None:
    done = invoke("import", *arguments)
    assert done.exit_code == 2
    assert told in done.stderr
    assert "Traceback" not in done.output


@pytest.mark.parametrize(
    "name", ["pr_container_orchestration.public.root_task", '"PR_CONTAINER_ORCHESTRATION".PUBLIC.ROOT_TASK']
)
def test_a_live_graph(invoke: Invoke, project: Path, server: Server, name: str) -> None:
    config = read(ROOT / "jobconfig.yaml")
    bodies = Procedures("run", "finalize")
    rows, parameters = deployed(plan(config, Settings(), bodies).graphs[0])
    server.answers = {"SHOW TASKS": rows, "SHOW PARAMETERS": parameters}
    done = invoke("import", "--from-snowflake", name, "-o", "jobconfig.yaml")
    assert done.exit_code == 0, done.output
    assert [statement.text for statement in server.sent] == [
        'SHOW TASKS IN SCHEMA "PR_CONTAINER_ORCHESTRATION"."PUBLIC"',
        'SHOW PARAMETERS IN TASK "PR_CONTAINER_ORCHESTRATION"."PUBLIC"."ROOT_TASK"',
    ]
    assert plan(read(project / "jobconfig.yaml"), Settings(), bodies) == plan(config, Settings(), bodies)


def test_a_root_that_is_not_there(invoke: Invoke, server: Server) -> None:
    done = invoke("import", "--from-snowflake", "ROOT_TSK")
    assert done.exit_code == 2
    assert "perhaps you meant ROOT_TASK" in done.stderr
    assert len(server.sent) == 1


def statements(graph: GraphPlan) -> list[str]:
    """What a deployment of the quickstart's graph sends for its tasks."""

    def create(task: TaskPlan, more: str) -> str:
        comment = f"COMMENT = {literal(task.comment)}"
        timeout = f"USER_TASK_TIMEOUT_MS = {task.timeout_ms}" if task.timeout_ms else ""
        warehouse = f"WAREHOUSE = {task.warehouse}" if task.warehouse else ""
        return f"CREATE TASK {task.full_name} {warehouse} {timeout} {comment} {more} AS {task.sql}"

    root, end = graph.root, graph.finalizer
    tasks = [(task, f"AFTER {', '.join(task.after)}") for task in graph.tasks]
    tasks += [(end, f"FINALIZE = {root.full_name}")] if end else []
    return [
        create(root, f"SCHEDULE = '{graph.schedule and graph.schedule.in_snowflake}'"),
        *(create(task, more) for task, more in tasks),
        *(f"ALTER TASK {task.full_name} RESUME" for task, _ in tasks),
    ]


@pytest.mark.sandbox
def test_what_a_real_sandbox_has_comes_back_as_the_same_plan(shell: Shell) -> None:
    config = read(ROOT / "jobconfig.yaml")
    bodies = Procedures("run", "finalize")
    planned = plan(config, Settings(), bodies)
    assert shell.run("sandbox", "start").returncode == 0
    shell.activate()
    place = ("PR_CONTAINER_ORCHESTRATION", "PUBLIC")
    connected = connect(ConnectionChoice(environment=shell.variables))
    for text in ("CREATE WAREHOUSE SMALL_WAREHOUSE", f"CREATE DATABASE {place[0]}", *statements(planned.graphs[0])):
        connected.rows(Statement(text))
    connected.close()
    done = shell.run("import", "--from-snowflake", ".".join((*place, "ROOT_TASK")), "-o", "imported.yaml")
    assert done.returncode == 0, done.stderr
    again = plan(read(shell.folder / "imported.yaml"), Settings(), bodies)
    assert {task.name: task.content for task in again.graphs[0].tasks} == {
        task.name: task.content for task in planned.graphs[0].tasks
    }
    assert again.graphs[0].root == planned.graphs[0].root
    assert again.graphs[0].schedule == planned.graphs[0].schedule
    assert "note:" not in done.stderr
