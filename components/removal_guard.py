"""What stands before the removal of a graph: no run of it is under way.

Knows that the engine deletes a resource before what it depends on. Must not know what the statements say.
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
    """The guard, the components of all graphs, or of all their guards, and the names of the graph's steps."""

    guard: StepPlan
    before: Sequence[pulumi.Resource]
    names: StepNames


def guard_removal(
    graphs: Sequence[GraphPlan], settings: Settings, components: Mapping[str, TaskGraphComponent], scope: Scope
) -> None:
    """Make the guard of each graph, and one more that a destroy undoes before any of them; `components` by key.

    The last one is there for a single graph too: the second graph to leave must not take it along, as it asks for the
    runs of all graphs.
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
    names = StepNames(scope, "all-graphs", "all-graphs")
    RemovalGuardComponent("all-graphs", RemovalGuardArgs(removal.guard_of_all(graphs, settings), guards, names), scope)


class RemovalGuardComponent(Part):
    """A step whose way back fails while runs are under way.

    It depends on its graph and on all others, so it is the first to go, by `destroy` and when the graph leaves the
    file: if it refuses, no graph has been touched. Made, it does nothing; made anew, after a destroy that was
    interrupted, it resumes the root, the last of all that the deploy makes.
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
                # another text would replace the step, and so undo it although the graph stays
                ignore_changes=["execute"],
            ),
        )
        self.register_outputs({})
