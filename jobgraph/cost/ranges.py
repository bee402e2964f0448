"""Uncertain amounts: the lowest, the highest, and, if history shows it, the usual one.

Knows arithmetic. Must not know what is measured.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable


@dataclass(frozen=True)
class Range:
    """An amount between `low` and `high`; `usual` is None if it is not known."""

    low: float
    high: float
    usual: float | None = None

    def __add__(self, addend: Range) -> Range:
        usual = None if self.usual is None or addend.usual is None else self.usual + addend.usual
        return Range(self.low + addend.low, self.high + addend.high, usual)

    @property
    def expected(self) -> float:
        """The usual amount, or the highest if the usual one is not known."""
        return self.high if self.usual is None else self.usual

    def at_most(self, limit: float) -> Range:
        """Return the range with every amount above the limit reduced to the limit."""
        usual = None if self.usual is None else min(self.usual, limit)
        return Range(min(self.low, limit), min(self.high, limit), usual)


NOTHING = Range(0.0, 0.0, 0.0)


def exactly(amount: float) -> Range:
    """Return the range of a certain amount."""
    return Range(amount, amount, amount)


def between(low: float, high: float, usual: float | None = None) -> Range:
    """Return a range with its amounts in order: bounds from different sources may overlap slightly."""
    high = max(low, high)
    return Range(low, high, None if usual is None else min(max(usual, low), high))


def total(amounts: Iterable[Range]) -> Range:
    """Return the sum; zero if there are no amounts."""
    return sum(amounts, NOTHING)


def comparable(old: Range, new: Range) -> tuple[float, float]:
    """Return two amounts of the same kind: the usual ones if both are known, otherwise the highest."""
    if old.usual is not None and new.usual is not None:
        return old.usual, new.usual
    return old.high, new.high
