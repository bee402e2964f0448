"""The kit for a real account, killed before every statement of a case: the next start removes what it left.

Knows the corpus and what the kit must leave. Must not know how a case is replayed (tests.account.replay).
"""

from __future__ import annotations

import random
import tempfile
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tests import yaml_files
from tests.account import scratch
from tests.account.__main__ import CORPUS, ROOT
from tests.account.replay import Session, replay
from tests.sandbox.conftest import serving

if TYPE_CHECKING:
    from collections.abc import Iterator

CASES: list[dict[str, Any]] = yaml_files.content(ROOT / CORPUS)
# Those that a planted difference can be told of: an error, or rows.
PLAIN = [case for case in CASES if "over" not in case and ("errno" in case or case.get("rows"))]
KINDS = (
    "DATABASES",
    "ROLES",
    "WAREHOUSES",
    "COMPUTE POOLS",
    "USERS",
    "EXTERNAL ACCESS INTEGRATIONS",
    "NOTIFICATION INTEGRATIONS",
)
# Each case has about ten statements, before each of which it is killed once.
CASES_OF_COUNT = 200


class PulledError(Exception):
    """The machine dies."""


def left_over(service: Any, case: dict[str, Any]) -> list[str]:
    """Kill the kit before each statement of a case, and sweep; what is still there."""
    counted: list[str] = []
    with service.connect() as connection:
        before = names(Session(connection))
        list(replay(Session(connection, counted.append), [case]))
    return [left for number in range(1, len(counted) + 1) for left in _left_after_a_kill(service, case, number, before)]


def names(session: Session) -> set[str]:
    """The objects of the account."""
    return {f"{kind} {row['name']}" for kind in KINDS for row in session.rows(f"SHOW {kind}")}


def _left_after_a_kill(service: Any, case: dict[str, Any], number: int, before: set[str]) -> list[str]:
    sent: list[str] = []

    def pull(text: str) -> None:
        sent.append(text)
        if len(sent) == number:
            raise PulledError

    with service.connect() as connection:
        try:
            list(replay(Session(connection, pull), [case]))
        except PulledError:
            pass
        else:
            return [f"{case['name']}: not killed before statement {number}"]
    with service.connect() as connection:
        session = Session(connection)
        scratch.sweep(session.rows)
        left = sorted(names(session) - before)
    return [f"{case['name']}: {name}, killed before {sent[-1]}" for name in left]


@contextmanager
def _service(folder: Path) -> Iterator[Any]:
    yield from serving(folder)


def run(seed: int, count: int) -> tuple[list[str], list[str]]:
    """Kill the kit in some cases of the corpus; returns figures and what stayed."""
    cases = random.Random(seed).sample(PLAIN, min(len(PLAIN), count // CASES_OF_COUNT))  # noqa: S311  # a choice
    with tempfile.TemporaryDirectory() as folder, _service(Path(folder) / "sandbox") as service:
        problems = [problem for case in cases for problem in left_over(service, case)]
    return [f"kit killed before each statement of {len(cases)} cases: {len(problems)} objects stay"], problems
