"""Reads JSON that others may have written: configurations of runs, outputs of containers, cells of the history.

Must not know what the values mean. Shipped as a part of stored procedures' texts. Python's own reader raises three
kinds of errors, one of them depending on how deep the caller is; this one raises none.
"""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable

# far below Python's limit of 1,000 calls, which counts those of the caller too
MOST_DEPTH = 100
# the closing quote may be missing: a text without it would else be searched again from each of its quotes
TOKENS = re.compile(r'"(?:[^"\\]++|\\.)*+"?|[\[\]{}]', re.DOTALL)


def read_json(text: str, otherwise: Any = None, constant: Callable[[str], Any] = float) -> Any:
    """Return the value of a JSON text; `otherwise` if it is none, or deeper than `MOST_DEPTH`.

    `constant` makes the values of `NaN` and `Infinity`, which are not JSON, although many programs write them.
    """
    try:
        if is_too_deep(text):
            return otherwise
        return json.loads(text, parse_constant=constant)
    except (ValueError, RecursionError):
        return otherwise


def read_object(text: str) -> dict[str, Any]:
    """Return the object of a JSON text; an empty one if it is none."""
    value = read_json(text)
    return value if isinstance(value, dict) else {}


def is_too_deep(text: str) -> bool:
    """Return whether a JSON text has more levels of lists and objects than `read_json` reads."""
    if text.count("[") + text.count("{") <= MOST_DEPTH:
        return False
    depth = 0
    for match in TOKENS.finditer(text):
        depth += {"[": 1, "{": 1, "]": -1, "}": -1}.get(match[0], 0)
        if depth > MOST_DEPTH:
            return True
    return False


def refuse_constant(constant: str) -> float:
    """Raise ValueError: a `constant` for outputs, as dependents could not read them."""
    raise ValueError(constant)
