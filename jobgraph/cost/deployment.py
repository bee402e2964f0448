"""The parts of a deployment that cost something: graphs and their jobs, their pools, and the warehouses they wait on.

Knows the configuration and the settings. Must not know rates, nor how often anything runs.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from jobgraph.config.account_names import in_account
from jobgraph.config.timing import job_seconds
from jobgraph.config.topology import edges, topological
from jobgraph.settings import Pool, Settings

if TYPE_CHECKING:
    from collections.abc import Mapping

    from jobgraph.config.model import Config, Graph, Job
    from jobgraph.config.schedules import Schedule

# docs.snowflake.com/en/sql-reference/parameters, MAX_CONCURRENCY_LEVEL
USUAL_CONCURRENCY = 8


@dataclass(frozen=True)
class Warehouse:
    """A warehouse on which tasks wait. `is_own`: the stack creates it and knows its size; else defaults are assumed."""

    name: str
    size: str = "XSMALL"
    auto_suspend: int = 60
    concurrency: int = USUAL_CONCURRENCY
    clusters: int = 1
    is_own: bool = True

    @property
    def slots(self) -> int:
        """How many statements can run on it at the same time."""
        return self.concurrency * self.clusters


@dataclass(frozen=True)
class CostedJob:
    """A job. `longest_seconds`: how long its containers can run in one run. `longest_wait`: the same for its task.

    `warehouse` is None if its task is serverless, or if the job `is_direct`, so that no task waits for it on a
    warehouse. `query_warehouse`: where its containers' queries run. `is_conditional`: a run may skip it.
    """

    name: str
    pool: str
    after: tuple[str, ...]
    longest_seconds: int
    longest_wait: int
    replicas: int = 1
    attempts: int = 1
    warehouse: str | None = None
    query_warehouse: str = ""
    is_conditional: bool = False
    is_direct: bool = False


@dataclass(frozen=True)
class CostedGraph:
    """A graph with its jobs, predecessors first, without the disabled ones.

    `closed_on`: the warehouse of its finalizer; None if it has no finalizer or the warehouse is not known.
    """

    key: str
    root_task: str
    schedule: Schedule | None
    jobs: tuple[CostedJob, ...]
    may_overlap: bool = False
    closed_on: str | None = None

    @property
    def before(self) -> dict[str, tuple[str, ...]]:
        """Job -> its predecessors."""
        return {job.name: job.after for job in self.jobs}


@dataclass(frozen=True)
class Deployment:
    """All that costs something."""

    graphs: tuple[CostedGraph, ...] = ()
    pools: Mapping[str, Pool] = field(default_factory=dict)
    warehouses: Mapping[str, Warehouse] = field(default_factory=dict)

    def warehouse(self, name: str) -> Warehouse:
        """Return a warehouse; Snowflake's defaults if the stack does not create it."""
        return self.warehouses.get(name) or Warehouse(name, is_own=False)

    def pool(self, name: str) -> Pool:
        """Return a pool; Snowflake's defaults if the stack does not name it."""
        return self.pools.get(name) or Pool(name, auto_suspend_secs=3600, existing=True)


def deployment(config: Config, settings: Settings) -> Deployment:
    """Return the deployment of a configuration in a stack with these settings."""
    graphs = in_account(config, settings).graphs
    return Deployment(
        tuple(costed_graph(graph, settings.warehouse) for graph in graphs),
        {pool.name: pool for pool in settings.pools},
        {settings.warehouse: own_warehouse(settings)},
    )


def own_warehouse(settings: Settings) -> Warehouse:
    """Return the stack's warehouse according to its settings."""
    return Warehouse(
        settings.warehouse,
        settings.warehouse_size,
        settings.warehouse_auto_suspend,
        settings.warehouse_max_concurrency or USUAL_CONCURRENCY,
        settings.warehouse_max_clusters,
        is_own="warehouse" not in settings.existing,
    )


def costed_graph(graph: Graph, warehouse: str) -> CostedGraph:
    """Return a graph whose tasks wait on `warehouse`, unless a job names another.

    The order of jobs and predecessors in the file makes no difference.
    """
    jobs_by_name = sorted(graph.jobs, key=lambda job: job.name)
    graph = replace(graph, jobs=tuple(replace(job, after=tuple(sorted(job.after))) for job in jobs_by_name))
    before = _enabled_edges(graph)
    conditional: set[str] = set()
    jobs = []
    for job in topological(graph):
        if job.name not in before:
            continue
        if job.when is not None or conditional.intersection(before[job.name]):
            conditional.add(job.name)
        costed = _costed_job(job, warehouse, graph.auto_retry or 0)
        jobs.append(replace(costed, after=before[job.name], is_conditional=job.name in conditional))
    may_overlap = graph.overlap not in (None, "NO_OVERLAP")
    closed_on = warehouse if graph.finalizer else None
    return CostedGraph(graph.key, graph.root_task, graph.schedule, tuple(jobs), may_overlap, closed_on)


def _enabled_edges(graph: Graph) -> dict[str, tuple[str, ...]]:
    """Return the predecessors of each enabled job; a disabled predecessor is replaced by its own predecessors."""
    before = edges(graph)
    running: dict[str, tuple[str, ...]] = {}
    standing_in: dict[str, tuple[str, ...]] = {}
    for job in topological(graph):
        previous = dict.fromkeys(name for direct in before[job.name] for name in standing_in.get(direct, (direct,)))
        if job.enabled:
            running[job.name] = tuple(previous)
        else:
            standing_in[job.name] = tuple(previous)
    return running


def _costed_job(job: Job, warehouse: str, auto_retry: int) -> CostedJob:
    rules = job.retry_rules
    attempts = 1 + job.retries
    if rules is not None:
        attempts += sum(rules.causes.values()) + sum(rule.count for rule in rules.rules)
    tries = 1 + auto_retry
    return CostedJob(
        name=job.name,
        pool=job.compute_pool,
        after=job.after,
        longest_seconds=job.timeout * attempts * tries,
        longest_wait=job_seconds(job) * tries,
        replicas=job.replicas,
        attempts=attempts * tries,
        warehouse=None if job.is_direct else job.task_warehouse or warehouse,
        query_warehouse=job.warehouse or warehouse,
        is_direct=job.is_direct,
    )
