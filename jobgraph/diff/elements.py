"""Prepares two values for display: the elements in which lists differ, and long texts cut around their difference.

Must not know the meaning of the values, nor where they are shown.
"""

from __future__ import annotations

import json
from difflib import SequenceMatcher
from typing import TYPE_CHECKING, Any

from jobgraph.names import is_plain
from jobgraph.value_texts import json_text

if TYPE_CHECKING:
    from collections.abc import Iterator


LONGEST_VALUE = 200
_BEFORE_DIFFERENCE = 40


def side_by_side(old: Any, new: Any) -> tuple[str, str]:
    """Return both values, each on one line; long ones are cut around the first difference."""
    before, after = _text(old), _text(new)
    if max(len(before), len(after)) <= LONGEST_VALUE:
        return before, after
    same = next((place for place, pair in enumerate(zip(before, after, strict=False)) if pair[0] != pair[1]), 0)
    start = max(0, same - _BEFORE_DIFFERENCE)
    return _cut(before, start), _cut(after, start)


def _text(value: Any) -> str:
    if value is None:
        return "none"
    if isinstance(value, list) and value and all(isinstance(item, str) and is_plain(item) for item in value):
        return ", ".join(value)
    return value if isinstance(value, str) and value and value.isprintable() else json_text(value)


def _cut(text: str, start: int) -> str:
    cut = text[start : start + LONGEST_VALUE]
    return f"{'…' if start else ''}{cut}{'…' if start + LONGEST_VALUE < len(text) else ''}"


def elements(name: str, old: Any, new: Any) -> list[tuple[str, Any, Any]]:
    """Return the name, such as `args[1]`, and both values of each element that differs; of other values, the whole.

    Lists with little in common, and lists that are added or removed, are returned whole.
    """
    if not isinstance(old, list) or not isinstance(new, list):
        return [(name, old, new)]
    changed = list(_changed(name, old, new))
    return changed if changed and len(changed) < max(len(old), len(new)) else [(name, old, new)]


def _changed(name: str, old: list[Any], new: list[Any]) -> Iterator[tuple[str, Any, Any]]:
    before, after = ([json.dumps(item, sort_keys=True) for item in items] for items in (old, new))
    for kind, start, end, new_start, new_end in SequenceMatcher(None, before, after, autojunk=False).get_opcodes():
        if kind == "equal":
            continue
        both = min(end - start, new_end - new_start)
        for offset in range(both):
            yield f"{name}[{new_start + offset}]", old[start + offset], new[new_start + offset]
        for place in range(start + both, end):
            yield f"{name}[{place}]", old[place], None
        for place in range(new_start + both, new_end):
            yield f"{name}[{place}]", None, new[place]
