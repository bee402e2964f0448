"""One task graph, and the order in which a deploy changes it.

Knows the provider's task resource and how the engine orders steps. Must not know what a task runs.

The provider suspends and resumes a *started* root around the change of every task, all in parallel; with many tasks
that races. So the root is suspended by a gate before anything else, and resumed after everything else:

    root -> gate (suspends) -> tasks, finalizer -> activate (resumes, on the first deploy)

The gate's statement holds the graph's hash. When that changes, the engine makes the new gate first (suspend), then all
the rest, and deletes the old gate last, whose revert resumes. Nothing changed, nothing sent.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import pulumi
import pulumi_snowflake as snowflake

from jobgraph.model import Cron, Interval
from jobgraph.sql import config_text

if TYPE_CHECKING:
    from collections.abc import Sequence

    from jobgraph.model import Schedule
    from jobgraph.planning import GraphPlan, OverlapPlan, TaskPlan
    from jobgraph.settings import Settings


@dataclass(frozen=True)
class TaskGraphArgs:
    """The graph's plan, the names around it (`settings`), and all components that must be there before it."""

    graph: GraphPlan
    settings: Settings
    needs: Sequence[pulumi.Resource]


class TaskGraphComponent(pulumi.ComponentResource):
    """Root, a task per job, finalizer, and the two steps around them."""

    def __init__(self, name: str, args: TaskGraphArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("jobgraph:index:TaskGraph", name, None, opts)
        self._settings = args.settings
        graph = args.graph
        root = self._root(graph, args.needs)
        gate = snowflake.Execute(
            f"{graph.key}-gate",
            execute=graph.gate,
            revert=graph.open_gate,
            opts=pulumi.ResourceOptions(parent=self, depends_on=[root]),
        )
        tasks: dict[str, pulumi.Resource] = {graph.root.name: gate}
        for task in graph.tasks:
            tasks[task.name] = self._task(task, [gate, *(tasks[name] for name in task.predecessors)])
        last = [*tasks.values()]
        if graph.finalizer is not None:
            last.append(self._task(graph.finalizer, [gate], finalize=graph.root.full_name))
        if graph.overlap is not None:
            last.append(self._overlap(graph.key, graph.overlap, gate))
        snowflake.Execute(
            f"{graph.key}-activate",
            execute=graph.activate,
            revert=graph.deactivate,
            opts=pulumi.ResourceOptions(parent=self, depends_on=last),
        )
        self.register_outputs({"root": graph.root.full_name, "tasks": [task.name for task in graph.tasks]})

    def _overlap(self, key: str, overlap: OverlapPlan, gate: pulumi.Resource) -> snowflake.Execute:
        """Set the policy; a changed one is set after the old one was unset, or that would undo it."""
        opts = pulumi.ResourceOptions(parent=self, depends_on=[gate], delete_before_replace=True)
        return snowflake.Execute(f"{key}-overlap", execute=overlap.execute, revert=overlap.revert, opts=opts)

    def _root(self, graph: GraphPlan, needs: Sequence[pulumi.Resource]) -> snowflake.Task:
        return snowflake.Task(
            graph.root.name,
            name=graph.root.name,
            sql_statement=graph.root.sql,
            started=False,
            schedule=_schedule(graph.schedule),
            config=config_text(graph.config),
            user_task_managed_initial_warehouse_size="XSMALL",
            user_task_timeout_ms=graph.root.timeout_ms,
            suspend_task_after_num_failures=graph.suspend_after_failures,
            task_auto_retry_attempts=graph.auto_retry,
            comment=graph.root.comment,
            opts=pulumi.ResourceOptions(
                parent=self,
                depends_on=needs,
                delete_before_replace=True,
                # the gate and operators suspend and resume it; the program must not see that as drift
                ignore_changes=["started"],
            ),
            database=self._settings.database,
            schema=self._settings.schema,
        )

    def _task(
        self,
        task: TaskPlan,
        depends_on: Sequence[pulumi.Resource],
        finalize: str | None = None,
    ) -> snowflake.Task:
        return snowflake.Task(
            task.name,
            name=task.name,
            warehouse=task.warehouse,
            sql_statement=task.sql,
            started=task.started,
            when=task.when,
            afters=list(task.after) or None,
            finalize=finalize,
            user_task_timeout_ms=task.timeout_ms,
            comment=task.comment,
            opts=pulumi.ResourceOptions(parent=self, depends_on=depends_on, delete_before_replace=True),
            database=self._settings.database,
            schema=self._settings.schema,
        )


def _schedule(schedule: Schedule | None) -> snowflake.TaskScheduleArgs | None:
    match schedule:
        case Interval(number, "SECONDS"):
            return snowflake.TaskScheduleArgs(seconds=number)
        case Interval(number, "MINUTES"):
            return snowflake.TaskScheduleArgs(minutes=number)
        case Interval(number, _):
            return snowflake.TaskScheduleArgs(hours=number)
        case Cron(expression, timezone):
            return snowflake.TaskScheduleArgs(using_cron=f"{expression} {timezone}")
        case None:
            return None
