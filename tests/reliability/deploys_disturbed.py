"""`up` and `destroy` of a whole JobGraph, in the model of the engine, disturbed at each write; then the next command.

Knows the same commands and faults as the sweep with the real engine (deploys_killed), which takes ten times as long.
Must not know how a deploy is ordered.
"""

from __future__ import annotations

import copy
import json
import re
import shutil
import sys
import tempfile
from collections import Counter
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from random import Random
from typing import TYPE_CHECKING, Any

from snowflake_sandbox import errors, world
from snowflake_sandbox.clock import ManualClock
from snowflake_sandbox.protocol import logins

from jobgraph.toolchain.standins.provider.errors import ProviderError
from tests.deploys.driver import document
from tests.deploys.snapshots import differences, listed, plain
from tests.deploys.turns import Disturbance, Trouble
from tests.deploys.whole import WholeStack
from tests.reliability.deploys_killed import AFTER, BEFORE, SMALL, spread
from tests.sandbox.conftest import START

if TYPE_CHECKING:
    from collections.abc import Sequence

    from tests.deploys.model import Entry

# A sandbox lists the images of its folders in each repository.
IMAGES = Path(__file__).resolve().parents[2] / "images"
FAULTS = (Trouble.KILLED_BEFORE, Trouble.KILLED_AFTER, Trouble.REFUSED, Trouble.LOST)
# What the state has of an instant, of the engine's choice, or of a mark that is another in each stack.
UNEQUAL = frozenset({"query", "started"})
# A guard that is made beside a suspended root resumes it; the text is ignored from then on.
RESUMES = "-removal"
DEPLOY = re.compile(r" /\* deploy [0-9a-f]{8} \*/")


@dataclass(frozen=True)
class Scenario:
    """A command upon a base, None: nothing; and the command after it."""

    name: str
    base: dict[str, Any] | None
    graphs: dict[str, Any]
    command: str
    then: str


SCENARIOS = (
    Scenario("first up", None, SMALL, "up", "up"),
    Scenario("change of 12 jobs", BEFORE, AFTER, "up", "up"),
    # no program runs in a destroy, and the provider cannot drop a task that is gone
    Scenario("destroy", SMALL, SMALL, "destroy", "destroy --refresh"),
    Scenario("destroy, then up", SMALL, SMALL, "destroy", "up --refresh"),
)


@dataclass(frozen=True)
class Case:
    """A scenario, disturbed at its `at`-th write, from 1; its steps in an `order` of their own, unless 0."""

    scenario: Scenario
    fault: Trouble
    at: int
    order: int = 0

    @property
    def seed(self) -> int:
        """Of the order in which steps that do not depend on one another are taken."""
        return self.order or self.at

    def __str__(self) -> str:
        return f"{self.scenario.name}, {self.fault.value} write {self.at}"


@dataclass
class Base:
    """A sandbox's folder, and the engine's state with it."""

    folder: Path
    live: dict[str, Entry] = field(default_factory=dict)

    def opened(self, folder: Path, seed: int) -> WholeStack:
        """A copy of it."""
        if self.folder.exists():
            shutil.copytree(self.folder, folder)
        opened = world.build(folder, (IMAGES,), ManualClock(START), password="-")
        session = logins.open_session(opened, logins.ADMINISTRATOR, "ACCOUNTADMIN")
        return WholeStack(opened, session, Random(seed), copy.deepcopy(self.live))  # noqa: S311  # a repeatable case


