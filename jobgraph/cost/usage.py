"""What one run of a graph uses: seconds of working nodes, of idle nodes, and of warehouses awake while tasks wait.

Knows how jobs follow one another and how pools and warehouses suspend. Must not know what a second costs.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

from jobgraph.cost.billing import Meter, Use
from jobgraph.cost.concurrency import Capacity, Lanes, intervals, longest_run, run_seconds, width
from jobgraph.cost.frequency import SECONDS_A_MONTH, runs_a_month, shortest_pause
from jobgraph.cost.ranges import Range, between

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from jobgraph.cost.concurrency import JobPeriod
    from jobgraph.cost.deployment import CostedGraph, CostedJob, Deployment
    from jobgraph.cost.history import History, Times
    from jobgraph.cost.rates import Rates
    from jobgraph.settings import Pool

JOB, IDLE, WAIT, CLOSE = "job", "idle", "wait", "close"
POOL, WAREHOUSE, SERVERLESS, ALERT = "pool", "warehouse", "serverless", "alert"
FROM_HISTORY, FROM_LIMIT = "history", "limit"
# the finalizer starts when the jobs are done; it took less than this in every measured run
FINALIZER_SECONDS = 60


@dataclass(frozen=True)
class RunUsage:
    """What a job, a pool or a warehouse uses in one run. `unit_seconds`: charged seconds x replicas or clusters."""

    kind: str
    charged: str
    on: str
    unit_seconds: Range
    name: str = ""
    seconds: Range | None = None
    source: str = ""
    runs: int = 0


@dataclass(frozen=True)
class GraphUse:
    """All uses in one run of a graph, and the duration of the run in seconds."""

    parts: tuple[RunUsage, ...]
    run_seconds: Range


def graph_uses(deployment: Deployment, rates: Rates, history: History) -> dict[str, GraphUse]:
    """Return what one run of each graph uses, by graph key."""
    runs = {graph.key: _Run(graph, deployment, history) for graph in deployment.graphs}
    return {key: GraphUse(tuple(_parts(run, rates, list(runs.values()))), run.length) for key, run in runs.items()}


def lanes(graph: CostedGraph, deployment: Deployment) -> Lanes:
    """Return lanes for the warehouses on which the tasks of a graph wait."""
    lane = {job.name: job.warehouse for job in graph.jobs if job.warehouse is not None}
    return Lanes(lane, {name: deployment.warehouse(name).slots for name in lane.values()})


class _Run:
    """A run of a graph: how long each job takes and, if history has all jobs, when each one starts."""

    def __init__(self, graph: CostedGraph, deployment: Deployment, history: History) -> None:
        self.graph, self.deployment = graph, deployment
        self.before = graph.before
        self.times = {job.name: history.get((graph.root_task, job.name)) for job in graph.jobs}
        self.seconds = {job.name: _seconds(job, self.times[job.name]) for job in graph.jobs}
        self.waits = {job.name: _wait(job, self.times[job.name]) for job in graph.jobs}
        self.warehouses = tuple(dict.fromkeys(job.warehouse for job in graph.jobs if job.warehouse is not None))
        self.closing = graph.closed_on if graph.closed_on not in self.warehouses else None
        self.pools = tuple(dict.fromkeys(job.pool for job in graph.jobs))
        self.schedule = self._usual_schedule()
        self.length = self._length()

    def _usual_schedule(self) -> dict[str, JobPeriod] | None:
        usual = {name: wait.usual for name, wait in self.waits.items() if wait.usual is not None}
        if len(usual) < len(self.waits):
            return None
        # a task's duration in history includes its wait for a slot, so slots are not considered again
        return intervals(self.before, usual)

    def _length(self) -> Range:
        capacities = [
            Capacity({job.name: 1 for job in self.jobs_waiting_on(name)}, self.deployment.warehouse(name).slots)
            for name in self.warehouses
        ]
        high = longest_run(self.before, {name: wait.high for name, wait in self.waits.items()}, capacities)
        usual = None if self.schedule is None else max((i.end for i in self.schedule.values()), default=0.0)
        return between(run_seconds(self.before, self._lowest_waits(self.graph.jobs)), high, usual)

    def _lowest_waits(self, jobs: Sequence[CostedJob]) -> dict[str, float]:
        """Return the lowest seconds of the tasks of `jobs`, and 0 for all other jobs."""
        fewest = {job.name: 0.0 if job.is_conditional else self.waits[job.name].low for job in jobs}
        return {name: fewest.get(name, 0.0) for name in self.before}

    def lowest_chain(self, jobs: Sequence[CostedJob]) -> float:
        """Return the lowest duration, in seconds, of the longest chain of these jobs' tasks."""
        return run_seconds(self.before, self._lowest_waits(jobs))

    def jobs_on(self, pool: str) -> list[CostedJob]:
        """Return the jobs that run on a pool."""
        return [job for job in self.graph.jobs if job.pool == pool]

    def jobs_waiting_on(self, warehouse: str) -> list[CostedJob]:
        """Return the jobs whose tasks wait on a warehouse."""
        return [job for job in self.graph.jobs if job.warehouse == warehouse]

    def width_on(self, pool: str) -> int:
        """Return how many nodes the jobs on a pool may need at the same time, if each replica has its own node."""
        weights = {job.name: job.replicas if job.pool == pool else 0 for job in self.graph.jobs}
        return width(self.before, weights)

    @property
    def usual_pause(self) -> float:
        """The average seconds between the starts of two runs; infinite without a schedule."""
        return math.inf if self.graph.schedule is None else SECONDS_A_MONTH / runs_a_month(self.graph.schedule)

    def lowest(self, tail: float, shortest: float, uses: Range, *, is_alone: bool) -> float:
        """Return the lowest seconds charged to a run for a resource that it uses for `uses` seconds.

        If no other run can be near, the idle time is added to the use. Otherwise another run may use the resource in
        that idle time; then at least the idle time of every second run is charged, since a run starts only after the
        previous one has ended.
        """
        if self.graph.schedule is None or self.graph.may_overlap:
            return uses.low
        pause = shortest_pause(self.graph.schedule)
        if is_alone and pause >= self.length.high + max(tail, shortest):
            return max(uses.low + tail, shortest)
        return max(uses.low, min(max(tail, shortest - uses.high), pause) / 2)


