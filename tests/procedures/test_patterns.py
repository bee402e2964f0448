from __future__ import annotations

import re
import signal
from typing import TYPE_CHECKING

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from jobgraph.procedures import patterns
from jobgraph.procedures.attempt import AttemptRecord
from jobgraph.procedures.patterns import can_follow, is_found
from jobgraph.procedures.retries import rules_of
from tests import tiers

if TYPE_CHECKING:
    from collections.abc import Iterator

LETTERS = "abAB 1\né_"
PIECES = ["a", "b", "A", ".", "[ab]", "[^a]", r"\w", r"\D", r"\b", "^", "$", r"\s", "é", "(?<=a)", "(?<![ab]b)", r"\Z"]
REPEATS = ["*", "+", "?", "*?", "+?", "??", "{2}", "{1,3}", "{2,}"]


def larger(inner: st.SearchStrategy[str]) -> st.SearchStrategy[str]:
    return st.one_of(
        st.tuples(inner, inner).map("".join),
        st.tuples(inner, inner).map(lambda parts: f"({parts[0]}|{parts[1]})"),
        st.tuples(inner, st.sampled_from(REPEATS)).map(lambda parts: f"(?:{parts[0]}){parts[1]}"),
        st.tuples(st.sampled_from(["(?=", "(?!", "(?i:", "(?-i:", "(?P<x>"]), inner).map(
            lambda parts: "".join(parts) + ")"
        ),
    )


@settings(max_examples=tiers.examples(400), deadline=None)
@given(
    st.sampled_from(["", "(?i)", "(?m)", "(?s)", "(?a)"]),
    st.recursive(st.sampled_from(PIECES), larger, max_leaves=8),
    st.text(LETTERS, max_size=8),
)
def test_a_pattern_is_found_where_python_finds_it(flags: str, pattern: str, text: str) -> None:
    try:
        expected = re.search(flags + pattern, text) is not None
    except re.error:
        return  # a name of a group that stands twice
    assert is_found(flags + pattern, text) is expected
    assert can_follow(flags + pattern)


@pytest.fixture
def five_seconds() -> Iterator[None]:
    """End the test after five seconds of the processor's time: Python's matcher listens to signals."""

    def give_up(_number: int, _frame: object) -> None:
        raise TimeoutError

    before = signal.signal(signal.SIGVTALRM, give_up)
    signal.setitimer(signal.ITIMER_VIRTUAL, 5)
    yield
    signal.setitimer(signal.ITIMER_VIRTUAL, 0)
    signal.signal(signal.SIGVTALRM, before)


@pytest.mark.usefixtures("five_seconds")
@pytest.mark.parametrize(
    ("pattern", "text"),
    [
        ("(a+)+$", "error " + "a" * 280 + "!"),
        ("(a|aa)+$", "a" * 299 + "!"),
        ("(.*a){20}$", "a" * 299 + "!"),
        ("(((a*)*)*)*b", "a" * 299),
        (r"(\w+\s?)+:", "word " * 59),
    ],
)
def test_a_rule_of_a_deployed_definition_is_decided_whatever_its_pattern(pattern: str, text: str) -> None:
    rules = rules_of({"retries": 0, "retry_rules": {"rules": [{"message": pattern, "count": 3}]}})
    limit = rules.limit(AttemptRecord(1, "S", "FAILED", "app_error", "", text))
    assert limit is not None
    assert limit.retries == 0


def test_a_pattern_that_takes_too_many_steps_is_found_nowhere(monkeypatch: pytest.MonkeyPatch) -> None:
    assert is_found("a{9}b", "a" * 9 + "b")
    monkeypatch.setattr(patterns, "MOST_STEPS", 20)
    assert not is_found("a{9}b", "a" * 9 + "b")


@pytest.mark.parametrize("pattern", [r"(a)\1", r"(?>a+)b", "a++", r"(a)?(?(1)b|c)"])
def test_what_cannot_be_followed_is_found_nowhere(pattern: str) -> None:
    assert not can_follow(pattern)
    assert not is_found(pattern, "aab")
