"""Which jobs a run leaves out: for any graph, what is asked for and what follows it runs, and nothing else."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jobgraph.errors import UsageError
from jobgraph.plan import sql
from jobgraph.runs import deployed
from jobgraph.runs.selection import JobSelection, left_out, names_of
from jobgraph.settings import Settings

if TYPE_CHECKING:
    from jobgraph.runs.deployed import Deployed

NAMES = tuple("ABCDEFG")
BODY = sql.call_runner(Settings(), "RUN_JOB_0", "A", {"graph": "g"})


def graph(after: dict[str, tuple[str, ...]], *, suspended: str = "", body: str = BODY) -> Deployed:
    def row(name: str, before: list[str]) -> dict[str, str]:
        state = "suspended" if name in suspended else "started"
        return {"name": name, "id": "id", "state": state, "predecessors": json.dumps(before), "definition": body}

    rows = [{**row("ROOT", []), "definition": sql.ROOT_BODY}]
    return deployed.read([*rows, *(row(name, list(before) or ["ROOT"]) for name, before in after.items())])[0]


@st.composite
def cases(draw: st.DrawFn) -> tuple[dict[str, tuple[str, ...]], JobSelection]:
    names = draw(st.lists(st.sampled_from(NAMES), unique=True, min_size=1, max_size=7))
    after = {
        name: tuple(draw(st.sets(st.sampled_from(names[:place]))) if place else ()) for place, name in enumerate(names)
    }
    some = st.lists(st.sampled_from(names), unique=True, max_size=3).map(tuple)
    return after, JobSelection(draw(some), draw(some), draw(some))


def follows(after: dict[str, tuple[str, ...]], name: str, first: str) -> bool:
    return name == first or any(follows(after, before, first) for before in after[name])


@given(cases())
def test_what_is_asked_for_runs_and_nothing_else(case: tuple[dict[str, tuple[str, ...]], JobSelection]) -> None:
    after, selection = case
    wanted = {
        name
        for name in after
        if (name in selection.only or any(follows(after, name, first) for first in selection.since))
        or not (selection.only or selection.since)
    } - set(selection.skipped)
    if not wanted:
        with pytest.raises(UsageError, match="would run no job"):
            left_out(graph(after), selection)
    else:
        assert set(left_out(graph(after), selection)) == set(after) - wanted


def test_a_task_of_an_earlier_version_cannot_be_left_out() -> None:
    old = "CALL RUN_JOB_0('A', (SELECT 1), $${}$$)"
    with pytest.raises(UsageError, match="cannot be left out of a run: A"):
        left_out(graph({"A": (), "B": ("A",)}, body=old), JobSelection(only=("B",)))


def test_a_suspended_task_cannot_be_asked_for_and_is_left_out_anyway() -> None:
    after: dict[str, tuple[str, ...]] = {"A": (), "B": ("A",)}
    with pytest.raises(UsageError, match="leave out B"):
        left_out(graph(after, suspended="B"), JobSelection(only=("B",)))
    assert left_out(graph(after, suspended="B"), JobSelection(since=("A",))) == ()


def test_an_option_names_one_job_or_several() -> None:
    assert names_of(("a,b", "c", "d, e")) == ("a", "b", "c", "d", "e")
