"""How many jobs of a graph may run at the same time, and how long a run takes if they cannot all do so.

Knows partial orders: the widest antichain, computed as a minimum cut (Dilworth's theorem). Must not know what a job
costs.
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
    """Return the jobs that may run at the same time and have the largest total weight, in the order of `before`.

    Args:
        before: job -> its direct predecessors, which are keys too.
        weights: what each job occupies while it runs, such as nodes or slots; not negative.

    No returned job follows another. The network has two vertices per job; the edge from the source to the first and the
    edge from the second to the sink have the job's weight as capacity, and all other edges are unlimited. The returned
    jobs are those with neither edge cut: none of them precedes or follows another.
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
    """Return the largest total weight of jobs that may run at the same time."""
    return sum(weights[name] for name in widest(before, weights))


@dataclass(frozen=True)
class JobPeriod:
    """The period in which a job runs, in seconds from the start of the run."""

    start: float
    end: float


@dataclass(frozen=True)
class Lanes:
    """Which jobs compete for slots. `lane`: job -> its lane, such as a warehouse. `slots`: lane -> number of slots."""

    lane: Mapping[str, str]
    slots: Mapping[str, int]


_UNLIMITED = Lanes({}, {})


def intervals(before: Before, seconds: Mapping[str, float], lanes: Lanes = _UNLIMITED) -> dict[str, JobPeriod]:
    """Return when each job of a run would run: as soon as its predecessors are done and its lane has a free slot.

    If several jobs wait for a slot, the one that became ready first gets it; on a tie, the first in `before`.
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
    """Return the duration of a run in seconds, given the seconds of each job."""
    return max((interval.end for interval in intervals(before, seconds, lanes).values()), default=0.0)


@dataclass(frozen=True)
class Capacity:
    """A resource that jobs occupy while they run: how much each job needs, and how much is available."""

    demands: Mapping[str, int]
    limit: int


def longest_run(before: Before, seconds: Mapping[str, float], capacities: Sequence[Capacity]) -> float:
    """Return an upper bound on the duration of a run in seconds, for any order in which waiting jobs get resources.

    At any time of a run, a job of its longest chain either runs or waits for a resource of which less than the job
    needs is free (Graham's bound). The bound is never longer than all jobs one after another.
    """
    longest = run_seconds(before, seconds)
    for capacity in capacities:
        demands = {name: capacity.demands.get(name, 0) for name in before}
        if width(before, demands) > capacity.limit:
            in_use = max(1, capacity.limit - max(demands.values()) + 1)
            longest += sum(seconds[name] * demands[name] for name in before) / in_use
    return min(longest, sum(seconds.values()))
