"""`up` and `destroy` with the real engine, disturbed at each statement that changes something; then the next command.

Knows the three commands that are disturbed and what must hold afterwards. Must not know how a deploy is ordered.
"""

from __future__ import annotations

import sys
import tempfile
import threading
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from random import Random
from typing import TYPE_CHECKING, Any, TypeVar

import snowflake.connector

from tests.deploys.driver import SCHEMA, Deploys, deploys, summary
from tests.deploys.proxy import Trouble
from tests.deploys.snapshots import GRANTS, Snapshot, account, differences, state

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

T = TypeVar("T")
# Projects side by side; a case waits for processes to start most of the time.
LANES = 2
FINALIZER = {"finalizer_task": "CLOSING"}
# Longer than the sweep: a run that starts when an old state is restored leaves its jobs in the account.
SCHEDULE = {"schedule": "180 hours"}
# 12 changes: three jobs removed, three added, four re-wired, the finalizer another one, the schedule another one.
BEFORE: dict[str, Any] = {
    "one": {
        "jobs": {"a": [], "b": ["a"], "c": ["a"], "d": ["b", "c"], "e": ["d"], "f": [], "g": ["f"], "x": ["e"]}
        | {"y": ["x"], "z": []},
        **SCHEDULE,
    }
}
AFTER: dict[str, Any] = {
    "one": {
        "jobs": {"d": [], "b": ["d"], "c": ["d"], "a": ["b", "c"], "e": [], "f": [], "g": ["f"]}
        | {"n": ["g"], "o": ["n", "a"], "p": []},
        "schedule": "190 hours",
        **FINALIZER,
    }
}
SMALL: dict[str, Any] = {"one": {"jobs": {"a": [], "b": ["a"]}, **SCHEDULE}}


@dataclass(frozen=True)
class Scenario:
    """A command from one state to another; `graphs` is the configuration it has, `then` the command that ends it."""

    name: str
    command: str
    graphs: dict[str, Any]
    base: str
    then: tuple[str, ...] = ("up",)


@dataclass(frozen=True)
class Fault:
    """What happens at a write."""

    name: str
    trouble: Trouble
    forward: bool


SCENARIOS = (
    Scenario("first up", "up", SMALL, "nothing"),
    Scenario("change of 12 jobs", "up", AFTER, "before"),
    # no program runs in a destroy, and the provider cannot drop a task that is gone
    Scenario("destroy", "destroy", SMALL, "small", ("destroy", "--refresh")),
    Scenario("destroy, then up", "destroy", SMALL, "small", ("up", "--refresh")),
)
FAULTS = (
    Fault("killed after", Trouble.SILENCE, forward=True),
    Fault("killed before", Trouble.SILENCE, forward=False),
    Fault("connection lost after", Trouble.LOST, forward=True),
    Fault("refused", Trouble.REFUSED, forward=False),
    Fault("second client before", Trouble.PAUSE, forward=True),
)
# Counted beside the cases.
ASKED = "asked for a refresh"
# What a second client tries in the graph; what Snowflake refuses it, it leaves.
INTRUDER = f"{SCHEMA}.INTRUDER"
SECOND_CLIENT = (
    f"CREATE TASK {INTRUDER} WAREHOUSE = SMALL_WAREHOUSE AFTER {SCHEMA}.F AS SELECT 1",
    f"ALTER TASK {SCHEMA}.G SET COMMENT = 'other'",
    f"ALTER TASK {SCHEMA}.ONE_ROOT RESUME",
)


@dataclass(frozen=True)
class Case:
    """A scenario disturbed at its `at`-th write."""

    scenario: Scenario
    fault: Fault
    at: int

    def __str__(self) -> str:
        return f"{self.scenario.name}, {self.fault.name} write {self.at}"


