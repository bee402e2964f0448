"""Which tests run when: `make test` leaves out those that slow.yaml lists, and `make slow` runs them."""

from __future__ import annotations

import functools
import re
from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from hypothesis import settings

from tests import yaml_files

if TYPE_CHECKING:
    from collections.abc import Iterable

ROOT = Path(__file__).parent
TABLE = ROOT / "slow.yaml"
# What the Makefile's targets ask pytest for. Properties run in `make slow` again, with more examples.
TEST = "not slow"
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
        keep: how many cases of each entry are not slow: the first ones.
    """

    claim: str
    principal: tuple[str, ...]
    slow: tuple[str, ...]
    keep: int = 0


@functools.cache
def groups() -> tuple[Group, ...]:
    """Return the groups of slow.yaml."""
    rows = yaml_files.content(TABLE)
    return tuple(Group(row["claim"], tuple(row["principal"]), tuple(row["slow"]), row.get("keep", 0)) for row in rows)


@functools.cache
def pattern(entry: str) -> re.Pattern[str]:
    """Return what matches the tests of an entry: all of a file, all cases of a test, or the cases that it names."""
    return re.compile(re.escape(entry).replace(r"\*", ".*") + r"(?:(?:::|\[).*)?")


def slow_tests(tests: Iterable[str], table: tuple[Group, ...] | None = None) -> set[str]:
    """Return those of the tests that the table makes slow.

    Args:
        tests: all tests of their files, in order, named as pytest does: `tests/file.py::test[case]`.
        table: the groups; those of slow.yaml unless given.
    """
    entries: dict[str, list[tuple[str, int]]] = {}
    for group in groups() if table is None else table:
        for entry in group.slow:
            entries.setdefault(_file(entry), []).append((entry, group.keep))
    slow: set[str] = set()
    cases: Counter[str] = Counter()
    for test in tests:
        name = _below_tests(test)
        for entry, keep in entries.get(_file(name), ()):
            if matches(entry, name):
                cases[entry] += 1
                if cases[entry] > keep:
                    slow.add(test)
    return slow


def matches(entry: str, name: str) -> bool:
    """Whether an entry of the table means a test."""
    return pattern(entry).fullmatch(name) is not None


def mistakes(tests: Iterable[str], table: tuple[Group, ...] | None = None) -> list[str]:
    """Return what is wrong in the table about the files of these tests, which are all tests of their files.

    An entry must mean a test, and a claim must keep a principal test that is not slow.
    """
    table = groups() if table is None else table
    by_file: dict[str, list[str]] = {}
    for test in tests:
        by_file.setdefault(_file(_below_tests(test)), []).append(_below_tests(test))
    slow = slow_tests((name for names in by_file.values() for name in names), table)

    def is_missing(entry: str, *, among_slow: bool) -> bool:
        names = by_file.get(_file(entry))
        return names is not None and not any((name in slow) == among_slow and matches(entry, name) for name in names)

    idle = {entry for group in table for entry in group.slow if is_missing(entry, among_slow=True)}
    lost = {test for group in table for test in group.principal if is_missing(test, among_slow=False)}
    return [
        *(f"slow.yaml: no test is slow by {entry}" for entry in sorted(idle)),
        *(f"slow.yaml: {test} is to hold a claim in `make test`, and is slow or missing" for test in sorted(lost)),
    ]


def has_slow_tests(file: Path) -> bool:
    """Whether the table lists a file, or a test in it."""
    return file.is_relative_to(ROOT) and str(file.relative_to(ROOT)) in _files()


def is_slow(file: Path) -> bool:
    """Whether the table lists a file as a whole."""
    return file.is_relative_to(ROOT) and str(file.relative_to(ROOT)) in _slow_files()


def _below_tests(test: str) -> str:
    return test.removeprefix("tests/")


def _file(test: str) -> str:
    return test.partition("::")[0]


@functools.cache
def _slow_files() -> frozenset[str]:
    return frozenset(entry for group in groups() if not group.keep for entry in group.slow if "::" not in entry)


@functools.cache
def _files() -> frozenset[str]:
    return frozenset(_file(entry) for group in groups() for entry in group.slow)
