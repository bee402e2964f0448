"""The steps of a modelled deploy, which run at once: one statement of one of them at a time, in a seed's order.

Knows threads and whose turn it is. Must not know the engine's order of steps.
"""

from __future__ import annotations

import threading
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from snowflake_sandbox import errors

from jobgraph.toolchain.standins.provider.errors import NoConnectionError, ProviderError, SnowflakeError
from jobgraph.toolchain.standins.provider.lifecycle import Lifecycle
from tests.deploys.proxy import TRACKING, is_write

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from tests.deploys.model import Deployer


@dataclass
class Shuffle:
    """Steps in threads, one statement of one of them at a time, chosen at random: a run is repeatable by its seed."""

    deployer: Deployer
    asking: dict[str, str] = field(default_factory=dict)
    busy: set[str] = field(default_factory=set)
    ended: set[str] = field(default_factory=set)
    answers: dict[str, Any] = field(default_factory=dict)
    failures: list[ProviderError] = field(default_factory=list)
    killed: bool = False
    changed: threading.Condition = field(default_factory=threading.Condition)

    def start(self, name: str, step: Callable[[Lifecycle], None]) -> None:
        """Begin a step."""
        self.busy.add(name)
        lifecycle = Lifecycle(Turns(self, name), lambda _seconds: None)
        threading.Thread(target=self._run, args=(name, step, lifecycle), daemon=True).start()

    def _run(self, name: str, step: Callable[[Lifecycle], None], lifecycle: Lifecycle) -> None:
        try:
            step(lifecycle)
        except ProviderError as error:
            if not self.killed:
                self.failures.append(error)
        with self.changed:
            self.ended.add(name)
            self.changed.notify_all()

    def turn(self) -> set[str]:
        """Let one statement through; the steps that have ended."""
        with self.changed:
            self.changed.wait_for(lambda: self.busy == self.asking.keys() | self.ended)
            ended, self.ended = self.ended, set()
            self.busy -= ended
            if self.asking:
                name = self.deployer.random.choice(sorted(self.asking))
                self.answers[name] = self._answer(self.asking.pop(name))
                self.changed.notify_all()
        return ended

    def _answer(self, sql: str) -> Any:
        deployer = self.deployer
        plain = TRACKING.sub("", sql)
        writes = sum(is_write(one) for one in deployer.statements)
        if self.killed or (deployer.kill_after is not None and writes >= deployer.kill_after):
            self.killed = True
            return NoConnectionError("sandbox", "nobody", "the engine is gone")
        deployer.statements.append(plain)
        if is_write(plain) and writes + 1 == deployer.refuse:
            return SnowflakeError(3001, "42501", "Insufficient privileges to operate on this object.", plain[:80])
        try:
            return deployer.rows(sql)
        except errors.SnowflakeError as error:
            return SnowflakeError(error.errno, error.sqlstate, error.message, plain[:80])

    def ask(self, name: str, sql: str) -> list[Mapping[str, Any]]:
        """In a step's thread: wait for the turn of a statement."""
        with self.changed:
            self.asking[name] = sql
            self.changed.notify_all()
            self.changed.wait_for(lambda: name in self.answers)
            answer = self.answers.pop(name)
        if isinstance(answer, ProviderError):
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
