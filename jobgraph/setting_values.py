"""Readers of setting values, as people write them and as `pulumi config set` stores them.

Knows kinds of values. Must not know any setting. Every reader raises ValueError for a value it cannot use.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from functools import cache
from typing import TYPE_CHECKING, Any
from zoneinfo import available_timezones

from jobgraph.errors import perhaps
from jobgraph.names import upper

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterable


def text(value: Any) -> str:
    """Return a text that is not empty."""
    if not isinstance(value, str) or not value.strip():
        raise ValueError("expected a text")
    return value


def one_of(words: Iterable[str]) -> Callable[[Any], str]:
    """Return a reader that accepts the given words in any case and returns them in upper case."""
    allowed = tuple(words)

    def read(value: Any) -> str:
        word = upper(value) if isinstance(value, str) else value
        if word not in allowed:
            close = perhaps(str(value), allowed)
            raise ValueError(f"expected one of these{close}: {', '.join(allowed)}")
        return str(word)

    return read


@cache
def time_zones() -> frozenset[str]:
    """Return the names of the IANA list. They are read once: that walks through hundreds of files."""
    return frozenset(available_timezones())


def time_zone(value: Any) -> str:
    """Return the name of a time zone of the IANA list."""
    if value not in time_zones():
        close = perhaps(str(value), time_zones())
        raise ValueError(f"expected a name of the IANA list of time zones, as UTC or Europe/Berlin{close}")
    return str(value)


def whole(low: int, high: int) -> Callable[[Any], int]:
    """Return a reader of whole numbers from `low` to `high`."""

    def read(value: Any) -> int:
        # `pulumi config set` without --plaintext types stores numbers as text
        if isinstance(value, str) and value.isascii() and value.isdigit():
            value = int(value)
        if isinstance(value, bool) or not isinstance(value, int) or not low <= value <= high:
            raise ValueError(f"expected a whole number from {low} to {high}")
        return int(value)

    return read


def texts(value: Any) -> tuple[str, ...]:
    """Return a list of texts."""
    if not isinstance(value, list):
        raise ValueError("expected a list of names")  # noqa: TRY004  # every wrong setting raises ValueError
    return tuple(text(item) for item in value)


def flag(value: Any) -> bool:
    """Return a boolean."""
    # `pulumi config set` without types stores booleans as text
    if isinstance(value, str) and value.lower() in {"true", "false"}:
        value = value.lower() == "true"
    if not isinstance(value, bool):
        raise ValueError("expected true or false")  # noqa: TRY004  # every wrong setting raises ValueError
    return value


def positive(value: Any) -> float:
    """Return a number above 0."""
    # `pulumi config set` without types stores numbers as text
    if isinstance(value, str) and re.fullmatch(r"\d+(\.\d+)?", value, re.ASCII):
        value = float(value)
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 < value < float("inf"):
        raise ValueError("expected a number above 0")
    return float(value)


def numbers(names: Collection[str] | None, expected: str) -> Callable[[Any], tuple[tuple[str, float], ...]]:
    """Return a reader of a mapping from names to positive numbers; it returns sorted pairs, names in upper case.

    `names` are the valid names; None allows any. `expected` describes the mapping in errors.
    """

    def read(value: Any) -> tuple[tuple[str, float], ...]:
        if not isinstance(value, Mapping):
            raise ValueError(f"expected {expected}")  # noqa: TRY004  # every wrong setting raises ValueError
        numbers = {upper(str(name)): positive(number) for name, number in value.items()}
        for name in numbers:
            if names is not None and name not in names:
                raise ValueError(f"`{name}` is not a valid name{perhaps(name, names)}")
        return tuple(sorted(numbers.items()))

    return read
