"""Repair of tasks that differ from the plan although the engine's state says they match: what to send, and when.

Pure. Knows a plan, rows of SHOW TASKS, and ALTER TASK. Must not know the engine: its hooks call `Repair` and send the
statements that it returns.

The provider records a task as changed even if Snowflake refused the change or the answer was lost (Terraform's plugin
framework saves the planned values unless a resource forbids it), and the engine then never requests that change again.
The same holds if somebody changed a task by hand and the state was not refreshed. See docs/decisions/0009.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from jobgraph.config.topology import ancestors
from jobgraph.deploy.drift import differences, root_differences
from jobgraph.names import quoted
from jobgraph.plan import sql
from jobgraph.plan.task_rows import last_part, predecessors

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterator, Sequence
    from typing import Any

    from jobgraph.plan.planning import GraphPlan, TaskPlan
    from jobgraph.plan.task_rows import Row
    from jobgraph.settings import Settings

    Execute = Callable[[str], Sequence[Mapping[str, Any]]]

# The order of changes over all tasks. All edges are removed before any is added, so no cycle can arise in between.
_SUSPEND, _REMOVE, _CHANGE, _ADD, _RESUME = range(5)
Change = tuple[int, str]
# Input of the provider's task -> column of SHOW TASKS with the same information.
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
    """The repairs of one deploy: before an update, after a failed update or deletion, and at the end.

    Attributes:
        graphs: the graphs to deploy.
        settings: the names around them.
        present: rows of SHOW TASKS before the deploy, by name.
        orphans: tasks that a killed deploy left and nothing else drops: name -> root.
        updated: the tasks that this deploy has changed; the provider has read them since, so their state is correct.
    """

    graphs: Sequence[GraphPlan]
    settings: Settings
    present: Mapping[str, Row]
    orphans: Mapping[str, str] = field(default_factory=dict)
    updated: set[str] = field(default_factory=set)

    def __post_init__(self) -> None:
        """Index the graphs by the names of their tasks."""
        self._graph_of = {task.name: graph for graph in self.graphs for task in graph.all_tasks}

    def before_update(self, name: str, olds: Mapping[str, Any], news: Mapping[str, Any]) -> tuple[str, ...]:
        """Return the statements that repair those columns of a task which the provider's next update will not change.

        Args:
            name: the name of the task.
            olds: the outputs in the engine's state. After a failure, the engine has the old inputs and the new outputs,
                and the provider compares with the outputs.
            news: the new inputs.
        """
        self.updated.add(name)
        statements = repairs(self._graph_of[name], self.settings, self.present, {name}, unchanged(olds, news))
        return (*statements, *lost_edges(olds, news, self.present))

    def extra_edges(
        self, olds: Mapping[str, Any], news: Mapping[str, Any], execute: Execute | None = None
    ) -> tuple[str, ...]:
        """Return the statement, if any, that removes predecessors which neither the state nor the file has.

        A killed deploy added them. The provider would leave them, and record them. `execute` asks for the present ones,
        because this deploy may have dropped some; without it, the rows from before the deploy decide.
        """
        rows = self.present if execute is None else self._shown(execute, self.settings.qualified())
        row = rows.get(str(news.get("name")), {})
        known = {last_part(name) for side in (olds, news) for name in side.get("afters") or ()}
        extra = [name for name in predecessors(row) if name not in known]
        is_cut_off = execute is not None and len(extra) == len(predecessors(row))
        if not extra or is_cut_off:
            return ()
        place = quoted(str(news["database"]), str(news["schema"]), str(news["name"]))
        return (f"ALTER TASK {place} REMOVE AFTER {', '.join(self.settings.qualified(name) for name in extra)}",)

    def after_failed_update(
        self, name: str, olds: Mapping[str, Any], news: Mapping[str, Any], execute: Execute
    ) -> bool:
        """Repair the predecessors of a task whose update failed; return whether a retry may succeed."""
        graph = self._graph_of[name]
        rows = self._shown(execute, self.settings.qualified())
        statements = repairs(graph, self.settings, rows, before(graph, name) - self.updated)
        for statement in (*statements, *lost_edges(olds, news, rows)):
            execute(statement)
        return bool(statements)

    def after_failed_deletion(self, inputs: Mapping[str, Any], execute: Execute) -> bool:
        """If the task no longer exists, create one for the provider to drop; return whether that was the case."""
        name, schema = str(inputs["name"]), quoted(str(inputs["database"]), str(inputs["schema"]))
        is_gone = name not in self._shown(execute, schema)
        if is_gone:
            execute(placeholder(f"{schema}.{quoted(name)}"))
        return is_gone

    def at_end(self, graph: GraphPlan, rows: Sequence[Mapping[str, Any]]) -> tuple[str, ...]:
        """Return the statements that repair a graph's tasks after the deploy's last change to them.

        Args:
            graph: one of the graphs.
            rows: the present rows of SHOW TASKS.
        """
        names = {task.name for task in graph.all_tasks} - self.updated
        drops = [name for name, root in self.orphans.items() if root == graph.root.name]
        return (
            *repairs(graph, self.settings, by_name(rows), names),
            *(sql.drop_task(self.settings.qualified(name)) for name in drops),
        )

    @staticmethod
    def _shown(execute: Execute, schema: str) -> dict[str, Row]:
        return by_name(execute(sql.show_tasks(schema)))


def by_name(rows: Sequence[Mapping[str, Any]]) -> dict[str, Row]:
    """Return rows of SHOW TASKS by the name of the task."""
    return {str(row["name"]): dict(row) for row in rows}


def unchanged(olds: Mapping[str, Any], news: Mapping[str, Any]) -> frozenset[str]:
    """Return the columns that the provider will not change, going by a task's old outputs and new inputs."""
    return frozenset(column for name, column in _COLUMNS.items() if _input(olds, name) == _input(news, name))


