"""A Snowflake that answers from a table of texts and remembers what it was asked, with a hook for faults."""

import re
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import pytest

from toolchain.provider.errors import SnowflakeError
from toolchain.provider.lifecycle import Lifecycle

Rows = list[dict[str, Any]]
Answer = Rows | Callable[[str], Rows]


@dataclass
class FakeSnowflake:
    """answers: the longest beginning of a statement that fits gives the rows; no fit gives none."""

    answers: dict[str, Answer] = field(default_factory=dict)
    faults: dict[str, SnowflakeError] = field(default_factory=dict)
    sent: list[str] = field(default_factory=list)
    raw: list[str] = field(default_factory=list)
    paused: list[float] = field(default_factory=list)
    warned: list[str] = field(default_factory=list)

    def execute(self, sql: str) -> Rows:
        plain = re.sub(r" --terraform_provider_usage_tracking .*$", "", sql)
        self.raw.append(sql)
        self.sent.append(plain)
        for beginning, fault in self.faults.items():
            if plain.startswith(beginning):
                raise fault
        fits = [beginning for beginning in self.answers if plain.startswith(beginning)]
        if not fits:
            return []
        answer = self.answers[max(fits, key=len)]
        return answer(plain) if callable(answer) else [dict(row) for row in answer]

    def close(self) -> None:
        self.sent.append("<closed>")

    def said(self) -> list[str]:
        """What was sent since the last look."""
        found, self.sent = self.sent, []
        return found


@pytest.fixture
def snowflake() -> FakeSnowflake:
    return FakeSnowflake()


@pytest.fixture
def lifecycle(snowflake: FakeSnowflake) -> Lifecycle:
    return Lifecycle(snowflake, snowflake.paused.append)


@pytest.fixture
def absent() -> SnowflakeError:
    return SnowflakeError(2003, "02000", "SQL compilation error:\nDatabase 'D' does not exist or not authorized.")
