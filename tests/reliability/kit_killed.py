"""The part of the kit for a real account that lives a stack, killed or interrupted with all its processes.

Knows what may happen to a kit and what it must leave then. Must not know which steps it has.
"""

from __future__ import annotations

import signal
import sys
import tempfile
import threading
from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from tests.reliability.deploys_killed import spread
from tests.reliability.kit_stack import PATIENCE, Kit, account, changes

if TYPE_CHECKING:
    import subprocess
    from collections.abc import Callable, Iterator
    from contextlib import AbstractContextManager

from contextlib import contextmanager


@dataclass(frozen=True)
class Case:
    """What happens to a kit at its `at`-th statement that changes something."""

    at: int
    fault: str

    def __str__(self) -> str:
        return f"{self.fault} statement {self.at}"


KILLED_BEFORE, KILLED_AFTER, INTERRUPTED = "killed before", "killed after", "interrupted at"
FAULTS = (KILLED_AFTER, INTERRUPTED, KILLED_BEFORE)


class DeadError(ConnectionError):
    """Nothing passes any more: who sent it is dead."""


class Trap:
    """Counts changes, and does something before or after one of them."""

    def __init__(self, case: Case, spring: Callable[[], None]) -> None:
        self.case, self.spring = case, spring
        self.count = 0
        self.statement = ""
        self.lock = threading.Lock()

    @contextmanager
    def around(self, statement: str) -> Iterator[None]:
        """Let a statement pass, unless its sender is dead by then."""
        mine = False
        if changes(statement):
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


def count(kit: Kit) -> int:
    """Run a kit to its end; returns how many statements of it change something."""
    trap = Trap(Case(0, KILLED_AFTER), lambda: None)
    out = _finished(kit, trap.around)
    if ": failed" in out:
        raise AssertionError(out)
    return trap.count


def _finished(kit: Kit, around: Callable[[str], AbstractContextManager[None]]) -> str:
    kit.proxy.around = around
    out, _ = kit.start().communicate(timeout=PATIENCE)
    return out


def disturb(kit: Kit, case: Case) -> tuple[str, list[str]]:
    """Disturb a kit; returns at which statement, and what stays: after a sweep, unless the kit was interrupted."""
    process: list[subprocess.Popen[str]] = []

    def spring() -> None:
        if case.fault == INTERRUPTED:
            process[0].send_signal(signal.SIGINT)
        else:
            kit.kill()

    trap = Trap(case, spring)
    kit.proxy.around = trap.around
    process.append(kit.start())
    process[0].communicate(timeout=PATIENCE)
    if not trap.statement:
        return "", [f"{case}: there was no such statement"]
    kit.kill()
    stays = sorted(kit.objects() - kit.before) if case.fault == INTERRUPTED else kit.sweep()
    kit.sweep()
    return trap.statement, [f"{case} ({trap.statement}): {name} stays" for name in stays]


def run(seed: int, count_of_cases: int) -> tuple[list[str], list[str]]:
    """Disturb a kit at each statement in each way, or in `count_of_cases` cases; returns figures and what stays."""
    tried: Counter[str] = Counter()
    problems: list[str] = []
    with tempfile.TemporaryDirectory() as folder, account(Path(folder) / "project") as kit:
        number = count(kit)
        cases = [Case(at, fault) for fault in FAULTS for at in range(1, number + 1)]
        for case in spread(cases, seed, count_of_cases):
            statement, wrong = disturb(kit, case)
            tried[case.fault] += 1
            problems += wrong
            sys.stderr.write(f"{case} ({statement}): {wrong or 'nothing stays'}\n")
    lines = [f"kit-killed: {fault} a statement: {number}" for fault, number in sorted(tried.items())]
    whole = f"kit-killed: {sum(tried.values())} of {len(cases)} cases (seed {seed}), {len(problems)} objects stay"
    return [*lines, whole], problems
