"""Which tests run when: `make test` leaves out those that slow.yaml lists, and `make slow` runs them."""

from __future__ import annotations

import functools
import re
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import yaml
from hypothesis import settings

if TYPE_CHECKING:
    from collections.abc import Iterable

ROOT = Path(__file__).parent
TABLE = ROOT / "slow.yaml"
# What the Makefile's targets ask pytest for. Properties run in `make slow` again, with more examples.
UNIT = "not engine and not sandbox and not slow"
LIFECYCLE = "(engine or sandbox) and not slow"
SLOW = "slow or hypothesis"
QUICK, THOROUGH = "quick", "thorough"


def examples(count: int) -> int:
    """Return how many examples a property with many takes: so many in `make slow`, a fifth in `make test`."""
    return count if settings.get_current_profile_name() == THOROUGH else max(1, count // 5)


@dataclass(frozen=True)
class Group:
    """The slow tests of one claim.

    Attributes:
        claim: what they test.
        principal: the tests that hold the claim in `make test`, as `file.py::test` below tests/.
        slow: the others: a file, a test, or one of its parametrized cases. `*` stands for any text.
    """

    claim: str
    principal: tuple[str, ...]
    slow: tuple[str, ...]


@functools.cache
def groups() -> tuple[Group, ...]:
    """Return the groups of slow.yaml."""
    rows = yaml.safe_load(TABLE.read_text("utf-8"))
    return tuple(Group(row["claim"], tuple(row["principal"]), tuple(row["slow"])) for row in rows)


@functools.cache
def pattern(entry: str) -> re.Pattern[str]:
    """Return what matches the tests of an entry: all of a file, all cases of a test, or the cases that it names."""
    return re.compile(re.escape(entry).replace(r"\*", ".*") + r"(?:(?:::|\[).*)?")


def is_slow(test: str) -> bool:
    """Whether the table lists a test, which is named as pytest does: `tests/file.py::test[case]`."""
    name = _below_tests(test)
    return any(matches(entry, name) for entry in _entries_by_file().get(_file(name), ()))


def matches(entry: str, name: str) -> bool:
    """Whether an entry of the table means a test."""
    return pattern(entry).fullmatch(name) is not None


def mistakes(tests: Iterable[str], table: tuple[Group, ...] | None = None) -> list[str]:
    """Return what is wrong in the table about the files of these tests, which are all tests of their files.

    An entry must mean a test, and a claim must keep a principal test that is not slow.
    """
    by_file: dict[str, list[str]] = {}
    for test in tests:
        by_file.setdefault(_file(_below_tests(test)), []).append(_below_tests(test))
    table = groups() if table is None else table
    slow = [entry for group in table for entry in group.slow]
    wrong = []
    for entry in slow:
        names = by_file.get(_file(entry))
        if names is not None and not any(matches(entry, name) for name in names):
            wrong.append(f"slow.yaml: no test is called {entry}")
    for principal in {principal for group in table for principal in group.principal}:
        names = by_file.get(_file(principal))
        cases = [name for name in names or () if matches(principal, name)]
        if names is not None and all(any(matches(entry, case) for entry in slow) for case in cases):
            wrong.append(f"slow.yaml: {principal} is to hold a claim in `make test`, and is slow or missing")
    return sorted(wrong)


def has_slow_tests(file: Path) -> bool:
    """Whether the table lists a file, or a test in it."""
    return file.is_relative_to(ROOT) and str(file.relative_to(ROOT)) in _entries_by_file()


def _below_tests(test: str) -> str:
    return test.removeprefix("tests/")


def _file(test: str) -> str:
    return test.partition("::")[0]


@functools.cache
def _entries_by_file() -> dict[str, list[str]]:
    entries: dict[str, list[str]] = {}
    for group in groups():
        for entry in group.slow:
            entries.setdefault(_file(entry), []).append(entry)
    return entries
