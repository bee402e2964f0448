"""What runs things: the warehouse for queries, the compute pools for containers.

Knows the provider's resources for them. Must not know which job runs where.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import pulumi_snowflake as snowflake

from jobgraph.components.options import adopting, grant_all, named
from jobgraph.components.part import Part, Scope
from jobgraph.plan.privileges import compute_grants

if TYPE_CHECKING:
    import pulumi

    from jobgraph.components.access import AccessComponent
    from jobgraph.settings import Pool, Settings


@dataclass(frozen=True)
class ComputeArgs:
    """Sizes and names (`settings`), and the component that makes the role."""

    settings: Settings
    access: AccessComponent


class ComputeComponent(Part):
    """A warehouse, the compute pools, and the run role's privileges on them."""

    def __init__(self, name: str, args: ComputeArgs, scope: Scope) -> None:
        super().__init__("Compute", name, scope)
        settings, self._mark = args.settings, args.access.mark
        resources = [
            *self._warehouse(settings),
            *(self._pool(settings, pool) for pool in settings.pools if not pool.existing),
        ]
        grant_all(self, settings.role, compute_grants(settings), args.access, *resources)
        self.register_outputs({"warehouse": settings.warehouse, "pools": list(settings.pool_names)})

    def _warehouse(self, settings: Settings) -> list[pulumi.Resource]:
        if "warehouse" in settings.existing:
            return []
        return [
            snowflake.Warehouse(
                self.named(settings.warehouse),
                name=settings.warehouse,
                warehouse_size=settings.warehouse_size,
                auto_suspend=settings.warehouse_auto_suspend,
                max_concurrency_level=settings.warehouse_max_concurrency,
                max_cluster_count=settings.warehouse_max_clusters if settings.warehouse_max_clusters > 1 else None,
                auto_resume="true",
                initially_suspended=True,
                comment=self._mark.comment("jobgraph: tasks and queries of the jobs"),
                opts=self._mark.making(adopting(named(self), settings, "warehouse")),
            )
        ]

    def _pool(self, settings: Settings, pool: Pool) -> pulumi.Resource:
        return snowflake.ComputePool(
            self.named(pool.name),
            name=pool.name,
            instance_family=pool.instance_family,
            min_nodes=pool.min_nodes,
            max_nodes=pool.max_nodes,
            auto_resume="true",
            auto_suspend_secs=pool.auto_suspend_secs,
            comment=self._mark.comment("jobgraph: containers of the jobs"),
            opts=self._mark.making(adopting(named(self), settings, "pool", pool.name)),
        )