@dataclass
class Lane:
    """A project with the states that cases start from, and those that they must end in.

    refreshed: the cases whose next command asked for a refresh first.
    """

    deploys: Deploys
    folder: Path
    bases: dict[str, Snapshot] = field(default_factory=dict)
    goals: dict[str, dict[str, Any]] = field(default_factory=dict)
    tasks: dict[str, list[Any]] = field(default_factory=dict)
    writes: dict[str, int] = field(default_factory=dict)
    refreshed: list[str] = field(default_factory=list)

    def prepare(self) -> None:
        """Make the states, with nothing in the way."""
        self._keep("nothing")
        for name, graphs in (("before", BEFORE), ("small", SMALL)):
            self.bases["nothing"].restore(self.deploys.project)
            self.deploys.up(graphs)
            self._keep(name)
        for scenario in SCENARIOS:
            self.bases[scenario.base].restore(self.deploys.project)
            before = self.seen()["account"]["TASKS IN ACCOUNT"]
            self.deploys.write(scenario.graphs)
            self.writes[scenario.name] = len(self._finish((scenario.command,)))
            if scenario.then[0] != scenario.command:
                self._finish(scenario.then)
            self.goals[scenario.name] = self.seen()
            after = self.goals[scenario.name]["account"]["TASKS IN ACCOUNT"]
            self.tasks[scenario.name] = [before, after]

    def _keep(self, name: str) -> None:
        self.bases[name] = Snapshot.take(self.deploys.project, self.folder / name)

    def _finish(self, command: Sequence[str]) -> list[str]:
        self.deploys.proxy.clear()
        code, out = self.deploys.pulumi(*command, "--yes", "--skip-preview")
        if code != 0:
            raise DeployFailedError(summary(out))
        return list(self.deploys.proxy.writes)

    def seen(self) -> dict[str, Any]:
        """The account and the engine's state, a second client's task apart."""
        found = account(self.deploys.project)
        found["TASKS IN ACCOUNT"].pop(INTRUDER, None)
        for statement in GRANTS:
            found[statement] = [row for row in found[statement] if INTRUDER not in row]
        return {"account": found, "state": state(self.deploys.project)}

    def run(self, case: Case) -> list[str]:
        """One case; what did not hold."""
        self.bases[case.scenario.base].restore(self.deploys.project)
        self.deploys.write(case.scenario.graphs)
        fault = case.fault
        if not self._disturb(case.scenario.command, case.at, fault):
            return []  # the engine's order is another each time, so a write may be missing; it is complete then
        found = self._told(case)
        try:
            self._finish_as_told(case)
        except DeployFailedError as error:
            return [*found, f"{case}: the next {' '.join(case.scenario.then)} failed: {error}"]
        wrong = differences(self.seen(), self.goals[case.scenario.name])
        return [*found, *(f"{case}: {line}" for line in wrong[:4])]

    def _finish_as_told(self, case: Case) -> None:
        """Give the next command; where the state has what is gone, its error asks for a refresh, and it gets one."""
        try:
            self._finish(case.scenario.then)
        except DeployFailedError as error:
            if "pulumi refresh" not in str(error) or "--refresh" in case.scenario.then:
                raise
            self.refreshed.append(str(case))
            self._finish((*case.scenario.then, "--refresh"))

    def _disturb(self, command: str, at: int, fault: Fault) -> bool:
        """Give the command, with the fault at that write; whether there was such a write."""
        if fault.trouble is Trouble.SILENCE:
            return self.deploys.killed(command, at, forward=fault.forward)
        met: list[bool] = []

        def then() -> None:
            met.append(True)
            if fault.trouble is Trouble.PAUSE:
                self._meddle()

        self.deploys.proxy.trap(at, then, forward=fault.forward, trouble=fault.trouble)
        code, out = self.deploys.pulumi(command, "--yes", "--skip-preview")
        self.deploys.proxy.clear()
        if met and code == 0 and fault.trouble is not Trouble.PAUSE:
            raise AssertionError(f"{command} ended well in spite of a fault: {summary(out)}")
        return bool(met)

    def _meddle(self) -> None:
        for statement in SECOND_CLIENT:
            try:
                self.deploys.project.query(statement)
            except snowflake.connector.ProgrammingError as error:
                if error.errno not in REFUSED:
                    raise

    def _told(self, case: Case) -> list[str]:
        """Between the two commands: whatever is half done, `status` says so and names the command that ends it."""
        tasks = self.seen()["account"]["TASKS IN ACCOUNT"]
        if not tasks or tasks in self.tasks[case.scenario.name]:
            return []
        done = self.deploys.project.jobgraph("status", "one", check=False)
        said = done.stdout + done.stderr
        if f"pulumi {case.scenario.command}" in said:
            return []
        states = {name.rpartition(".")[2]: row[0] for name, row in tasks.items()}
        return [f"{case}: status does not say what to do: {said.strip()[:300]!r}; tasks: {states}"]


