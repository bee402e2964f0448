"""A month, or a part of it, as Snowflake would run and charge it: minute by minute, by rules of its own.

It has nothing in common with the estimate but the rates: what it charges is what the estimate is held against.
"""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

    from jobgraph.cost.deployment import CostedGraph, Deployment

# (kind of resource, its name)
Resource = tuple[str, str]


@dataclass
class Meter:
    """Something that suspends after `tail` idle minutes and is charged for `shortest` minutes at least."""

    fewest: int
    most: int
    tail: int
    shortest: int
    unit_minutes: int = 0
    _up: int = 0
    _idle: int = 0

    def minute(self, in_use: int) -> None:
        if in_use:
            self._idle = 0
            self._charge(min(self.most, max(self.fewest, in_use)))
        elif self._up and self._idle < self.tail:
            self._idle += 1
            self._charge(self.fewest)
        elif self._up:
            self.unit_minutes += max(0, self.shortest - self._up) * self.fewest
            self._up = self._idle = 0

    def _charge(self, units: int) -> None:
        self._up += 1
        self.unit_minutes += units

    @property
    def is_up(self) -> bool:
        return self._up > 0


@dataclass
class _RunningJob:
    wait: int
    seconds: int
    waited: int = 0

    @property
    def runs(self) -> bool:
        """Its containers run in the last minutes of its wait."""
        return self.waited > self.wait - self.seconds


@dataclass
class _Run:
    graph: CostedGraph
    lengths: dict[str, tuple[int, int]]
    done: set[str] = field(default_factory=set)
    running: dict[str, _RunningJob] = field(default_factory=dict)
    closed: bool = False


def charged(
    deployment: Deployment,
    minutes: int,
    pause: dict[str, int],
    lengths: Callable[[CostedGraph], dict[str, tuple[int, int]]],
    per_node: int,
) -> dict[Resource, int]:
    """Return the minutes that are charged of each pool and warehouse.

    Args:
        deployment: the graphs.
        minutes: for how long runs are started.
        pause: minutes between the starts of a graph's runs.
        lengths: for how long each job's task waits, and for how long its containers run, in one run, in minutes.
        per_node: how many replicas share a node.
    """
    meters = _meters(deployment)
    runs: dict[str, _Run] = {}
    minute = 0
    while minute < minutes or runs:
        for graph in deployment.graphs:
            if graph.key not in runs and minute < minutes and minute % pause[graph.key] == 0:
                runs[graph.key] = _Run(graph, lengths(graph))
        in_use: dict[Resource, int] = defaultdict(int)
        for step in (_close, _wait, _start, _run):
            for run in runs.values():
                step(run, deployment, in_use)
        for (kind, name), meter in meters.items():
            used = in_use[kind, name]
            meter.minute(-(-used // per_node) if kind == "pool" else min(used, 1))
        runs = {key: run for key, run in runs.items() if not run.closed}
        minute += 1
    for meter in meters.values():
        while meter.is_up:
            meter.minute(0)
    return {resource: meter.unit_minutes for resource, meter in meters.items()}


def _meters(deployment: Deployment) -> dict[Resource, Meter]:
    pools = {
        ("pool", pool.name): Meter(pool.min_nodes, pool.max_nodes, pool.auto_suspend_secs // 60, 5)
        for pool in deployment.pools.values()
    }
    warehouses = {
        ("warehouse", house.name): Meter(1, 1, house.auto_suspend // 60, 1) for house in deployment.warehouses.values()
    }
    return {**pools, **warehouses}


def _close(run: _Run, _deployment: Deployment, in_use: dict[Resource, int]) -> None:
    """Let the finalizer, if there is one, take its minute."""
    if len(run.done) == len(run.graph.jobs):
        run.closed = True
        if run.graph.closed_on is not None:
            in_use["warehouse", run.graph.closed_on] += 1


def _wait(run: _Run, _deployment: Deployment, in_use: dict[Resource, int]) -> None:
    """Let the tasks that wait take up their slots."""
    for job in run.graph.jobs:
        if job.name in run.running and not job.is_direct:
            in_use["warehouse", str(job.warehouse)] += 1


def _start(run: _Run, deployment: Deployment, in_use: dict[Resource, int]) -> None:
    """Start the tasks that may, as long as there are slots."""
    for job in run.graph.jobs:
        house = deployment.warehouse(str(job.warehouse))
        is_new = job.name not in run.running and job.name not in run.done
        is_free = job.is_direct or in_use["warehouse", house.name] < house.slots
        if is_new and run.done.issuperset(job.after) and is_free:
            run.running[job.name] = _RunningJob(*run.lengths[job.name])
            in_use["warehouse", house.name] += not job.is_direct


def _run(run: _Run, _deployment: Deployment, in_use: dict[Resource, int]) -> None:
    """Let a minute of the containers pass."""
    for job in run.graph.jobs:
        if (running := run.running.get(job.name)) is not None:
            running.waited += 1
            if running.runs:
                in_use["pool", job.pool] += job.replicas
            if running.waited == running.wait:
                del run.running[job.name]
                run.done.add(job.name)
