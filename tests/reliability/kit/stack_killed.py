"""The part of the kit for a real account that lives a stack, killed or interrupted with all its processes.

Knows what may happen to a kit and what it must leave then. Must not know which steps it has.
"""

from __future__ import annotations

import signal
import subprocess
import sys
import tempfile
from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING

from tests.reliability.deploys_killed import spread
from tests.reliability.kit.stack import PATIENCE, Kit, account, changes
from tests.reliability.kit.trap import FAULTS, INTERRUPTED, Case, Trap

if TYPE_CHECKING:
    from collections.abc import Callable
    from contextlib import AbstractContextManager


def count(kit: Kit) -> int:
    """Run a kit to its end; returns how many statements of it change something."""
    trap = Trap(Case(0), lambda: None, changes)
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

    trap = Trap(case, spring, changes)
    kit.proxy.around = trap.around
    process.append(kit.start())
    try:
        process[0].communicate(timeout=PATIENCE)
    except subprocess.TimeoutExpired:
        kit.kill()
        process[0].communicate()
        kit.sweep()
        return trap.statement, [f"{case} ({trap.statement}): not ended after {PATIENCE:.0f} s"]
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
    lines = [f"kit-stack-killed: {fault} a statement: {number}" for fault, number in sorted(tried.items())]
    whole = f"kit-stack-killed: {sum(tried.values())} of {len(cases)} cases (seed {seed}), {len(problems)} objects stay"
    return [*lines, whole], problems
