"""The kit for a real account, really killed (SIGKILL) or interrupted at a statement of what it does without a stack.

One sandbox is the account of all kits. Each is a process that asks one case of the corpus. The next one cleans up, as
each does first; right after that, the account has to show what it showed before, row by row.

Knows which statements there are, and what must hold. Must not know what they are about.
"""

from __future__ import annotations

import os
import re
import signal
import sys
import tempfile
from collections import Counter
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from tests.account import late_warehouse, scratch
from tests.reliability.deploys_killed import spread
from tests.reliability.kit import process
from tests.reliability.kit.account import account
from tests.reliability.kit.cases import CASES
from tests.reliability.kit.trap import FAULTS, INTERRUPTED, KILLED_BEFORE, Case, Trap

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from tests.reliability.kit.account import Account

# The first statement after the cleaning.
CLEANED = f"CREATE WAREHOUSE {scratch.WAREHOUSE} "
# The first statements of a case.
_ROLE, _DATABASE = "USE ROLE ACCOUNTADMIN", re.compile(rf"CREATE OR REPLACE DATABASE {scratch.MARK_OF_CASES}\d+")
LATE, _LATE = str(late_warehouse.CASE["name"]), f"CREATE WAREHOUSE {late_warehouse.WAREHOUSE}"
NAMES = tuple(str(case["name"]) for case in CASES)
# A case that leaves a database, a pool and a warehouse if the kit is killed right before it drops them.
RICH, DROPS = "compute pool", "DROP DATABASE"
# The first statement of the kit's own end.
_END = 'USE ROLE "'
PATIENCE = 1800.0
# Points per case that is drawn, of about 22 that a case has; all cases from 3,000 points on.
PER_CASE = 8


@dataclass(frozen=True)
class Point:
    """A statement of a kit that asks one case, and what happens there.

    Attributes:
        case: the name of the case.
        at: its number; of a `start`, from the kit's first statement on, else from the first one after the cleaning on.
        part: of the kit: its start (the cleaning), the case, or its end.
    """

    case: str
    fault: str
    at: int
    part: str = "case"

    def __str__(self) -> str:
        return f"{self.fault} statement {self.at} ({self.part}, {self.case!r})"


@dataclass
class Kits:
    """Kits that are started one after the other on one account.

    Attributes:
        forgets: a kind of objects that their cleaning leaves out.
        before: what the account showed before the first of them.
        disturbed: those after which nobody has cleaned up yet.
        problems: what did not hold.
    """

    account: Account
    folder: Path
    forgets: str = ""
    before: frozenset[str] = frozenset()
    disturbed: list[str] = field(default_factory=list)
    problems: list[str] = field(default_factory=list)

    def run(self, names: Sequence[str], trap: Trap, fault: str = "") -> int:
        """Run a kit of these cases, or of all, with a trap that brings the fault about; returns how it ended."""
        pids: list[int] = []
        trap.spring = lambda: os.kill(pids[0], signal.SIGINT if fault == INTERRUPTED else signal.SIGKILL)
        self.account.proxy.around = lambda statement: self._around(statement, trap)
        with trap.lock:  # nothing is counted until it is known whom to kill
            kit = process.start(names, self.account.variables(), self.folder, self.forgets)
            pids.append(kit.pid or 0)
        kit.join(PATIENCE)
        if kit.is_alive():
            kit.kill()
            kit.join()
            self.problems.append(f"{names}: not ended after {PATIENCE:.0f} s")
        return kit.exitcode or 0

    @contextmanager
    def _around(self, statement: str, trap: Trap) -> Iterator[None]:
        if statement.startswith(CLEANED):
            self.compare(self.disturbed)
            self.disturbed = []
        with trap.around(statement):
            yield

    def compare(self, disturbed: Sequence[str], but: str = "\0") -> None:
        """Note, once, what the account shows otherwise than before, except for rows that have `but` in them."""
        now = frozenset(row for row in self.account.shows() if but not in row)
        for text, rows in (("stays", now - self.before), ("is gone", self.before - now)):
            self.problems += [f"{', '.join(disturbed) or 'undisturbed'}: {row} {text}" for row in sorted(rows)]
        self.before = now

    def disturb(self, point: Point) -> None:
        """Disturb a kit at a point."""
        trap = Trap(Case(point.at, point.fault), _nothing, bool if point.part == "start" else _after_the_cleaning())
        code = self.run([point.case], trap, point.fault)
        name = f"{point}: {trap.statement}"
        right = 1 if point.fault == INTERRUPTED else -signal.SIGKILL
        if not trap.statement:
            self.problems.append(f"{point}: there was no such statement")
        elif code != right:
            self.problems.append(f"{name}: the kit ended with {code}, not {right}")
        if point.fault == INTERRUPTED and point.part == "case":
            self.compare([name])  # it has cleaned up itself
        else:
            self.disturbed.append(name)

    def statements(self, names: Sequence[str] = (), *, start: bool = False) -> list[str]:
        """Run an undisturbed kit of these cases, or of all; returns its statements, with those of its start or without.

        Between cases, nothing of any case may be there, so that a case of a kit is the same without those before it.
        """
        texts: list[str] = []
        counts = bool if start else _after_the_cleaning()

        def keeps(statement: str) -> bool:
            if counts(statement):
                texts.append(statement)
            if statement == _ROLE:
                self.compare(texts[-2:], but=scratch.WAREHOUSE)
            return False

        if code := self.run(names, Trap(Case(0), _nothing, keeps)):
            self.problems.append(f"an undisturbed kit ended with {code}: {(self.folder / 'log').read_text()[-500:]}")
        self.compare([])
        return texts


