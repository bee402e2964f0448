"""What was charged, divided among those who used it: by their seconds, and the rest is idle. Nothing is lost or added.

Knows metered hours and uses. Must not know what is metered, nor who uses it.
"""

from __future__ import annotations

import math
from bisect import bisect_right
from dataclasses import dataclass
from enum import Enum
from itertools import pairwise
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

    Integral = tuple[list[float], list[float]]


class Sharing(Enum):
    """How uses at the same time divide what is charged.

    UNITS: each has units of its own, as containers have nodes. ONE_UNIT: they divide one, as tasks do that wait on a
    warehouse. CHARGES: all that is charged is for them, as nothing is up beside a use, whatever its size.
    """

    UNITS = "units"
    ONE_UNIT = "one unit"
    CHARGES = "charges"


@dataclass(frozen=True)
class UnitUse:
    """A use of so many units, nodes or slots; instants are aware."""

    start: datetime
    end: datetime
    units: int = 1


@dataclass(frozen=True)
class Metered:
    """Credits that were charged for a time, mostly an hour."""

    start: datetime
    end: datetime
    credits: float


@dataclass(frozen=True)
class Allocation:
    """Credits of each use, in their order, and of nobody: together what was charged.

    `unmetered` are credits by the rate for the time of each use that nothing was metered for, or not yet.
    """

    shares: tuple[float, ...]
    idle: float
    unmetered: tuple[float, ...]


def allocated(metered: Sequence[Metered], spans: Sequence[UnitUse], rate: float, sharing: Sharing) -> Allocation:
    """Divide what was charged.

    Each use gets what its seconds cost by the rate; if that is more than was charged, all get less in proportion, and
    with Sharing.CHARGES they get more if it is less.

    Args:
        metered: what was charged, for times that do not overlap.
        spans: the uses.
        rate: credits an hour of a unit.
        sharing: how uses at the same time divide it.
    """
    integral = _integral(spans) if sharing is Sharing.ONE_UNIT else None
    most = math.inf if sharing is Sharing.CHARGES else 1.0
    shares = [0.0] * len(spans)
    covered = [0.0] * len(spans)
    idle: list[float] = []
    for hour in metered:
        inside = [_seconds(span, hour.start, hour.end, integral) for span in spans]
        costs = [seconds * rate / 3600 for seconds in inside]
        factor = min(most, hour.credits / total) if (total := math.fsum(costs)) else 0.0
        for place, cost in enumerate(costs):
            shares[place] += cost * factor
            covered[place] += inside[place]
        idle.append(hour.credits - math.fsum(costs) * factor)
    whole = [_seconds(span, span.start, span.end, integral) for span in spans]
    unmetered = [max(0.0, seconds - part) * rate / 3600 for seconds, part in zip(whole, covered, strict=True)]
    return Allocation(tuple(shares), max(0.0, math.fsum(idle)), tuple(unmetered))


def _seconds(span: UnitUse, start: datetime, end: datetime, integral: Integral | None) -> float:
    """Return the seconds of units that a use has in a time."""
    start, end = max(start, span.start), min(end, span.end)
    if end <= start:
        return 0.0
    if integral is None:
        return (end - start).total_seconds() * span.units
    return (_at(integral, end.timestamp()) - _at(integral, start.timestamp())) * span.units


def _integral(spans: Sequence[UnitUse]) -> Integral:
    """Return instants, and the share of a unit that one has had until then who used it all the time."""
    changes: dict[float, int] = {}
    for span in spans:
        if span.end > span.start:
            changes[span.start.timestamp()] = changes.get(span.start.timestamp(), 0) + span.units
            changes[span.end.timestamp()] = changes.get(span.end.timestamp(), 0) - span.units
    instants = sorted(changes)
    shares, in_use = [0.0], 0
    for earlier, later in pairwise(instants):
        in_use += changes[earlier]
        shares.append(shares[-1] + ((later - earlier) / in_use if in_use else 0.0))
    return instants, shares


def _at(integral: Integral, instant: float) -> float:
    instants, shares = integral
    place = bisect_right(instants, instant) - 1
    if place < 0 or place + 1 >= len(instants):
        return shares[max(0, place)] if instants else 0.0
    part = (instant - instants[place]) / (instants[place + 1] - instants[place])
    return shares[place] + part * (shares[place + 1] - shares[place])
