"""How many jobs of a graph may run at the same time, and how long a run takes if not all of them can.

Knows partial orders: the widest antichain by Dilworth's theorem, as a minimum cut. Must not know what a job costs.
"""

from __future__ import annotations

import heapq
import math
from dataclasses import dataclass
from graphlib import TopologicalSorter
from typing import TYPE_CHECKING

import igraph

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping, Sequence

    Before = Mapping[str, Collection[str]]


def widest(before: Before, weights: Mapping[str, int]) -> tuple[str, ...]:
    """Return the jobs that may run at the same time and together weigh most, in the order of `before`.

    Args:
        before: the direct predecessors of each job; they are jobs, too.
        weights: what each job takes up while it runs, as nodes or slots; not negative.

    No two of the jobs follow one another. The cut: each job is a pair of vertices, entered with its weight and left
    with its weight; a job leads to what follows it without limit. A job on both of whose sides nothing is cut has
    neither a predecessor nor a successor among the others like it.
    """
    names = list(before)
    place = {name: number for number, name in enumerate(names)}
    count = len(names)
    source, sink, unlimited = 2 * count, 2 * count + 1, sum(weights.values()) + 1
    edges: list[tuple[int, int]] = []
    capacities: list[int] = []
    for name, number in place.items():
        edges += [(source, number), (count + number, sink), (count + number, number)]
        capacities += [weights[name], weights[name], unlimited]
        edges += [(place[previous], count + number) for previous in before[name]]
        capacities += [unlimited] * len(before[name])
    network = igraph.Graph(2 * count + 2, edges, directed=True)
    reached = set(network.mincut(source, sink, capacities).partition[0])
    return tuple(name for name, number in place.items() if number in reached and count + number not in reached)


def width(before: Before, weights: Mapping[str, int]) -> int:
    """Return how much jobs that run at the same time weigh at most."""
    return sum(weights[name] for name in widest(before, weights))


@dataclass(frozen=True)
class JobPeriod:
    """When a job runs, in seconds from the start of the run."""

    start: float
    end: float


@dataclass(frozen=True)
class Lanes:
    """Which jobs compete for slots, and for how many: the lane of a job, as its warehouse, and the slots of a lane."""

    lane: Mapping[str, str]
    slots: Mapping[str, int]


_UNLIMITED = Lanes({}, {})


def intervals(before: Before, seconds: Mapping[str, float], lanes: Lanes = _UNLIMITED) -> dict[str, JobPeriod]:
    """Return when each job of a run would run: as soon as its predecessors are done and its lane has a free slot.

    Of several jobs that wait for a slot, the one that became ready first gets it, then the first in `before`.
    """
    order = {name: number for number, name in enumerate(before)}
    free: dict[str, float] = {lane: lanes.slots.get(lane, math.inf) for lane in ("", *lanes.lane.values())}
    waiting: dict[str, list[tuple[float, int, str]]] = {lane: [] for lane in free}
    running: list[tuple[float, int, str]] = []
    result: dict[str, JobPeriod] = {}
    sorter = TopologicalSorter(before)
    sorter.prepare()
    now = 0.0
    while sorter.is_active():
        for name in sorter.get_ready():
            heapq.heappush(waiting[lanes.lane.get(name, "")], (now, order[name], name))
        for lane, queue in waiting.items():
            while queue and free[lane] > 0:
                _, number, name = heapq.heappop(queue)
                free[lane] -= 1
                result[name] = JobPeriod(now, now + seconds[name])
                heapq.heappush(running, (now + seconds[name], number, name))
        now, _, name = heapq.heappop(running)
        free[lanes.lane.get(name, "")] += 1
        sorter.done(name)
    return result


def run_seconds(before: Before, seconds: Mapping[str, float], lanes: Lanes = _UNLIMITED) -> float:
    """Return how long a run takes whose jobs take so many seconds each."""
    return max((interval.end for interval in intervals(before, seconds, lanes).values()), default=0.0)


@dataclass(frozen=True)
class Capacity:
    """Something that jobs take up while they run: how much each takes, and how much of it there is."""

    demands: Mapping[str, int]
    limit: int


def longest_run(before: Before, seconds: Mapping[str, float], capacities: Sequence[Capacity]) -> float:
    """Return a bound on how long a run takes, in whatever order jobs that wait are taken.

    While a run goes on, a job of its longest chain runs, or waits for something that is in use: all of it, but for less
    than the job needs (Graham's bound). It is never longer than all jobs one after another.
    """
    longest = run_seconds(before, seconds)
    for capacity in capacities:
        demands = {name: capacity.demands.get(name, 0) for name in before}
        if width(before, demands) > capacity.limit:
            in_use = max(1, capacity.limit - max(demands.values()) + 1)
            longest += sum(seconds[name] * demands[name] for name in before) / in_use
    return min(longest, sum(seconds.values()))
