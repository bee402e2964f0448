"""The steps of a modelled deploy, which run at once: one statement of one of them at a time, in a seed's order.

Knows threads and whose turn it is, and what can go wrong at a write. Must not know the engine's order of steps.
"""

from __future__ import annotations

import threading
from dataclasses import dataclass, field
from enum import Enum
from typing import TYPE_CHECKING, Any

from snowflake_sandbox import errors

from jobgraph.toolchain.standins.provider.errors import NoConnectionError, ProviderError, SnowflakeError
from jobgraph.toolchain.standins.provider.lifecycle import Lifecycle
from tests.deploys.proxy import TRACKING, is_write

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from tests.deploys.model import Deployer


class Trouble(Enum):
    """What happens at a write.

    KILLED: the engine is killed, when the write before has been noted. KILLED_BEFORE: likewise, but as the write is
    sent. KILLED_AFTER: it takes effect, and nobody notes it. LOST: it takes effect, and neither its answer nor any
    later request passes; the engine lives. REFUSED: Snowflake refuses it.
    """

    KILLED = "killed between"
    KILLED_BEFORE = "killed before"
    KILLED_AFTER = "killed after"
    LOST = "connection lost"
    REFUSED = "refused"


@dataclass(frozen=True)
class Disturbance:
    """Trouble at the write of that number, from 1."""

    at: int
    trouble: Trouble


class EngineKilledError(BaseException):
    """Ends the steps of an engine that is no more: nothing may take it for an answer of Snowflake."""


@dataclass
class Shuffle:
    """Steps in threads, one statement of one of them at a time, chosen at random: a run is repeatable by its seed."""

    deployer: Deployer
    asking: dict[str, str] = field(default_factory=dict)
    waiting: dict[str, threading.Lock] = field(default_factory=dict)
    busy: set[str] = field(default_factory=set)
    ended: set[str] = field(default_factory=set)
    answers: dict[str, Any] = field(default_factory=dict)
    failures: list[ProviderError] = field(default_factory=list)
    bugs: list[BaseException] = field(default_factory=list)
    killed: bool = False
    lost: bool = False
    changed: threading.Condition = field(default_factory=threading.Condition)

    def start(self, name: str, step: Callable[[Lifecycle], None]) -> None:
        """Begin a step."""
        self.busy.add(name)
        self.waiting[name] = threading.Lock()
        self.waiting[name].acquire()
        lifecycle = Lifecycle(Turns(self, name), lambda _seconds: None)
        threading.Thread(target=self._run, args=(name, step, lifecycle), daemon=True).start()

    def _run(self, name: str, step: Callable[[Lifecycle], None], lifecycle: Lifecycle) -> None:
        try:
            step(lifecycle)
        except EngineKilledError:
            pass
        except ProviderError as error:
            self.failures.append(error)
        except BaseException as error:  # noqa: BLE001  # told by the thread that waits for this one
            self.bugs.append(error)
        with self.changed:
            self.ended.add(name)
            self.changed.notify()

    def turn(self) -> set[str]:
        """Let one statement through; the steps that have ended."""
        with self.changed:
            self.changed.wait_for(lambda: len(self.busy) == len(self.asking) + len(self.ended))
            ended, self.ended = self.ended, set()
            self.busy -= ended
            if self.asking:
                name = self.deployer.random.choice(sorted(self.asking))
                self.answers[name] = self._answer(self.asking.pop(name))
                self.waiting[name].release()
        if self.bugs:
            raise self.bugs[0]
        return ended

    def _answer(self, sql: str) -> Any:
        deployer = self.deployer
        plain = TRACKING.sub("", sql)
        trouble = self._met(plain)
        self.killed = self.killed or trouble in (Trouble.KILLED, Trouble.KILLED_BEFORE)
        if self.killed:
            return EngineKilledError()
        if self.lost:
            return NoConnectionError("sandbox", "nobody", "the connection is gone")
        deployer.statements.append(plain)
        if trouble is Trouble.REFUSED:
            return SnowflakeError(3001, "42501", "Insufficient privileges to operate on this object.", plain[:80])
        try:
            answer: Any = deployer.rows(sql)
        except errors.SnowflakeError as error:
            answer = SnowflakeError(error.errno, error.sqlstate, error.message, plain[:80])
        self.killed, self.lost = trouble is Trouble.KILLED_AFTER, trouble is Trouble.LOST
        if self.killed:
            return EngineKilledError()
        return NoConnectionError("sandbox", "nobody", "the answer is lost") if self.lost else answer

    def _met(self, plain: str) -> Trouble | None:
        disturbance = self.deployer.disturbance
        if disturbance is None or disturbance.at < 1 + self.deployer.writes_sent:
            return None
        is_next = disturbance.at == 1 + self.deployer.writes_sent
        # a kill between two writes meets whatever is sent next
        return disturbance.trouble if is_next and (is_write(plain) or disturbance.trouble is Trouble.KILLED) else None

    def ask(self, name: str, sql: str) -> list[Mapping[str, Any]]:
        """In a step's thread: wait for the turn of a statement."""
        with self.changed:
            self.asking[name] = sql
            self.changed.notify()
        self.waiting[name].acquire()
        answer = self.answers.pop(name)
        if isinstance(answer, BaseException):
            raise answer
        return list(answer)


@dataclass(frozen=True)
class Turns:
    """What the provider's code takes for its connection."""

    shuffle: Shuffle
    name: str

    def login(self) -> None:
        """The session is there."""

    def execute(self, sql: str) -> list[Mapping[str, Any]]:
        """The rows of one statement, when its turn has come."""
        return self.shuffle.ask(self.name, sql)

    def close(self) -> None:
        """There is nothing to close."""
