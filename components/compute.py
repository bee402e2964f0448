"""The compute resources: the warehouse for queries, the compute pools for containers, and the budget for both.

Knows the provider's resources for them. Must not know which job runs where, nor the statements of a budget's steps.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import pulumi
import pulumi_snowflake as snowflake

from jobgraph.components.options import adopting, explained, grant_all, named
from jobgraph.components.part import Part, Scope
from jobgraph.plan.budgets import budget_steps, monitor_name, monitor_steps
from jobgraph.plan.privileges import compute_grants

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from jobgraph.components.access import AccessComponent
    from jobgraph.plan.budgets import BudgetStep
    from jobgraph.settings import Pool, Settings


@dataclass(frozen=True)
class ComputeArgs:
    """Sizes and names (`settings`), and the component that creates the role."""

    settings: Settings
    access: AccessComponent


class ComputeComponent(Part):
    """A warehouse, the compute pools, and the run role's privileges on them."""

    def __init__(self, name: str, args: ComputeArgs, scope: Scope) -> None:
        super().__init__("Compute", name, scope)
        settings, self._mark = args.settings, args.access.mark
        self.warehouse = self._warehouse(settings)
        resources = [
            *self.warehouse,
            *(self._pool(settings, pool) for pool in settings.pools if not pool.existing),
        ]
        grant_all(self, settings.role, compute_grants(settings), args.access, *resources)
        self.register_outputs({"warehouse": settings.warehouse, "pools": list(settings.pool_names)})

    def _warehouse(self, settings: Settings) -> list[pulumi.Resource]:
        if "warehouse" in settings.existing:
            return []
        watching = _carry_out(self, monitor_steps(settings), ())
        return [
            *watching,
            snowflake.Warehouse(
                self.named(settings.warehouse),
                name=settings.warehouse,
                warehouse_size=settings.warehouse_size,
                auto_suspend=settings.warehouse_auto_suspend,
                max_concurrency_level=settings.warehouse_max_concurrency,
                max_cluster_count=settings.warehouse_max_clusters if settings.warehouse_max_clusters > 1 else None,
                auto_resume="true",
                initially_suspended=True,
                resource_monitor=monitor_name(settings),
                comment=self._mark.comment("jobgraph: tasks and queries of the jobs"),
                opts=self._mark.making(adopting(named(self, *watching), settings, "warehouse")),
            ),
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


@dataclass(frozen=True)
class BudgetArgs:
    """The settings, and the components that create the budget's schema and the objects that the budget tracks."""

    settings: Settings
    needs: Sequence[pulumi.Resource]


class BudgetComponent(Part):
    """Snowflake's budget: its limit, whom it notifies, and which objects it tracks."""

    def __init__(self, name: str, args: BudgetArgs, scope: Scope) -> None:
        super().__init__("Budget", name, scope)
        _carry_out(self, budget_steps(args.settings), args.needs)
        self.register_outputs({"budget": args.settings.qualified(args.settings.budget_name)})


def _carry_out(part: Part, steps: Iterable[BudgetStep], needs: Sequence[pulumi.Resource]) -> list[pulumi.Resource]:
    """Return the steps as resources. The first creates the object; the others configure it and are replaced with it."""
    resources: list[pulumi.Resource] = []
    for step in steps:
        after = resources[:1]
        options = (
            pulumi.ResourceOptions(parent=part, depends_on=after, delete_before_replace=True, replace_with=after)
            if after
            else named(part, *needs)
        )
        opts = explained(part, options)
        resources.append(snowflake.Execute(part.named(step.name), execute=step.execute, revert=step.revert, opts=opts))
    return resources
