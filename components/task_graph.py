"""Task graphs, and the order in which a deploy changes them.

Knows the provider's task resource and how the engine orders steps. Must not know what a task runs.

The provider suspends a *started* root before each change of a task and resumes it afterwards. It does so for all tasks
in parallel, which is a race. The root is therefore suspended before any task changes, and resumed after everything
else:

    opening -> root -> gate (suspends) -> slot -> tasks, finalizer -> activation (resumes, on the first deploy)

The opening and the gate have the graph's hash in the text of their *revert*, and the tasks that differ from the plan in
their *query*. If the root is started, a changed hash or tasks that differ replace both steps, in this order: the new
opening (changes nothing in Snowflake), the new gate (suspends), everything else, then the deletions: removed tasks
first, then the old gate, and last the old opening, whose revert resumes the root. From the first of these steps, the
engine's state lists the old opening as "to be deleted", so that any deploy after an interruption ends with the resume.
If an operator suspended the root before the deploy, the opening is updated in place, which sends nothing: the root
stays suspended. docs/decisions/0009 has the reasons.
"""

from __future__ import annotations

import uuid
from dataclasses import dataclass
from typing import TYPE_CHECKING

import pulumi
import pulumi_snowflake as snowflake

from jobgraph.components.orphans import dropping_left_overs
from jobgraph.components.part import Part, Scope
from jobgraph.components.repair import RepairHooks
from jobgraph.components.root_steps import RootSteps
from jobgraph.components.steps import StepNames
from jobgraph.deploy import removal
from jobgraph.deploy.drift import ROOT_WAREHOUSE_SIZE
from jobgraph.deploy.left_overs import orphans
from jobgraph.deploy.moving import ordered
from jobgraph.deploy.root_changes import (
    RootChange,
    at_first,
    changes,
    departing,
    moving,
    planned_edges,
    refuse_crowded_tasks,
    refuse_roots_that_become_jobs,
)
from jobgraph.errors import UsageError
from jobgraph.plan import sql

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from jobgraph.components.present import Present
    from jobgraph.deploy.moving import Moves
    from jobgraph.plan.planning import GraphPlan, TaskPlan
    from jobgraph.plan.task_rows import Row
    from jobgraph.settings import Settings

# Properties whose change replaces a job's task: in any case, and when the task also leaves its graph.
_FINALIZES = ["finalize"]
_IN_ANOTHER_GRAPH = [*_FINALIZES, "afters", "sqlStatement", "comment"]


@dataclass(frozen=True)
class TaskGraphArgs:
    """The graph's plan, the names around it (`settings`), and all components that must exist before it (`needs`).

    change: what the deploy may do to an existing root. present: rows of SHOW TASKS before the deploy, by name. deploy:
    an id of this deploy. moves: the order in which tasks of all graphs leave their graphs. repair: the hooks for tasks
    that differ from the engine's state. left_over: the hook that drops tasks which the state does not have.
    """

    graph: GraphPlan
    settings: Settings
    needs: Sequence[pulumi.Resource]
    change: RootChange
    present: Mapping[str, Row]
    deploy: str
    moves: Moves
    repair: RepairHooks
    left_over: pulumi.ResourceHook


def task_graphs(
    graphs: Sequence[GraphPlan],
    settings: Settings,
    needs: Sequence[pulumi.Resource],
    before: Present,
    scope: Scope,
) -> dict[str, TaskGraphComponent]:
    """Register all graphs and return their components by key.

    All gates come before the tasks of any graph, because a job may move to another graph. `before`: the existing tasks,
    and how to read what the engine's state has, which few deploys need.

    Raises:
        RunError: one deploy cannot turn the existing graphs into the planned ones; the text says what to do instead.
    """
    present, reading = before.tasks, before.reading
    try:
        refuse_roots_that_become_jobs(graphs, present)
        refuse_crowded_tasks(graphs, present)
    except UsageError as error:
        raise pulumi.RunError(str(error)) from None
    allowed = changes(graphs, present, reading)
    moves = moving(graphs, present, allowed)
    rows = {str(row["name"]): row for row in present or ()}
    deploy = uuid.uuid4().hex[:8]
    lost = orphans(graphs, rows, reading)
    hooks = RepairHooks(graphs, settings, rows, lost, scope), dropping_left_overs(graphs, rows, reading, scope)
    common = (rows, deploy, moves, *hooks)
    refusal = removal.refuse_departures(settings, departing(allowed.values(), rows))
    statements = at_first(graphs, settings, rows, allowed.values(), lost)
    first = [*needs, _departures(refusal, statements, needs, deploy, scope)]
    graph_resources = {
        graph.key: TaskGraphComponent(
            graph.key, TaskGraphArgs(graph, settings, first, allowed[graph.key], *common), scope
        )
        for graph in graphs
    }
    gates = {component.key: component.gate for component in graph_resources.values()}
    tasks: dict[str, pulumi.Resource] = {graph.root.name: gates[graph.key] for graph in graphs}
    slots = {name: slot for component in graph_resources.values() for name, slot in component.freed.items()}
    owners = {task.name: (graph_resources[graph.key], task) for graph in graphs for task in graph.members}
    for name in ordered(planned_edges(graphs), moves.waits):
        component, task = owners[name]
        tasks[name] = component.add(task, gates, tasks, slots)
    dropped = moves.anew.union(*(change.moved.keys() | change.abandoned.keys() for change in allowed.values()))
    for component in graph_resources.values():
        component.close([tasks[name] for name in sorted(dropped)])
    return graph_resources


