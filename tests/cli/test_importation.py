"""`import` from a JSON list and from a live graph."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from jobgraph import Procedures, Settings, plan, read
from tests.jobgraph.test_importing import job
from tests.jobgraph.test_importing_tasks import deployed

if TYPE_CHECKING:
    from tests.cli.conftest import Invoke
    from tests.cli.recorded import Server

ROOT = Path(__file__).resolve().parents[2]


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
    assert 'note: t_myjob_1: retry_count stood in quotes, as "1"' in invoke("import", "jobconfig.json").stderr
    (project / "jobconfig.json").write_text(json.dumps([job(1, retry_count=99), job(2, after_task_name="t_9")]))
    done = invoke("import", "jobconfig.json", "-o", "out.yaml")
    assert done.exit_code == 2
    assert "4 problems found (2 of them only warnings)" in done.stderr
    assert not (project / "out.yaml").exists()


@pytest.mark.usefixtures("project")
@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        ((), "one thing to import is needed"),
        (("jobconfig.json", "--from-snowflake", "A.B.C"), "one thing to import is needed"),
        (("none.json",), "cannot be read"),
        (("jobconfig.json", "-o", "none/x.yaml"), "cannot be written"),
        (("--from-snowflake", "A.C"), "is no name of a task"),
        (("--from-snowflake", "A.B.C D"), "is no name of a task"),
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
