"""Tasks that are not as planned although the engine's state says so: mended in the deploy that finds them.

Knows the engine's hooks and when a deploy is done with a task. Must not know how a task is mended.

The provider notes a task whose change was refused, or whose answer was lost, as changed; the engine then never asks it
for that change again. The same holds where somebody changed a task by hand and nothing was refreshed. Such a task is
mended before the provider changes anything else of it, before the step of a task behind it is tried again, or when the
deploy is done with all tasks. docs/decisions/0009.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pulumi

from jobgraph.components.present import present_after
from jobgraph.deploy.repair import before, lost_edges, mending, placeholder, unchanged
from jobgraph.names import quoted
from jobgraph.plan import sql

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from jobgraph.components.connection import Ask, Login
    from jobgraph.components.part import Scope
    from jobgraph.plan.planning import GraphPlan
    from jobgraph.plan.task_rows import Row
    from jobgraph.settings import Settings


class Mending:
    """What is done with the tasks of all graphs; `present` are the rows of SHOW TASKS before the deploy, by name.

    The hooks have the same names in each deploy, because the engine's state names them.
    """

    def __init__(
        self, graphs: Sequence[GraphPlan], settings: Settings, present: Mapping[str, Row], scope: Scope
    ) -> None:
        self._scope = scope
        self._graphs = {task.name: graph for graph in graphs for task in graph.all_tasks}
        self._settings, self._present = settings, present
        self._updated: set[str] = set()
        self.before_update = pulumi.ResourceHook(scope.hook("mend a task before it is changed"), self._before_update)
        self.on_error = pulumi.ErrorHook(scope.hook("mend the tasks before a task that fails"), self._after_failure)

    def after(self, graph: GraphPlan, resources: Sequence[pulumi.Resource]) -> pulumi.Input[Sequence[pulumi.Resource]]:
        """Repair the tasks of a graph after `resources`, its last ones; return these, ready when the repair is done.

        What the provider has changed it has read as well, so the state is right. A preview mends nothing.
        """
        if pulumi.runtime.is_dry_run():
            return resources

        def mend(rows: Sequence[Row]) -> Sequence[pulumi.Resource]:
            names = {task.name for task in graph.all_tasks} - self._updated
            statements = mending(graph, self._settings, _by_name(rows), names)
            if statements:
                pulumi.info(_told(graph, statements))
                with self._scope.login.connected() as ask:
                    _send(ask, statements)
            return resources

        mended: pulumi.Output[Sequence[pulumi.Resource]] = present_after(
            self._settings, resources, self._scope.owner
        ).apply(mend)
        return mended

    def _before_update(self, arguments: pulumi.ResourceHookArgs) -> None:
        """Mend of a task what the provider leaves as it is: what it reads afterwards is to be as planned."""
        name = self._scope.local(arguments.name)
        self._updated.add(name)
        # after a failure the engine has the old inputs and the new outputs, and the provider compares with the outputs
        columns = unchanged(arguments.old_outputs or {}, arguments.new_inputs or {})
        statements = mending(self._graphs[name], self._settings, self._present, {name}, columns)
        edges = lost_edges(arguments.old_outputs or {}, arguments.new_inputs or {}, self._present)
        statements = (*statements, *([edges] if edges else []))
        if statements:
            with self._scope.login.connected() as ask:
                _send(ask, statements)

    def _after_failure(self, arguments: pulumi.ErrorHookArgs) -> bool:
        """Whether the step that failed, for the first time, may go well now."""
        if len(arguments.errors) > 1 or arguments.failed_operation == "create":
            return False
        if arguments.failed_operation == "delete":
            return _made_to_be_dropped(arguments.old_inputs or {}, self._scope.login)
        name = self._scope.local(arguments.name)
        graph = self._graphs[name]
        with self._scope.login.connected() as ask:
            rows, names = _shown(ask, self._settings.qualified()), before(graph, name) - self._updated
            statements = mending(graph, self._settings, rows, names)
            edges = lost_edges(arguments.old_outputs or {}, arguments.new_inputs or {}, rows)
            _send(ask, (*statements, *([edges] if edges else [])))
        return bool(statements)


def _made_to_be_dropped(inputs: Mapping[str, Any], login: Login) -> bool:
    """Make a task that was to be dropped, if it is gone: the provider cannot drop it then."""
    name, schema = str(inputs["name"]), quoted(str(inputs["database"]), str(inputs["schema"]))
    with login.connected() as ask:
        is_gone = name not in _shown(ask, schema)
        if is_gone:
            ask(placeholder(f"{schema}.{quoted(name)}"))
    return is_gone


def _shown(ask: Ask, schema: str) -> dict[str, Row]:
    return _by_name(ask(sql.show_tasks(schema)))


def _send(ask: Ask, statements: Sequence[str]) -> None:
    for statement in statements:
        ask(statement)


def _by_name(rows: Sequence[Row]) -> dict[str, Row]:
    return {str(row["name"]): row for row in rows}


def _told(graph: GraphPlan, statements: Sequence[str]) -> str:
    return (
        f"Graph {graph.key}: tasks were not as this stack's state says (a deploy failed, or somebody changed them by"
        f" hand); {len(statements)} statements make them as configured."
    )
