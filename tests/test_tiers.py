"""slow.yaml names tests that exist, and each group has a principal test that `make test` runs."""

from __future__ import annotations

import ast
import functools

import pytest

from tests import tiers

GROUPS = pytest.mark.parametrize("group", tiers.groups(), ids=lambda group: group.claim)


@functools.cache
def names_in(file: str) -> frozenset[str]:
    """The names of the tests in a file below tests/."""
    tree = ast.parse((tiers.ROOT / file).read_text("utf-8"))
    return frozenset(node.name for node in tree.body if isinstance(node, ast.FunctionDef) and node.name[:5] == "test_")


def exists(entry: str) -> bool:
    file, _, test = entry.partition("::")
    return (tiers.ROOT / file).is_file() and (not test or test.partition("[")[0] in names_in(file))


@GROUPS
def test_every_test_that_the_table_names_exists(group: tiers.Group) -> None:
    assert [entry for entry in (*group.principal, *group.slow) if not exists(entry)] == []


@GROUPS
def test_the_claim_is_held_by_a_test_that_is_not_slow(group: tiers.Group) -> None:
    assert group.principal or group.keep
    assert [test for test in group.principal if "::" not in test or tiers.slow_tests([test])] == []


def test_no_entry_is_listed_twice() -> None:
    entries = [entry for group in tiers.groups() for entry in group.slow]
    assert len(set(entries)) == len(entries)


@pytest.mark.parametrize(
    ("entry", "is_meant"),
    [
        ("a/test_b.py", True),
        ("a/test_b.py::test_c", True),
        ("a/test_b.py::test_c[d-e]", True),
        ("a/test_b.py::test_c[d-*]", True),
        ("a/test_b.py::test", False),
        ("a/test_b.py::test_c[d]", False),
        ("a/test", False),
    ],
)
def test_an_entry_means_a_file_a_test_or_its_cases(entry: str, *, is_meant: bool) -> None:
    assert tiers.matches(entry, "a/test_b.py::test_c[d-e]") == is_meant


@pytest.mark.parametrize(
    ("file", "is_slow"),
    [("deploys/test_crowded.py", True), ("deploys/test_engine.py", False), ("sandbox/wire/test_timeouts.py", False)],
)
def test_a_file_is_slow_when_the_table_lists_all_of_it(file: str, *, is_slow: bool) -> None:
    assert tiers.is_slow(tiers.ROOT / file) == is_slow


@pytest.mark.parametrize(
    ("tests", "mistakes"),
    [
        (["a.py::test_b[1]", "a.py::test_b[2]", "c.py::test_d"], []),
        # a file that is not looked at says nothing
        (["tests/a.py::test_b[1]", "a.py::test_b[2]"], []),
        (["a.py::test_b[1]", "c.py::test_d"], ["slow.yaml: no test is slow by a.py::test_b[2]"]),
        (["a.py::test_b[2]"], ["slow.yaml: a.py::test_b is to hold a claim in `make test`, and is slow or missing"]),
    ],
)
def test_an_entry_without_a_test_and_a_claim_without_a_principal_test_are_mistakes(
    tests: list[str], mistakes: list[str]
) -> None:
    table = (tiers.Group("what b does", ("a.py::test_b",), ("a.py::test_b[2]", "c.py")),)
    assert tiers.mistakes(tests, table) == mistakes


@pytest.mark.parametrize(
    ("target", "marks"),
    [("test", tiers.TEST), ("unit", tiers.UNIT), ("lifecycle", tiers.LIFECYCLE), ("slow", tiers.SLOW)],
)
def test_the_makefile_asks_for_these_tiers(target: str, marks: str) -> None:
    """conftest.py loads only the files that such a run needs."""
    text = (tiers.ROOT.parent / "Makefile").read_text("utf-8")
    recipe = text.partition(f"\n{target}:")[2].partition("\n\n")[0]
    assert f'-m "{marks}"' in recipe
    assert ("--hypothesis-profile thorough" in recipe) == (target == "slow")
