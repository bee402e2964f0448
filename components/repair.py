"""The engine hooks through which a deploy repairs tasks that differ from the engine's state.

Knows the engine's hooks and how they log in. Must not know what is repaired or how (see `jobgraph.deploy.repair`).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import pulumi

from jobgraph.components.present import present_after
from jobgraph.deploy.repair import Repair

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from typing import Any

    from jobgraph.components.part import Scope
    from jobgraph.plan.planning import GraphPlan
    from jobgraph.plan.task_rows import Row
    from jobgraph.settings import Settings


class RepairHooks:
    """The hooks for the tasks of all graphs; `present` holds the rows of SHOW TASKS before the deploy, by name.

    `orphans`: tasks that the state does not have, to be dropped: name -> root.

    The hooks have the same names in each deploy, because the engine's state refers to them by name.
    """

    def __init__(
        self,
        graphs: Sequence[GraphPlan],
        settings: Settings,
        present: Mapping[str, Row],
        orphans: Mapping[str, str],
        scope: Scope,
    ) -> None:
        self._scope, self._settings = scope, settings
        self._repair = Repair(graphs, settings, present, orphans)
        self.before_update = pulumi.ResourceHook(scope.hook("mend a task before it is changed"), self._before_update)
        self.on_error = pulumi.ErrorHook(scope.hook("mend the tasks before a task that fails"), self._after_failure)

    def after(
        self, graph: GraphPlan, resources: Sequence[pulumi.Resource], is_at_work: pulumi.Output[bool]
    ) -> pulumi.Input[Sequence[pulumi.Resource]]:
        """Repair the tasks of a graph after `resources`, its last ones.

        Return `resources` as an output that resolves when the repair is done. A preview repairs nothing, and neither
        does a deploy that has not suspended the root (`is_at_work`), because `--target` leaves that step out.
        """
        if pulumi.runtime.is_dry_run():
            return resources

        def repair(known: Sequence[Any]) -> Sequence[pulumi.Resource]:
            rows, may_change = known
            statements = self._repair.at_end(graph, rows)
            if statements and not may_change:
                pulumi.warn(_left_out(graph))
            elif statements:
                pulumi.info(_repaired(graph, statements))
                self._send(statements)
            return resources

        rows = present_after(self._settings, resources, self._scope.owner)
        repaired: pulumi.Output[Sequence[pulumi.Resource]] = pulumi.Output.all(rows, is_at_work).apply(repair)
        return repaired

    def _before_update(self, arguments: pulumi.ResourceHookArgs) -> None:
        name = self._scope.local(arguments.name)
        olds, news = arguments.old_outputs or {}, arguments.new_inputs or {}
        self._send(self._repair.before_update(name, olds, news))
        if self._repair.extra_edges(olds, news):
            with self._scope.login.connected() as ask:
                for statement in self._repair.extra_edges(olds, news, ask):
                    ask(statement)

    def _after_failure(self, arguments: pulumi.ErrorHookArgs) -> bool:
        """Repair after a failed update or deletion; return whether to retry it. Only the first failure is retried."""
        if len(arguments.errors) > 1 or arguments.failed_operation == "create":
            return False
        with self._scope.login.connected() as ask:
            if arguments.failed_operation == "delete":
                return self._repair.after_failed_deletion(arguments.old_inputs or {}, ask)
            name = self._scope.local(arguments.name)
            return self._repair.after_failed_update(name, arguments.old_outputs or {}, arguments.new_inputs or {}, ask)

    def _send(self, statements: Sequence[str]) -> None:
        if statements:
            with self._scope.login.connected() as ask:
                for statement in statements:
                    ask(statement)


def _repaired(graph: GraphPlan, statements: Sequence[str]) -> str:
    return (
        f"Graph {graph.key}: tasks were not as this stack's state says (a deploy failed, or somebody changed them by"
        f" hand); {len(statements)} statements make them as configured."
    )


def _left_out(graph: GraphPlan) -> str:
    return (
        f"Graph {graph.key}: tasks are not as configured, and stay so, because this deploy leaves out the step that"
        f" suspends the root, {graph.root.name}-gate (`--target`). `pulumi up` without it makes them as configured."
    )
