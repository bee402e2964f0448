"""Reading, whatever the file: valid ones plan and survive printing, wrong ones are told at their lines, none crashes.

Knows what is claimed, and counts. Must not know how a file is made valid or wrong (`configurations`, `mutations`).
"""

from __future__ import annotations

import time
from collections import Counter
from dataclasses import dataclass, field
from random import Random

from jobgraph.config.explain.resolving import resolved
from jobgraph.config.reading import parse
from jobgraph.errors import ERROR, ConfigErrors, Problem
from jobgraph.plan.planning import Procedures, plan
from jobgraph.settings import Settings
from tests.reliability.configurations import configuration, text
from tests.reliability.mutations import MUTATIONS, File, Mutation, damaged

PROCEDURES = Procedures("run", "finalize")
DAMAGED = 2
BYTES = 1


@dataclass
class Outcome:
    """How many files of each kind were read, and for each claim that did not hold what shows it."""

    counts: Counter[str] = field(default_factory=Counter)
    failures: list[str] = field(default_factory=list)

    def fail(self, claim: str, seed: int, detail: str) -> None:
        """Note a claim that did not hold for the file of a seed."""
        self.failures.append(f"{claim} (file of seed {seed}): {detail}")


def check(seed: int, outcome: Outcome) -> None:
    """Make one valid file from a seed and all kinds of wrong ones from it, and check what is claimed of each."""
    random = Random(seed)  # noqa: S311  # makes test data
    document = configuration(random)
    content = text(random, document)
    _valid(seed, content, outcome)
    file = File.of(document)
    for mutation in MUTATIONS:
        found = mutation(random, file)
        if found is not None:
            _wrong(seed, found, outcome)
    for _ in range(DAMAGED):
        _any_bytes(seed, damaged(random, content), "damaged", outcome)
    for _ in range(BYTES):
        _any_bytes(seed, random.randbytes(random.randrange(200)), "arbitrary bytes", outcome)


def _valid(seed: int, content: str, outcome: Outcome) -> None:
    outcome.counts["valid"] += 1
    try:
        config = parse(content.encode(), "jobconfig.yaml")
        planned = plan(config, Settings(), PROCEDURES)
        again = parse(resolved(config).encode(), "jobconfig.yaml")
        if again.graphs != config.graphs or plan(again, Settings(), PROCEDURES) != planned:
            outcome.fail("a valid file survives printing and reading", seed, content)
    except Exception as error:  # noqa: BLE001  # any exception at all is what must not be
        outcome.fail("a valid file plans without error", seed, f"{error!r}: {error}\n{content}")


def _wrong(seed: int, mutation: Mutation, outcome: Outcome) -> None:
    outcome.counts[mutation.kind] += 1
    claim = f"{mutation.kind} is told at its line"
    try:
        problems = _problems(mutation.text.encode())
    except Exception as error:  # noqa: BLE001  # as above
        outcome.fail(claim, seed, f"{error!r}\n{mutation.text}")
        return
    lines = {problem.mark.line for problem in problems if problem.severity == ERROR}
    if not lines & mutation.lines:
        told = "\n".join(map(str, problems))
        outcome.fail(claim, seed, f"lines {sorted(mutation.lines)}, told in {sorted(lines)}\n{told}\n{mutation.text}")


def _any_bytes(seed: int, content: bytes, kind: str, outcome: Outcome) -> None:
    outcome.counts[kind] += 1
    try:
        _problems(content)
    except Exception as error:  # noqa: BLE001  # as above
        outcome.fail(f"{kind}: read, or refused with problems", seed, f"{error!r}\n{content!r}")


def _problems(content: bytes) -> tuple[Problem, ...]:
    """Read a file and return its problems; each has to name a line of the file."""
    try:
        return tuple(parse(content, "jobconfig.yaml").warnings)
    except ConfigErrors as error:
        length = len(content.splitlines()) + 1
        outside = [problem for problem in error.problems if not 1 <= problem.mark.line <= length]
        if outside or not error.problems:
            raise AssertionError(f"no line of the file: {outside}") from error
        return tuple(error.problems)


def run(seed: int, count: int) -> tuple[list[str], list[str]]:
    """Check at least `count` files; returns lines of figures, and what did not hold."""
    outcome = Outcome()
    start = time.monotonic()
    number = 0
    while outcome.counts.total() < count:
        check(seed + number, outcome)
        number += 1
    kinds = ", ".join(f"{kinds} {kind}" for kind, kinds in outcome.counts.most_common())
    took = time.monotonic() - start
    figures = [
        f"reading: {outcome.counts.total()} files in {took:.0f} s, seeds {seed} to {seed + number - 1}",
        f"  {kinds}",
        f"  {len(outcome.failures)} claims did not hold",
    ]
    return figures, outcome.failures