def _input(inputs: Mapping[str, Any], name: str) -> Any:
    return _plain(inputs.get(name))


def _plain(value: Any) -> Any:
    """Return a value as inputs and outputs alike have it; None if it is empty.

    A schedule of `{"hours": 2}` is `{"hours": 2, "minutes": 0, "seconds": 0, "usingCron": ""}` in the provider's
    outputs, and the inputs have the key `__defaults` of Pulumi's bridge.
    """
    if isinstance(value, Mapping):
        entries = {key: _plain(entry) for key, entry in value.items() if not key.startswith("__")}
        return {key: entry for key, entry in entries.items() if entry is not None} or None
    return (sorted(value) if isinstance(value, list | tuple) else value) or None


def repairs(
    graph: GraphPlan,
    settings: Settings,
    present: Mapping[str, Row],
    among: Collection[str],
    columns: Collection[str] = _ALL,
) -> tuple[str, ...]:
    """Return, in order, the statements that repair existing tasks. The root must be suspended before they are sent.

    Parameters have no column in SHOW TASKS; the provider compares them itself.

    Args:
        graph: the planned graph.
        settings: the names around it.
        present: the present rows of SHOW TASKS, by name.
        among: the names of the tasks that may be changed.
        columns: the columns that may be changed.
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
    """Return the statement, if any, that re-adds the lost predecessors that the provider is going to remove.

    The provider relies on the engine's state, which is wrong if a deploy was interrupted after it removed a predecessor
    and before it saved that. Snowflake refuses to remove a task that is not a predecessor (091085).
    """
    row = present.get(str(news.get("name")))
    removed = sorted(set(olds.get("afters") or ()) - set(news.get("afters") or ()))
    lost = [name for name in removed if last_part(name) in present and last_part(name) not in predecessors(row or {})]
    if row is None or not lost:
        return ()
    place = quoted(str(news["database"]), str(news["schema"]), str(news["name"]))
    return (f"ALTER TASK {place} ADD AFTER {', '.join(lost)}",)


def before(graph: GraphPlan, name: str) -> frozenset[str]:
    """Return the root and all direct and indirect predecessors of a task. A deploy finishes them before the task."""
    return frozenset(ancestors({task.name: task.predecessors for task in graph.all_tasks}, name)) | {graph.root.name}


def placeholder(full_name: str) -> str:
    """Return the statement that creates a task for the provider to drop; it fails if there is no task to drop."""
    return (
        f"CREATE TASK IF NOT EXISTS {full_name} USER_TASK_MANAGED_INITIAL_WAREHOUSE_SIZE = 'XSMALL'"
        f" COMMENT = 'jobgraph: was dropped, and is to be dropped again' AS {sql.ROOT_BODY}"
    )


def _changes(
    graph: GraphPlan, task: TaskPlan, row: Row, differs: Collection[str], settings: Settings
) -> Iterator[Change]:
    """Yield the clauses that follow the task's name in ALTER TASK, except SUSPEND and RESUME."""
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
