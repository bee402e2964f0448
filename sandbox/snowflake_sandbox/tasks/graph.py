"""A task graph in the catalog: its edges, the path to its root, and the freezing of its definitions for a run.

Knows the task_edge table (an index of the names in the `after` and `finalize` of tasks) and the catalog; must not know
runs or statements. SQLite walks the graph, so that a statement on one task costs the same in a graph of any size.
"""

from __future__ import annotations

import json
from graphlib import CycleError, TopologicalSorter
from typing import TYPE_CHECKING, Any

from snowflake_sandbox.catalog import catalog
from snowflake_sandbox.statements.reader import ObjectName
from snowflake_sandbox.tasks.machine import Graph, TaskDefinition
from snowflake_sandbox.tasks.rules import refused

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from snowflake_sandbox.catalog.catalog import SnowflakeObject
    from snowflake_sandbox.store import Snapshot, Transaction

KIND = "TASK"
TABLES = """
CREATE TABLE IF NOT EXISTS task_edge (
    task_id INTEGER NOT NULL,
    predecessor_id INTEGER NOT NULL,
    finalizes INTEGER NOT NULL,
    PRIMARY KEY (task_id, predecessor_id)
) WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS task_edge_by_predecessor ON task_edge (predecessor_id);
CREATE TRIGGER IF NOT EXISTS task_edges_go AFTER DELETE ON object WHEN OLD.kind = 'TASK' BEGIN
    DELETE FROM task_edge WHERE task_id = OLD.id OR predecessor_id = OLD.id;
END;
"""
# Documented limits.
MOST_TASKS, MOST_PARENTS, MOST_CHILDREN = 1000, 100, 100
_BELOW = (
    "WITH RECURSIVE down(id) AS (SELECT ? UNION SELECT task_edge.task_id FROM task_edge"
    " JOIN down ON task_edge.predecessor_id = down.id)"
)
_UP = "UNION SELECT task_edge.predecessor_id FROM task_edge JOIN up ON task_edge.task_id = up.id)"
_ROOTS = (
    f"WITH RECURSIVE up(id) AS (SELECT ? {_UP}"
    " SELECT id FROM up WHERE NOT EXISTS (SELECT 1 FROM task_edge WHERE task_id = up.id) ORDER BY id"
)
# The edges of all tasks below a root, and of all their ancestors.
_EDGES = (
    f"{_BELOW}, up(id) AS (SELECT id FROM down {_UP}"
    " SELECT up.id, task_edge.predecessor_id FROM up LEFT JOIN task_edge ON task_edge.task_id = up.id ORDER BY 1, 2"
)
_DEFAULTS = {
    "SUSPEND_TASK_AFTER_NUM_FAILURES": "10",
    "TASK_AUTO_RETRY_ATTEMPTS": "0",
    "USER_TASK_TIMEOUT_MS": "3600000",
}


def connect(tx: Transaction, task: SnowflakeObject, predecessor: SnowflakeObject, *, finalizes: bool = False) -> None:
    """Add an edge, even if it results in a second root or a cycle; that is refused only when the graph is started.

    Raises:
        SnowflakeError: a task after itself, too many parents or children, different owners, or a second finalizer.
    """
    if predecessor.id == task.id:
        what = "finalize itself" if finalizes else "use itself as its predecessor"
        raise refused(f"Task {task.name.name} cannot {what}.")
    if predecessor.owner != task.owner:
        raise refused(
            f"Task {task.name.qualified} and its predecessor {predecessor.name.qualified} must have the same owner:"
            f" {task.owner} and {predecessor.owner} are different roles."
        )
    tx.run("INSERT OR IGNORE INTO task_edge VALUES (?, ?, ?)", task.id, predecessor.id, finalizes)
    _check_count(tx, "task_id", task, MOST_PARENTS, "predecessors")
    _check_count(tx, "predecessor_id", predecessor, MOST_CHILDREN, "child tasks")
    if (
        finalizes
        and len(_ids(tx, "SELECT task_id FROM task_edge WHERE predecessor_id = ? AND finalizes", predecessor)) > 1
    ):
        raise refused(f"Finalize target {predecessor.name.name} already have finalizer.")


def _check_count(tx: Snapshot, column: str, task: SnowflakeObject, limit: int, relation: str) -> None:
    row = tx.row(f"SELECT COUNT(*) FROM task_edge WHERE {column} = ? AND NOT finalizes", task.id)
    if row is not None and row[0] > limit:
        raise refused(f"Task {task.name.qualified} has more than {limit} {relation}.")


def check_size(tx: Snapshot, root_id: int) -> None:
    """Refuse a graph of more than 1,000 tasks."""
    row = tx.row(f"{_BELOW} SELECT COUNT(*) FROM down", root_id)
    # The count includes the finalizer, so one more is allowed before the exact count below.
    if row is not None and row[0] > MOST_TASKS + 1:
        raise refused(f"A task graph has at most {MOST_TASKS} tasks.")


def disconnect(tx: Transaction, task: SnowflakeObject, predecessor_id: int) -> None:
    """Remove an edge."""
    tx.run("DELETE FROM task_edge WHERE task_id = ? AND predecessor_id = ?", task.id, predecessor_id)


def roots_of(tx: Snapshot, task: SnowflakeObject) -> list[SnowflakeObject]:
    """Return the roots of a task's graph: one if the graph can run, none if the task has only a cycle above it."""
    return catalog.by_ids(tx, _ids(tx, _ROOTS, task))


def require_runnable(tx: Snapshot, root: SnowflakeObject) -> None:
    """Refuse to start a graph with another root or a cycle; accounts do not check this earlier either.

    Raises:
        SnowflakeError: 091088 (guess: the text was seen on accounts, the number was not).
    """
    reason = _obstacle(tx, root)
    if reason is not None:
        raise refused(reason)


