"""Values of a stack's file that nobody has filled in yet, such as `<ACCOUNT>` of Pulumi.account.yaml.example.

Knows how a placeholder looks. Must not know any setting, nor where its value comes from.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import Any

_PLACEHOLDER = re.compile(r"<[A-Z][A-Z0-9_]*>")
REMEDY = "write your own value in its place, or remove the line if it is not needed"


def placeholders(value: Any) -> tuple[str, ...]:
    """Return the placeholders in a value, in lists and mappings too, in their order."""
    if isinstance(value, str):
        return tuple(_PLACEHOLDER.findall(value))
    if isinstance(value, Mapping):
        value = [*value, *value.values()]
    return tuple(name for entry in value for name in placeholders(entry)) if isinstance(value, Iterable) else ()


def issue(names: Iterable[str]) -> str:
    """Say that placeholders are not filled in."""
    names = tuple(dict.fromkeys(names))
    return f"{' and '.join(names)} {'are placeholders' if len(names) > 1 else 'is a placeholder'} that nobody filled in"
