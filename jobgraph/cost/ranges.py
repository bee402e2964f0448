"""Amounts that are not certain: the lowest, the highest, and the usual one where history tells it.

Knows arithmetic. Must not know what is measured.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable


@dataclass(frozen=True)
class Range:
    """An amount between `low` and `high`; `usual` is None where nothing tells it."""

    low: float
    high: float
    usual: float | None = None

    def __add__(self, addend: Range) -> Range:
        usual = None if self.usual is None or addend.usual is None else self.usual + addend.usual
        return Range(self.low + addend.low, self.high + addend.high, usual)

    @property
    def expected(self) -> float:
        """The usual amount; the highest where nothing tells it."""
        return self.high if self.usual is None else self.usual

    def at_most(self, limit: float) -> Range:
        """Return the range with everything above a limit cut to it."""
        usual = None if self.usual is None else min(self.usual, limit)
        return Range(min(self.low, limit), min(self.high, limit), usual)


NOTHING = Range(0.0, 0.0, 0.0)


def exactly(amount: float) -> Range:
    """Return the range of a certain amount."""
    return Range(amount, amount, amount)


def between(low: float, high: float, usual: float | None = None) -> Range:
    """Return a range in order: what bounds of different origin say may overlap by a little."""
    high = max(low, high)
    return Range(low, high, None if usual is None else min(max(usual, low), high))


def total(amounts: Iterable[Range]) -> Range:
    """Return the sum; of nothing, nothing."""
    return sum(amounts, NOTHING)
