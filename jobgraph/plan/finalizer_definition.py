"""The definition that a deploy writes, as JSON, into the body of a graph's finalizer.

Knows what `procedures/finalize_graph.py` reads. Must not know how the task is built from it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from jobgraph.config.model import DIRECT, TABLE
from jobgraph.plan.conditions import recorded_entry
from jobgraph.plan.job_definition import hashed, results
from jobgraph.plan.notifying import notify_definition

if TYPE_CHECKING:
    from collections.abc import Sequence

    from jobgraph.config.model import Graph
    from jobgraph.settings import Settings


def finalizer_definition(graph: Graph, settings: Settings, uses: Sequence[str], dropping: str) -> dict[str, Any]:
    """Return the finalizer's definition; `uses` are the procedures that this version of the graph uses.

    `dropping` is the procedure that drops procedures of earlier versions.
    """
    definition: dict[str, Any] = {
        "graph": graph.key,
        "database": settings.database,
        "schema": settings.schema,
        "job_runs_table": settings.job_runs_table,
        "job_logs_table": settings.job_logs_table,
        "task_runs_table": settings.task_runs_table,
        "operations_table": settings.operations_table,
        "backfills_table": settings.backfills_table,
        "backfill_intervals_table": settings.backfill_intervals_table,
        "keep_services_days": settings.keep_services_days,
        "results": results(settings),
        "keep_results_days": settings.keep_results_days,
        "uses": list(uses),
        "drop_superseded": dropping,
        "jobs": _jobs(graph),
    }
    planned = {pool.name: pool.instance_family for pool in settings.pools}
    families = {pool: planned[pool] for pool in sorted({job.compute_pool for job in graph.jobs}) if pool in planned}
    if families:
        definition["instance_families"] = families
    notify = notify_definition(graph, settings)
    if notify is not None:
        definition |= {"notifications_table": settings.notifications_table, "notify": notify}
    if graph.overlap is not None:
        definition["overlap"] = graph.overlap  # for an import: SHOW TASKS does not show it
    return hashed(definition)


def _jobs(graph: Graph) -> list[dict[str, Any]]:
    """Return the jobs of a graph for the record of its runs; predecessors are indexes into the same list."""
    names = sorted(job.name for job in graph.jobs)
    places = {name: place for place, name in enumerate(names)}
    entries = []
    for job in sorted(graph.jobs, key=lambda job: job.name):
        entry: dict[str, Any] = {"name": job.name}
        if job.after:
            entry["after"] = sorted({places[name] for name in job.after})
        if not job.enabled:
            entry["enabled"] = False
        if job.when is not None:
            entry["when"] = recorded_entry(job.when)
        if job.is_direct:
            entry["runner"] = DIRECT
        if job.logs != TABLE:
            entry["logs"] = job.logs
        entries.append(entry)
    return entries
