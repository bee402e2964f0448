"""Time as an argument: the only code of the sandbox that reads the clock, and a clock that tests move by hand.

Knows times; must not know why anyone waits.
"""

from __future__ import annotations

import threading
from datetime import UTC, datetime, timedelta
from typing import Protocol


class Clock(Protocol):
    """The clock as the sandbox uses it."""

    def now(self) -> datetime:
        """Return the current time, aware, in UTC."""

    def wait(self, event: threading.Event, timeout: float) -> bool:
        """Wait for the event, at most `timeout` seconds of this clock; return whether it was set."""

    def wait_until(self, event: threading.Event, instant: datetime) -> bool:
        """Wait for the event, at most until a time of this clock; return whether it was set."""


class SystemClock:
    """The machine's clock."""

    def now(self) -> datetime:
        """Return the current time, aware, in UTC."""
        return datetime.now(UTC)

    def wait(self, event: threading.Event, timeout: float) -> bool:
        """Wait in real time."""
        return event.wait(timeout)

    def wait_until(self, event: threading.Event, instant: datetime) -> bool:
        """Wait in real time."""
        return event.wait(max((instant - self.now()).total_seconds(), 0.0))


class ManualClock:
    """A clock that stands still until a test moves it; each move wakes every waiter."""

    def __init__(self, start: datetime) -> None:
        self._now = start
        self._moved = threading.Condition()

    def now(self) -> datetime:
        """Return the time to which the clock was moved last."""
        with self._moved:
            return self._now

    def move(self, seconds: float) -> None:
        """Let `seconds` pass."""
        with self._moved:
            self._now += timedelta(seconds=seconds)
            self._moved.notify_all()

    def wait(self, event: threading.Event, timeout: float) -> bool:
        """Wait until the event is set or the clock was moved past the timeout."""
        return self.wait_until(event, self.now() + timedelta(seconds=timeout))

    def wait_until(self, event: threading.Event, instant: datetime) -> bool:
        """Wait until the event is set or the clock reaches the time; moves before the call count."""
        with self._moved:
            # Other threads set the event without notifying our condition, hence the short real wait between checks.
            while not event.is_set() and self._now < instant:
                self._moved.wait(0.01)
        return event.is_set()