def _seconds(job: CostedJob, times: Times | None) -> Range:
    longest = job.longest_seconds
    return Range(0.0, float(longest)) if times is None else _bounded(job, times, times.seconds, longest)


def _wait(job: CostedJob, times: Times | None) -> Range:
    longest = job.longest_wait
    return Range(0.0, float(longest)) if times is None else _bounded(job, times, times.wait, longest)


def _bounded(job: CostedJob, times: Times, past: Range, longest: int) -> Range:
    """Return the seconds of a job in a run. Too few runs in history give a usual value but no bounds."""
    low = 0.0 if job.is_conditional or times.is_thin else past.low
    return between(low, max(past.high, longest) if times.is_thin else past.high, past.usual)


def _parts(run: _Run, rates: Rates, runs: Sequence[_Run]) -> Iterator[RunUsage]:
    widths = {pool: sum(other.width_on(pool) for other in runs if pool in other.pools) for pool in run.pools}
    works = [_work(run, job, widths[job.pool]) for job in run.graph.jobs]
    yield from works
    for pool in run.pools:
        sharing = [each for each in runs if pool in each.pools]
        lowest_work = sum(work.unit_seconds.low for work in works if work.on == pool)
        yield _idle(run, run.deployment.pool(pool), lowest_work, sharing, rates.shortest_node)
    for name in run.warehouses:
        yield _warehouse_wait(run, name, _waking(name, runs), rates.shortest_warehouse)
    if run.closing is not None:
        yield _closing(run, run.closing, _waking(run.closing, runs), rates.shortest_warehouse)
    for job in run.graph.jobs:
        if job.warehouse is None and not job.is_direct:
            wait = run.waits[job.name]
            yield RunUsage(WAIT, SERVERLESS, job.name, wait, job.name, wait, *_source(run.times[job.name]))


def _waking(warehouse: str, runs: Sequence[_Run]) -> int:
    """Return how many graphs wake a warehouse."""
    return sum(warehouse in (*each.warehouses, each.closing) for each in runs)


def _closing(run: _Run, name: str, graphs: int, shortest: int) -> RunUsage:
    """Return the seconds for which a warehouse is awake only for the finalizer."""
    warehouse = run.deployment.warehouse(name)
    tail = warehouse.auto_suspend
    low = 0.0
    if warehouse.is_own and not run.graph.may_overlap:
        low = run.lowest(tail, shortest, Range(0.0, float(FINALIZER_SECONDS)), is_alone=graphs == 1) / graphs
    high = float(max(tail, shortest) + FINALIZER_SECONDS)
    usual = None if run.schedule is None else min(float(max(tail, shortest)), run.usual_pause)
    return RunUsage(CLOSE, WAREHOUSE, name, between(low, high, usual))


