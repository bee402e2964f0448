"""Tasks that are not as planned although the engine's state says so: what a deploy sends to repair them, and when.

Pure. Knows a plan, rows of SHOW TASKS, and ALTER TASK. Must not know the engine: its hooks ask `Repair` and send what
it returns.

The provider notes a task whose change was refused, or whose answer was lost, as changed all the same (Terraform's
plugin framework saves what was planned unless a resource forbids it), and the engine never asks for that change again.
The same holds where somebody changed a task by hand and nothing was refreshed. docs/decisions/0009.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from jobgraph.config.topology import ancestors
from jobgraph.deploy.drift import differences, root_differences
from jobgraph.names import quoted
from jobgraph.plan import sql
from jobgraph.plan.task_rows import last_part, predecessors

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
    from typing import Any

    from jobgraph.plan.planning import GraphPlan, TaskPlan
    from jobgraph.plan.task_rows import Row
    from jobgraph.settings import Settings

    Execute = Callable[[str], Sequence[Mapping[str, Any]]]

# Edges go before others come, over all tasks: so there is no cycle at any time, whatever was there.
_SUSPEND, _REMOVE, _CHANGE, _ADD, _RESUME = range(5)
Change = tuple[int, str]
# Where SHOW TASKS has what the provider's task has as an input.
_COLUMNS = {
    "started": "state",
    "sqlStatement": "definition",
    "when": "condition",
    "comment": "comment",
    "warehouse": "warehouse",
    "afters": "predecessors",
    "finalize": "task_relations",
    "schedule": "schedule",
    "config": "config",
}
_ALL = frozenset(_COLUMNS.values())


@dataclass
class Repair:
    """The repairs of one deploy, in the three moments that allow them, and of a deletion that fails.

    Attributes:
        graphs: what is deployed.
        settings: the names around it.
        present: rows of SHOW TASKS before the deploy, by name.
        updated: the tasks that this deploy has changed; the provider has read them since, so the state is right.
    """

    graphs: Sequence[GraphPlan]
    settings: Settings
    present: Mapping[str, Row]
    updated: set[str] = field(default_factory=set)

    def __post_init__(self) -> None:
        """Look up graphs by their tasks."""
        self._graph_of = {task.name: graph for graph in self.graphs for task in graph.all_tasks}

    def before_update(self, name: str, olds: Mapping[str, Any], news: Mapping[str, Any]) -> tuple[str, ...]:
        """Return what repairs, of a task that the provider is about to update, the part that the provider leaves alone.

        Args:
            name: the task.
            olds: the outputs in the engine's state. After a failure the engine has the old inputs and the new outputs,
                and the provider compares with the outputs.
            news: the inputs.
        """
        self.updated.add(name)
        statements = repairs(self._graph_of[name], self.settings, self.present, {name}, unchanged(olds, news))
        return (*statements, *lost_edges(olds, news, self.present))

    def after_failed_update(
        self, name: str, olds: Mapping[str, Any], news: Mapping[str, Any], execute: Execute
    ) -> bool:
        """Repair the tasks before one whose update failed; return whether the update may succeed now."""
        graph = self._graph_of[name]
        rows = self._shown(execute, self.settings.qualified())
        statements = repairs(graph, self.settings, rows, before(graph, name) - self.updated)
        for statement in (*statements, *lost_edges(olds, news, rows)):
            execute(statement)
        return bool(statements)

    def after_failed_deletion(self, inputs: Mapping[str, Any], execute: Execute) -> bool:
        """Create a task for the provider to drop if its own is gone; return whether that was so."""
        name, schema = str(inputs["name"]), quoted(str(inputs["database"]), str(inputs["schema"]))
        is_gone = name not in self._shown(execute, schema)
        if is_gone:
            execute(placeholder(f"{schema}.{quoted(name)}"))
        return is_gone

    def at_end(self, graph: GraphPlan, rows: Sequence[Mapping[str, Any]]) -> tuple[str, ...]:
        """Return what repairs a graph's tasks when the deploy has changed the last of them.

        Args:
            graph: one of the graphs.
            rows: SHOW TASKS as it is by now.
        """
        names = {task.name for task in graph.all_tasks} - self.updated
        return repairs(graph, self.settings, by_name(rows), names)

    @staticmethod
    def _shown(execute: Execute, schema: str) -> dict[str, Row]:
        return by_name(execute(sql.show_tasks(schema)))


def by_name(rows: Sequence[Mapping[str, Any]]) -> dict[str, Row]:
    """Return rows of SHOW TASKS by the name of the task."""
    return {str(row["name"]): dict(row) for row in rows}


def unchanged(olds: Mapping[str, Any], news: Mapping[str, Any]) -> frozenset[str]:
    """Return the columns of which the provider will change nothing, by a task's old outputs and new inputs."""
    return frozenset(column for name, column in _COLUMNS.items() if _input(olds, name) == _input(news, name))


