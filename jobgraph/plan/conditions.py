"""A job's condition as the WHEN of its task, both ways: written for Snowflake, and read back from SHOW TASKS.

Snowflake evaluates WHEN without a warehouse, so that it can compare what a task returned as a whole, cast it, and use
AND, OR and NOT, but cannot look into it: PARSE_JSON is refused there
(docs.snowflake.com/en/sql-reference/sql/create-task). So a job at whose outputs others look is told their conditions,
decides them itself when it ends, and begins what it returns with the verdicts, a digit each: `01{"n": 5}`. A WHEN then
asks whether that text lies between `x1` and `x2`, whatever digits x stand before its own; and it says its condition in
words, for those who read it.

Knows Snowflake's expressions for what a predecessor returned. Must not know which conditions a graph may have.
"""

from __future__ import annotations

import json
import re
from itertools import product
from typing import TYPE_CHECKING, Any

from jobgraph.config.model import MOST_CONDITIONS, Condition
from jobgraph.plan.sql import literal

if TYPE_CHECKING:
    from collections.abc import Sequence

    from jobgraph.config.model import Graph

_OPERATORS = {"is": "=", "is_not": "<>", "above": ">", "below": "<"}
_TESTS = {operator: test for test, operator in _OPERATORS.items()}
_TEXT = re.compile(
    r"SYSTEM\$GET_PREDECESSOR_RETURN_VALUE\('(?P<job>\w+)'\)"
    r"::(?P<type>BOOLEAN|DOUBLE|VARCHAR) (?P<operator>=|<>|>|<) (?P<value>.+)",
    re.DOTALL,
)
_VERDICT = re.compile(
    r"\(SYSTEM\$GET_PREDECESSOR_RETURN_VALUE\('(?P<job>\w+)'\) >= .*\) AND '(?P<words>\{.*\})' <> ''", re.DOTALL
)


def conditions_on(graph: Graph, name: str) -> tuple[Condition, ...]:
    """Return the conditions that a job's task has to decide itself, in their order; none if nobody asks for outputs."""
    asked = {_words(job.when): job.when for job in graph.jobs if job.when is not None and job.when.job == name}
    by_output = any(when.output is not None for when in asked.values())
    return tuple(when for _, when in sorted(asked.items())) if by_output else ()


def entry(when: Condition) -> dict[str, Any]:
    """Return a condition as the definition of the job that decides it has it."""
    return {**({"output": when.output} if when.output is not None else {}), "test": when.test, "value": when.value}


def _words(when: Condition) -> str:
    return json.dumps(entry(when), sort_keys=True)


def condition_text(when: Condition, asked: Sequence[Condition] = ()) -> str:
    """Return the WHEN of a task: a verdict of the ancestor's, if it is `asked` for some, else what it returned."""
    returned = f"SYSTEM$GET_PREDECESSOR_RETURN_VALUE({literal(when.job)})"
    if asked:
        digits = list(map("".join, product("01", repeat=asked.index(when))))
        ranges = " OR ".join(f"{returned} >= '{before}1' AND {returned} < '{before}2'" for before in digits)
        return f"({ranges}) AND {literal(_words(when))} <> ''"
    match when.value:
        case bool():
            kind, value = "BOOLEAN", str(when.value).upper()
        case int() | float():
            kind, value = "DOUBLE", str(when.value)
        case str():
            kind, value = "VARCHAR", literal(when.value)
    return f"{returned}::{kind} {_OPERATORS[when.test]} {value}"


def read_condition(text: str) -> Condition | None:
    """Return the condition that a WHEN says; `None` if `condition_text` would not write it so."""
    return _read_verdict(text) if text.startswith("(") else _read_whole(text)


def _read_verdict(text: str) -> Condition | None:
    match = _VERDICT.fullmatch(text)
    if match is None:
        return None
    try:
        words = json.loads(_unescaped(match["words"]))
        when = Condition(match["job"], words["test"], words["value"], words.get("output"))
    except (ValueError, TypeError, KeyError):
        return None
    # which verdict it is does not matter, if it is one
    others = [Condition("", "", number) for number in range(MOST_CONDITIONS)]
    texts = (condition_text(when, [*others[:place], when]) for place in range(MOST_CONDITIONS))
    return when if text in texts else None


def _read_whole(text: str) -> Condition | None:
    match = _TEXT.fullmatch(text)
    value = _value(match["type"], match["value"]) if match else None
    if match is None or value is None:
        return None
    when = Condition(match["job"], _TESTS[match["operator"]], value)
    return when if condition_text(when) == text else None


def _unescaped(text: str) -> str:
    return re.sub(r"\\(.)", r"\1", text, flags=re.DOTALL)


def _value(kind: str, text: str) -> str | float | bool | None:
    if kind == "BOOLEAN":
        return {"TRUE": True, "FALSE": False}.get(text)
    if kind == "VARCHAR":
        return _unescaped(text[1:-1])
    try:
        return int(text) if re.fullmatch(r"[-+]?\d+", text) else float(text)
    except ValueError:
        return None
