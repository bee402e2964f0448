"""What compute costs: the seconds for which units were up, at least a minimum for each start, as credits by the hour.

Knows how Snowflake charges (user-guide/cost-understanding-compute): by the second, with a minimum time that applies
each time a unit starts. Must not know what the units are.
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
    """A time during which `units` clusters or nodes were up; `rate`: credits an hour for one of them."""

    start: datetime
    end: datetime
    units: int
    rate: float


def hourly(spans: Sequence[Span], shortest: timedelta) -> dict[datetime, float]:
    """Return credits by the hour of their use; `spans` belong to one resource, in order and without overlap."""
    credits_: dict[datetime, float] = {}
    for number in range(max((span.units for span in spans), default=0)):
        for session in _sessions(span for span in spans if span.units > number):
            for start, end, rate in _charged(session, shortest):
                _add(credits_, start, end, rate)
    return credits_


def _sessions(spans: Iterable[Span]) -> Iterator[list[Span]]:
    """Yield the uninterrupted times during which one unit was up."""
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
