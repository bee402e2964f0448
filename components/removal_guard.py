"""The guard against removing a graph while one of its runs is under way.

Knows that the engine deletes a resource before the resources that it depends on. Must not know the statements.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import pulumi
import pulumi_snowflake as snowflake

from jobgraph.components.part import Part, Scope
from jobgraph.components.steps import StepNames
from jobgraph.deploy import removal

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from jobgraph.components.task_graph import TaskGraphComponent
    from jobgraph.plan.planning import GraphPlan, StepPlan
    from jobgraph.settings import Settings


@dataclass(frozen=True)
class RemovalGuardArgs:
    """The guard's step, the components that it depends on (all graphs, or all guards), and the names of its steps."""

    guard: StepPlan
    before: Sequence[pulumi.Resource]
    names: StepNames


def guard_removal(
    graphs: Sequence[GraphPlan],
    settings: Settings,
    components: Mapping[str, TaskGraphComponent],
    others: Sequence[pulumi.Resource],
    scope: Scope,
) -> None:
    """Create a guard for each graph, and a guard for all graphs that a destroy undoes first.

    `components`: the graphs by key. `others`: what a refused `destroy` must not have touched either, such as the alert.

    The guard for all graphs exists even with a single graph. Otherwise, going from two graphs to one would remove this
    guard and run its revert, which fails while any graph has a run under way.
    """
    guards = [
        RemovalGuardComponent(
            graph.key,
            RemovalGuardArgs(
                removal.guard(graph, settings, is_suspended=components[graph.key].stays_suspended),
                [*components.values()],
                components[graph.key].names,
            ),
            scope,
        )
        for graph in graphs
    ]
    names, before = StepNames(scope, "all-graphs", "all-graphs"), [*guards, *others]
    RemovalGuardComponent("all-graphs", RemovalGuardArgs(removal.guard_of_all(graphs, settings), before, names), scope)


class RemovalGuardComponent(Part):
    """A step whose revert fails while runs are under way.

    It depends on its own graph and on all others, so it is undone first, both by `destroy` and when the graph is
    removed from the file: if the revert refuses, no graph has been touched. On its first creation the step does
    nothing. When it is created again after an interrupted destroy, it resumes the root as the deploy's last step.
    """

    def __init__(self, name: str, args: RemovalGuardArgs, scope: Scope) -> None:
        super().__init__("RemovalGuard", name, scope)
        snowflake.Execute(
            args.names.of("removal"),
            execute=args.guard.execute,
            revert=args.guard.revert,
            opts=pulumi.ResourceOptions(
                parent=self,
                depends_on=args.before,
                aliases=args.names.aliases("removal"),
                # a changed text would replace the step, and thus run its revert although the graph stays
                ignore_changes=["execute"],
            ),
        )
        self.register_outputs({})
