"""An administrator's session in a world whose clock the tests move, and statements that hold a slot until told."""

from __future__ import annotations

import threading
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import pytest
from snowflake_sandbox import world
from snowflake_sandbox.clock import ManualClock
from snowflake_sandbox.errors import cancelled
from snowflake_sandbox.protocol import logins
from snowflake_sandbox.result import Result, columns

from tests.sandbox.conftest import START, Client, build

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping
    from pathlib import Path

    from snowflake_sandbox.call import Call
    from snowflake_sandbox.queries import running

LONG = 20


@dataclass
class Compute(Client):
    """An administrator's session in a world whose parts are started, with a table function that waits: GATE('x')."""

    clock: ManualClock

    def __post_init__(self) -> None:
        self.entered: list[str] = []
        self.gates: dict[str, threading.Event] = {}
        self.world.table_functions["INFORMATION_SCHEMA.GATE"] = self._gate

    def _gate(self, call: Call, arguments: tuple[Any, ...], _by_name: Mapping[str, Any]) -> Result:
        name = str(arguments[0])
        self.entered.append(name)
        gate = self.gates.setdefault(name, threading.Event())
        while not gate.wait(0.005):
            if call.cancelled.is_set():
                raise cancelled()
        return Result(columns("A"), [(name,)])

    def submit(self, name: str, **parameters: Any) -> running.Query:
        """Start a statement that holds a slot until its gate is opened, in a session of its own."""
        session = logins.open_session(
            self.world, "OTHER", "ACCOUNTADMIN", warehouse=self.session.warehouse, database="D", parameters=parameters
        )
        queries: running.Queries = self.world.parts["queries"]
        return queries.submit(session, f"SELECT * FROM TABLE(INFORMATION_SCHEMA.GATE('{name}'))", {}, name)

    def open(self, name: str) -> None:
        """Let a statement end."""
        self.gates.setdefault(name, threading.Event()).set()

    def has_counts(self, name: str, entered: int, queued: int) -> bool:
        """Whether so many statements have reached their gates, and so many wait for the warehouse of that name."""
        return (len(self.entered), self.shown(name)["queued"]) == (entered, queued)

    def shown(self, name: str) -> dict[str, Any]:
        """A warehouse's row of SHOW WAREHOUSES."""
        return next(row for row in self.rows("SHOW WAREHOUSES") if row["name"] == name)


def until(condition: Callable[[], bool]) -> None:
    """Wait for what other threads do."""
    deadline = time.monotonic() + LONG
    while not condition():
        assert time.monotonic() < deadline, "it does not come about"
        time.sleep(0.002)


@pytest.fixture
def compute(tmp_path: Path) -> Iterator[Compute]:
    clock = ManualClock(START)
    made = build(tmp_path / "sandbox", clock)
    for name in ("queries", "warehouses", "pools"):
        made.parts[name].start()
    session = logins.open_session(made, logins.ADMINISTRATOR, "ACCOUNTADMIN")
    compute = Compute(made, session, clock)
    for text in ("CREATE DATABASE D", "CREATE TABLE T (A INT)"):
        compute.rows(text)
    yield compute
    for name in list(compute.gates):
        compute.open(name)
    made.parts.pop("procedures")
    world.stop(made)
