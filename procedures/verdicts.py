"""What a job decides for those behind it: whether their conditions on its outputs hold.

Snowflake cannot look into what a task returned when it evaluates a WHEN. So what the task returns begins with a digit
for each condition of its definition, in their order, before the outputs themselves: `01{"n": 5}`. The runner does that
for a job that it follows; a container that nobody follows does it itself. An image is built of its own folder alone,
so this file lies in procedures/, where it becomes part of a procedure, and in each image; a test holds them equal.
"""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

VERDICTS = re.compile(r"^[01]+(?=\{)")


def verdicts(outputs: str, conditions: Sequence[Mapping[str, Any]]) -> str:
    """Return a digit for each condition: 1 if it holds for the outputs, else 0."""
    return "".join("01"[holds(outputs, condition)] for condition in conditions)


def holds(outputs: str, condition: Mapping[str, Any]) -> bool:
    """Tell whether a condition holds. One on an output that is missing does not; numbers may be texts."""
    try:
        return _holds(outputs, condition)
    except (ValueError, RecursionError):
        return False  # the outputs are no JSON that Python can read


def _holds(outputs: str, condition: Mapping[str, Any]) -> bool:
    value: Any = outputs
    if "output" in condition:
        value = json.loads(outputs).get(condition["output"]) if outputs.startswith("{") else None
    if value is None:
        return False
    reference, test = condition["value"], condition["test"]
    if test in {"above", "below"}:
        number = as_number(value)
        return number is not None and bool(number > reference if test == "above" else number < reference)
    return same(value, reference) is (test == "is")


def same(value: Any, reference: Any) -> bool:
    """Tell whether an output is what a file says, which has numbers, truth values and texts."""
    if isinstance(reference, bool):
        return value is reference or str(value).lower() == str(reference).lower()
    if isinstance(reference, str):
        return reference == (value if isinstance(value, str) else json.dumps(value))
    return bool(as_number(value) == reference)


def as_number(value: Any) -> float | None:
    """Return an output as a number, a whole one as it is: it may exceed what a float holds; `None` if it is none."""
    if isinstance(value, int | float):
        return None if isinstance(value, bool) else value
    for kind in (int, float) if isinstance(value, str) else ():
        try:
            return kind(value)
        except ValueError:
            continue
    return None


def without_verdicts(returned: str) -> str:
    """Return what a job returned, out of what its task returned."""
    return VERDICTS.sub("", returned)
