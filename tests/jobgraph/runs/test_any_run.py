"""Any graph, any history, any later deploy: a run is read from its rows alone, as an oracle reads them.

The oracle is written from the recorded rows: it walks the jobs one by one, in an order that needs no sorting, and knows
nothing of the model's own functions.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

from hypothesis import example, given, settings
from hypothesis import strategies as st

from jobgraph.runs import deployed, graph_run, shapes, task_runs
from jobgraph.runs.graph_run import Progress
from tests import tiers

if TYPE_CHECKING:
    from hypothesis.strategies import DrawFn

    from jobgraph.runs.deployed import Deployed
    from jobgraph.runs.graph_run import GraphRun

START = datetime(2026, 3, 1, 10, tzinfo=UTC)
RUN = "1772359200000"
NAMES = tuple("ABCDEFG")
Row = dict[str, Any]


@dataclass(frozen=True)
class World:
    """A graph, what became of its jobs in one run, and the graph that was deployed after it."""

    after: dict[str, tuple[str, ...]]
    disabled: frozenset[str]
    fates: dict[str, str]
    continuing: frozenset[str]
    later: dict[str, tuple[str, ...]]
    rows_of_blocked: bool
    left_out: frozenset[str] = frozenset()


@st.composite
def graphs(draw: DrawFn) -> dict[str, tuple[str, ...]]:
    names = draw(st.lists(st.sampled_from(NAMES), unique=True, min_size=1, max_size=6))
    return {
        name: tuple(draw(st.sets(st.sampled_from(names[:place]))) if place else ()) for place, name in enumerate(names)
    }


@st.composite
def worlds(draw: DrawFn) -> World:
    after = draw(graphs())
    fate = st.sampled_from(["SUCCEEDED", "SUCCEEDED", "FAILED", "CANCELLED", "CONDITION", "SUSPENDED"])
    return World(
        after=after,
        disabled=frozenset(draw(st.sets(st.sampled_from(sorted(after)), max_size=1))),
        fates={name: draw(fate) for name in after},
        continuing=frozenset(draw(st.sets(st.sampled_from(sorted(after)), max_size=2))),
        left_out=frozenset(draw(st.sets(st.sampled_from(sorted(after)), max_size=3))),
        later=draw(graphs()),
        rows_of_blocked=draw(st.booleans()),
    )


def rows_of(world: World) -> tuple[list[Row], list[Row]]:
    """What Snowflake and the runner record: rows of tasks, rows of attempts. Predecessors come first in `after`."""
    tasks, attempts = [_row("ROOT", "SUCCEEDED")], []
    states: dict[str, str] = {}
    for name, before in world.after.items():
        upstream = {states[one] for one in before}
        if upstream & {"FAILED", "CANCELLED", "BLOCKED"}:
            states[name] = "BLOCKED"
            tasks += [_row(name, "SKIPPED")] if world.rows_of_blocked else []
        elif upstream == {"CONDITION"}:
            states[name] = "CONDITION"
            tasks += [_row(name, "SKIPPED")] if world.rows_of_blocked else []
        elif name in world.disabled or world.fates[name] == "SUSPENDED":
            states[name] = "PASSED"
        elif world.fates[name] == "CONDITION":
            states[name] = "CONDITION"
            tasks.append(_row(name, "SKIPPED"))
        elif name in world.left_out:
            states[name] = "SUCCEEDED"
            tasks.append(_row(name, "SUCCEEDED"))
            attempts.append(_attempt(name, "LEFT_OUT"))
        else:
            states[name] = world.fates[name]
            tasks.append(_row(name, states[name]))
            failed = states[name] == "FAILED" or (states[name] == "SUCCEEDED" and name in world.continuing)
            if states[name] != "CANCELLED":
                attempts.append(_attempt(name, "FAILED" if failed else "DONE"))
    names = list(world.after)
    jobs = [_job(world, name, names) for name in names]
    definition = json.dumps({"finalizer": "END", "jobs": jobs})
    logged = [{**row, "ROOT_TASK_NAME": "ROOT", "GRAPH_NAME": "g"} for row in tasks]
    logged[0]["GRAPH_DEFINITION"] = definition
    logged[0]["CONFIG"] = json.dumps({"jobgraph": {"left_out": sorted(world.left_out)}, "market": "eu"})
    return [*logged, _row("END", "SUCCEEDED")], attempts


def _job(world: World, name: str, names: list[str]) -> Row:
    job: Row = {"name": name, "after": [names.index(one) for one in world.after[name]]}
    return {**job, "enabled": False} if name in world.disabled else job


def _row(name: str, state: str) -> Row:
    times = {"SCHEDULED_TIME": START, "QUERY_START_TIME": START, "COMPLETED_TIME": START + timedelta(seconds=3)}
    whose = {"GRAPH_RUN_GROUP_ID": RUN, "ROOT_TASK_ID": "id", "SCHEDULED_FROM": "SCHEDULE", "ATTEMPT_NUMBER": 1}
    return {"NAME": name, "STATE": state, "ERROR_MESSAGE": None, **times, **whose}


def _attempt(name: str, status: str) -> Row:
    return {"TASK_NAME": name, "ATTEMPT": 1, "JOB_STATUS": status, "EXIT_CODE": 0 if status == "DONE" else 1}


def oracle(rows: list[Row], attempts: list[Row]) -> tuple[str, dict[str, str]]:
    """Read the rows: the state of the run and of each job."""
    recorded = json.loads(rows[0]["GRAPH_DEFINITION"])["jobs"]
    task = {row["NAME"]: row["STATE"] for row in rows}
    job = {row["TASK_NAME"]: row["JOB_STATUS"] for row in attempts}
    left_out = json.loads(rows[0]["CONFIG"])["jobgraph"]["left_out"]
    states: dict[str, str] = {}
    stopped: set[str] = set()
    passed: set[str] = set()  # what a false condition skipped, a job that is switched off behind it too
    for entry in recorded:
        name, before = entry["name"], [recorded[place]["name"] for place in entry["after"]]
        state = task.get(name)
        if name in left_out and state not in {"FAILED", "CANCELLED"}:
            states[name] = "LEFT_OUT"
            stopped |= {name} if stopped.intersection(before) else set()
            passed |= {name} if state == "SKIPPED" and name not in stopped else set()
            passed |= {name} if state is None and before and passed.issuperset(before) else set()
            continue
        if stopped.intersection(before) or state in {"FAILED", "CANCELLED"}:
            stopped.add(name)
        if state is None:
            if before and passed.issuperset(before):
                passed.add(name)
            without_row = "SKIPPED" if name in stopped | passed else "SUSPENDED"
            states[name] = "DISABLED" if entry.get("enabled") is False else without_row
        elif state in {"SKIPPED", "CANCELLED"}:
            states[name] = state
            if state == "SKIPPED" and name not in stopped:
                passed.add(name)
        else:
            states[name] = "FAILED" if state == "FAILED" else job[name]
    seen = set(states.values())
    if seen - {"DONE", "SKIPPED", "CANCELLED", "DISABLED", "LEFT_OUT"}:
        return "FAILED", states
    return ("CANCELLED" if "CANCELLED" in seen else "DONE"), states


def present(after: dict[str, tuple[str, ...]], committed: datetime) -> Deployed:
    def task(name: str, before: list[str], **values: str) -> Row:
        return {"name": name, "id": "id", "state": "started", "predecessors": json.dumps(before), **values}

    rows = [{**task("ROOT", []), "last_committed_on": committed}]
    rows += [task(name, list(before) or ["ROOT"]) for name, before in after.items()]
    rows += [task("END", [], task_relations=json.dumps({"FinalizedRootTask": "ROOT"}))]
    return deployed.read(rows)[0]


def read(world: World, graph: Deployed | None, *, only_logged: bool) -> GraphRun:
    rows, attempts = rows_of(world)
    history = task_runs.read(rows[:-1] if only_logged else rows)
    shape = shapes.of_run(graph, "g", "ROOT", history)
    return graph_run.assemble(shape, RUN, history, attempts, Progress(closed=only_logged))


@settings(max_examples=tiers.examples(250), deadline=None)
@example(
    World(
        after={"B": (), "A": ("B",), "E": ("A",)},
        disabled=frozenset({"A"}),
        fates={"B": "CONDITION", "A": "SUCCEEDED", "E": "SUCCEEDED"},
        continuing=frozenset(),
        later={"A": ()},
        rows_of_blocked=False,
    ),
    False,  # noqa: FBT003  # an example takes its values by position
)
@given(worlds(), st.booleans())
def test_a_run_is_read_as_its_rows_say_whatever_is_deployed_later(world: World, only_logged: bool) -> None:  # noqa: FBT001  # hypothesis gives it
    rows, attempts = rows_of(world)
    state, states = oracle(rows, attempts)
    same, other = present(world.after, START), present(world.later, START + timedelta(hours=1))
    runs = [read(world, graph, only_logged=only_logged) for graph in (None, same, other)]
    for run in runs:
        assert run.ended
        assert {job.name: job.state for job in run.jobs} == states
        assert run.state == state
    assert runs[0].jobs == runs[1].jobs == runs[2].jobs


@settings(max_examples=tiers.examples(100), deadline=None)
@given(worlds())
def test_a_run_under_way_never_shows_a_job_of_a_later_deploy(world: World) -> None:
    rows, _ = rows_of(world)
    bare = [{key: value for key, value in row.items() if key != "GRAPH_DEFINITION"} for row in rows[:-1]]
    history = task_runs.read(bare)
    later = present(world.later, START + timedelta(hours=1))
    shape = shapes.of_run(later, "g", "ROOT", history)
    assert set(shape.job_names) == {row["NAME"] for row in bare} - {"ROOT"}
    assert not shape.whole
