"""Tasks in process: a world whose clock the test moves, tasks whose statements wait at gates that the test opens."""

from __future__ import annotations

import queue
import threading
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import pytest
from snowflake_sandbox import errors, world
from snowflake_sandbox.clock import ManualClock
from snowflake_sandbox.errors import SnowflakeError
from snowflake_sandbox.protocol import logins

from tests import in_process

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from snowflake_sandbox.call import Call, World
    from snowflake_sandbox.session import Session

START = datetime(2026, 1, 2, 3, 0, 0, tzinfo=UTC)
PATIENCE = 20.0


@dataclass
class Tasks:
    """A running scheduler and a session of the administrator in D.S.

    `CALL TEST$GATE('x')` in a task's body reports to `entered` and waits until `open('x')`, or fails after `fail('x')`.
    """

    folder: Path
    clock: ManualClock
    world: World = field(init=False)
    session: Session = field(init=False)
    entered: queue.Queue[str] = field(default_factory=queue.Queue)
    changed: threading.Condition = field(default_factory=threading.Condition)
    gates: dict[str, threading.Event] = field(default_factory=dict)
    failing: set[str] = field(default_factory=set)

    def start(self) -> None:
        """Open the folder and start the scheduler (procedures' processes are not wanted here)."""
        self.world = world.build(self.folder, (), self.clock, password="-")
        self.world.functions["TEST$GATE"] = self._gate
        scheduler = self.world.parts["tasks"]
        self.scheduler = scheduler
        for name in ("_apply", "_adopt", "_fire_one"):
            setattr(scheduler, name, in_process.announced(getattr(scheduler, name), self.changed))
        self.session = logins.open_session(
            self.world, logins.ADMINISTRATOR, "ACCOUNTADMIN", warehouse="W", database="D", schema="S"
        )
        scheduler.start()

    def stop(self) -> None:
        self.world.parts.pop("procedures")
        world.stop(self.world)

    def _gate(self, call: Call, arguments: tuple[Any, ...]) -> str:
        name = str(arguments[0])
        self.entered.put(name)
        gate = self.gates.setdefault(name, threading.Event())
        while not gate.wait(0.005):
            if call.cancelled.is_set():
                raise errors.cancelled()
        if name in self.failing:
            raise SnowflakeError(100183, "P0000", f"{name} was told to fail")
        return "passed"

    def open(self, *names: str) -> None:
        """Let the statements behind these gates end."""
        for name in names:
            self.gates.setdefault(name, threading.Event()).set()

    def fail(self, *names: str) -> None:
        """Let them end with an error."""
        self.failing |= set(names)
        self.open(*names)

    def close(self, *names: str) -> None:
        """Close gates again, for another run."""
        for name in names:
            self.failing.discard(name)
            self.gates[name] = threading.Event()

    def arrive(self, count: int = 1) -> set[str]:
        """The next tasks that reach their gates."""
        return {self.entered.get(timeout=PATIENCE) for _ in range(count)}

    def rows(self, text: str) -> list[dict[str, Any]]:
        return in_process.rows(self.world, self.session, text)

    def run(self, *statements: str) -> None:
        for statement in statements:
            self.rows(statement)

    def error(self, text: str) -> SnowflakeError:
        with pytest.raises(SnowflakeError) as raised:
            self.rows(text)
        return raised.value

    def graph(self, *, schedule: str = "", root: str = "", **after: str) -> None:
        """A resumed graph: ROOT, and one task per keyword with its predecessors; F finalizes."""
        self.run(f"CREATE TASK ROOT WAREHOUSE = W {schedule} {root} AS CALL TEST$GATE('ROOT')")
        for name, before in after.items():
            clause = "FINALIZE = ROOT" if name == "F" else f"AFTER {', '.join(before.split())}"
            self.run(f"CREATE TASK {name} WAREHOUSE = W {clause} AS CALL TEST$GATE('{name}')")
        self.run("SELECT SYSTEM$TASK_DEPENDENTS_ENABLE('ROOT')")

    def history(self, columns: str = "NAME, STATE", where: str = "TRUE") -> list[tuple[Any, ...]]:
        text = (
            f"SELECT {columns} FROM TABLE(INFORMATION_SCHEMA.TASK_HISTORY(RESULT_LIMIT => 1000)) WHERE {where}"
            " ORDER BY GRAPH_RUN_GROUP_ID, ATTEMPT_NUMBER, NAME"
        )
        return [tuple(row.values()) for row in self.rows(text)]

    def idle(self) -> None:
        """Wait until no graph run goes on."""
        with self.changed:
            assert self.changed.wait_for(lambda: not self.scheduler._active, PATIENCE), self.history()


@contextmanager
def running(folder: Path) -> Iterator[Tasks]:
    made = Tasks(folder, ManualClock(START))
    made.start()
    made.run("CREATE DATABASE D", "CREATE SCHEMA S", "CREATE WAREHOUSE W", "USE SCHEMA D.S")
    yield made
    made.open(*made.gates)
    made.stop()


@pytest.fixture
def tasks(tmp_path: Path) -> Iterator[Tasks]:
    with running(tmp_path / "sandbox") as made:
        yield made


@pytest.fixture(scope="module")
def shared_tasks(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Tasks]:
    """For tests that leave everything as they found it."""
    with running(tmp_path_factory.mktemp("tasks") / "sandbox") as made:
        yield made