def _departures(
    refusal: str | None, statements: Mapping[str, str], needs: Sequence[pulumi.Resource], deploy: str, scope: Scope
) -> snowflake.Execute:
    """Register the step that fails if runs of a departing graph are under way, before any graph is changed.

    After that, suspend roots and drop orphans: `statements`, by what they do. A hook does so, because a step has only
    one statement.
    """
    at_work = refusal or (sql.nothing(", ".join(statements)) if statements else None)

    def send(_arguments: pulumi.ResourceHookArgs) -> None:
        if statements:
            with scope.login.connected() as ask:
                for statement in statements.values():
                    ask(statement)

    return snowflake.Execute(
        scope.named("departures"),
        # the text names the deploy: the same statement may be needed again, and the same text is not sent twice
        execute=sql.with_comment(at_work, f"deploy {deploy}") if at_work else sql.nothing("no graph departs"),
        revert=sql.nothing("this step has no way back"),
        opts=pulumi.ResourceOptions(
            parent=scope.owner,
            depends_on=needs,
            ignore_changes=None if at_work else ["execute"],
            hooks=pulumi.ResourceHookBinding(
                after_create=[pulumi.ResourceHook(scope.hook("suspend the roots of graphs that depart"), send)]
            ),
        ),
    )


class TaskGraphComponent(Part):
    """The root, a task per job, the finalizer, and the steps around them.

    `add` registers a task after the gate; `close` registers what comes after all tasks. `stays_suspended`: the root
    exists and is suspended, because an operator or an interrupted destroy left it so.
    """

    def __init__(self, name: str, args: TaskGraphArgs, scope: Scope) -> None:
        super().__init__("TaskGraph", name, scope)
        self._args, self._settings, self._graph, self._change = args, args.settings, args.graph, args.change
        self.key = args.graph.key
        self.names = StepNames(scope, args.graph.root.name, args.graph.key, args.change.former_root)
        self._steps = RootSteps(self, self.names, args)
        self._last: list[pulumi.Resource] = []
        self.stays_suspended = self._change.stays_suspended
        if self.stays_suspended:
            pulumi.warn(_left_suspended(args.graph, self._change.former_root), self)
        root = self._root(args.graph, [*args.needs, self._steps.opening(args.needs)])
        self.gate = self._steps.gate(root, is_torn=any(task.name in args.moves.anew for task in args.graph.tasks))
        self._slot = self._steps.finalizer_slot() if args.graph.finalizer else None

    @property
    def freed(self) -> dict[str, pulumi.Resource]:
        """The step after which the former finalizer closes this graph no more, by that task's name; may be empty."""
        former = self._change.former_finalizer
        return {former: self._slot} if former and self._slot else {}

    def add(
        self,
        task: TaskPlan,
        gates: Mapping[str, pulumi.Resource],
        tasks: Mapping[str, pulumi.Resource],
        slots: Mapping[str, pulumi.Resource],
    ) -> snowflake.Task:
        """Register a task and return it.

        `gates`: the gates of all graphs, by key. `tasks`: the resources of the tasks added so far, by name; a root's
        entry is its gate. `slots`: what `freed` returns of all graphs; a former finalizer waits for that step, which
        would otherwise take from it what it has become: the finalizer of another graph, or a job.
        """
        before = [*self._steps.around, *(tasks[name] for name in task.predecessors)]
        before += [tasks[name] for name in sorted(self._args.moves.waits.get(task.name, ()))]
        before += [slots[task.name]] if task.name in slots else []
        finalize = None
        if task is self._graph.finalizer:
            before += [self._slot] if self._slot else []
            finalize = self._graph.root.full_name
        added = self._task(task, gates, before, finalize)
        self._last.append(added)
        return added

    def close(self, dropped: Sequence[pulumi.Resource]) -> None:
        """Register the activation, after all tasks; `dropped`: the tasks of all graphs that are dropped and re-created.

        The final repair reads the tasks first and so has to wait for `dropped`: a predecessor may belong to another
        graph.
        """
        graph = self._graph
        if graph.overlap is not None:
            self._last.append(self._steps.overlap(graph.overlap))
        last = [self.gate, *self._last]
        self._steps.activation(
            self._args.repair.after(graph, [*last, *dropped], self._steps.is_at_work())
            if self._change.differing
            else last,
            is_root_there=graph.root.name in self._args.present,
        )
        self.register_outputs({"root": graph.root.full_name, "tasks": [task.name for task in graph.tasks]})

    def _hooks(self) -> pulumi.ResourceHookBinding:
        return pulumi.ResourceHookBinding(
            before_create=[self._args.left_over],
            before_update=[self._args.repair.before_update],
            on_error=[self._args.repair.on_error],
        )

    def _root(self, graph: GraphPlan, needs: Sequence[pulumi.Resource]) -> snowflake.Task:
        former = self._change.former_root
        # Operators and gates suspend and resume the root; that is no drift. But after a refresh the state may say that
        # the root is started, and the provider then resumes it after a change, even a root that is to stay suspended.
        ignored = ["started"] if self._change.resume or not self._change.root_differs else []
        return snowflake.Task(
            self.named(graph.root.name),
            name=graph.root.name,
            sql_statement=graph.root.sql,
            started=False,
            schedule=snowflake.TaskScheduleArgs(**graph.schedule.in_provider) if graph.schedule else None,
            config=sql.config_text(graph.config),
            user_task_managed_initial_warehouse_size=ROOT_WAREHOUSE_SIZE,
            user_task_timeout_ms=graph.root.timeout_ms,
            suspend_task_after_num_failures=graph.suspend_after_failures,
            task_auto_retry_attempts=graph.auto_retry,
            comment=graph.root.comment,
            opts=pulumi.ResourceOptions(
                parent=self,
                depends_on=needs,
                # dropped first, so that its tasks are in no graph when they are attached to the new root
                delete_before_replace=True,
                # `showOutputs` repeats the state: if `started` changes, the plugin reports all of it as changed
                ignore_changes=[*ignored, "showOutputs"],
                aliases=[pulumi.Alias(name=self.named(former))] if former else None,
                hooks=self._hooks(),
                # a task is owned by the role that has the schema's future ownership when the task is created
                replacement_trigger=self._settings.role,
            ),
            database=self._settings.database,
            schema=self._settings.schema,
        )

    def _task(
        self,
        task: TaskPlan,
        gates: Mapping[str, pulumi.Resource],
        depends_on: Sequence[pulumi.Resource],
        finalize: str | None,
    ) -> snowflake.Task:
        comes_from = self._change.moved.get(task.name)
        leaves = [gates[comes_from]] if comes_from else []
        leaves_its_graph = task.name in self._change.moved or task.name in self._change.abandoned
        anew = task.name in self._args.moves.anew
        return snowflake.Task(
            self.named(task.name),
            name=task.name,
            warehouse=task.warehouse,
            sql_statement=task.sql,
            started=task.started,
            when=task.when,
            afters=list(task.after) or None,
            finalize=finalize,
            user_task_timeout_ms=task.timeout_ms,
            comment=task.comment,
            opts=pulumi.ResourceOptions(
                parent=self,
                depends_on=[*depends_on, *leaves],
                delete_before_replace=True,
                replace_on_changes=_IN_ANOTHER_GRAPH if leaves_its_graph or anew else _FINALIZES,
                # the gate is replaced in this deploy, or is new because the graph was renamed
                replace_with=[self.gate] if anew else None,
                hooks=self._hooks(),
                replacement_trigger=self._settings.role,
            ),
            database=self._settings.database,
            schema=self._settings.schema,
        )


def _left_suspended(graph: GraphPlan, former_root: str | None) -> str:
    resume = f"ALTER TASK {graph.root.full_name} RESUME"
    return (
        f"Graph {graph.key}: its root {former_root or graph.root.name} is suspended although it has a schedule. If an "
        f"operator suspended it, it stays so; no run starts by schedule until it is resumed: {resume}. If a deploy was "
        + (
            f"interrupted, resume it likewise: {graph.root.name} takes its place."
            if former_root
            else "interrupted, this one finishes it and resumes the root."
        )
    )
