"""When a graph is well again after a bad run: `jobgraph status` and the finalizer's messages say the same."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

from hypothesis import given
from hypothesis import strategies as st

from jobgraph.procedures.notifying.run_ends import PastRun, blocked_jobs, ends_trouble, tasks_in_trouble
from jobgraph.procedures.recovery import TaskEnd
from jobgraph.runs import graph_run, overview, task_runs
from jobgraph.runs.deployed import Task
from jobgraph.runs.graph_run import Progress
from jobgraph.runs.shapes import Shape
from tests.jobgraph.cli.recorded import attempt, logged_row

if TYPE_CHECKING:
    from jobgraph.runs.graph_run import GraphRun

START = datetime(2026, 3, 1, tzinfo=UTC)
ENDS = ("SUCCEEDED", "FAILED", "CANCELLED")


@st.composite
def histories(draw: st.DrawFn) -> tuple[dict[str, list[str]], list[tuple[frozenset[str], dict[str, str]]]]:
    """A graph, and runs of it, oldest first: which jobs each left out, and how each of its tasks ended."""
    names = [f"J{number}" for number in range(draw(st.integers(1, 5)))]
    after = {
        name: draw(st.lists(st.sampled_from(names[:place]), unique=True)) if place else []
        for place, name in enumerate(names)
    }
    runs = []
    for _ in range(draw(st.integers(1, 5))):
        left_out = frozenset(draw(st.sets(st.sampled_from(names), max_size=len(names) - 1)))
        states: dict[str, str] = {}
        for name in names:
            stopped = any(states[before] != "SUCCEEDED" for before in after[name])
            ended = "SUCCEEDED" if name in left_out else draw(st.sampled_from(ENDS))
            states[name] = draw(st.sampled_from(["SKIPPED", ""])) if stopped else ended
        runs.append((left_out, states))
    return after, runs


def past_run(after: dict[str, list[str]], left_out: frozenset[str], states: dict[str, str]) -> PastRun:
    """The run as the finalizer reads it."""
    names = list(after)
    jobs = [{"name": name, "after": [names.index(before) for before in after[name]]} for name in names]
    ends = {name: TaskEnd(state, "") for name, state in states.items() if state} | {"ROOT": TaskEnd("SUCCEEDED", "")}
    bad = frozenset(name for name, end in ends.items() if end.bad)
    return PastRun(bad, left_out, blocked=blocked_jobs(jobs, ends, "ROOT"))


def shown_run(after: dict[str, list[str]], left_out: frozenset[str], states: dict[str, str], number: int) -> GraphRun:
    """The run as the command reads it."""
    shape = Shape(
        "g", "ROOT", tuple(Task(name, tuple(before) or ("ROOT",), started=True) for name, before in after.items())
    )
    config = json.dumps({"jobgraph": {"left_out": sorted(left_out)}}) if left_out else None
    at = START + timedelta(hours=number)
    common: dict[str, Any] = {"ROOT_TASK_NAME": "ROOT", "GRAPH_RUN_GROUP_ID": str(number)}
    rows = [logged_row("ROOT", "SUCCEEDED", CONFIG=config, SCHEDULED_TIME=at, **common)]
    rows += [logged_row(name, state, **common) for name, state in states.items() if state]
    of_state = {"SUCCEEDED": "DONE", "FAILED": "FAILED", "CANCELLED": "CANCELLED"}
    tries = [
        attempt(name, status="LEFT_OUT" if name in left_out else of_state[state])
        for name, state in states.items()
        if state in of_state
    ]
    return graph_run.assemble(shape, str(number), task_runs.read(rows), tries, Progress(closed=True))


@given(histories())
def test_the_command_and_the_messages_agree_on_what_is_not_well(
    history: tuple[dict[str, list[str]], list[tuple[frozenset[str], dict[str, str]]]],
) -> None:
    after, runs = history
    past = [past_run(after, *run) for run in reversed(runs)]
    shown = [shown_run(after, *run, number) for number, run in enumerate(runs)][::-1]
    assert set(overview.trouble(shown)) == set(tasks_in_trouble(past))


AFTER = {"LOAD": [], "CLEAN": ["LOAD"], "REPORT": ["CLEAN"]}
WHOLE = (frozenset[str](), {"LOAD": "SUCCEEDED", "CLEAN": "FAILED", "REPORT": "SKIPPED"})


def only(*names: str) -> tuple[frozenset[str], dict[str, str]]:
    return frozenset(AFTER).difference(names), dict.fromkeys(AFTER, "SUCCEEDED")


def test_a_job_that_a_failure_blocked_has_to_run_too() -> None:
    """`run --only CLEAN` is not enough: what follows it is still as it was before the failure."""
    bad = past_run(AFTER, *WHOLE)
    assert bad.blocked == {"REPORT"}
    assert not ends_trouble([bad], only("CLEAN")[0], retried=False)
    assert ends_trouble([bad], only("CLEAN", "REPORT")[0], retried=False)
    assert ends_trouble([past_run(AFTER, *only("CLEAN")), bad], only("REPORT")[0], retried=False)
    runs = [shown_run(AFTER, *only("CLEAN"), 1), shown_run(AFTER, *WHOLE, 0)]
    assert overview.trouble(runs) == ("REPORT",)
    assert overview.trouble([shown_run(AFTER, *only("REPORT"), 2), *runs]) == ()
