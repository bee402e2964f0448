"""Charged credits, divided among uses by their seconds; the rest is idle. The parts always add up to the charge.

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
    """How simultaneous uses divide a charge.

    UNITS: each use has its own units, as containers have nodes. ONE_UNIT: all share one unit, as tasks that wait on a
    warehouse do. CHARGES: uses divide the whole charge, since nothing is charged without a use, whatever its size.
    """

    UNITS = "units"
    ONE_UNIT = "one unit"
    CHARGES = "charges"


@dataclass(frozen=True)
class UnitUse:
    """A use of a number of units (nodes or slots) from `start` to `end`, which are timezone-aware."""

    start: datetime
    end: datetime
    units: int = 1


@dataclass(frozen=True)
class Metered:
    """Credits charged for a period, usually an hour."""

    start: datetime
    end: datetime
    credits: float


@dataclass(frozen=True)
class Allocation:
    """The credits of each use, in the order of the uses, and the idle credits; together they are the charge.

    `unmetered`: for each use, the credits at the rate for the time that was not metered, or not yet.
    """

    shares: tuple[float, ...]
    idle: float
    unmetered: tuple[float, ...]


def allocated(metered: Sequence[Metered], spans: Sequence[UnitUse], rate: float, sharing: Sharing) -> Allocation:
    """Divide a charge among uses.

    Each use gets the cost of its seconds at the rate. If these costs exceed the charge, all are reduced in proportion;
    with Sharing.CHARGES they are also increased if they are less than the charge.

    Args:
        metered: the charges, for periods that do not overlap.
        spans: the uses.
        rate: credits per hour and unit.
        sharing: how simultaneous uses divide the charge.
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
    """Return the unit-seconds of a use within a period."""
    start, end = max(start, span.start), min(end, span.end)
    if end <= start:
        return 0.0
    if integral is None:
        return (end - start).total_seconds() * span.units
    return (_at(integral, end.timestamp()) - _at(integral, start.timestamp())) * span.units


def _integral(spans: Sequence[UnitUse]) -> Integral:
    """Return timestamps and, for each, the unit-seconds up to then of a use that shares one unit the whole time."""
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
