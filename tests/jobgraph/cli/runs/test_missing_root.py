"""A graph whose root is gone: no run of it is started, since one would begin in the middle and be recorded nowhere."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from jobgraph.errors import EXIT_USAGE
from jobgraph.runs import deployed
from tests.jobgraph.cli.recorded import PREDECESSORS, Row, Server, quickstart, task

if TYPE_CHECKING:
    from tests.jobgraph.cli.conftest import Invoke


def without_root() -> list[Row]:
    """SHOW TASKS after the root was dropped: Snowflake has removed it from the predecessors of its children."""
    jobs = [
        task(name, [before for before in after if before != "ROOT_TASK"], graph="container_jobs", retries=0)
        for name, after in PREDECESSORS.items()
    ]
    return [*jobs, task("GET_GRAPH_STATS", [])]


@pytest.mark.parametrize(
    "command", [("run",), ("retry",), ("backfill", "start", "--from", "2026-01-01", "--to", "2026-01-02")]
)
def test_nothing_is_started(invoke: Invoke, server: Server, command: tuple[str, ...]) -> None:
    server.tasks = without_root()
    done = (
        invoke(*command[:-4], "container_jobs", *command[-4:])
        if len(command) > 4
        else invoke(*command, "container_jobs")
    )
    assert done.exit_code == EXIT_USAGE, done.output
    assert "The root of graph container_jobs is missing" in done.output
    assert "`pulumi up --refresh` creates it again" in done.output
    assert not [sent for sent in server.sent if sent.text.startswith(("EXECUTE", "INSERT", "ALTER"))]


def test_its_condition_says_so() -> None:
    (graph, *_) = deployed.read(without_root())
    assert any("The root of graph container_jobs is missing" in remark for remark in deployed.conditions(graph))
    (whole,) = deployed.read(quickstart())
    assert deployed.conditions(whole) == []


def test_keys_that_differ_by_case_only_are_different_graphs() -> None:
    rows = [task("A", []), task("B", ["A"], graph="p"), task("C", []), task("D", ["C"], graph="P")]
    graphs = deployed.read(rows)
    for key in ("p", "P"):
        chosen = deployed.named(graphs, key)
        assert chosen is not None
        assert chosen.key == key
