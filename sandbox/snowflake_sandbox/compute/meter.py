"""What compute is charged: seconds of units that were up, with a shortest time for each start, as credits by the hour.

Knows how Snowflake charges (user-guide/cost-understanding-compute): by the second, and each time a unit starts for a
shortest time at least, which begins anew when it starts again. Must not know what the units are.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence
    from datetime import datetime

HOUR = timedelta(hours=1)


@dataclass(frozen=True)
class Span:
    """A time in which so many units, clusters or nodes, were up; `rate`: credits an hour of one of them."""

    start: datetime
    end: datetime
    units: int
    rate: float


def hourly(spans: Sequence[Span], shortest: timedelta) -> dict[datetime, float]:
    """Credits by the hour in which they were used; `spans` are those of one resource, in order, without overlap."""
    credits_: dict[datetime, float] = {}
    for number in range(max((span.units for span in spans), default=0)):
        for session in _sessions(span for span in spans if span.units > number):
            for start, end, rate in _charged(session, shortest):
                _add(credits_, start, end, rate)
    return credits_


def _sessions(spans: Iterable[Span]) -> Iterator[list[Span]]:
    """The times in which one unit was up without a break."""
    session: list[Span] = []
    for span in spans:
        if session and session[-1].end != span.start:
            yield session
            session = []
        session.append(span)
    if session:
        yield session


def _charged(session: Sequence[Span], shortest: timedelta) -> Iterator[tuple[datetime, datetime, float]]:
    for span in session:
        yield span.start, span.end, span.rate
    least = session[0].start + shortest
    if session[-1].end < least:
        yield session[-1].end, least, session[-1].rate


def _add(credits_: dict[datetime, float], start: datetime, end: datetime, rate: float) -> None:
    while start < end:
        hour = start.replace(minute=0, second=0, microsecond=0)
        until = min(end, hour + HOUR)
        credits_[hour] = credits_.get(hour, 0.0) + (until - start) / HOUR * rate
        start = until