def _source(times: Times | None) -> tuple[str, int]:
    return (FROM_LIMIT, 0) if times is None else (FROM_HISTORY, times.runs)


def _work(run: _Run, job: CostedJob, width_on_pool: int) -> RunUsage:
    """Return the node-seconds of a job; at least, all replicas that may run on its pool at once share a node."""
    seconds = run.seconds[job.name]
    low = 0.0 if run.graph.may_overlap else seconds.low * job.replicas / max(1, width_on_pool)
    usual = None if seconds.usual is None else seconds.usual * job.replicas
    charged = between(low, seconds.high * job.replicas, usual)
    return RunUsage(JOB, POOL, job.pool, charged, job.name, seconds, *_source(run.times[job.name]))


def _idle(run: _Run, pool: Pool, lowest_work: float, sharing: Sequence[_Run], shortest: int) -> RunUsage:
    """Return the node-seconds for which a pool is up without a job; `sharing`: all graphs' runs that use the pool."""
    jobs, tail = run.jobs_on(pool.name), pool.auto_suspend_secs
    # any job may be the last one on its nodes before they idle; the pool's minimum of nodes is up in addition
    longest_tail = max(tail, shortest)
    fewest = (pool.min_nodes - 1) * (run.length.high + len(jobs) * longest_tail)
    high = sum(job.replicas for job in jobs) * longest_tail + fewest
    low, is_alone = 0.0, len(sharing) == 1
    # jobs of other graphs may run during what would otherwise be idle time
    is_idle = is_alone or not any(each.seconds[job.name].low for each in sharing for job in each.jobs_on(pool.name))
    if is_idle and not pool.existing and not all(job.is_conditional for job in jobs):
        uses = Range(lowest_work, sum(run.seconds[job.name].high for job in jobs))
        up = run.lowest(tail, shortest, uses, is_alone=is_alone)
        low = (up - lowest_work) * pool.min_nodes / len(sharing)
    return RunUsage(IDLE, POOL, pool.name, between(low, high, _usual_idle(run, pool, jobs, shortest)))


def _usual_idle(run: _Run, pool: Pool, jobs: Sequence[CostedJob], shortest: int) -> float | None:
    if run.schedule is None:
        return None
    uses, work = [], 0.0
    for job in jobs:
        seconds, end = run.seconds[job.name].expected, run.schedule[job.name].end
        uses.append(Use(end - seconds, end, job.replicas))
        work += seconds * job.replicas
    charged = Meter(pool.min_nodes, pool.max_nodes, pool.auto_suspend_secs, shortest).unit_seconds(uses)
    return max(0.0, min(charged, run.usual_pause * pool.min_nodes) - work)


def _warehouse_wait(run: _Run, name: str, graphs: int, shortest: int) -> RunUsage:
    """Return the cluster-seconds for which a warehouse is awake because tasks wait on it."""
    warehouse, jobs = run.deployment.warehouse(name), run.jobs_waiting_on(name)
    tail = warehouse.auto_suspend
    # the finalizer wakes the warehouse again if the last job may be one that does not wait on it
    sessions = 1 if len(jobs) == len(run.graph.jobs) else len(jobs) + (run.graph.closed_on == name)
    awake = min(run.length.high, sum(run.waits[job.name].high for job in jobs))
    high = (awake + sessions * max(tail, shortest) + FINALIZER_SECONDS) * warehouse.clusters
    low = 0.0
    if warehouse.is_own and not run.graph.may_overlap:
        uses = Range(run.lowest_chain(jobs), awake)
        low = run.lowest(tail, shortest, uses, is_alone=graphs == 1) / graphs
    usual = _usual_wait(run, Meter(1, 1, tail, shortest), jobs)
    if usual is not None:
        at_once = width(run.before, {job.name: int(job.warehouse == name) for job in run.graph.jobs})
        usual *= min(warehouse.clusters, math.ceil(at_once / warehouse.concurrency))
    return RunUsage(WAIT, WAREHOUSE, name, between(low, high, usual))


def _usual_wait(run: _Run, meter: Meter, jobs: Sequence[CostedJob]) -> float | None:
    if run.schedule is None:
        return None
    uses = [Use(run.schedule[job.name].start, run.schedule[job.name].end) for job in jobs]
    return min(meter.unit_seconds(uses), run.usual_pause)
