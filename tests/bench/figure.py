"""One measured figure against its goal, and how pairs are timed."""

from __future__ import annotations

import statistics
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable


@dataclass(frozen=True)
class Figure:
    """A figure: what was measured, its value, the goal (at most) and how it came about."""

    name: str
    value: float
    goal: float
    detail: str
    unit: str = "x"

    @property
    def met(self) -> bool:
        """Whether the goal was reached."""
        return self.value <= self.goal

    @property
    def goal_text(self) -> str:
        """The goal with its unit."""
        return f"<= {self.goal:g} {self.unit}"


def seconds(action: Callable[[], object]) -> float:
    """How long one call takes."""
    start = time.perf_counter()
    action()
    return time.perf_counter() - start


def paired(first: Callable[[], object], second: Callable[[], object], repeat: int) -> tuple[float, float, float]:
    """Time both alternately after one warm-up each.

    Returns:
        the median of the ratios first/second, the median seconds of the first, and of the second.
    """
    first()
    second()
    pairs = [(seconds(first), seconds(second)) for _ in range(repeat)]
    return (
        statistics.median(a / b for a, b in pairs),
        statistics.median(a for a, _ in pairs),
        statistics.median(b for _, b in pairs),
    )