# of Snowflake, to a client that changes a graph whose root is started, or a task that is not there
REFUSED = frozenset({2003, 91085, 91088, 91421, 91423})


class DeployFailedError(Exception):
    """A command that nothing disturbed failed."""


def cases(writes: dict[str, int], faults: Sequence[Fault] = FAULTS) -> list[Case]:
    """All cases: each scenario, each fault, each write."""
    return [
        Case(scenario, fault, at)
        for fault in faults
        for scenario in SCENARIOS
        if fault.trouble is not Trouble.PAUSE or scenario.graphs is AFTER
        for at in range(1, writes[scenario.name] + 1)
    ]


def spread(every: Sequence[T], seed: int, count: int) -> list[T]:
    """All cases, or `count` of them, evenly over scenarios, faults and statements; another seed begins elsewhere."""
    if count >= len(every):
        return list(every)
    first = Random(seed).randrange(len(every))  # noqa: S311  # a repeatable choice
    return [every[(first + number * len(every) // count) % len(every)] for number in range(count)]


def sweep(folder: Path, seed: int, count: int) -> tuple[Counter[str], list[str]]:
    """Cases by scenario and fault, and failures; all cases, or `count` of them."""
    local, lanes, lock = threading.local(), list[Lane](), threading.Lock()
    tried: Counter[str] = Counter()
    failures: list[str] = []

    def run(case: Case) -> None:
        if not hasattr(local, "lane"):
            with lock:
                local.lane = lanes.pop()
        found = local.lane.run(case)
        with lock:
            tried[f"{case.scenario.name}, {case.fault.name}"] += 1
            asked = str(case) in local.lane.refreshed
            tried[ASKED] += asked
            failures.extend(found)
            end = "converged, after a refresh that it asked for" if asked else "converged"
            sys.stderr.write(f"{sum(tried.values()) - tried[ASKED]}: {case}: {found or end}\n")

    with _projects(folder) as made:
        lanes.extend(made)
        every = cases(lanes[0].writes)
        chosen = spread(every, seed, count)
        sys.stderr.write(f"{len(chosen)} of {len(every)} cases; statements: {lanes[0].writes}\n")
        with ThreadPoolExecutor(LANES) as workers:
            list(workers.map(run, chosen))
    return tried, failures


@contextmanager
def _projects(folder: Path) -> Iterator[list[Lane]]:
    """A project per lane, prepared."""
    with ExitStack() as stack:
        made = [
            Lane(stack.enter_context(deploys(folder / str(number) / "project")), folder / str(number))
            for number in range(LANES)
        ]
        with ThreadPoolExecutor(LANES) as workers:
            list(workers.map(Lane.prepare, made))
        yield made


def run(seed: int, count: int) -> tuple[list[str], list[str]]:
    """Figures and failures of all cases, or of `count` of them if that is less."""
    with tempfile.TemporaryDirectory() as folder:
        tried, failures = sweep(Path(folder), seed, count)
    wrong = Counter(failure.partition(" write ")[0] for failure in failures)
    asked = tried.pop(ASKED, 0)
    lines = [f"{name}: {number} cases, {wrong[name]} claims did not hold" for name, number in sorted(tried.items())]
    whole = f"deploys-killed: {sum(tried.values())} cases (seed {seed}), {len(failures)} did not hold"
    return [*lines, f"{whole}; the next command asked for a refresh in {asked}"], failures
