"""A file of 10,000 jobs in 10 graphs read, checked and planned, beside the YAML library's C loader alone."""

from __future__ import annotations

import math
import statistics
import tracemalloc
from functools import partial
from typing import TYPE_CHECKING

import yaml

from jobgraph.config.reading import parse
from jobgraph.errors import ConfigErrors
from jobgraph.plan.planning import Procedures, plan
from jobgraph.settings import Settings
from tests.bench.figure import Figure, paired, seconds

if TYPE_CHECKING:
    from collections.abc import Callable

GRAPHS = 10
WIDTH = 20
SIZES = (100, 300, 1000, 3000, 10_000)
ERRORS = 500
PROCEDURES = Procedures("run", "finalize")


def configuration(jobs: int) -> bytes:
    """Ten graphs, each twenty jobs wide: a job follows the one twenty places before it and that one's neighbour.

    A graph may have 1,000 tasks with its root, so the largest file has 999 jobs in each: 9,990.
    """
    lines = ["version: 1", "defaults: {image: 'my_job_image:1.0', compute_pool: PR_STD_POOL_XS}", "graphs:"]
    for graph in range(GRAPHS):
        lines += [f"  graph_{graph}:", "    jobs:"]
        for number in range(min(jobs // GRAPHS, 999)):
            names = [f"job_{graph}_{before:04}" for before in (number - WIDTH, number - WIDTH + 1) if number >= WIDTH]
            after = f"after: [{', '.join(names)}], " if names else ""
            arguments = f"args: ['--query=select {number}', '--result_table=r_{number}'], retries: {number % 3}"
            lines.append(f"      job_{graph}_{number:04}: {{{after}{arguments}}}")
    return ("\n".join(lines) + "\n").encode()


def planned(content: bytes) -> None:
    """Read, check and plan."""
    plan(parse(content, "bench.yaml"), Settings(), PROCEDURES)


def loaded(content: bytes) -> object:
    """What the YAML library alone makes of it."""
    return yaml.load(content, Loader=yaml.CSafeLoader)


def refused(content: bytes, least: int) -> None:
    """Read and check a file with errors."""
    try:
        parse(content, "bench.yaml")
    except ConfigErrors as error:
        if len(error.problems) >= least:
            return
    raise AssertionError(f"fewer than {least} problems were found")


def with_errors(content: bytes) -> bytes:
    """Misspell the name of a predecessor in 500 places."""
    return content.replace(b"after: [job_", b"after: [jbo_", ERRORS)


def with_cycle(content: bytes) -> bytes:
    """Let the first job follow the last one that follows it."""
    return content.replace(b"job_0_0000: {", b"job_0_0000: {after: [job_0_0980], ", 1)


def _best(action: Callable[[], object], repeat: int) -> float:
    action()
    return min(seconds(action) for _ in range(repeat))


def _exponent(repeat: int) -> tuple[float, str]:
    """The slope of log(seconds) over log(jobs), by least squares."""
    contents = {jobs: configuration(jobs) for jobs in SIZES}
    times = {jobs: _best(partial(planned, content), repeat) for jobs, content in contents.items()}
    logs = [(math.log(jobs), math.log(time)) for jobs, time in times.items()]
    slope = statistics.linear_regression([x for x, _ in logs], [y for _, y in logs]).slope
    return slope, ", ".join(f"{jobs}: {time * 1000:.0f} ms" for jobs, time in times.items())


def _peak(action: Callable[[], object]) -> float:
    """The most MiB that Python's objects took at once while it ran."""
    tracemalloc.start()
    try:
        action()
        return tracemalloc.get_traced_memory()[1] / 2**20
    finally:
        tracemalloc.stop()


def measure(repeat: int) -> list[Figure]:
    """The ratio to the loader, growth, memory, and what errors cost."""
    content = configuration(SIZES[-1])
    ratio, mine, other = paired(partial(planned, content), partial(loaded, content), repeat)
    exponent, times = _exponent(max(1, repeat // 2))
    # a valid file is planned as well, a wrong one cannot be
    whole = partial(planned, content)
    errors, wrong, right = paired(partial(refused, with_errors(content), ERRORS), whole, repeat)
    cycle, cyclic, _ = paired(partial(refused, with_cycle(content), 1), whole, repeat)
    ours, loaders = _peak(partial(planned, content)), _peak(partial(loaded, content))
    return [
        Figure("10,000 jobs read, checked, planned / C loader", ratio, 2.5, f"{mine:.2f} s / {other:.2f} s"),
        Figure("its growth from 100 to 10,000 jobs", exponent, 1.1, times, "exponent"),
        Figure("its memory / C loader", ours / loaders, 3, f"{ours:.0f} MiB / {loaders:.0f} MiB"),
        Figure("a file with 500 errors / without", errors, 1.1, f"{wrong:.2f} s / {right:.2f} s"),
        Figure("a file with a cycle / without", cycle, 1.1, f"{cyclic:.2f} s / {right:.2f} s"),
    ]