class Sweep:
    """The bases, and what an undisturbed command ends in, by scenario."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.bases: dict[str, Base] = {}
        self.goals: dict[str, dict[str, Any]] = {}
        self.writes: dict[str, int] = {}
        for number, scenario in enumerate(SCENARIOS):
            base = Base(folder / f"base {number}")
            if scenario.base is not None:
                stack = base.opened(base.folder, 0)
                stack.up(self._file(scenario.base))
                world.stop(stack.world)
                base.live = stack.live
            self.bases[scenario.name] = base
            stack = base.opened(folder / f"goal {number}", 0)
            self.writes[scenario.name] = len(self._give(stack, scenario, scenario.command))
            if scenario.then.split()[0] != scenario.command:
                self._give(stack, scenario, scenario.then)
            self.goals[scenario.name] = seen(stack)
            world.stop(stack.world)

    def _file(self, graphs: dict[str, Any]) -> Path:
        file = self.folder / f"jobs {abs(hash(json.dumps(graphs)))}.yaml"
        file.write_text(document(graphs))
        return file

    def _give(
        self, stack: WholeStack, scenario: Scenario, command: str, disturbance: Disturbance | None = None
    ) -> list[str]:
        if command.endswith("--refresh"):
            stack.refresh()
        if command.startswith("destroy"):
            return stack.destroy(disturbance)
        return stack.up(self._file(scenario.graphs), disturbance)

    def statements(self, case: Case) -> list[str]:
        """What the case's command writes where nothing disturbs it."""
        with tempfile.TemporaryDirectory(dir=self.folder) as folder:
            stack = self.bases[case.scenario.name].opened(Path(folder) / "sandbox", case.seed)
            try:
                return self._give(stack, case.scenario, case.scenario.command)
            finally:
                world.stop(stack.world)

    def run(self, case: Case) -> list[str]:
        """One case; what did not hold."""
        with tempfile.TemporaryDirectory(dir=self.folder) as folder:
            stack = self.bases[case.scenario.name].opened(Path(folder) / "sandbox", case.seed)
            try:
                return [f"{case}: {one}" for one in self._run(stack, case)]
            finally:
                world.stop(stack.world)

    def _run(self, stack: WholeStack, case: Case) -> list[str]:
        scenario = case.scenario
        try:
            self._give(stack, scenario, scenario.command, Disturbance(case.at, case.fault))
        except ProviderError as error:
            if case.fault in (Trouble.KILLED_BEFORE, Trouble.KILLED_AFTER):
                return [f"a deploy that was only killed failed: {error}"]
        try:
            self._give(stack, scenario, scenario.then)
        except ProviderError as error:
            return [f"the next {scenario.then} failed: {error}"]
        return differences(seen(stack), self.goals[scenario.name])[:4]


def unequal(name: str) -> frozenset[str]:
    """The inputs of a resource in which two deploys that end alike may differ."""
    return UNEQUAL | {"execute"} if name.endswith(RESUMES) else UNEQUAL


def seen(stack: WholeStack) -> dict[str, Any]:
    """The account and the engine's state."""

    def rows(statement: str) -> list[dict[str, Any]]:
        try:
            return stack.rows(statement)
        except errors.SnowflakeError as error:
            if "does not exist" not in error.message:
                raise
            return []

    inputs = {
        name: {key: DEPLOY.sub("", plain(value)) for key, value in entry.inputs.items() if key not in unequal(name)}
        for name, entry in stack.live.items()
    }
    account = listed(rows)
    for name, row in account["TASKS IN ACCOUNT"].items():
        # predecessors are a set to the provider
        account["TASKS IN ACCOUNT"][name] = [sorted(str(value)) if "[" in str(value) else value for value in row]
    return {"account": account, "state": inputs, "to be deleted": [entry.name for entry in stack.pending]}


def _taken(chosen: Sequence[Case]) -> tuple[Counter[str], list[str]]:
    """Cases by scenario and fault, and what did not hold in them."""
    tried: Counter[str] = Counter()
    failures: list[str] = []
    with tempfile.TemporaryDirectory() as folder:
        sweep = Sweep(Path(folder))
        for case in chosen:
            failed = sweep.run(case)
            failures += failed
            tried[f"{case.scenario.name}, {case.fault.value}"] += 1
            sys.stderr.write(f"{case}: {[one[:300] for one in failed] or 'converged'}\n")
    return tried, failures


def run(seed: int, count: int) -> tuple[list[str], list[str]]:
    """Figures and failures of all cases, or of `count` of them if that is less, on all cores."""
    with tempfile.TemporaryDirectory() as folder:
        writes = Sweep(Path(folder)).writes
    every = [
        Case(scenario, fault, at)
        for scenario in SCENARIOS
        for fault in FAULTS
        for at in range(1, writes[scenario.name] + 1)
    ]
    chosen = spread(every, seed, count)
    with ProcessPoolExecutor(2) as pool:
        parts = list(pool.map(_taken, [chosen[::2], chosen[1::2]]))
    tried = sum((part for part, _ in parts), Counter[str]())
    failures = [failure for _, failed in parts for failure in failed]
    wrong = Counter(failure.partition(" write ")[0] for failure in failures)
    lines = [f"{name}: {number} cases, {wrong[name]} claims did not hold" for name, number in sorted(tried.items())]
    whole = f"deploys-disturbed: {len(chosen)} of {len(every)} cases (seed {seed}), {len(failures)} did not hold"
    return [*lines, whole], failures
