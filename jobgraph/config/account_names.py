"""Renames the objects of a job configuration that belong to the whole account: pools, warehouses, integrations.

Knows which names in a job refer to such objects. Must not know how settings are read. Two stacks can deploy one file
to one account because each has its own names for them.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping

    from jobgraph.config.model import Config, Job, Receiver
    from jobgraph.settings import Settings


def in_account(config: Config, settings: Settings) -> Config:
    """Return the configuration with the stack's names for pools, warehouses and integrations.

    Apply this only once: if a new name is also an old one, it would be replaced again.
    """
    pools = {pool.logical: pool.name for pool in settings.pools if pool.key}
    warehouses, integrations = dict(settings.warehouses), dict(settings.integrations)
    if not pools and not warehouses and not integrations:
        return config
    graphs = (
        replace(
            graph,
            jobs=tuple(_renamed(job, pools, warehouses, integrations) for job in graph.jobs),
            notify=tuple(_receiver(receiver, integrations) for receiver in graph.notify),
        )
        for graph in config.graphs
    )
    return replace(config, graphs=tuple(graphs))


def _renamed(job: Job, pools: Mapping[str, str], warehouses: Mapping[str, str], integrations: Mapping[str, str]) -> Job:
    changed: dict[str, Any] = {"compute_pool": pools.get(job.compute_pool, job.compute_pool)}
    if job.warehouse is not None:
        changed["warehouse"] = warehouses.get(job.warehouse, job.warehouse)
    if job.task_warehouse is not None:
        changed["task_warehouse"] = warehouses.get(job.task_warehouse, job.task_warehouse)
    changed["external_access"] = tuple(integrations.get(name, name) for name in job.external_access)
    return replace(job, **changed)


def _receiver(receiver: Receiver, integrations: Mapping[str, str]) -> Receiver:
    email, webhook = receiver.email, receiver.webhook
    if email is not None and email.integration is not None:
        email = replace(email, integration=integrations.get(email.integration, email.integration))
    if webhook is not None and webhook.integration is not None:
        webhook = replace(webhook, integration=integrations.get(webhook.integration, webhook.integration))
    return replace(receiver, email=email, webhook=webhook)
