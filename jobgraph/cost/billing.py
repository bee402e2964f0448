"""For how long a resource is charged that starts when it is used and suspends after it has been idle for a while.

Knows how Snowflake charges pools and warehouses: per second while they are up, with a minimum time. Must not know what
a second costs.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence


@dataclass(frozen=True)
class Use:
    """A use of a number of units (nodes or clusters), from `start` to `end`, in seconds."""

    start: float
    end: float
    units: int = 1


@dataclass(frozen=True)
class Meter:
    """The charging rules of a resource: `fewest` to `most` units are up, and charged for at least `shortest` seconds.

    `tail`: the idle seconds until it suspends. Units above `fewest` are up only while they are used.
    """

    fewest: int
    most: int
    tail: float
    shortest: float

    def unit_seconds(self, uses: Iterable[Use]) -> float:
        """Return the unit-seconds charged for uses. They may overlap; none waits for a unit."""
        used = sorted((use for use in uses if use.end > use.start), key=lambda use: use.start)
        return sum(self._session(session) for session in self._sessions(used))

    def _sessions(self, uses: Sequence[Use]) -> Iterator[list[Use]]:
        """Yield groups of uses between which the resource does not suspend."""
        session: list[Use] = []
        end = 0.0
        for use in uses:
            if session and use.start > end + self.tail:
                yield session
                session = []
            end = max(end, use.end) if session else use.end
            session.append(use)
        if session:
            yield session

    def _session(self, uses: Sequence[Use]) -> float:
        start, end = uses[0].start, max(use.end for use in uses) + self.tail
        changes = sorted([(use.start, use.units) for use in uses] + [(use.end, -use.units) for use in uses])
        charged, in_use, peak, since = 0.0, 0, self.fewest, start
        for instant, units in [*changes, (end, 0)]:
            up = min(self.most, max(self.fewest, in_use))
            charged += up * (instant - since)
            peak = max(peak, up) if instant > since else peak
            in_use, since = in_use + units, instant
        return max(charged, peak * self.shortest)
