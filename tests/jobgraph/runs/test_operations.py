"""Whose doing a run was: what was kept without its id is told of the run that came of it, and of no other."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jobgraph.account import queries
from jobgraph.account.queries import Place, Statement
from jobgraph.procedures.requested.request import Request
from jobgraph.runs.graph_run import GraphRun
from jobgraph.runs.operations import Operation, filled, of_run, since
from jobgraph.runs.shapes import Shape

START = datetime(2026, 3, 1, 10, tzinfo=UTC)


def run(run_id: str, seconds: float, source: str = "EXECUTE_TASK", request: Request | None = None) -> GraphRun:
    """A run that was scheduled so many seconds after the start."""
    return GraphRun(
        Shape("g", "ROOT", ()),
        run_id,
        "DONE",
        ended=True,
        jobs=(),
        scheduled_from=source,
        scheduled=START + timedelta(seconds=seconds),
        request=request or Request(),
    )


def asked(
    seconds: float, run_id: str = "", note: str = "", name: str = "run", requested: float | None = None
) -> Operation:
    """Somebody asked for a run, which was kept so many seconds after the start; earlier versions kept only that."""
    requested_at = None if requested is None else START + timedelta(seconds=requested)
    at = START + timedelta(seconds=seconds)
    return Operation(name, "g", (), note=note, run_id=run_id, at=at, requested_at=requested_at)


FIRST, SECOND = asked(1, "r1", "first"), asked(27, note="second, waits")
CASES = {
    # the run before ends at 34, and the run that waited begins then
    "scheduled when it begins": ([run("r2", 34), run("r1", 0)], [SECOND, FIRST], {"r1": "first", "r2": SECOND.note}),
    "scheduled when asked for": ([run("r2", 17), run("r1", 0)], [SECOND, FIRST], {"r1": "first", "r2": SECOND.note}),
    "the later of two takes its place": (
        [run("r2", 34), run("r1", 0)],
        [asked(30, note="third"), SECOND, FIRST],
        {"r1": "first", "r2": "third"},
    ),
    "two from the page, soon after one another": (
        [run("r2", 19), run("r1", 0)],
        [asked(20, note="later"), asked(1, note="sooner")],
        {"r1": "sooner", "r2": "later"},
    ),
    "asked for by somebody else in between": (
        [run("r3", 90), run("r2", 60)],
        [asked(61, "r2", "its own"), SECOND],
        {"r2": "its own", "r3": ""},
    ),
    # the first waits until 34, and its command is interrupted at 29; the second is asked for at 36, and interrupted too
    "two that were interrupted, the second soon after the first began": (
        [run("r3", 60), run("r2", 34), run("r1", 0)],
        [
            asked(38, note="second", requested=36),
            asked(29, note="first", requested=27),
            asked(1, "r1", "zero", requested=-1),
        ],
        {"r1": "zero", "r2": "first", "r3": "second"},
    ),
    "the same, both scheduled when asked for": (
        [run("r3", 36.2), run("r2", 27.2), run("r1", 0)],
        [
            asked(38, note="second", requested=36),
            asked(29, note="first", requested=27),
            asked(1, "r1", "zero", requested=-1),
        ],
        {"r1": "zero", "r2": "first", "r3": "second"},
    ),
    "the first interrupted long after it began": (
        [run("r3", 90), run("r2", 34), run("r1", 0)],
        [
            asked(62, note="second", requested=61),
            asked(40, note="first", requested=27),
            asked(1, "r1", "zero", requested=-1),
        ],
        {"r1": "zero", "r2": "first", "r3": "second"},
    ),
    "the run after it came of nothing that is recorded": (
        [run("r3", 90), run("r2", 34), run("r1", 0)],
        [asked(29, note="it", requested=27)],
        {"r1": "", "r2": "it", "r3": ""},
    ),
    "scheduled within the millisecond of the request": (
        [run("r2", 34)],
        [asked(40, note="it", requested=34.0004)],
        {"r2": "it"},
    ),
    "by its schedule": ([run("r2", 34, "SCHEDULE")], [SECOND], {"r2": ""}),
    "of a backfill": ([run("r2", 34, request=Request(backfill="b", interval=1))], [SECOND], {"r2": ""}),
    "days later": ([run("r2", 200_000)], [SECOND], {"r2": ""}),
}


@pytest.mark.parametrize("name", CASES)
def test_an_operation_without_an_id_is_of_the_run_that_came_of_it(name: str) -> None:
    runs, listed, notes = CASES[name]
    assert {each.run_id: "".join(one.note for one in of_run(listed, each, runs)) for each in runs} == notes
    shown = since(listed, runs, from_the_first=True)
    assert [one.note for one in shown] == [one.note for one in listed]
    assert {one.run_id: one.note for one in shown if one.run_id} == {key: note for key, note in notes.items() if note}


def test_a_request_of_a_run_that_is_not_listed_is_told_of_no_later_one() -> None:
    """The list ends after the newest run; the one before took the request."""
    listed, newest, before = [asked(29, note="it", requested=27)], run("r3", 90), run("r2", 34)
    (told,) = since(listed, [newest], [before], from_the_first=True)
    assert told.run_id == ""
    assert of_run(listed, newest, [before]) == []


# what stands in a statement beside its marks: its words, constants, names and comments, with the marks that are none
BESIDE = st.text("?'\"x -/*\\\n")
PIECES = st.one_of(
    st.sampled_from([" SELECT ", " a - b / c, ", " "]),
    BESIDE.map(lambda text: "'" + text.replace("\\", "\\\\").replace("'", "''") + "'"),
    BESIDE.map(lambda text: "'" + text.replace("\\", "\\\\").replace("'", "\\'") + "' "),
    BESIDE.map(lambda text: '"' + text.replace('"', '""') + '" '),
    BESIDE.map(lambda text: f"$${text}$$ "),
    BESIDE.map(lambda text: "/*" + text.replace("*/", "").rstrip("*") + " */"),
    BESIDE.map(lambda text: "--" + text.replace("\n", "") + "\n"),
    st.none(),  # a mark
)


@given(st.lists(PIECES), st.text(st.characters(exclude_characters="'\\")))
def test_only_the_marks_of_a_statement_get_its_values(pieces: list[str | None], value: str) -> None:
    binds = [f"{value}{place}?" for place in range(pieces.count(None))]
    statement = Statement(" ".join("?" if piece is None else piece for piece in pieces), tuple(binds))
    values = iter(binds)
    shown = " ".join(f"'{next(values)}'" if piece is None else piece for piece in pieces)
    assert filled(statement) == shown


@given(st.dictionaries(st.text(), st.text() | st.integers(), min_size=1))
def test_a_statement_without_values_is_shown_as_it_is_sent(config: dict[str, str | int]) -> None:
    statement = queries.execute(Place("D", "S"), "ROOT", config)
    assert filled(statement) == statement.text


def test_marks_beyond_the_values_stay() -> None:
    assert filled(Statement("SELECT ?, ?", (1,))) == "SELECT 1, ?"
