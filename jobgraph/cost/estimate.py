"""The cost of a deployment in a month, as ranges, line by line.

Knows how Snowflake charges pools, warehouses and serverless tasks. Must not know how an estimate is formatted.

The highest amounts assume that every job takes its time limit in every attempt (or, with history, the 90th percentile
of its durations). The lowest assume that a job takes no time (or the 10th percentile), shares a node with all jobs that
may run at the same time, and that others use pool and warehouse just before and after it. They bound every case in
between.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

from jobgraph.cost.frequency import HOURS_A_MONTH, runs_a_month, shortest_pause
from jobgraph.cost.history import FEW_RUNS
from jobgraph.cost.ranges import Range, between, exactly, total
from jobgraph.cost.rates import Rate
from jobgraph.cost.usage import FROM_HISTORY, JOB, POOL, SERVERLESS, WAREHOUSE, graph_uses

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from jobgraph.cost.deployment import CostedGraph, Deployment
    from jobgraph.cost.history import History
    from jobgraph.cost.rates import Rates
    from jobgraph.cost.usage import GraphUse

STANDING = "standing"


@dataclass(frozen=True)
class CostLine:
    """The cost of one item. `kind`: a kind of `usage`, or standing. `name`: the job. `on`: the charged resource.

    `seconds`: of one run, on one node or cluster. `credits`: of a month; None if the number of runs is not known.
    `source`: history or limit.
    """

    kind: str
    on: str
    charged: str
    name: str = ""
    seconds: Range | None = None
    credits_a_run: Range | None = None
    credits: Range | None = None
    source: str = ""
    runs_in_history: int = 0

    @property
    def has_few_runs(self) -> bool:
        """Whether its time comes from history, but from too few runs to give bounds."""
        return self.source == FROM_HISTORY and self.runs_in_history < FEW_RUNS


@dataclass(frozen=True)
class GraphCost:
    """The cost of a graph. `runs`: per month; None if the graph has no schedule and no number of runs was stated."""

    key: str
    runs: Range | None
    lines: tuple[CostLine, ...]
    credits_a_run: Range
    credits: Range | None
    run_seconds: Range
    is_stated: bool = False


@dataclass(frozen=True)
class Estimate:
    """The cost of a deployment in a month: graph by graph, and the standing cost of resources that never suspend.

    `uncounted`: the graphs with an unknown number of runs; `credits` does not include them. `capped`: the pools and
    warehouses whose lines add up to more than they can cost in a month. `has_read_history`: whether the history of runs
    was read, even if it has no run.
    """

    graphs: tuple[GraphCost, ...]
    standing: tuple[CostLine, ...]
    credits: Range
    uncounted: tuple[str, ...]
    rates: Rates
    capped: tuple[str, ...] = ()
    has_read_history: bool = False

    @property
    def lines(self) -> tuple[CostLine, ...]:
        """All lines."""
        return (*(line for graph in self.graphs for line in graph.lines), *self.standing)


def estimate(
    deployment: Deployment, rates: Rates, history: History | None = None, stated: Mapping[str, float] | None = None
) -> Estimate:
    """Return the cost of a deployment in a month.

    `history` is None if it was not read. `stated`: upper-case graph key -> runs a month, for graphs without a schedule.
    """
    pricing = _Pricing(deployment, rates)
    uses = graph_uses(deployment, rates, history or {})
    graphs = tuple(_graph(graph, uses[graph.key], pricing, stated or {}) for graph in deployment.graphs)
    counted = [line for graph in graphs for line in graph.lines if line.credits is not None]
    standing = tuple(pricing.standing(counted))
    return Estimate(
        graphs=graphs,
        standing=standing,
        credits=pricing.month([*counted, *standing]),
        uncounted=tuple(graph.key for graph in graphs if graph.credits is None),
        rates=rates,
        capped=tuple(pricing.capped([*counted, *standing])),
        has_read_history=history is not None,
    )


def _graph(graph: CostedGraph, use: GraphUse, pricing: _Pricing, stated: Mapping[str, float]) -> GraphCost:
    runs = _runs(graph, use, stated)
    lines = tuple(pricing.lines(use, runs))
    counted = [line for line in lines if line.credits is not None]
    return GraphCost(
        key=graph.key,
        runs=runs,
        lines=lines,
        credits_a_run=total(line.credits_a_run for line in lines if line.credits_a_run is not None),
        credits=None if runs is None else pricing.month(counted),
        run_seconds=use.run_seconds,
        is_stated=graph.schedule is None and runs is not None,
    )


def _runs(graph: CostedGraph, use: GraphUse, stated: Mapping[str, float]) -> Range | None:
    """Return the runs per month: fewer than scheduled if a run takes longer than the time between two starts.

    After a run that takes too long, the next run starts at the schedule's next time.
    """
    if graph.schedule is None:
        number = stated.get(graph.key.upper())
        return None if number is None else exactly(number)
    scheduled = runs_a_month(graph.schedule)
    if graph.may_overlap:
        return exactly(scheduled)
    pause = shortest_pause(graph.schedule)
    fewest, usual = (
        scheduled / max(1, math.ceil((length or 0.0) / pause))
        for length in (use.run_seconds.high, use.run_seconds.usual)
    )
    return between(fewest, scheduled, usual)


@dataclass(frozen=True)
class _Pricing:
    """Converts seconds into credits."""

    deployment: Deployment
    rates: Rates

    def rate(self, charged: str, on: str) -> Rate:
        """Return the credits per hour of one node or cluster."""
        if charged == POOL:
            return self.rates.families[self.deployment.pool(on).instance_family]
        if charged == SERVERLESS:
            smallest = self.rates.warehouses["XSMALL"]
            return Rate(smallest.low * self.rates.serverless, smallest.high * self.rates.serverless)
        return self.rates.warehouses[self.deployment.warehouse(on).size]

    def lines(self, use: GraphUse, runs: Range | None) -> Iterable[CostLine]:
        """Yield the cost lines of a graph."""
        for part in use.parts:
            rate = self.rate(part.charged, part.on)
            usual = None if part.unit_seconds.usual is None else part.unit_seconds.usual * rate.high / 3600
            a_run = between(part.unit_seconds.low * rate.low / 3600, part.unit_seconds.high * rate.high / 3600, usual)
            month = None
            if runs is not None and not self._is_standing(part.kind, part.charged, part.on):
                month = _a_month(a_run, runs).at_most(self.most(part.charged, part.on))
            if month is not None or runs is None:
                yield CostLine(
                    part.kind, part.on, part.charged, part.name, part.seconds, a_run, month, part.source, part.runs
                )

    def _is_standing(self, kind: str, charged: str, on: str) -> bool:
        """Tell whether a use counts as standing cost: on a resource that never suspends, except the jobs' own use."""
        return kind != JOB and on in self._never_suspended(charged)

    def _never_suspended(self, charged: str) -> set[str]:
        if charged == POOL:
            return {pool.name for pool in self.deployment.pools.values() if pool.auto_suspend_secs == 0}
        return {house.name for house in self.deployment.warehouses.values() if house.auto_suspend == 0}

    def most(self, charged: str, on: str) -> float:
        """Return the most that a pool or warehouse can cost in a month: all its units are up the whole time.

        A resource that suspends sooner than the minimum charge may be charged for more time than a month has.
        """
        if charged == SERVERLESS:
            return math.inf
        if charged == POOL:
            pool = self.deployment.pool(on)
            units, tail, shortest = pool.max_nodes, pool.auto_suspend_secs, self.rates.shortest_node
        else:
            warehouse = self.deployment.warehouse(on)
            units, tail, shortest = warehouse.clusters, warehouse.auto_suspend, self.rates.shortest_warehouse
        again = max(1.0, shortest / tail) if tail else 1.0
        return units * again * HOURS_A_MONTH * self.rate(charged, on).high

    def standing(self, counted: Iterable[CostLine]) -> Iterable[CostLine]:
        """Yield the cost of pools and warehouses that never suspend, minus the cost of the jobs on them."""
        jobs = [line for line in counted if line.kind == JOB and line.charged == POOL]
        for name in sorted(self._never_suspended(POOL)):
            pool, rate = self.deployment.pool(name), self.rate(POOL, name)
            if not pool.existing:
                hours = pool.min_nodes * HOURS_A_MONTH
                work = total(line.credits for line in jobs if line.on == name and line.credits is not None)
                usual = None if work.usual is None else max(0.0, hours * rate.high - work.usual)
                low, high = max(0.0, hours * rate.low - work.high), max(0.0, hours * rate.high - work.low)
                yield CostLine(STANDING, name, POOL, credits=between(low, high, usual))
        for name in sorted(self._never_suspended(WAREHOUSE)):
            if self.deployment.warehouse(name).is_own:
                rate = self.rate(WAREHOUSE, name)
                high = self.most(WAREHOUSE, name)
                usual = HOURS_A_MONTH * rate.high
                yield CostLine(STANDING, name, WAREHOUSE, credits=between(HOURS_A_MONTH * rate.low, high, usual))

    def month(self, lines: Iterable[CostLine]) -> Range:
        """Return the total of the lines. A resource costs at most what it costs if it is up for the whole month."""
        sums = _by_resource(lines)
        return total(amount.at_most(self.most(charged, on)) for (charged, on), amount in sums.items())

    def capped(self, lines: Iterable[CostLine]) -> list[str]:
        """Return the pools and warehouses for which `month` counts less than the sum of their lines, sorted."""
        sums = _by_resource(lines)
        # rounding: the sum of fractions may differ from the maximum in the last digits
        return sorted(on for (charged, on), amount in sums.items() if amount.high > self.most(charged, on) * 1.000001)


def _by_resource(lines: Iterable[CostLine]) -> dict[tuple[str, str], Range]:
    amounts: dict[tuple[str, str], list[Range]] = {}
    for line in lines:
        if line.credits is not None:
            amounts.setdefault((line.charged, line.on), []).append(line.credits)
    return {resource: total(credits_) for resource, credits_ in amounts.items()}


def _a_month(a_run: Range, runs: Range) -> Range:
    usual = None if a_run.usual is None or runs.usual is None else a_run.usual * runs.usual
    return between(a_run.low * runs.low, a_run.high * runs.high, usual)