def _input(inputs: Mapping[str, Any], name: str) -> Any:
    value = inputs.get(name)
    return sorted(value) if isinstance(value, list | tuple) else value


def repairs(
    graph: GraphPlan,
    settings: Settings,
    present: Mapping[str, Row],
    among: Collection[str],
    columns: Collection[str] = _ALL,
) -> tuple[str, ...]:
    """Return the statements, in order, for those of the tasks that are there; the root must be suspended by then.

    What has no column in SHOW TASKS (parameters) the provider compares by itself.

    Args:
        graph: what is planned.
        settings: the names around it.
        present: rows of SHOW TASKS as they are now, by name.
        among: the names of the tasks that may be changed.
        columns: what of them may be changed.
    """
    all_changes: list[Change] = []
    for task in graph.all_tasks:
        row = present.get(task.name)
        if row is None or task.name not in among:
            continue
        differs = root_differences(graph, row) if task is graph.root else differences(graph, task, row)
        differs &= frozenset(columns)
        changes = list(_changes(graph, task, row, differs, settings))
        planned = task.started and task is not graph.root
        if row["state"] == "started" and (changes or "state" in differs):
            changes.append((_SUSPEND, "SUSPEND"))
        if planned and (changes or "state" in differs):
            changes.append((_RESUME, "RESUME"))
        all_changes += [(when, f"ALTER TASK {task.full_name} {clause}") for when, clause in changes]
    return tuple(statement for _, statement in sorted(all_changes, key=lambda change: change[0]))


def lost_edges(olds: Mapping[str, Any], news: Mapping[str, Any], present: Mapping[str, Row]) -> tuple[str, ...]:
    """Return the statement, if any, that gives a task back the predecessors that the provider is going to remove.

    The provider goes by the engine's state, and Snowflake refuses to remove what is no predecessor (091085): after a
    deploy that was interrupted between a removal and the note of it.
    """
    row = present.get(str(news.get("name")))
    removed = sorted(set(olds.get("afters") or ()) - set(news.get("afters") or ()))
    lost = [name for name in removed if last_part(name) in present and last_part(name) not in predecessors(row or {})]
    if row is None or not lost:
        return ()
    place = quoted(str(news["database"]), str(news["schema"]), str(news["name"]))
    return (f"ALTER TASK {place} ADD AFTER {', '.join(lost)}",)


def before(graph: GraphPlan, name: str) -> frozenset[str]:
    """Return the root and all tasks that a task follows, directly or not: a deploy is done with them before it."""
    return frozenset(ancestors({task.name: task.predecessors for task in graph.all_tasks}, name)) | {graph.root.name}


def placeholder(full_name: str) -> str:
    """Return the statement that makes a task for the provider to drop: it cannot drop one that is gone."""
    return (
        f"CREATE TASK IF NOT EXISTS {full_name} USER_TASK_MANAGED_INITIAL_WAREHOUSE_SIZE = 'XSMALL'"
        f" COMMENT = 'jobgraph: was dropped, and is to be dropped again' AS {sql.ROOT_BODY}"
    )


def _changes(
    graph: GraphPlan, task: TaskPlan, row: Row, differs: Collection[str], settings: Settings
) -> Iterator[Change]:
    """Return what comes after the task's name in ALTER TASK, but for its suspension and resumption."""
    config, schedule = sql.config_text(graph.config), graph.schedule
    closes = task is graph.finalizer
    texts = {
        "definition": f"MODIFY AS {task.sql}",
        "condition": f"MODIFY WHEN {task.when}" if task.when else "REMOVE WHEN",
        "comment": f"SET COMMENT = {sql.literal(task.comment)}",
        "warehouse": f"SET WAREHOUSE = {quoted(task.warehouse)}" if task.warehouse else "UNSET WAREHOUSE",
        "config": "UNSET CONFIG" if config is None else f"SET CONFIG = $${config}$$",
        "schedule": f"SET SCHEDULE = {sql.literal(schedule.in_snowflake)}" if schedule else "UNSET SCHEDULE",
    }
    yield from ((_CHANGE, text) for column, text in texts.items() if column in differs)
    if "task_relations" in differs:
        yield _ADD if closes else _REMOVE, f"SET FINALIZE = {graph.root.full_name}" if closes else "UNSET FINALIZE"
    if "predecessors" in differs:
        yield from _edges(task, row, settings)


def _edges(task: TaskPlan, row: Row, settings: Settings) -> Iterator[Change]:
    present, planned = predecessors(row), set(task.predecessors)
    removed = ", ".join(settings.qualified(name) for name in present if name not in planned)
    if removed:
        yield _REMOVE, f"REMOVE AFTER {removed}"
    new = ", ".join(settings.qualified(name) for name in task.predecessors if name not in present)
    if new:
        yield _ADD, f"ADD AFTER {new}"