def _nothing() -> None:
    """Nothing happens at this statement."""


def _after_the_cleaning() -> Callable[[str], bool]:
    cleaned = False

    def counts(statement: str) -> bool:
        nonlocal cleaned
        cleaned = cleaned or statement.startswith(CLEANED)
        return cleaned and bool(statement)

    return counts


@contextmanager
def kits(folder: Path, forgets: str = "") -> Iterator[Kits]:
    """Give an account on which kits can be started."""
    (folder / "kit").mkdir()
    with account(folder / "sandbox") as sandbox:
        yield Kits(sandbox, folder / "kit", forgets, sandbox.shows())


def points_of(kits_: Kits, names: Sequence[str] = NAMES) -> list[Point]:
    """Return every point of these cases, which are in the order of the corpus, and of the rest of a kit."""
    texts = kits_.statements(() if names == NAMES else [*names, LATE])
    starts = [number for number, text in enumerate(texts) if _DATABASE.fullmatch(text)]
    late = next(number for number, text in enumerate(texts) if text.startswith(_LATE))
    if len(starts) != len(names):
        raise AssertionError(f"{len(starts)} of {len(names)} cases were asked")
    # A kit of one case: its warehouse, the case, the end. A case begins one statement before its database.
    parts = [(LATE, "case", range(1, 2))]
    for name, first, following in zip(names, starts, [*starts[1:], late + 1], strict=True):
        parts.append((name, "case", range(2, 2 + following - first)))
    end = texts.index(next(text for text in texts if text.startswith(_END)), late)
    parts.append((LATE, "case", range(2, 2 + end - late)))
    parts.append((LATE, "end", range(2 + end - late, 2 + len(texts) - late)))
    return [Point(name, fault, at, part) for fault in FAULTS for name, part, numbers in parts for at in numbers]


def points_of_the_start(kits_: Kits) -> list[Point]:
    """Return every point of a start that has something to remove."""
    leave(kits_)
    texts = kits_.statements([LATE], start=True)
    numbers = range(1, 1 + next(number for number, text in enumerate(texts) if text.startswith(CLEANED)))
    return [Point(LATE, fault, at, "start") for fault in FAULTS for at in numbers]


def leave(kits_: Kits) -> None:
    """Kill a kit where it leaves much."""
    texts = kits_.statements([RICH])
    at = 1 + next(number for number, text in enumerate(texts) if text.startswith(DROPS))
    kits_.disturb(Point(RICH, KILLED_BEFORE, at))


def run(seed: int, count: int) -> tuple[list[str], list[str]]:
    """Disturb a kit at every statement in every way, or at `count` points; returns figures and what did not hold."""
    tried: Counter[str] = Counter()
    with tempfile.TemporaryDirectory() as folder, kits(Path(folder)) as kits_:
        drawn = set(spread(NAMES, seed, -(-count // PER_CASE)))
        names = tuple(name for name in NAMES if name in drawn)
        points = [*points_of_the_start(kits_), *points_of(kits_, names)]
        for point in spread(points, seed, count):
            if point.part == "start":
                leave(kits_)
            kits_.disturb(point)
            tried[f"{point.part}, {point.fault}"] += 1
            if sum(tried.values()) % 25 == 0:
                sys.stderr.write(f"kit-killed: {sum(tried.values())}: {len(kits_.problems)} problems\n")
        kits_.statements([LATE])  # cleans up after the last one
    lines = [f"kit-killed: {group} a statement: {number}" for group, number in sorted(tried.items())]
    whole = f"{sum(tried.values())} of {len(points)} points of {len(names)} cases, seed {seed}"
    whole = f"kit-killed: {whole}: {len(kits_.problems)} problems"
    return [*lines, whole], kits_.problems
