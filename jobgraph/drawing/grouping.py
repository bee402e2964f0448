"""Groups the jobs of a large graph, so that its picture stays readable.

Knows names, pools and edges of jobs. Must not know how a group is drawn. Groups that would wait for one another are
merged, so that the groups too form a graph without cycles.
"""

from __future__ import annotations

import os.path
import re
from collections import Counter
from dataclasses import dataclass
from graphlib import TopologicalSorter
from typing import TYPE_CHECKING

import igraph

from jobgraph.config.topology import edges, topological

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Mapping, Sequence

    from jobgraph.config.model import Graph, Job

# the most boxes in a readable picture
MOST_SINGLE = 100
MOST_GROUPS = 40
FEWEST_GROUPS = 3
MOST_BANDS = 12

AUTO = "auto"
NONE = "none"
PREFIX = "prefix"
LAYER = "layer"
POOL = "pool"
WAYS = (AUTO, NONE, PREFIX, LAYER, POOL)

_NAME_PART = re.compile(r"_*(?:[A-Za-z]+|\d+)")
_LONGEST_PREFIX = 4


@dataclass(frozen=True)
class Cluster:
    """Jobs that are drawn as one box: its name, its jobs in the graph's order, and the clusters that it follows."""

    name: str
    jobs: tuple[Job, ...]
    after: tuple[str, ...]

    @property
    def pools(self) -> tuple[str, ...]:
        """The pools of its jobs, the most used first."""
        return tuple(pool for pool, _ in Counter(job.compute_pool for job in self.jobs).most_common())


def clusters(graph: Graph, way: str = AUTO) -> tuple[Cluster, ...] | None:
    """Return the groups in an order in which each follows its predecessors; None if each job is drawn by itself.

    `way` groups jobs by the start of their names (`prefix`), their depth (`layer`) or their compute pool (`pool`), not
    at all (`none`), or as suits the graph if it is too large to draw every job (`auto`).
    """
    if way == NONE or (way == AUTO and len(graph.jobs) <= MOST_SINGLE):
        return None
    jobs = topological(graph)
    before = edges(graph)
    depth = _depths(jobs, before)
    if way != AUTO:
        return _best(jobs, before, _labellings(depth)[way])
    ways = _labellings(depth)
    for labelling in (PREFIX, "prefix and layer", "pool and layer"):
        groups = _best(jobs, before, ways[labelling])
        if FEWEST_GROUPS <= len(groups) <= MOST_GROUPS:
            return groups
    return _best(jobs, before, ways[LAYER])


def _depths(jobs: Sequence[Job], before: Mapping[str, Sequence[str]]) -> dict[str, int]:
    depth: dict[str, int] = {}
    for job in jobs:
        depth[job.name] = max((depth[name] + 1 for name in before[job.name]), default=0)
    return depth


def _labellings(depth: Mapping[str, int]) -> dict[str, list[Callable[[Job], str]]]:
    """Return, for each way, the functions that name a job's group, the finest grouping first."""
    layers = max(depth.values(), default=0) + 1
    size = -(-layers // MOST_BANDS)

    def band(job: Job) -> str:
        first = depth[job.name] // size * size + 1
        last = min(first + size - 1, layers)
        return f"layer {first}" if first == last else f"layers {first}-{last}"

    def prefix(length: int) -> Callable[[Job], str]:
        return lambda job: _prefix(job.name, length)

    prefixes = [prefix(length) for length in range(_LONGEST_PREFIX, 0, -1)]
    return {
        PREFIX: prefixes,
        LAYER: [band],
        POOL: [lambda job: f"on {job.compute_pool}"],
        "prefix and layer": [lambda job, label=label: f"{label(job)}, {band(job)}" for label in prefixes],  # type: ignore[misc]  # the default binds the function
        "pool and layer": [lambda job: f"on {job.compute_pool}, {band(job)}"],
    }


def _prefix(name: str, length: int) -> str:
    """Return the first parts of a name, and a star for the rest; at least the last part is left out."""
    ends = [part.end() for part in _NAME_PART.finditer(name)]
    length_of_start = min(length, len(ends) - 1)
    if length_of_start < 1:
        return name
    return name[: ends[length_of_start - 1]] + ("_*" if name[ends[length_of_start - 1]] == "_" else "*")


def _best(
    jobs: Sequence[Job], before: Mapping[str, Sequence[str]], labels: Sequence[Callable[[Job], str]]
) -> tuple[Cluster, ...]:
    """Return the groups of the finest grouping that has few enough of them; else those of the coarsest."""
    groups: tuple[Cluster, ...] = ()
    for label in labels:
        groups = _clusters(jobs, before, {job.name: label(job) for job in jobs})
        if len(groups) <= MOST_GROUPS:
            break
    return groups


def _clusters(
    jobs: Sequence[Job], before: Mapping[str, Sequence[str]], label: Mapping[str, str]
) -> tuple[Cluster, ...]:
    merged = _without_cycles(before, label)
    members: dict[str, list[Job]] = {}
    after: dict[str, dict[str, None]] = {}
    for job in jobs:
        own = merged[label[job.name]]
        members.setdefault(own, []).append(job)
        earlier = after.setdefault(own, {})
        earlier |= {merged[label[name]]: None for name in before[job.name] if merged[label[name]] != own}
    names = {own: inside[0].name if len(inside) == 1 else own for own, inside in members.items()}
    return tuple(
        Cluster(names[own], tuple(members[own]), tuple(names[earlier_group] for earlier_group in after[own]))
        for own in TopologicalSorter(after).static_order()
    )


def _without_cycles(before: Mapping[str, Sequence[str]], label: Mapping[str, str]) -> dict[str, str]:
    """Return the final group of each label: labels that form a cycle are merged into one group."""
    labels = list(dict.fromkeys(label.values()))
    number = {name: place for place, name in enumerate(labels)}
    pairs = {(number[label[start]], number[label[end]]) for end, starts in before.items() for start in starts}
    parts = igraph.Graph(n=len(labels), edges=sorted(pairs), directed=True).connected_components(mode="strong")
    together: dict[int, list[str]] = {}
    for name, part in zip(labels, parts.membership, strict=True):
        together.setdefault(part, []).append(name)
    names = {part: _joined(inside, set(labels) - set(inside)) for part, inside in together.items()}
    return {name: names[part] for name, part in zip(labels, parts.membership, strict=True)}


def _joined(labels: Sequence[str], other_labels: Collection[str]) -> str:
    """Return one name for several labels: their common start, unless another group has that name."""
    if len(labels) == 1:
        return labels[0]
    start = f"{os.path.commonprefix(list(labels)).rstrip('*')}*"  # noqa: RUF071  # the common letters, not a common path
    if "_" in start and " " not in start and start not in other_labels:
        return start
    return f"{labels[0]} and {len(labels) - 1} more"
