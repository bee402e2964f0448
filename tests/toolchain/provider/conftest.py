"""A Snowflake that answers from a table of texts and remembers what it was asked, with a hook for faults."""

import json
import re
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import pytest

from jobgraph.toolchain.standins.provider.definition import Row
from jobgraph.toolchain.standins.provider.errors import SnowflakeError
from jobgraph.toolchain.standins.provider.lifecycle import Lifecycle

Rows = list[Row]
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

    def login(self) -> None:
        """Nobody is refused."""

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


class Graph:
    """Tasks by name, as far as SHOW TASKS and ALTER TASK see them; `slow` looks pass before a resumed task starts."""

    def __init__(self, snowflake: FakeSnowflake) -> None:
        self.tasks: dict[str, dict[str, Any]] = {}
        self.slow = 0
        snowflake.answers = {
            "SHOW TASKS": self._show,
            "CREATE TASK": self._create,
            "ALTER TASK": self._alter,
            "DROP TASK": self._drop,
        }

    def add(self, name: str, *after: str, state: str = "suspended", finalizes: str = "", **columns: Any) -> None:
        names = [f"D.S.{one}" for one in after]
        relations = {"Predecessors": [f'"D"."S"."{one}"' for one in after]}
        if finalizes:
            relations["FinalizedRootTask"] = f'"D"."S"."{finalizes}"'  # type: ignore[assignment]  # a JSON object
        self.tasks[name] = {
            "name": name,
            "database_name": "D",
            "schema_name": "S",
            "state": state,
            "predecessors": json.dumps(names),
            "task_relations": json.dumps(relations),
            "definition": "select 1",
            "warehouse": None,
            "schedule": None,
            "condition": None,
            "comment": None,
            "config": None,
            "allow_overlapping_execution": "false",
            "error_integration": "null",
        } | columns

    def _show(self, sql: str) -> Rows:
        found = re.search(r"LIKE '(\w+)'", sql)
        assert found
        row = self.tasks.get(found[1])
        if row and row.get("starting"):
            self.slow -= 1
            if self.slow <= 0:
                row |= {"starting": False, "state": "started"}
        return [dict(row)] if row else []

    def _create(self, sql: str) -> Rows:
        name = re.findall(r'"(\w+)"', sql)[2]
        after = re.search(r" AFTER (.*?) (?:WHEN|AS) ", sql)
        finalize = re.search(r' FINALIZE = "D"."S"."(\w+)"', sql)
        definition = sql.split(" AS ", 1)[1]
        names = re.findall(r'"D"."S"."(\w+)"', after[1]) if after else []
        self.add(name, *names, finalizes=finalize[1] if finalize else "", definition=definition)
        return []

    def _alter(self, sql: str) -> Rows:
        name, verb = re.findall(r'"(\w+)"', sql)[2], sql.split(" ", 3)[3]
        task = self.tasks[name]
        if verb == "RESUME":
            task |= {"starting": True} if self.slow else {"state": "started"}
        elif verb == "SUSPEND":
            task["state"] = "suspended"
        elif verb.startswith("MODIFY AS "):
            task["definition"] = verb.removeprefix("MODIFY AS ")
        elif verb == "REMOVE WHEN":
            task["condition"] = None
        return []

    def _drop(self, sql: str) -> Rows:
        self.tasks.pop(re.findall(r'"(\w+)"', sql)[2], None)
        return []


@pytest.fixture
def graph(snowflake: FakeSnowflake) -> Graph:
    return Graph(snowflake)
