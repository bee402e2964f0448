"""A job's condition as the WHEN of its task, both ways: written for Snowflake, and read back from SHOW TASKS.

Knows Snowflake's expressions for what a predecessor returned. Must not know which conditions a graph may have.
"""

from __future__ import annotations

import re

from jobgraph.config.model import Condition
from jobgraph.names import quoted
from jobgraph.plan.sql import literal

_OPERATORS = {"is": "=", "is_not": "<>", "above": ">", "below": "<"}
_TESTS = {operator: test for test, operator in _OPERATORS.items()}
_TEXT = re.compile(
    r"(?:PARSE_JSON\()?SYSTEM\$GET_PREDECESSOR_RETURN_VALUE\('(?P<job>\w+)'\)(?:\):\"(?P<output>\w+)\")?"
    r"::(?P<type>BOOLEAN|DOUBLE|VARCHAR) (?P<operator>=|<>|>|<) (?P<value>.+)",
    re.DOTALL,
)


def condition_text(when: Condition) -> str:
    """Return the WHEN of a task: what an ancestor returned, or a field of that, compared."""
    returned = f"SYSTEM$GET_PREDECESSOR_RETURN_VALUE({literal(when.job)})"
    if when.output is not None:
        returned = f"PARSE_JSON({returned}):{quoted(when.output)}"
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
    match = _TEXT.fullmatch(text)
    value = _value(match["type"], match["value"]) if match else None
    if match is None or value is None:
        return None
    when = Condition(match["job"], _TESTS[match["operator"]], value, match["output"])
    return when if condition_text(when) == text else None


def _value(kind: str, text: str) -> str | float | bool | None:
    if kind == "BOOLEAN":
        return {"TRUE": True, "FALSE": False}.get(text)
    if kind == "VARCHAR":
        return re.sub(r"\\(.)", r"\1", text[1:-1], flags=re.DOTALL)
    try:
        return int(text) if re.fullmatch(r"[-+]?\d+", text) else float(text)
    except ValueError:
        return None
