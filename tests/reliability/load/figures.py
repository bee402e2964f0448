"""What a load measured, in words, and the limits that make it fail.

Knows percentiles and limits. Must not know where a figure comes from.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence


def percentile(seconds: Sequence[float], share: int) -> float:
    """Return the value that `share` of a hundred do not exceed."""
    ordered = sorted(seconds)
    return ordered[min(len(ordered) - 1, len(ordered) * share // 100)] if ordered else 0.0


@dataclass
class Report:
    """Lines for whoever reads, and what does not hold."""

    lines: list[str] = field(default_factory=list)
    failures: list[str] = field(default_factory=list)

    def tell(self, line: str) -> None:
        """Add a line."""
        self.lines.append(line)

    def hold(self, figure: str, value: float, limit: float) -> None:
        """Add a figure with its limit; above it, the load has failed."""
        self.lines.append(f"  {figure}: {value:.2f} (at most {limit:g})")
        if value > limit:
            self.failures.append(f"{figure}: {value:.2f} is above its limit, {limit:g}")

    def want(self, claim: str, *, holds: bool) -> None:
        """Add a claim that must hold."""
        self.lines.append(f"  {claim}: {'yes' if holds else 'NO'}")
        if not holds:
            self.failures.append(f"does not hold: {claim}")
