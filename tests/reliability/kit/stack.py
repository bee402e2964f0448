"""The part of the kit for a real account that lives a stack, cut off at each statement that changes something.

A kit runs to its end, and the account is copied right before and right after each such statement: what an account has
whose kit died there. The next start has to remove all of it from each copy. `stack_killed.py` really kills.

Knows how a kit is started and what it must leave. Must not know which steps it has.
"""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections import Counter
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from snowflake_sandbox import control
from snowflake_sandbox.clock import SystemClock

from tests.account import scratch
from tests.account.__main__ import ROOT
from tests.account.replay import Session
from tests.deploys.proxy import Proxy, is_write
from tests.lifecycle import project as projects
from tests.reliability.deploys_killed import spread
from tests.reliability.kit.cases import names
from tests.sandbox.conftest import serving

if TYPE_CHECKING:
    from collections.abc import Iterator

# So that the kit tries its message and its alert, too.
ADDRESS = "ALTER USER SANDBOX_ADMIN SET EMAIL = 'kit@example.org'"
KIT = (str(projects.BIN / "python"), "-m", "tests.account", "--stack-only", "--budget", "9")
# By which the processes of a kit are recognized, whoever their parent is now.
MARK = "JOBGRAPH_KIT_UNDER_TEST"
# What a copy has of its own: the warehouse of the tests' session.
OF_THE_TEST = "WAREHOUSES FOR_EVERYBODY"
# Whole kits on a busy machine.
PATIENCE = 3600.0


def changes(statement: str) -> bool:
    """Whether a statement changes anything in the account; a chain may do so whatever it begins with."""
    return bool(statement) and (is_write(statement) or "->>" in statement)


@dataclass
class Kit:
    """A sandbox that is the account, and the proxy through which kits reach it."""

    project: projects.Project
    proxy: Proxy
    before: set[str] = field(default_factory=set)

    def start(self) -> subprocess.Popen[str]:
        """Start a kit, without its corpus."""
        environment = {**self.project.environment, "SNOWFLAKE_PORT": str(self.proxy.port), MARK: str(self.proxy.port)}
        return subprocess.Popen(
            KIT, cwd=ROOT, env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
        )

    def objects(self) -> set[str]:
        """The objects of the account now."""
        with self.project.connect(database=None, schema=None, warehouse=None) as connection:
            return names(Session(connection))

    def sweep(self) -> list[str]:
        """Do what a kit does first; returns what stays of earlier kits."""
        with self.project.connect(database=None, schema=None, warehouse=None) as connection:
            scratch.sweep(Session(connection).rows)
        return sorted(self.objects() - self.before)

    def kill(self) -> None:
        """End the kit and whatever it has started, at once, as if the machine died."""
        while found := [process for process in processes(f"{MARK}={self.proxy.port}") if process != os.getpid()]:
            for process in found:
                with suppress(ProcessLookupError):
                    os.kill(process, signal.SIGKILL)
            time.sleep(0.05)


def processes(variable: str) -> list[int]:
    """The living processes with this variable in their environment."""
    found = []
    for entry in Path("/proc").iterdir():
        with suppress(OSError):
            if entry.name.isdigit() and variable.encode() in (entry / "environ").read_bytes().split(b"\0"):
                found.append(int(entry.name))
    return found


@contextmanager
def account(folder: Path) -> Iterator[Kit]:
    """A sandbox with a user whom messages reach."""
    project = projects.make(folder)
    proxy = Proxy(("127.0.0.1", int(project.environment["SNOWFLAKE_PORT"])))
    try:
        kit = Kit(project, proxy)
        project.query(ADDRESS)
        kit.before = kit.objects()
        yield kit
    finally:
        proxy.close()
        project.jobgraph("sandbox", "stop", check=False)


@dataclass(frozen=True)
class Moment:
    """A copy of the account right before or right after a statement."""

    number: int
    when: str
    statement: str
    folder: Path

    def __str__(self) -> str:
        return f"{self.when} statement {self.number} ({' '.join(self.statement.split())[:80]})"


class Copies:
    """Copies the account around each change. Changes pass one at a time, so that none is half done in a copy."""

    def __init__(self, sandbox: Path, folder: Path) -> None:
        self.sandbox, self.folder = sandbox, folder
        self.moments: list[Moment] = []
        self.count = 0
        self.lock = threading.Lock()

    @contextmanager
    def around(self, statement: str) -> Iterator[None]:
        """Let a statement pass between two copies, if it is a change."""
        if not changes(statement):
            yield
            return
        with self.lock:
            self.count += 1
            self._copy("before", statement)
            yield
            self._copy("after", statement)

    def _copy(self, when: str, statement: str) -> None:
        target = self.folder / f"{self.count}-{when}"
        process = control.status(self.sandbox).pid
        os.kill(process, signal.SIGSTOP)
        try:
            shutil.copytree(self.sandbox, target, symlinks=True)
        finally:
            os.kill(process, signal.SIGCONT)
        self.moments.append(Moment(self.count, when, statement, target))


def lived(folder: Path) -> tuple[str, list[Moment], set[str], list[str]]:
    """Run a kit to its end; returns its report, the copies, the objects before it, and those it left."""
    with account(folder / "project") as kit:
        copies = Copies(kit.project.folder / ".jobgraph" / "sandbox", folder / "copies")
        kit.proxy.around = copies.around
        out, _ = kit.start().communicate(timeout=PATIENCE)
        left = sorted(kit.objects() - kit.before)
    return out, copies.moments, kit.before, left


def left_in(moment: Moment, before: set[str]) -> tuple[list[str], list[str]]:
    """Start on a copy as the next kit does: returns what was there, and what stays."""
    for served in _served(moment.folder):
        with served.connect() as connection:
            session = Session(connection)
            there = sorted(names(session) - before - {OF_THE_TEST})
            scratch.sweep(session.rows)
            stays = sorted(names(session) - before - {OF_THE_TEST})
    return there, stays


def _served(folder: Path) -> Iterator[Any]:
    yield from serving(folder, clock=SystemClock())


def run(seed: int, count: int) -> tuple[list[str], list[str]]:
    """Run a kit and try all copies, or `count` of them; returns figures and what did not hold."""
    with tempfile.TemporaryDirectory() as folder:
        out, moments, before, left = lived(Path(folder))
        problems = [f"the kit itself: {line}" for line in out.splitlines() if ": failed" in line]
        problems += [f"the kit itself left {name}" for name in left]
        tried: Counter[str] = Counter()
        wrong: Counter[str] = Counter()
        for moment in spread(moments, seed, count):
            there, stays = left_in(moment, before)
            group = f"{_kind(moment.statement)}, {moment.when}"
            tried[group] += 1
            wrong[group] += bool(stays)
            problems += [f"{moment}: {name} stays" for name in stays]
            sys.stderr.write(f"{moment}: {len(there)} objects, {len(stays)} stay\n")
    lines = [f"kit-stack: {group}: {number}, {wrong[group]} leave something" for group, number in sorted(tried.items())]
    whole = f"kit-stack: {sum(tried.values())} of {len(moments)} moments (seed {seed}), {len(problems)} problems"
    return [*lines, whole], problems


def _kind(statement: str) -> str:
    """The verb of a statement."""
    words = statement.split()
    return "CALL" if "->>" in statement else words[0].upper()
