"""The machine of a block without a database: programs of numbers held against Python, statements answered here."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from snowflake_sandbox.errors import SnowflakeError
from snowflake_sandbox.result import Result, ResultColumn
from snowflake_sandbox.scripting import interpreter, parser, values
from snowflake_sandbox.scripting.requests import Checkpoint, Evaluate, Returned, Run
from snowflake_sandbox.scripting.values import BlockScope, Rows, Value, Variable
from snowflake_sandbox.statements.reader import DataType

NUMBER = DataType("NUMBER", (38, 0))


def run(text: str, answers: dict[str, Any] | None = None) -> tuple[Returned, list[Run]]:
    """Run a block whose statements have these answers: rows, or an error to raise."""
    machine = interpreter.run(parser.parse(text), text, {})
    sent: list[Run] = []
    try:
        request = next(machine)
        while True:
            if isinstance(request, Checkpoint):
                request = machine.send(None)
                continue
            assert isinstance(request, Run), request
            sent.append(request)
            answer = (answers or {}).get(request.text, [])
            request = machine.throw(answer) if isinstance(answer, SnowflakeError) else machine.send(_rows(answer))
    except StopIteration as stop:
        return stop.value, sent


def _rows(cells: list[tuple[Any, ...]]) -> Rows:
    columns = tuple(ResultColumn(f"C{number}", "fixed") for number in range(len(cells[0]) if cells else 1))
    return Rows(columns, tuple(cells), Result(columns, cells))


# --- programs ----------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Program:
    """A program twice: as a block, and as Python."""

    block: str
    python: str


_NAMES = st.sampled_from(["a", "b", "c"])
_OPERANDS = st.one_of(_NAMES, st.integers(0, 9).map(str))
_COMPARISON = st.sampled_from(["<", ">", "<=", ">=", "="])


def _indented(text: str) -> str:
    return "\n".join("    " + line for line in text.split("\n"))


_ASSIGNMENTS = st.builds(
    lambda name, left, word, right: Program(f"{name} := {left} {word} {right};", f"{name} = {left} {word} {right}"),
    _NAMES,
    _OPERANDS,
    st.sampled_from(["+", "-"]),
    _OPERANDS,
)


def _if(left: str, word: str, right: str, then: Program, otherwise: Program) -> Program:
    condition = f"{left} {'==' if word == '=' else word} {right}"
    python = f"if {condition}:\n{_indented(then.python)}\nelse:\n{_indented(otherwise.python)}"
    return Program(f"IF ({left} {word} {right}) THEN {then.block} ELSE {otherwise.block} END IF;", python)


def _for(count: int, body: Program, leave: str) -> Program:
    block = f"FOR i IN 1 TO {count} DO b := b + i; {body.block} IF (a > b) THEN {leave}; END IF; c := c + 1; END FOR;"
    inside = _indented(f"b = b + i\n{body.python}\nif a > b:\n    {leave.lower()}\nc = c + 1")
    python = f"for i in range(1, {count} + 1):\n{inside}"
    return Program(block, python)


def _sequence(parts: list[Program]) -> Program:
    return Program(" ".join(part.block for part in parts), "\n".join(part.python for part in parts))


_PROGRAMS = st.recursive(
    _ASSIGNMENTS,
    lambda inner: st.one_of(
        st.builds(_if, _OPERANDS, _COMPARISON, _OPERANDS, inner, inner),
        st.builds(_for, st.integers(0, 4), inner, st.sampled_from(["BREAK", "CONTINUE"])),
        st.lists(inner, min_size=1, max_size=3).map(_sequence),
    ),
    max_leaves=8,
)


@given(_PROGRAMS)
def test_a_block_does_what_the_same_program_in_python_does(program: Program) -> None:
    names = {"a": 1, "b": 2, "c": 3}
    exec(program.python, {}, names)  # noqa: S102  # made above
    for name, expected in [("a", names["a"]), ("b", names["b"]), ("c", names["c"])]:
        text = f"DECLARE a INT := 1; b INT := 2; c INT := 3; BEGIN {program.block} RETURN {name}; END"
        assert run(text)[0].value.value == expected


# --- statements --------------------------------------------------------------------------------------------------


def test_variables_are_bound_and_never_written_into_a_statement() -> None:
    _, sent = run("BEGIN LET s := 'it''s'; LET n := 3; INSERT INTO t SELECT :s, v:key, :n::INT, 'a :s'; END")
    assert [(request.text, [value.value for value in request.values]) for request in sent] == [
        ("INSERT INTO t SELECT ?, v:key, ?::INT, 'a :s'", ["it's", 3])
    ]


def test_a_column_in_a_query_of_an_expression_is_no_variable() -> None:
    scope = BlockScope({"A": Variable(Value(1, NUMBER), NUMBER)})
    bound = values.bind_expression("a + (SELECT a + :a FROM t WHERE f(a => 1)) + t.a", scope)
    assert bound.text == "? + (SELECT a + ? FROM t WHERE f(a => 1)) + t.a"


@pytest.mark.parametrize(("kind", "expected"), [("STATEMENT_ERROR", 1), ("EXPRESSION_ERROR", 2), ("OTHER", 1)])
def test_a_handler_takes_its_kind_of_error(kind: str, expected: int) -> None:
    text = f"BEGIN SELECT 1; EXCEPTION WHEN {kind} THEN RETURN 1; WHEN OTHER THEN RETURN 2; END"
    failing = {"SELECT 1": SnowflakeError(2003, "42S02", "gone")}
    assert run(text, failing)[0].value.value == expected


def test_a_cancellation_is_no_exception_of_the_block() -> None:
    failing = {"SELECT 1": SnowflakeError(604, "57014", "cancelled")}
    with pytest.raises(SnowflakeError) as raised:
        run("BEGIN SELECT 1; EXCEPTION WHEN OTHER THEN RETURN 1; END", failing)
    assert raised.value.errno == 604


def test_an_error_that_nothing_handles_says_where_it_arose() -> None:
    failing = {"SELECT 1": SnowflakeError(2003, "42S02", "gone")}
    with pytest.raises(SnowflakeError) as raised:
        run("BEGIN\n  BEGIN\n    SELECT 1;\n  END;\nEND", failing)
    assert raised.value.message == "Uncaught exception of type 'STATEMENT_ERROR' on line 3 at position 4 : gone"
    assert (raised.value.errno, raised.value.sqlstate) == (2003, "42S02")


def test_the_rest_of_a_block_is_not_run_after_its_error() -> None:
    failing = {"SELECT 1": SnowflakeError(2003, "42S02", "gone")}
    _, sent = run("BEGIN SELECT 1; SELECT 2; EXCEPTION WHEN OTHER THEN SELECT 3; END", failing)
    assert [request.text for request in sent] == ["SELECT 1", "SELECT 3"]


def test_an_expression_that_is_not_simple_is_asked_for() -> None:
    machine = interpreter.run(parser.parse("BEGIN LET a := 2; RETURN a * 3 + 1; END"), "", {})
    request = next(machine)
    assert isinstance(request, Evaluate)
    assert (request.text, [value.value for value in request.values]) == ("? * 3 + 1", [2])
