"""A month of a deployment on the sandbox's own warehouses and pools, whose clock goes from one instant to the next.

Knows how tasks and containers follow one another, and asks the sandbox for slots and nodes as its tasks and services
do. Containers are numbers, so that a month takes seconds. Must not know rates, the meter or the estimate.
"""

from __future__ import annotations

import heapq
import itertools
from collections import defaultdict
from dataclasses import dataclass, field
from datetime import timedelta
from functools import partial
from typing import TYPE_CHECKING

from snowflake_sandbox.catalog import catalog
from snowflake_sandbox.compute import nodes, slots, warehouses
from snowflake_sandbox.objects import compute_pool
from snowflake_sandbox.services import machine, node_sizes
from snowflake_sandbox.statements.reader import ObjectName

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import datetime

    from snowflake_sandbox.call import World
    from snowflake_sandbox.clock import ManualClock

    from jobgraph.cost.deployment import CostedGraph, CostedJob, Deployment


@dataclass(frozen=True)
class Trial:
    """A job's task in one run: seconds before its first container, and of each attempt with the pause after it."""

    before: float
    attempts: tuple[tuple[float, float], ...]


@dataclass
class _Run:
    graph: CostedGraph
    done: set[str] = field(default_factory=set)
    begun: set[str] = field(default_factory=set)


@dataclass(eq=False)
class _Containers:
    """The containers of an attempt, one for each replica: which wait for a node, and where the others run."""

    pool: str
    demand: machine.Demand
    waiting: list[int]
    seconds: float
    ended: Callable[[float], None]
    places: dict[int, int] = field(default_factory=dict)
    began: float | None = None


