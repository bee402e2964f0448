"""The values of a file, flattened to single values with dotted names, so that two files can be compared value by value.

Knows the shapes of values: mappings, lists, and lists of named mappings. Must not know any key, except the full names
of plain values that may replace a mapping (`retries: 2`).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterator

# the key that a plain value stands for: `retries: 2` and `retries: {count: 2}` mean the same
_PLAIN = {"retries": "count"}
# the keys that identify an item of a list
_NAMES = ("name", "secret")


def leaves(values: Mapping[str, Any]) -> dict[str, Any]:
    """Return the single values of a mapping by dotted name; a list of plain values is one value."""
    values_by_name: dict[str, Any] = {}
    for name, value in _walk("", values):
        label, count = name, 1
        while label in values_by_name:
            count += 1
            label = f"{name} ({count})"
        values_by_name[label] = value
    return values_by_name


def _walk(path: str, value: Any) -> Iterator[tuple[str, Any]]:
    if isinstance(value, Mapping) and value:
        for key, inner in value.items():
            plain = _PLAIN.get(path) == key
            yield from _walk(path if plain else f"{path}.{key}" if path else str(key), inner)
    elif isinstance(value, Sequence) and value and all(isinstance(item, Mapping) for item in value):
        for number, item in enumerate(value):
            name = next((str(item[key]) for key in _NAMES if key in item), "")
            content = {key: inner for key, inner in item.items() if key not in _NAMES} if name else item
            yield from _walk(f"{path}.{name}" if name else f"{path}[{number}]", content)
    else:
        yield path, list(value) if isinstance(value, tuple) else value
