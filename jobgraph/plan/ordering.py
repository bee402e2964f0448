"""A configuration in one fixed order, so that two files that differ only in the order of their keys give the same plan.

Knows where order has no meaning: graphs, jobs, predecessors, secrets, volumes, integrations, causes of retries and the
keys of JSON (`specification` sorts the variables). Arguments, commands and packages keep their order. Must not know
what a plan is.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from jobgraph.config.model import Config, Graph, Job


def ordered(config: Config) -> Config:
    """Return the configuration with everything sorted by name whose order has no meaning."""
    graphs = sorted(config.graphs, key=lambda graph: graph.key)
    return replace(config, graphs=tuple(_graph(graph) for graph in graphs))


def _graph(graph: Graph) -> Graph:
    jobs = sorted(graph.jobs, key=lambda job: job.name)
    return replace(graph, jobs=tuple(_job(job) for job in jobs), config=_json(graph.config))


def _job(job: Job) -> Job:
    """Return the job with its parts sorted. Most jobs have at most one of each and are returned unchanged."""
    changed: dict[str, Any] = {}
    if len(job.after) > 1:
        changed["after"] = tuple(sorted(job.after))
    if len(job.secrets) > 1:
        changed["secrets"] = tuple(sorted(job.secrets, key=lambda secret: (secret.env or "", secret.directory or "")))
    if len(job.volumes) > 1:
        changed["volumes"] = tuple(sorted(job.volumes, key=lambda volume: volume.name))
    if len(job.external_access) > 1:
        changed["external_access"] = tuple(sorted(job.external_access))
    if job.retry_rules is not None:
        changed["retry_rules"] = replace(job.retry_rules, causes=dict(sorted(job.retry_rules.causes.items())))
    return replace(job, **changed) if changed else job


def _json(value: Any) -> Any:
    if isinstance(value, dict):
        return {name: _json(value[name]) for name in sorted(value)}
    return [_json(item) for item in value] if isinstance(value, list) else value
