"""A turn: what one thread at a time has. Whoever began first has it first.

Knows threads. Must not know what it is a turn of. Python's own locks let a thread overtake those that wait.
"""

from __future__ import annotations

import heapq
import itertools
import threading
import time
from contextlib import contextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator


class _Place:
    """A thread's place in the line: `number` says when it began."""

    def __init__(self, number: int) -> None:
        self.number = number
        self.came = threading.Lock()
        self.came.acquire()
        self.has_turn = False

    def __lt__(self, other: _Place) -> bool:
        return self.number < other.number


class Turns:
    """The line of those who wait, and the turn.

    Args:
        seconds: a clock that is never set back.
    """

    def __init__(self, seconds: Callable[[], float] = time.monotonic) -> None:
        self._seconds = seconds
        self._lock = threading.Lock()
        self._is_free = True
        self._since = 0.0
        self._line: list[_Place] = []
        self._numbers = itertools.count()
        self._own = threading.local()

    @contextmanager
    def in_order(self) -> Iterator[None]:
        """Have all turns that the thread takes in the block count as asked for at the beginning of the outermost one.

        So a statement that needs many turns is not overtaken in each of them.
        """
        if self._began() is not None:
            yield
            return
        self._own.number = next(self._numbers)
        try:
            yield
        finally:
            self._own.number = None

    def take(self, patience: float) -> bool:
        """Wait for the turn; return False if somebody else has had it for more than `patience` seconds."""
        began = self._began()
        place = _Place(next(self._numbers) if began is None else began)
        with self._lock:
            if self._is_free:
                self._is_free, self._since = False, self._seconds()
                return True
            heapq.heappush(self._line, place)
            left = self._since + patience - self._seconds()
        while not place.came.acquire(timeout=max(0.0, left)):
            with self._lock:
                left = self._since + patience - self._seconds()
                if not place.has_turn and left <= 0:
                    self._line.remove(place)
                    heapq.heapify(self._line)
                    return False
        return True

    def give(self) -> None:
        """Hand the turn to the first in the line."""
        with self._lock:
            self._is_free, self._since = not self._line, self._seconds()
            if self._line:
                place = heapq.heappop(self._line)
                place.has_turn = True
                place.came.release()

    def _began(self) -> int | None:
        number: int | None = getattr(self._own, "number", None)
        return number
