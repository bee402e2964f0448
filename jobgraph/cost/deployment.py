"""What of a deployment costs something: graphs and their jobs, the pools they run on, the warehouses that they wait on.

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
    """A warehouse that tasks wait on. `is_own`: the stack makes it and knows its size; else the usual is assumed."""

    name: str
    size: str = "XSMALL"
    auto_suspend: int = 60
    concurrency: int = USUAL_CONCURRENCY
    clusters: int = 1
    is_own: bool = True

    @property
    def slots(self) -> int:
        """Statements that run on it at the same time."""
        return self.concurrency * self.clusters


@dataclass(frozen=True)
class CostedJob:
    """A job: `longest_seconds` are those that its containers run in one run at most, `longest_wait` its task's.

    `warehouse` of None: its task is serverless, or `is_direct`: then nobody waits for the job. `is_conditional`: a run
    may pass over it.
    """

    name: str
    pool: str
    after: tuple[str, ...]
    longest_seconds: int
    longest_wait: int
    replicas: int = 1
    attempts: int = 1
    warehouse: str | None = None
    is_conditional: bool = False
    is_direct: bool = False


@dataclass(frozen=True)
class CostedGraph:
    """A graph; its jobs in an order in which each follows its predecessors, those that runs pass over left out.

    `closed_on`: the warehouse of its finalizer; None if it has none, or if nobody says.
    """

    key: str
    root_task: str
    schedule: Schedule | None
    jobs: tuple[CostedJob, ...]
    may_overlap: bool = False
    closed_on: str | None = None

    @property
    def before(self) -> dict[str, tuple[str, ...]]:
        """The predecessors of each job."""
        return {job.name: job.after for job in self.jobs}


@dataclass(frozen=True)
class Deployment:
    """All that costs something."""

    graphs: tuple[CostedGraph, ...] = ()
    pools: Mapping[str, Pool] = field(default_factory=dict)
    warehouses: Mapping[str, Warehouse] = field(default_factory=dict)

    def warehouse(self, name: str) -> Warehouse:
        """Return a warehouse; of one that the stack does not make, what Snowflake sets where nothing is said."""
        return self.warehouses.get(name) or Warehouse(name, is_own=False)

    def pool(self, name: str) -> Pool:
        """Return a pool; of one that the stack does not name, what Snowflake sets where nothing is said."""
        return self.pools.get(name) or Pool(name, auto_suspend_secs=3600, existing=True)


def deployment(config: Config, settings: Settings) -> Deployment:
    """Return what a configuration deploys into a stack of these settings."""
    graphs = in_account(config, settings).graphs
    return Deployment(
        tuple(costed_graph(graph, settings.warehouse) for graph in graphs),
        {pool.name: pool for pool in settings.pools},
        {settings.warehouse: own_warehouse(settings)},
    )


def own_warehouse(settings: Settings) -> Warehouse:
    """Return the stack's warehouse as its settings have it."""
    return Warehouse(
        settings.warehouse,
        settings.warehouse_size,
        settings.warehouse_auto_suspend,
        settings.warehouse_max_concurrency or USUAL_CONCURRENCY,
        settings.warehouse_max_clusters,
        is_own="warehouse" not in settings.existing,
    )


def costed_graph(graph: Graph, warehouse: str) -> CostedGraph:
    """Return a graph whose tasks wait on `warehouse`, unless they say otherwise.

    The order of jobs and of predecessors in the file makes no difference.
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
    """Return the predecessors of the jobs that run; of one that is passed over, its own stand in for it."""
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
        is_direct=job.is_direct,
    )
