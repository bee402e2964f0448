"""Something happens to a kit right before or right after one of its statements, on their way through a proxy.

Knows how statements are counted. Must not know what they are about.
"""

from __future__ import annotations

import threading
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

KILLED_BEFORE, KILLED_AFTER, INTERRUPTED = "killed before", "killed after", "interrupted at"
FAULTS = (KILLED_AFTER, INTERRUPTED, KILLED_BEFORE)


@dataclass(frozen=True)
class Case:
    """What happens to a kit at the `at`-th statement that counts; 0: nothing."""

    at: int
    fault: str = KILLED_AFTER

    def __str__(self) -> str:
        return f"{self.fault} statement {self.at}"


class DeadError(ConnectionError):
    """Nothing passes any more: who sent it is dead."""


class Trap:
    """Counts the statements for which `counts` holds, and calls `spring` before or after one of them."""

    def __init__(self, case: Case, spring: Callable[[], None], counts: Callable[[str], bool] = bool) -> None:
        self.case, self.spring, self.counts = case, spring, counts
        self.count = 0
        self.statement = ""
        self.lock = threading.Lock()

    @contextmanager
    def around(self, statement: str) -> Iterator[None]:
        """Let a statement pass, unless its sender is dead by then."""
        mine = False
        if self.counts(statement):
            with self.lock:
                self.count += 1
                mine = self.count == self.case.at
        if mine:
            self.statement = " ".join(statement.split())[:80]
        if mine and self.case.fault != KILLED_AFTER:
            self.spring()
        if mine and self.case.fault == KILLED_BEFORE:
            raise DeadError
        yield
        if mine and self.case.fault == KILLED_AFTER:
            self.spring()
