"""`validate` and `graph`: no connection is made."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

from tests.jobgraph.cli.configuration import BAD, GOOD
from tests.jobgraph.cli.recorded import RUN, Server

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from tests.jobgraph.cli.conftest import Invoke


@pytest.mark.usefixtures("project")
def test_a_valid_file_is_summed_up(invoke: Invoke, server: Server, golden: Callable[[str, str], None]) -> None:
    done = invoke("validate")
    assert done.exit_code == 0, done.output
    golden("validate.txt", done.stdout)
    assert "jobconfig.yaml is valid" in done.stderr
    golden("validate.json", invoke("validate", "--json").stdout)
    assert server.sent == []


def test_every_problem_is_told_at_once(invoke: Invoke, project: Path) -> None:
    (project / "bad.yaml").write_text(BAD)
    done = invoke("validate", "bad.yaml")
    assert done.exit_code == 2
    assert "bad.yaml:8:" in done.stderr
    assert "laod" in done.stderr.lower()
    assert "retrys" in done.stderr
    assert done.stdout == ""


def test_problems_as_json(invoke: Invoke, project: Path) -> None:
    (project / "bad.yaml").write_text(BAD)
    done = invoke("validate", "bad.yaml", "--json")
    assert done.exit_code == 2
    told = json.loads(done.stdout)
    assert (told["file"], told["valid"], told["graphs"]) == ("bad.yaml", False, [])
    first = next(problem for problem in told["problems"] if problem["severity"] == "error")
    keys = {"severity", "file", "line", "column", "rule", "path", "value", "what", "remedy", "nearest"}
    assert keys | {"environments"} == set(first)
    assert first["line"] == 8


def test_a_file_that_is_not_there(invoke: Invoke, tmp_path: Path) -> None:
    done = invoke("validate", str(tmp_path / "none.yaml"))
    assert done.exit_code == 2
    assert "cannot be read" in done.stderr
    assert "Traceback" not in done.output


@pytest.mark.usefixtures("project")
@pytest.mark.parametrize(("form", "start"), [("text", "NIGHTLY_ROOT"), ("mermaid", "flowchart LR"), ("svg", "<")])
def test_a_graph_is_drawn(invoke: Invoke, form: str, start: str) -> None:
    done = invoke("graph", "--format", form)
    assert done.exit_code == 0, done.output
    assert done.stdout.startswith(start)
    assert "REPORT" in done.stdout


def test_a_picture_goes_to_a_file(invoke: Invoke, project: Path) -> None:
    done = invoke("graph", "--format", "mermaid", "--output", "pictures/graph.mmd")
    assert (done.exit_code, done.stdout) == (0, "")
    assert "Picture: pictures/graph.mmd" in done.stderr
    assert (project / "pictures" / "graph.mmd").read_text().startswith("flowchart")


def test_a_picture_that_cannot_be_written(invoke: Invoke, project: Path) -> None:
    done = invoke("graph", "--output", str(project))
    assert done.exit_code == 2
    assert "cannot be written" in done.stderr


@pytest.mark.usefixtures("project")
def test_a_graph_of_another_name(invoke: Invoke) -> None:
    done = invoke("graph", "--graph", "nigthly")
    assert done.exit_code == 2
    assert "perhaps you meant nightly" in done.stderr
    assert invoke("graph", "--graph", "NIGHTLY").exit_code == 0


@pytest.mark.usefixtures("project")
def test_a_graph_in_the_place_of_the_file(invoke: Invoke, project: Path) -> None:
    done = invoke("graph", "NIGHTLY")
    assert done.exit_code == 2
    assert "There is no file 'NIGHTLY', but jobconfig.yaml has a graph of that name" in done.stderr
    assert "jobgraph graph --graph nightly" in done.stderr
    other = invoke("graph", "hourly").stderr
    assert "There is no file 'hourly', and jobconfig.yaml has no graph of that name" in other
    assert "--graph names a graph of it or, with --run, a deployed graph" in other
    assert "hourly.yaml: cannot be read" in invoke("graph", "hourly.yaml").stderr
    (project / "nightly").write_text(GOOD.replace("nightly", "weekly"))
    assert "WEEKLY_ROOT" in invoke("graph", "nightly").stdout
    (project / "jobconfig.yaml").unlink()
    assert "hourly: cannot be read" in invoke("graph", "hourly").stderr


def test_with_several_graphs_one_has_to_be_named(invoke: Invoke, project: Path) -> None:
    (project / "jobconfig.yaml").write_text(GOOD + "  hourly:\n    jobs:\n      other: {}\n")
    done = invoke("graph")
    assert done.exit_code == 2
    assert "nightly, hourly" in done.stderr


@pytest.mark.usefixtures("project")
def test_jobs_are_grouped_on_demand(invoke: Invoke) -> None:
    assert "2 jobs on POOL" in invoke("graph", "--group-by", "pool").stdout


def test_a_graph_is_drawn_as_an_environment_has_it(invoke: Invoke, project: Path) -> None:
    (project / "jobconfig.prod.yaml").write_text("graphs: {nightly: {schedule: 2 hours}}\n")
    assert "every 2 hours" in invoke("graph", "--environment", "prod").stdout


def test_a_run_colours_the_deployed_graph(invoke: Invoke, server: Server) -> None:
    server.began = -3.5
    done = invoke("graph", "--run", "last")
    assert done.exit_code == 0, done.output
    lines = done.stdout.splitlines()
    assert ["DONE" in line for line in lines if "T_MYJOB_1" in line and "after" not in line] == [True]
    assert ["RUNNING" in line for line in lines if "T_MYJOB_3 " in line and "after" not in line] == [True]
    assert invoke("graph", "--run", RUN, "--format", "svg").stdout.startswith("<")