def is_runnable(tx: Snapshot, root: SnowflakeObject) -> bool:
    """Whether a graph has one root and no cycle."""
    return _obstacle(tx, root) is None


def _obstacle(tx: Snapshot, root: SnowflakeObject) -> str | None:
    predecessors: dict[int, set[int]] = {}
    for task_id, predecessor_id in tx.rows(_EDGES, root.id):
        predecessors.setdefault(task_id, set()).update(() if predecessor_id is None else (predecessor_id,))
    if any(not before and task_id != root.id for task_id, before in predecessors.items()):
        return "The graph has more than one root task (one without predecessors)."
    try:
        TopologicalSorter(predecessors).prepare()
    except CycleError as error:
        task = catalog.by_id(tx, error.args[1][0])
        return f"Graph has at least one cycle containing task {task.name.qualified if task else error.args[1][0]}."
    return None


def _ids(tx: Snapshot, sql: str, task: SnowflakeObject) -> list[int]:
    return [row[0] for row in tx.rows(sql, task.id)]


def children_of(tx: Snapshot, task: SnowflakeObject) -> list[SnowflakeObject]:
    """Return a task's direct dependents, and a root's finalizer."""
    return catalog.by_ids(tx, _ids(tx, "SELECT task_id FROM task_edge WHERE predecessor_id = ? ORDER BY task_id", task))


def finalizer_of(tx: Snapshot, root: SnowflakeObject) -> SnowflakeObject | None:
    """Return the finalizer of a root; None if it has none."""
    ids = _ids(tx, "SELECT task_id FROM task_edge WHERE predecessor_id = ? AND finalizes", root)
    return catalog.by_id(tx, ids[0]) if ids else None


def members(tx: Snapshot, root: SnowflakeObject) -> list[SnowflakeObject]:
    """Return all tasks of a graph, including the finalizer: the root first, then in order of creation."""
    tasks = catalog.by_ids(tx, _ids(tx, f"{_BELOW} SELECT id FROM down ORDER BY id", root))
    return [root, *(task for task in tasks if task.id != root.id)]


def qualified(task: SnowflakeObject, names: Iterable[str]) -> list[ObjectName]:
    """Return the full names of a task's neighbours; all tasks of a graph are in one schema."""
    return [ObjectName(name, task.name.schema, task.name.database) for name in names]


def parameter(tx: Snapshot, task: SnowflakeObject, name: str) -> str:
    """Return a parameter's value: the task's own, else its schema's, else its database's, else the default."""
    if name in task.parameters:
        return str(task.parameters[name])
    schema, database = task.name.schema or "", task.name.database or ""
    for kind, holder in (("SCHEMA", ObjectName(schema, database)), ("DATABASE", ObjectName(database))):
        container = catalog.find(tx, kind, holder)
        if container is not None and name in container.parameters:
            return str(container.parameters[name])
    return _DEFAULTS[name]


def freeze(tx: Snapshot, root: SnowflakeObject) -> dict[str, Any]:
    """Return the present definitions of a graph as JSON values; a run uses them from its start to its end."""
    tasks = members(tx, root)
    return {
        "root": root.name.name,
        "database": root.name.database,
        "schema": root.name.schema,
        "timeout_ms": int(parameter(tx, root, "USER_TASK_TIMEOUT_MS")),
        "auto_retries": int(parameter(tx, root, "TASK_AUTO_RETRY_ATTEMPTS")),
        "config": root["config"],
        "tasks": [_frozen(task, is_root=task.id == root.id) for task in tasks],
    }


def _frozen(task: SnowflakeObject, *, is_root: bool) -> dict[str, Any]:
    own = task.parameters.get("USER_TASK_TIMEOUT_MS")
    return {
        "name": task.name.name,
        "after": task["after"] or [],
        "finalizes": task["finalize"] is not None,
        # A root runs in either state, by schedule or by hand, so suspending or resuming it does not change the graph.
        "suspended": task["state"] != "started" and not is_root,
        "revision": task["revision"] or 0,
        "timeout_ms": None if own is None else int(own),
        "uuid": task["uuid"],
        "owner": task.owner,
        "definition": task["definition"],
        "condition": task["condition"],
        "warehouse": task["warehouse"],
        "parameters": {key: value for key, value in task.parameters.items() if key not in _OWN_PARAMETERS},
    }


_OWN_PARAMETERS = frozenset(
    {
        *_DEFAULTS,
        "SERVERLESS_TASK_MAX_STATEMENT_SIZE",
        "SERVERLESS_TASK_MIN_STATEMENT_SIZE",
        "USER_TASK_MANAGED_INITIAL_WAREHOUSE_SIZE",
        "USER_TASK_MINIMUM_TRIGGER_INTERVAL_IN_SECONDS",
    }
)


def thaw(frozen: Mapping[str, Any]) -> Graph:
    """Return frozen definitions in the form used by the state machine."""
    tasks = [
        TaskDefinition(task["name"], tuple(task["after"]), task["suspended"], task["timeout_ms"], task)
        for task in frozen["tasks"]
    ]
    return Graph(
        root=frozen["root"],
        tasks={task.name: task for task in tasks if not task.payload["finalizes"]},
        finalizer=next((task for task in tasks if task.payload["finalizes"]), None),
        timeout_ms=frozen["timeout_ms"],
        auto_retries=frozen["auto_retries"],
    )


def merged_config(frozen: Mapping[str, Any], override: str | None) -> str | None:
    """Return the root's CONFIG, overridden by the keys of EXECUTE TASK … USING CONFIG."""
    if override is None:
        return None if frozen["config"] is None else str(frozen["config"])
    return json.dumps({**json.loads(frozen["config"] or "{}"), **json.loads(override)})
