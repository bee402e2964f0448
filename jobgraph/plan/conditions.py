"""A job's condition as the WHEN of its task, both ways: written for Snowflake, and read back from SHOW TASKS.

Snowflake evaluates WHEN without a warehouse, so that it can compare what a task returned as a whole, cast it, and use
AND, OR and NOT, but cannot look into it: PARSE_JSON is refused there
(docs.snowflake.com/en/sql-reference/sql/create-task). So a job at whose outputs others look is told their conditions,
decides them itself when it ends, and begins what it returns with the verdicts, a digit each: `01{"n": 5}`. A WHEN then
asks whether that text lies between `x1` and `x2`, whatever digits x stand before its own; and it says its condition in
words, for those who read it.

Conditions on the run's configuration are decided by the root, in the same way: whatever follows it, directly or not,
may ask for what it returned (docs.snowflake.com/en/sql-reference/functions/system_get_predecessor_return_value).

Knows Snowflake's expressions for what a predecessor returned. Must not know which conditions a graph may have.
"""

from __future__ import annotations

import json
import re
from itertools import product
from typing import TYPE_CHECKING, Any

from jobgraph.config.model import MOST_CONDITIONS, Condition
from jobgraph.names import content_hash
from jobgraph.plan.sql import ROOT_BODY, block, literal

if TYPE_CHECKING:
    from collections.abc import Sequence

    from jobgraph.config.model import Graph

_OPERATORS = {"is": "=", "is_not": "<>", "above": ">", "below": "<"}
# how the body of a root begins that decides conditions
_DECIDES = "LET version VARCHAR :="
_DOLLAR = "\\u0024"
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
    looking = [job.when for job in graph.jobs if job.when is not None and job.when.config is None]
    asked = {_words(when): when for when in looking if when.job == name}
    by_output = any(when.output is not None for when in asked.values())
    return tuple(when for _, when in sorted(asked.items())) if by_output else ()


def conditions_on_config(graph: Graph) -> tuple[Condition, ...]:
    """Return the conditions that the root has to decide, in their order."""
    looking = [job.when for job in graph.jobs if job.when is not None and job.when.config is not None]
    return tuple(when for _, when in sorted({_words(when): when for when in looking}.items()))


def root_body(asked: Sequence[Condition]) -> str:
    """Return what a root does: nothing, or decide conditions on the run's configuration.

    It has a hash of itself, because the provider compares bodies without regard to case.
    """
    if not asked:
        return ROOT_BODY
    verdicts = " || ".join(f"IFF({_holds(when)}, '1', '0')" for when in asked)
    version = content_hash([_words(when) for when in asked])
    statements = f"{_DECIDES} '{version}'; LET verdicts VARCHAR := (SELECT {verdicts} || '{{}}');"
    return block(f"{statements} CALL SYSTEM$SET_RETURN_VALUE(:verdicts);")


def is_root_body(text: str) -> bool:
    """Tell whether a body is one that a deploy gives to roots."""
    return text == ROOT_BODY or text.startswith(block(_DECIDES).partition(_DECIDES)[0] + _DECIDES)


def _holds(when: Condition) -> str:
    """Return the expression for a condition on the configuration; NULL counts as false. See `verdicts.holds`."""
    value, operator = f"SYSTEM$GET_TASK_GRAPH_CONFIG({literal(str(when.config))})", _OPERATORS[when.test]
    match when.value:
        case bool():
            return f"LOWER({value}) {operator} '{str(when.value).lower()}'"
        case int() | float() if when.test == "is_not":
            return f"COALESCE(TRY_TO_DOUBLE({value}) <> {when.value}, {value} IS NOT NULL)"
        case int() | float():
            return f"TRY_TO_DOUBLE({value}) {operator} {when.value}"
    # no `$` may end the quotes around the body
    return f"{value} {operator} {literal(when.value).replace('$', _DOLLAR)}"


def entry(when: Condition) -> dict[str, Any]:
    """Return a condition as the definition of the job that decides it has it."""
    field = {"config": when.config, "output": when.output}
    return {
        **{name: key for name, key in field.items() if key is not None},
        "test": when.test,
        "value": when.value,
    }


def _words(when: Condition) -> str:
    return json.dumps(entry(when), sort_keys=True)


def condition_text(when: Condition, asked: Sequence[Condition] = (), root: str = "") -> str:
    """Return the WHEN of a task: a verdict of the ancestor's, if it is `asked` for some, else what it returned.

    `root` is the task that decides conditions on the configuration.
    """
    returned = f"SYSTEM$GET_PREDECESSOR_RETURN_VALUE({literal(when.job or root)})"
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
        key = words.get("config")
        when = Condition("" if key else match["job"], words["test"], words["value"], words.get("output"), key)
    except (ValueError, TypeError, KeyError):
        return None
    # which verdict it is does not matter, if it is one
    others = [Condition("", "", number) for number in range(MOST_CONDITIONS)]
    texts = (condition_text(when, [*others[:place], when], match["job"]) for place in range(MOST_CONDITIONS))
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