class Month:
    """Runs of all graphs for a time; afterwards `containers` and `tasks` have the seconds of each job in each run."""

    def __init__(
        self,
        world: World,
        clock: ManualClock,
        deployment: Deployment,
        draw: Callable[[CostedGraph, CostedJob], Trial],
        per_node: int,
    ) -> None:
        self._world, self._clock, self._deployment, self._draw = world, clock, deployment, draw
        self._per_node, self._start = per_node, clock.now()
        self._events: list[tuple[float, int, Callable[[], None]]] = []
        self._numbers = itertools.count()
        self._slots: list[tuple[str, str, Callable[[], None]]] = []
        self._containers: dict[str, list[_Containers]] = defaultdict(list)
        self._runs: dict[str, _Run] = {}
        self.containers: dict[tuple[str, str], list[float]] = defaultdict(list)
        self.tasks: dict[tuple[str, str], list[float]] = defaultdict(list)

    # --- time --------------------------------------------------------------------------------------------------------

    def pass_time(self, seconds: float, pauses: dict[str, float]) -> None:
        """Start runs for so many seconds, `pauses` apart, and let all of it come to its end."""
        for graph in self._deployment.graphs:
            self._at(0.0, partial(self._scheduled, graph, pauses[graph.key], seconds))
        while self._events:
            instant, _, action = heapq.heappop(self._events)
            self._move(instant)
            action()
            self._admit()
        self._move(max(seconds, self._now()) + 7200)

    def _at(self, instant: float, action: Callable[[], None]) -> None:
        heapq.heappush(self._events, (instant, next(self._numbers), action))

    def _now(self) -> float:
        return (self._clock.now() - self._start).total_seconds()

    def _move(self, instant: float) -> None:
        """Let the sandbox do all that time alone does until then, each at its instant."""
        while (due := self._next_due()) is not None and due <= self._start + timedelta(seconds=instant):
            self._clock.move(max(0.0, (due - self._clock.now()).total_seconds()))
            self._world.parts["warehouses"]._look()
            self._world.parts["pools"]._look()
        self._clock.move(max(0.0, instant - self._now()))

    def _next_due(self) -> datetime | None:
        warehouse_part, pools = self._world.parts["warehouses"], self._world.parts["pools"]
        with self._world.store.transaction() as tx:
            due = [
                slots.next_instant(warehouse_part.live(item), warehouses.terms(item, timedelta()))
                for item in catalog.listing(tx, "WAREHOUSE")
            ]
            due += [
                nodes.next_instant(pools.live(item), pools._terms(item)) for item in catalog.listing(tx, "COMPUTE POOL")
            ]
        return min((instant for instant in due if instant is not None), default=None)

    # --- graphs ------------------------------------------------------------------------------------------------------

    def _scheduled(self, graph: CostedGraph, pause: float, until: float) -> None:
        if self._now() + pause < until:
            self._at(self._now() + pause, lambda: self._scheduled(graph, pause, until))
        if graph.key not in self._runs:
            self._runs[graph.key] = _Run(graph)
            self._go_on(graph.key)

    def _go_on(self, key: str) -> None:
        run = self._runs[key]
        for job in run.graph.jobs:
            if job.name not in run.begun and run.done.issuperset(job.after):
                run.begun.add(job.name)
                _Task(self, key, job, self._draw(run.graph, job)).arrive()
        if len(run.done) == len(run.graph.jobs):
            closing = run.graph.closed_on
            if closing is None:
                del self._runs[key]
            else:
                self.with_slot(closing, lambda leave: self._at(self._now() + 5, lambda: self._close(key, leave)))

    def _close(self, key: str, leave: Callable[[], None]) -> None:
        leave()
        del self._runs[key]

    def finish(self, key: str, job: CostedJob, containers: float, task: float) -> None:
        """A job's task has ended."""
        run = self._runs[key]
        self.containers[run.graph.root_task, job.name].append(containers)
        self.tasks[run.graph.root_task, job.name].append(task)
        run.done.add(job.name)
        self._go_on(key)

    # --- slots -------------------------------------------------------------------------------------------------------

    def with_slot(self, warehouse: str, action: Callable[[Callable[[], None]], None]) -> None:
        """Wait for a slot of a warehouse, then do something, which is told how to give the slot back."""
        part = self._world.parts["warehouses"]
        with self._world.store.transaction() as tx:
            item = catalog.find(tx, "WAREHOUSE", ObjectName(warehouse))
        assert item is not None
        number = part.arrive(item, 0)
        self._slots.append((warehouse, number, lambda: action(lambda: part.leave(item, number))))

    def _admit(self) -> None:
        part = self._world.parts["warehouses"]
        while admitted := [entry for entry in self._slots if part.has_slot(entry[1])]:
            self._slots = [entry for entry in self._slots if entry not in admitted]
            for _, _, action in admitted:
                action()

    # --- nodes -------------------------------------------------------------------------------------------------------

    def run_containers(self, job: CostedJob, seconds: float, ended: Callable[[float], None]) -> None:
        """Run each of a job's containers as soon as it has a node; `ended` is told for how long there were some."""
        family = self._deployment.pool(job.pool).instance_family
        offered = node_sizes.node_of(family)
        demand = machine.Demand(offered.cpu / self._per_node, offered.memory // self._per_node)
        with self._world.store.transaction() as tx:
            item = catalog.find(tx, "COMPUTE POOL", ObjectName(job.pool))
        assert item is not None
        compute_pool.resume_if_allowed(self._clock.now(), self._world, item)
        self._containers[job.pool].append(_Containers(job.pool, demand, list(range(job.replicas)), seconds, ended))
        self._place(job.pool)

    def _place(self, pool: str) -> None:
        jobs = self._containers[pool]
        waiting = [(job, number) for job in jobs for number in job.waiting]
        used = [(node, job.demand) for job in jobs for node in job.places.values()]
        demands = [job.demand for job, _ in waiting]
        size = node_sizes.node_of(self._deployment.pool(pool).instance_family)
        with self._world.store.transaction() as tx:
            item = catalog.find(tx, "COMPUTE POOL", ObjectName(pool))
            assert item is not None
            load = machine.load(demands, used, item["max_nodes"], size, has_jobs=bool(jobs))
            now = self._world.parts["pools"].settle(tx, item, load)
        for (job, number), node in zip(waiting, machine.place(demands, used, now.ready, size), strict=True):
            if node is not None:
                job.waiting.remove(number)
                job.places[number] = node
                job.began = self.now if job.began is None else job.began
                self.after(job.seconds, partial(self._ended, job, number))

    def _ended(self, job: _Containers, number: int) -> None:
        del job.places[number]
        is_last = not job.places and not job.waiting
        if is_last:
            self._containers[job.pool].remove(job)
        self._place(job.pool)
        if is_last and job.began is not None:
            job.ended(self.now - job.began)

    def after(self, seconds: float, action: Callable[[], None]) -> None:
        """Do something later."""
        self._at(self._now() + seconds, action)

    @property
    def now(self) -> float:
        """Seconds since the start."""
        return self._now()


class _Task:
    """A job's task in one run: waits for a slot unless it is direct, then for each attempt in turn."""

    def __init__(self, month: Month, key: str, job: CostedJob, trial: Trial) -> None:
        self._month, self._key, self._job, self._trial = month, key, job, trial
        self._attempts = list(trial.attempts)
        self._arrived, self._ran = month.now, 0.0
        self._leave: Callable[[], None] | None = None

    def arrive(self) -> None:
        if self._job.warehouse is None:
            self._month.after(self._trial.before, self._attempt)
        else:
            self._month.with_slot(self._job.warehouse, self._begin)

    def _begin(self, leave: Callable[[], None]) -> None:
        self._leave = leave
        self._month.after(self._trial.before, self._attempt)

    def _attempt(self) -> None:
        seconds, pause = self._attempts.pop(0)
        self._month.run_containers(self._job, seconds, partial(self._ended, pause))

    def _ended(self, pause: float, ran: float) -> None:
        self._ran += ran
        if self._attempts:
            self._month.after(pause, self._attempt)
            return
        if self._leave is not None:
            self._leave()
        self._month.finish(self._key, self._job, self._ran, self._month.now - self._arrived)
