"""A job's condition as the WHEN of its task: written for Snowflake, and read back from SHOW TASKS.

Snowflake evaluates WHEN without a warehouse. A WHEN can compare a task's whole return value, cast it, and use AND, OR
and NOT, but it cannot look inside the value, because PARSE_JSON is refused there
(docs.snowflake.com/en/sql-reference/sql/create-task). A job whose outputs are checked by others therefore gets their
conditions in its definition, evaluates them when it ends, and puts the results before its return value, one digit each:
`01{"n": 5}`. A WHEN tests whether this text lies between `x1` and `x2`, for all digits x that can precede its own
digit. The WHEN also contains the condition as text, for human readers.

The root evaluates conditions on the run's configuration in the same way: its direct and indirect successors can read
its return value (docs.snowflake.com/en/sql-reference/functions/system_get_predecessor_return_value).

Knows Snowflake's expressions for a predecessor's return value. Must not know which conditions a graph may have.
"""

from __future__ import annotations

import json
import re
from itertools import product
from typing import TYPE_CHECKING, Any

from jobgraph.config.model import MOST_CONDITIONS, Condition
from jobgraph.names import content_hash
from jobgraph.plan.sql import ROOT_BODY, block, literal
from jobgraph.procedures.requested.json_texts import read_object

if TYPE_CHECKING:
    from collections.abc import Sequence

    from jobgraph.config.model import Graph

_OPERATORS = {"is": "=", "is_not": "<>", "above": ">", "below": "<"}
# the beginning of the body of a root that evaluates conditions
_DECIDES = "LET version VARCHAR :="
_DOLLAR = "\\u0024"
_TESTS = {operator: test for test, operator in _OPERATORS.items()}
_FIELDS = ("output", "config")
_TEXT = re.compile(
    r"SYSTEM\$GET_PREDECESSOR_RETURN_VALUE\('(?P<job>\w+)'\)"
    r"::(?P<type>BOOLEAN|DOUBLE|VARCHAR) (?P<operator>=|<>|>|<) (?P<value>.+)",
    re.DOTALL,
)
_VERDICT = re.compile(
    r"\(SYSTEM\$GET_PREDECESSOR_RETURN_VALUE\('(?P<job>\w+)'\) >= .*\) AND '(?P<words>\{.*\})' <> ''", re.DOTALL
)


def conditions_on(graph: Graph, name: str) -> tuple[Condition, ...]:
    """Return, in digit order, the conditions that a job's task has to evaluate; none if no job checks its outputs."""
    asked = {_words(when): when for when in graph.conditions if when.config is None and when.job == name}
    by_output = any(when.output is not None for when in asked.values())
    return tuple(when for _, when in sorted(asked.items())) if by_output else ()


def conditions_on_config(graph: Graph) -> tuple[Condition, ...]:
    """Return the conditions that the root has to evaluate, in digit order."""
    looking = {_words(when): when for when in graph.conditions if when.config is not None}
    return tuple(when for _, when in sorted(looking.items()))


def root_body(asked: Sequence[Condition]) -> str:
    """Return a root's body. It does nothing, or evaluates conditions on the run's configuration.

    The body contains a hash of the conditions, because the provider ignores case when it compares bodies.
    """
    if not asked:
        return ROOT_BODY
    verdicts = " || ".join(f"IFF({_holds(when)}, '1', '0')" for when in asked)
    version = content_hash([_words(when) for when in asked])
    statements = f"{_DECIDES} '{version}'; LET verdicts VARCHAR := (SELECT {verdicts} || '{{}}');"
    return block(f"{statements} CALL SYSTEM$SET_RETURN_VALUE(:verdicts);")


def is_root_body(text: str) -> bool:
    """Return whether a body is one that deploys give to roots."""
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
    # a `$` in the value must not end the dollar quotes around the body
    return f"{value} {operator} {literal(when.value).replace('$', _DOLLAR)}"


def entry(when: Condition) -> dict[str, Any]:
    """Return a condition in the form used by the definition of the job that evaluates it."""
    field = {"config": when.config, "output": when.output}
    return {
        **{name: key for name, key in field.items() if key is not None},
        "test": when.test,
        "value": when.value,
    }


def recorded_entry(when: Condition) -> dict[str, Any]:
    """Return a job's condition in the form used by the record of its graph's runs; `of_record` reads it."""
    return entry(when) | ({"job": when.job} if when.job else {})


def of_record(value: Any) -> Condition | None:
    """Return the condition of a job in the record of a run; None if it has none. Anybody may write to that table."""
    try:
        return Condition(str(value.get("job") or ""), *(value[n] for n in ("test", "value")), *map(value.get, _FIELDS))
    except (AttributeError, KeyError, TypeError):
        return None


def _words(when: Condition) -> str:
    return json.dumps(entry(when), sort_keys=True)


def condition_text(when: Condition, asked: Sequence[Condition] = (), root: str = "") -> str:
    """Return the WHEN of a task. It tests the ancestor's digit if the ancestor evaluates conditions, else its value.

    `asked` are the conditions that the ancestor evaluates; `root` is the task that evaluates conditions on the
    configuration.
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
    """Return the condition in a WHEN; `None` if the text is not one that `condition_text` writes."""
    return _read_verdict(text) if text.startswith("(") else _read_whole(text)


def _read_verdict(text: str) -> Condition | None:
    match = _VERDICT.fullmatch(text)
    if match is None:
        return None
    try:
        words = read_object(_unescaped(match["words"]))
        key = words.get("config")
        when = Condition("" if key else match["job"], words["test"], words["value"], words.get("output"), key)
    except (ValueError, TypeError, KeyError):
        return None
    # the position of the digit does not matter, as long as it is a possible one
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
