"""The definitions that a deploy freezes into the bodies of tasks: what the procedures get to know, as JSON.

Knows what `procedures/run_job.py` and `procedures/finalize_graph.py` read. Must not know how a task is made of it.

Each begins with a hash of the rest, which makes every change visible: the provider compares task bodies without regard
to case and white space.
"""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from jobgraph.config.model import TABLE
from jobgraph.names import content_hash
from jobgraph.plan.specification import query_warehouse, specification

if TYPE_CHECKING:
    from collections.abc import Sequence

    from jobgraph.config.model import Graph, Job, RetryRules
    from jobgraph.settings import Settings


def job_definition(graph: Graph, job: Job, settings: Settings) -> dict[str, Any]:
    """Return what the runner gets to know of a job."""
    definition: dict[str, Any] = {
        "graph": graph.key,
        "database": settings.database,
        "schema": settings.schema,
        "compute_pool": job.compute_pool,
        "query_warehouse": query_warehouse(job, settings),
        "retries": job.retries,
        "timeout": job.timeout,
        "on_failure": job.on_failure,
        "job_runs_table": settings.job_runs_table,
        "job_logs_table": settings.job_logs_table,
        "results": _results(settings),
        "specification": specification(job, settings),
    }
    if family := settings.pool_families.get(job.compute_pool):
        definition["instance_family"] = family
    returning = sorted(set(job.after) - graph.disabled)
    if returning:
        definition["predecessors"] = returning
    if not job.enabled:
        definition["enabled"] = False  # so that a run shows: its task was not suspended by an operator
    if job.replicas > 1:
        definition["replicas"] = job.replicas
    if job.external_access:
        definition["external_access"] = list(job.external_access)
    if job.retry_rules is not None:
        definition["retry_rules"] = _retry_rules(job.retry_rules)
    if job.outputs_file is not None:
        definition["outputs_file"] = job.outputs_file
    if job.logs != TABLE:
        definition["logs"] = job.logs
    return _hashed(definition)


def _retry_rules(rules: RetryRules) -> dict[str, Any]:
    """Return the rules without what they do not say: but a pause of no seconds, or no more attempts, says something."""
    said = {name: value for name, value in asdict(rules).items() if value not in (None, (), {})}
    if rules.rules:
        said["rules"] = [{k: v for k, v in asdict(rule).items() if v not in (None, "", ())} for rule in rules.rules]
    return said


def finalizer_definition(graph: Graph, settings: Settings, uses: Sequence[str], dropping: str) -> dict[str, Any]:
    """Return what the finalizer gets to know: among others the procedures that this version of the graph `uses`.

    `dropping` is the procedure that drops those of earlier versions.
    """
    definition: dict[str, Any] = {
        "graph": graph.key,
        "database": settings.database,
        "schema": settings.schema,
        "job_runs_table": settings.job_runs_table,
        "job_logs_table": settings.job_logs_table,
        "task_runs_table": settings.task_runs_table,
        "keep_services_days": settings.keep_services_days,
        "results": _results(settings),
        "keep_results_days": settings.keep_results_days,
        "uses": list(uses),
        "drop_superseded": dropping,
        "jobs": _jobs(graph),
    }
    if graph.overlap is not None:
        definition["overlap"] = graph.overlap  # for an import: SHOW TASKS does not tell it
    return _hashed(definition)


def _jobs(graph: Graph) -> list[dict[str, Any]]:
    """Return the jobs of a graph for the record of its runs: what each comes after, as places in this very list."""
    names = sorted(job.name for job in graph.jobs)
    places = {name: place for place, name in enumerate(names)}
    entries = []
    for job in sorted(graph.jobs, key=lambda job: job.name):
        entry: dict[str, Any] = {"name": job.name}
        if job.after:
            entry["after"] = sorted({places[name] for name in job.after})
        if not job.enabled:
            entry["enabled"] = False
        if job.logs != TABLE:
            entry["logs"] = job.logs
        entries.append(entry)
    return entries


def _results(settings: Settings) -> str:
    """Return the folder in the stack's stage for what attempts leave to others."""
    return f"@{settings.qualified(settings.stage)}/runs"


def _hashed(definition: dict[str, Any]) -> dict[str, Any]:
    return {"hash": content_hash(definition), **definition}
