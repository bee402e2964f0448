"""Which of a graph's tasks differ from the plan: changed by hand, dropped, or to be changed by this deploy.

Pure. Knows a plan and rows of SHOW TASKS. Must not see a difference where the provider sees none: every deploy would
then suspend the root for nothing. Bodies and conditions are therefore compared as the provider does it, ignoring case
and white space. A body contains a hash of its content.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from jobgraph.plan import sql
from jobgraph.plan.task_rows import definition, descendants, finalized_root, last_part, predecessors, schedule

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping

    from jobgraph.plan.planning import GraphPlan, TaskPlan
    from jobgraph.plan.task_rows import Row

# The program sets this on every root. A root parameter that the program does not set was set by hand.
ROOT_WAREHOUSE_SIZE = "XSMALL"


def not_as_planned(graph: GraphPlan, present: Mapping[str, Row], planned: Collection[str]) -> tuple[str, ...]:
    """Return the names of the tasks that differ from the plan, are missing, or are to be dropped; the root first.

    SHOW TASKS does not show a task's parameters. The root's row has those that are set on it in `parameters`
    (name -> value) if the caller queried them; for other tasks, differing parameters go unnoticed. `planned` names the
    tasks of all graphs: a task that was made for this graph but is not among them is to be dropped.
    """
    root = [graph.root.name] if root_differences(graph, present.get(graph.root.name)) else []
    below = descendants(list(present.values()), graph.root.name)
    below |= {name: row for name, row in present.items() if finalized_root(row) == graph.root.name}
    too_many = [
        name for name, row in below.items() if name not in planned and definition(row).get("graph") == graph.key
    ]
    tasks = [task.name for task in graph.members if differences(graph, task, present.get(task.name))]
    return tuple(root + tasks + sorted(too_many))


def differences(graph: GraphPlan, task: TaskPlan, row: Row | None) -> frozenset[str]:
    """Return the columns of SHOW TASKS in which a task differs from the plan; `name` if the task does not exist."""
    if row is None:
        return frozenset({"name"})
    return _unequal(
        state=(row["state"] == "started", task.started),
        definition=(_loose(row.get("definition")), _loose(task.sql)),
        condition=(_loose(row.get("condition")), _loose(task.when)),
        comment=(row.get("comment") or "", task.comment),
        warehouse=(_name(row.get("warehouse")), _name(task.warehouse)),
        predecessors=(set(predecessors(row)), set(task.predecessors)),
        task_relations=(finalized_root(row), graph.root.name if task is graph.finalizer else None),
    )


def same_body(task: TaskPlan, row: Row) -> bool:
    """Whether a task has the planned body, ignoring case and white space."""
    return _loose(row.get("definition")) == _loose(task.sql)


def root_differences(graph: GraphPlan, row: Row | None) -> frozenset[str]:
    """Return the columns in which the root differs from the plan, except its state, which the plan does not decide."""
    if row is None:
        return frozenset({"name"})
    own = row.get("parameters")
    return _unequal(
        schedule=(schedule(row), graph.schedule),
        definition=(_loose(row.get("definition")), _loose(graph.root.sql)),
        comment=(row.get("comment") or "", graph.root.comment),
        config=(_text(row.get("config")) or None, sql.config_text(graph.config)),
        predecessors=(set(predecessors(row)), set()),
        task_relations=(finalized_root(row), None),
        parameters=(root_parameters(graph) if own is None else _sizes(own), root_parameters(graph)),
    )


def _unequal(**pairs: tuple[Any, Any]) -> frozenset[str]:
    """Return the names of the pairs (present value, planned value) whose two values differ."""
    return frozenset(name for name, (present, planned) in pairs.items() if present != planned)


def root_parameters(graph: GraphPlan) -> dict[str, str]:
    """Return the parameters that the plan sets on a root, formatted as in SHOW PARAMETERS."""
    values = {
        "SUSPEND_TASK_AFTER_NUM_FAILURES": graph.suspend_after_failures,
        "TASK_AUTO_RETRY_ATTEMPTS": graph.auto_retry,
        "USER_TASK_MANAGED_INITIAL_WAREHOUSE_SIZE": ROOT_WAREHOUSE_SIZE,
        "USER_TASK_TIMEOUT_MS": graph.root.timeout_ms,
    }
    return {name: str(value) for name, value in values.items() if value is not None}


def _sizes(parameters: Mapping[str, Any]) -> dict[str, str]:
    """Return the parameters as text, with one spelling of the warehouse size: Snowflake shows `X-Small` or `XSMALL`."""
    sized = "USER_TASK_MANAGED_INITIAL_WAREHOUSE_SIZE"
    return {
        name: str(value).replace("-", "").upper() if name == sized else str(value) for name, value in parameters.items()
    }


def _text(cell: Any) -> str:
    return "" if cell in (None, "null") else str(cell)


def _name(cell: Any) -> str:
    return last_part(_text(cell)).upper()


def _loose(text: Any) -> str:
    return " ".join(_text(text).split()).casefold()
