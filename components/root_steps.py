"""The steps around a graph's root, in the order in which a deploy performs them.

    opening -> (root) -> gate -> finalizer slot, overlap -> (tasks) -> activation

Knows the provider's `Execute` resource, and what each step may send in a deploy. Must not know tasks.
components/task_graph.py and docs/decisions/0009 explain why these steps exist.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import pulumi
import pulumi_snowflake as snowflake

from jobgraph.components.present import read_again
from jobgraph.plan import sql
from jobgraph.plan.observations import observation

if TYPE_CHECKING:
    from collections.abc import Sequence

    from jobgraph.components.part import Part
    from jobgraph.components.steps import StepNames
    from jobgraph.components.task_graph import TaskGraphArgs
    from jobgraph.plan.planning import StepPlan


class RootSteps:
    """The steps of one graph. Each is registered once, by the method with its name.

    Args:
        part: the graph's component, the parent of the steps.
        names: the names of the steps.
        args: the graph's plan, with the steps' statements, and what this deploy may do to an existing root.
    """

    def __init__(self, part: Part, names: StepNames, args: TaskGraphArgs) -> None:
        graph, change = args.graph, args.change
        self._part, self._names, self._graph, self._change = part, names, graph, change
        self._settings, self._deploy = args.settings, args.deploy
        failed = graph.root.name if change.failed else ""
        loses = graph.root.name if change.loses_schedule else ""
        self._differing = observation(args.deploy, change.differing, failed, loses) if change.differing else None

    def opening(self, needs: Sequence[pulumi.Resource]) -> snowflake.Execute:
        """Register the first step. Its revert is the last statement of a deploy and resumes the root."""
        is_replaced = self._change.resume
        # of a root that loses its schedule, the text is the only trace of the suspension if the deploy is killed
        differing = self._differing if is_replaced or self._change.loses_schedule else None
        self._opening = self._replaced("opening", self._graph.opening, needs, differing, is_replaced=is_replaced)
        return self._opening

    def gate(self, root: pulumi.Resource, *, is_torn: bool) -> snowflake.Execute:
        """Register the step that suspends the root before its tasks change; `is_torn`: some tasks are replaced."""
        # suspending a suspended root is harmless, and the provider resumes a root that a refresh saw started
        is_changed = self._change.suspend or self._change.resume or is_torn
        differing = self._gate_differing = self._differing if is_changed else None
        self._gate = self._replaced("gate", self._graph.gate, [root, self._opening], differing, is_replaced=True)
        return self._gate

    def is_at_work(self) -> pulumi.Output[bool]:
        """Return whether the root is suspended for this deploy's changes: not if `--target` leaves the gate out."""
        gate, expected = self._gate, self._gate_differing
        whether: pulumi.Output[bool] = gate.query.apply(lambda query: expected is None or query == expected)
        return whether

    @property
    def around(self) -> list[pulumi.Resource]:
        """The opening and the gate. Every task depends on both: the engine orders deletions by direct dependencies."""
        return [self._opening, self._gate]

    def finalizer_slot(self) -> snowflake.Execute:
        """Register the step that unsets the root's finalizer if that is not the planned task; a root can have only one.

        The statement is sent in this deploy only. It has no revert, because none could be right later. The text names
        the deploy: the same statement may be needed again, and the engine does not send an unchanged text twice.
        """
        finalizer = self._change.former_finalizer
        free = sql.free_finalizer(self._settings.qualified(finalizer)) if finalizer else None
        name, nothing = "finalizer-slot", sql.nothing("the root's finalizer is the planned one, or there is none")
        return snowflake.Execute(
            self._names.of(name),
            execute=sql.with_comment(free, f"deploy {self._deploy}") if free else nothing,
            revert=sql.nothing("this step has no way back"),
            opts=pulumi.ResourceOptions(
                parent=self._part,
                depends_on=self.around,
                aliases=self._names.aliases(name),
                ignore_changes=None if free else ["execute"],
            ),
        )

    def overlap(self, step: StepPlan) -> snowflake.Execute:
        """Register the step that sets how overlapping runs are handled. On a change, the old step is undone first."""
        opts = pulumi.ResourceOptions(
            parent=self._part,
            depends_on=self.around,
            delete_before_replace=True,
            aliases=self._names.aliases("overlap"),
        )
        return snowflake.Execute(self._names.of("overlap"), execute=step.execute, revert=step.revert, opts=opts)

    def activation(self, last: pulumi.Input[Sequence[pulumi.Resource]], *, is_root_there: bool) -> None:
        """Register the step that resumes a new root. Its name has the root's, so a renamed root gets a new step.

        An existing root is resumed by the old opening's revert, after the deletions.
        """
        root = self._graph.root.name
        activation = snowflake.Execute(
            self._part.named(f"{root}-activate"),
            # a new root, also one that replaces another, is created suspended
            execute=self._resumption(),
            revert=self._graph.activation.revert,
            opts=pulumi.ResourceOptions(
                parent=self._part, depends_on=last, ignore_changes=["execute"] if is_root_there else None
            ),
        )
        # operators decide whether a root is started, so a refresh ignores that property; it does compare this query
        name = self._part.named(f"{root}-suspended-by-failures")
        read_again(name, activation.id, sql.suspended_by_failures(self._settings, root), self._part)

    def _resumption(self) -> str:
        """Return the activation's statement. A renamed root that an operator had suspended is not resumed."""
        stays = self._change.former_root is not None and not self._change.resume
        return sql.nothing(f"{self._graph.root.name} was suspended") if stays else self._graph.activation.execute

    def _replaced(
        self,
        name: str,
        step: StepPlan,
        depends_on: Sequence[pulumi.Resource],
        differing: str | None,
        *,
        is_replaced: bool,
    ) -> snowflake.Execute:
        """Register a step. With `is_replaced`, a changed hash or tasks that differ from the plan replace it.

        Otherwise the step is updated in place, which sends nothing.
        """
        return snowflake.Execute(
            self._names.of(name),
            execute=step.execute,
            query=differing,
            revert=step.revert,
            opts=pulumi.ResourceOptions(
                parent=self._part,
                depends_on=depends_on,
                aliases=self._names.aliases(name),
                replace_on_changes=["revert", "query"] if is_replaced else [],
                replacement_trigger=self._settings.role if is_replaced else None,
                ignore_changes=None if differing else ["query"],
            ),
        )
