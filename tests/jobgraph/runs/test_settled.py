"""Which runs of a graph closed runs alone tell of, and whether a list lacks runs that no finalizer closed."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from jobgraph.procedures.requested.request import Request
from jobgraph.runs import graph_run, overview, task_runs, unclosed
from jobgraph.runs.graph_run import GraphRun
from jobgraph.runs.records import GraphRecord
from jobgraph.runs.shapes import of_definitions
from jobgraph.runs.task_runs import TaskRun

GRAPH = GraphRecord("g", ("ROOT",))
BEGAN = datetime(2026, 3, 1, tzinfo=UTC)


def closed(run_id: str, state: str = graph_run.DONE, *left_out: str) -> GraphRun:
    return GraphRun(of_definitions("g", "ROOT", ()), run_id, state, ended=True, jobs=(), request=Request(left_out))


def root(run_id: str, state: str = task_runs.SUCCEEDED) -> TaskRun:
    return TaskRun("ROOT", state, run_id, BEGAN, BEGAN, BEGAN, "", "SCHEDULE", 1)


RUNS = [closed("3"), closed("2", graph_run.FAILED), closed("1")]


@pytest.mark.parametrize(
    ("runs", "history", "open_runs", "expected"),
    [
        pytest.param(RUNS, [], [], ["3"], id="nothing since"),
        pytest.param(RUNS, [root("3")], [], ["3"], id="good, and still in Snowflake's history"),
        pytest.param(RUNS, [root("4", "EXECUTING")], [], None, id="another one is under way"),
        pytest.param(RUNS[1:], [root("2")], [], None, id="a bad one may be tried again"),
        pytest.param(RUNS[1:], [], [], ["2"], id="a bad one of long ago"),
        pytest.param(RUNS, [], [("ROOT", "4")], None, id="a newer one was not closed"),
        pytest.param(RUNS, [], [("ROOT", "2"), ("OTHER", "9")], ["3"], id="an older one was not closed"),
        pytest.param([], [], [], None, id="none is known"),
        pytest.param([closed("4", graph_run.DONE, "A"), *RUNS], [], [], ["4", "3"], id="a part after a whole run"),
        pytest.param([closed("4", graph_run.DONE, "A")], [], [], None, id="only a part is known"),
    ],
)
def test_closed_runs_alone_tell(
    runs: list[GraphRun], history: list[TaskRun], open_runs: list[tuple[str, str]], expected: list[str] | None
) -> None:
    settled = overview.settled(GRAPH, runs, history, open_runs)
    assert (None if settled is None else [run.run_id for run in settled]) == expected


@pytest.mark.parametrize(
    ("history", "open_runs", "limit", "expected"),
    [
        pytest.param([root("3")], [], 10, False, id="all are listed"),
        pytest.param([root("4", task_runs.SCHEDULED)], [], 10, False, id="not begun"),
        pytest.param([root("0")], [], 10, True, id="in Snowflake's history"),
        pytest.param([], [("ROOT", "0")], 10, True, id="by its attempts"),
        pytest.param([], [("ROOT", "3"), ("OTHER", "0")], 10, False, id="of another root"),
        pytest.param([root("0")], [], 3, False, id="older than a full list"),
    ],
)
def test_a_list_lacks_runs(
    history: list[TaskRun], open_runs: list[tuple[str, str]], limit: int, *, expected: bool
) -> None:
    assert unclosed.are_missing(["ROOT"], RUNS, limit, history, open_runs) is expected
