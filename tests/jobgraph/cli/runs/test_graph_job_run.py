"""How commands take a graph, a job and a run: alike, and with an error that fits if there is none of that name."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click
import pytest

from jobgraph.cli.command_line import cli
from tests.jobgraph.cli.recorded import Server, quickstart, task

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.jobgraph.cli.conftest import Invoke

TWO_GRAPHS = [*quickstart(), task("OTHER_ROOT", []), task("T_OTHER", ["OTHER_ROOT"], graph="other")]


def test_a_job_that_no_graph_has_is_told_with_the_nearest_name(invoke: Invoke, server: Server) -> None:
    """Which graph is meant is not the question."""
    server.tasks = TWO_GRAPHS
    server.answers["MAX\\(CREATED_DATE\\)"] = []
    for command in (("logs", "T_MYJOB_l"), ("status", "--job", "T_MYJOB_l"), ("logs", "--job", "t_myjob_l")):
        done = invoke(*command)
        assert done.exit_code == 2
        assert "No graph has a job" in done.stderr
        assert "perhaps you meant T_MYJOB_1" in done.stderr
        assert "other: T_OTHER" in done.stderr
        assert "Which graph?" not in done.stderr


def test_a_run_of_a_part_is_of_the_only_graph_that_has_its_jobs(invoke: Invoke, server: Server) -> None:
    server.tasks = TWO_GRAPHS
    for part in (("--only", "t_other"), ("--from", "T_OTHER")):
        assert '"graph": "other"' in invoke("run", *part, "--dry-run", "--json").stdout
    misspelt = invoke("run", "--only", "t_myjob_1,t_othr", "--dry-run")
    assert (misspelt.exit_code, "perhaps you meant T_OTHER" in misspelt.stderr) == (2, True)
    assert "Which graph?" in invoke("run", "--only", "t_myjob_1", "--skip", "t_other", "--dry-run").stderr


def leaves(group: click.Group, words: tuple[str, ...] = ()) -> Iterator[tuple[tuple[str, ...], click.Command]]:
    for name, command in group.commands.items():
        if isinstance(command, click.Group):
            yield from leaves(command, (*words, name))
        else:
            yield (*words, name), command


def test_a_graph_a_job_and_a_run_are_named_alike_by_every_command() -> None:
    """Whoever knows the option of one command knows that of the others."""
    kinds = {"graph": "--graph", "job": "--job", "run_id": "--run"}
    for words, command in leaves(cli):
        options = {name for one in command.params if isinstance(one, click.Option) for name in one.opts}
        named = {one.name for one in command.params} - {"job" if words[0] == "image" else ""}
        for parameter, option in kinds.items():
            assert parameter not in named or option in options, (words, parameter)
    several = {words[-1] for words, command in leaves(cli) if "graph" in {one.name for one in command.params}}
    assert several >= {"run", "wait", "retry", "cancel", "suspend", "resume", "status", "history", "logs", "compare"}


@pytest.mark.parametrize("command", ["run", "retry", "cancel", "suspend", "resume", "status", "history", "wait"])
def test_a_graph_may_be_an_argument_or_an_option(invoke: Invoke, server: Server, command: str) -> None:
    server.tasks = TWO_GRAPHS
    dry = ["--dry-run"] if command in {"run", "retry", "cancel", "suspend", "resume"} else []
    server.began = -20.0
    outputs = {
        invoke(command, *words, *dry).output
        for words in (
            ["container_jobs"],
            ["--graph", "container_jobs"],
            ["container_jobs", "--graph", "container_jobs"],
        )
    }
    assert len(outputs) == 1
    assert "Which graph?" not in outputs.pop()
    done = invoke(command, "container_jobs", "--graph", "other")
    assert done.exit_code == 2
    assert "GRAPH is 'container_jobs', and --graph is 'other'" in done.stderr
