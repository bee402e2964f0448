"""A few of what `make reliability` does in thousands; and that it would notice."""

from __future__ import annotations

import random
from typing import TYPE_CHECKING

import pytest
import yaml
from hypothesis import example, given, settings
from hypothesis import strategies as st

from jobgraph.config import reading
from jobgraph.config.document import Places
from jobgraph.config.rules import graph_rules
from jobgraph.config.sections import Section
from jobgraph.errors import ConfigErrors
from tests.reliability.configurations import configuration, text
from tests.reliability.mutations import MUTATIONS, File
from tests.reliability.reading import Outcome, check, run

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

SEEDS = range(12)


@settings(max_examples=10)  # `make reliability` takes 12,000
@given(st.integers(0, 10**9))
@example(101)  # edges to the jobs of a matrix
@example(4621)  # a default that no job uses
def test_what_is_claimed_holds(seed: int) -> None:
    assert failures(seed) == []


@given(st.binary(max_size=300) | st.text(max_size=300).map(str.encode))
@example(b"\xff")
@example(b"&a [*a]")
@example(b"graphs: &a {g: *a}\nversion: 1")
@example(b"version: 1\ngraphs: {g: {jobs: {a: {<<: [*x]}}}}")
@example(b"? [a]\n: b\n")
@example(b"a: !!python/object:os.system {}\n")
@example(b"version: 1\ngraphs: {g: {config: &c {d: *c}, jobs: {}}}")
def test_any_bytes_are_read_or_refused_with_problems(content: bytes) -> None:
    try:
        assert reading.parse(content, "any.yaml").graphs
    except ConfigErrors as error:
        told = error.problems
        assert told[0].mark.line >= 1


def test_every_kind_of_mutation_is_made() -> None:
    made = set()
    for seed in range(40):
        source = random.Random(seed)  # noqa: S311  # makes test data
        file = File.of(configuration(source))
        made |= {mutation.__name__ for mutation in MUTATIONS if mutation(source, file) is not None}
    assert made == {mutation.__name__ for mutation in MUTATIONS}


def test_files_are_made_in_several_styles_and_always_the_same() -> None:
    texts = {text(random.Random(seed), configuration(random.Random(seed))) for seed in SEEDS}  # noqa: S311  # as above
    again = {text(random.Random(seed), configuration(random.Random(seed))) for seed in SEEDS}  # noqa: S311  # as above
    assert texts == again
    assert {len(yaml.safe_load(one)) for one in texts} >= {2, 3}


def failures(seed: int) -> list[str]:
    """What one generated file and its damaged copies show to be broken."""
    outcome = Outcome()
    check(seed, outcome)
    return outcome.failures


def noticed(claim: str, seeds: Iterable[int] = SEEDS) -> bool:
    return any(claim in failure for seed in seeds for failure in failures(seed))


def nothing(*_: object) -> list[object]:
    return []


def crash(*_: object) -> None:
    raise RecursionError


@pytest.mark.parametrize(
    ("owner", "name", "bug", "claim"),
    [
        (graph_rules.GRAPH_RULES, "predecessor-exists", nothing, "break an edge is told"),
        (graph_rules.GRAPH_RULES, "self-edge", nothing, "a self edge is told"),
        (graph_rules.GRAPH_RULES, "cycle", nothing, "a cycle is told"),
        (graph_rules.GRAPH_RULES, "graph-size", crash, "a valid file plans without error"),
    ],
)
def test_a_planted_bug_in_a_rule_is_noticed(
    monkeypatch: pytest.MonkeyPatch, owner: dict[str, object], name: str, bug: Callable[..., object], claim: str
) -> None:
    assert name in owner
    monkeypatch.setitem(owner, name, bug)
    assert noticed(claim)


def test_a_planted_bug_in_the_reader_is_noticed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Section, "_unknown", nothing)
    assert noticed("rename a key is told")


def test_a_wrong_line_is_noticed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Places, "rearranged", lambda self, *_: self)
    assert noticed("is told at its line", range(101, 131))


def test_the_figures_name_seed_and_count() -> None:
    figures, found = run(7, 30)
    assert found == []
    assert figures[0].startswith("reading: ")
    assert "seeds 7 to " in figures[0]
