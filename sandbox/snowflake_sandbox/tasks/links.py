"""The links between the tasks of a graph: how they are added and removed, and when a graph may be changed.

Knows the rules of user-guide/tasks-graphs, ALTER TASK and DROP TASK; must not know how runs progress. task.py declares
the object kind.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from snowflake_sandbox.access import access
from snowflake_sandbox.catalog import catalog
from snowflake_sandbox.errors import SnowflakeError
from snowflake_sandbox.session import ObjectScope
from snowflake_sandbox.tasks import graph as graphs
from snowflake_sandbox.tasks import rules, scheduler

if TYPE_CHECKING:
    from collections.abc import Iterable
    from datetime import datetime

    from snowflake_sandbox.call import Call
    from snowflake_sandbox.catalog.catalog import SnowflakeObject
    from snowflake_sandbox.result import Result
    from snowflake_sandbox.statements.reader import ObjectName
    from snowflake_sandbox.store import Snapshot, Transaction


def predecessors(call: Call, task: ObjectName, written: Iterable[ObjectName]) -> list[str]:
    """Return the names of the predecessors that a statement gives to `task`, without duplicates.

    Raises:
        SnowflakeError: 091085 if one does not exist, 091088 if it is in another schema.
    """
    names = [_existing(call, name, "predecessor") for name in written]
    for name in names:
        if not _same_schema(name, task):
            raise rules.refused(f"Cannot have predecessor {name.name} from a different schema.")
    return list(dict.fromkeys(name.name for name in names))


def finalized(call: Call, task: ObjectName, written: ObjectName) -> str:
    """Return the name of the root whose finalizer `task` becomes by a statement.

    Raises:
        SnowflakeError: 091085 if the root does not exist, 091088 if it is in another schema.
    """
    name = _existing(call, written, "finalized root task")
    if not _same_schema(name, task):
        raise rules.refused(f"Cannot finalize graph {written.qualified} in a different schema.")
    return name.name


def _existing(call: Call, written: ObjectName, what: str) -> ObjectName:
    name = call.session.resolve(written, ObjectScope.SCHEMA, "CREATE TASK")
    with call.world.store.reading() as tx:
        task = catalog.find(tx, "TASK", name)
    if task is None or not access.knows(call, task):
        raise not_there(written, what)
    return name


def _same_schema(name: ObjectName, task: ObjectName) -> bool:
    return (name.database, name.schema) == (task.database, task.schema)


def not_there(written: ObjectName, what: str) -> SnowflakeError:
    """Return the error for a statement that names a task that does not exist."""
    return SnowflakeError(91085, "42601", f"Invalid {what} {written.qualified} was specified.")


def require_suspended_root(tx: Snapshot, task: SnowflakeObject) -> None:
    """Refuse a change of a graph whose root is started (user-guide/tasks-graphs).

    Raises:
        SnowflakeError: 091421, seen on accounts.
    """
    for root in graphs.roots_of(tx, task):
        if root["state"] == "started":
            raise SnowflakeError(
                91421,
                "22000",
                f"Unable to update graph with root task {root.name.qualified} since that root task is not suspended.",
            )


def require_changeable(tx: Transaction, task: SnowflakeObject) -> None:
    """Refuse a change of a task in a graph whose root is started; a standalone task may be changed at any time.

    Raises:
        SnowflakeError: 091421.
    """
    if task["after"] or task["finalize"] or graphs.children_of(tx, task):
        require_suspended_root(tx, task)


def next_revision(task: SnowflakeObject) -> dict[str, Any]:
    """Return the increased revision of a task. Every change counts, even one that leaves the graph as it was."""
    return {"revision": (task["revision"] or 0) + 1}


def change(call: Call, task: SnowflakeObject, changed: dict[str, Any]) -> SnowflakeObject:
    """Change properties of a task, as a modification of its graph.

    Raises:
        SnowflakeError: 091421 while the root is started.
    """
    with call.world.store.transaction() as tx:
        current = catalog.by_id(tx, task.id) or task
        require_changeable(tx, current)
        return catalog.update(tx, current, changed | next_revision(current))


def connect(tx: Transaction, task: SnowflakeObject, after: list[str], finalizes: str | None) -> None:
    """Link a task with its predecessors or the root that it finalizes, all by name.

    Raises:
        SnowflakeError: 002003 no such task, 091088 a graph that is not allowed, 091421 a root is started.
    """
    if after and graphs.finalizer_of(tx, task) is not None:
        raise rules.refused(
            "This task has a finalizer and cannot be made a child task. Please remove the finalizer before adding a"
            " predecessor."
        )
    for name in graphs.qualified(task, after):
        predecessor = catalog.get(tx, "TASK", name)
        if predecessor["finalize"]:
            raise rules.refused(f"Task {name.qualified} cannot have children as a finalizer task.")
        require_suspended_root(tx, predecessor)
        graphs.connect(tx, task, predecessor)
    if finalizes is not None:
        root = catalog.get(tx, "TASK", graphs.qualified(task, [finalizes])[0])
        if root["after"] or (root["finalize"] and root.id != task.id):
            raise rules.refused(f"Task {task.name.qualified} cannot finalize a non-root task {root.name.qualified}.")
        require_suspended_root(tx, root)
        graphs.connect(tx, task, root, finalizes=True)
    for root in graphs.roots_of(tx, task):
        graphs.check_size(tx, root.id)


def add_after(call: Call, task: SnowflakeObject) -> Result | None:
    """ALTER TASK … ADD AFTER a, b."""
    names = predecessors(call, task.name, call.reader.name_list())
    with call.world.store.transaction() as tx:
        current = catalog.by_id(tx, task.id) or task
        if current["finalize"]:
            raise rules.refused(f"Task {task.name.qualified} cannot have predecessors as a finalizer task.")
        if current["config"] is not None:
            raise rules.config_refused(task.name)
        # It becomes part of a graph, which is refused for a started task.
        require_suspended_root(tx, current)
        after = list(dict.fromkeys([*(current["after"] or []), *names]))
        changed = change(call, current, {"after": after})
        rules.require_no_schedule(task.name, changed.properties)
        connect(tx, changed, names, None)
    return None


def remove_after(call: Call, task: SnowflakeObject) -> Result | None:
    """ALTER TASK … REMOVE AFTER a, b; a task without remaining predecessors is suspended.

    Raises:
        SnowflakeError: 091085 if one of them does not exist or is not a predecessor of the task.
    """
    names = {call.session.resolve(name, ObjectScope.SCHEMA, "ALTER TASK"): name for name in call.reader.name_list()}
    with call.world.store.transaction() as tx:
        current = catalog.by_id(tx, task.id) or task
        present = {name: catalog.find(tx, "TASK", name) for name in names}
        before = graphs.qualified(current, current["after"] or [])
        for name, predecessor in present.items():
            if predecessor is not None and name not in before:
                raise SnowflakeError(  # guess: the number
                    91085, "42601", f"Task {task.name.name} does not have predecessor {name.name}."
                )
        for name, predecessor in present.items():
            if predecessor is None:
                raise not_there(names[name], "predecessor")
        changed = change(call, current, {"after": [name.name for name in before if name not in names]})
        for predecessor in present.values():
            if predecessor is not None:
                graphs.disconnect(tx, changed, predecessor.id)
        _suspend_if_alone(tx, changed, call.now)
    return None


def set_finalize(call: Call, task: SnowflakeObject) -> Result | None:
    """ALTER TASK … SET FINALIZE = root; a schedule, a predecessor or a child conflicts with it."""
    call.reader.expect("=")
    name = finalized(call, task.name, call.reader.object_name())
    with call.world.store.transaction() as tx:
        current = catalog.by_id(tx, task.id) or task
        require_suspended_root(tx, current)
        unset_finalize(call, task)
        changed = change(call, task, {"finalize": name})
        connect(tx, changed, [], name)
        rules.require_root_settings(task.name, changed.properties, {})
        if current["after"]:
            raise rules.refused(f"Task {task.name.qualified} cannot have predecessors as a finalizer task.")
        if graphs.children_of(tx, changed):
            raise rules.refused(f"Task {task.name.qualified} cannot have children as a finalizer task.")
    return None


def unset_finalize(call: Call, task: SnowflakeObject) -> Result | None:
    """ALTER TASK … UNSET FINALIZE: the task becomes a suspended standalone task."""
    with call.world.store.transaction() as tx:
        current = catalog.by_id(tx, task.id) or task
        if current["finalize"]:
            changed = change(call, current, {"finalize": None})
            root = catalog.find(tx, "TASK", graphs.qualified(current, [current["finalize"]])[0])
            if root is not None:
                graphs.disconnect(tx, changed, root.id)
            _suspend_if_alone(tx, changed, call.now)
    return None


def dropping(call: Call, task: SnowflakeObject) -> None:
    """Unlink a task for DROP TASK or CREATE OR REPLACE TASK. Dropping a whole schema or database does not check roots.

    "To modify or recreate any task in a task graph, the root task must first be suspended"; a standalone task can be
    dropped in any state (user-guide/tasks-graphs, DROP TASK).
    """
    with call.world.store.transaction() as tx:
        of_task = "TASK" in call.text.upper().split()[:4]
        if of_task and (task["after"] or task["finalize"] or graphs.children_of(tx, task)):
            require_suspended_root(tx, task)
        _release_children(tx, task, call.now)


def _release_children(tx: Transaction, task: SnowflakeObject, now: datetime) -> None:
    """Remove a task from its dependents; those without another predecessor become suspended roots."""
    for child in graphs.children_of(tx, task):
        changed: dict[str, Any] = {"after": [name for name in child["after"] or [] if name != task.name.name]}
        if child["finalize"] == task.name.name:
            changed["finalize"] = None
        graphs.disconnect(tx, child, task.id)
        _suspend_if_alone(tx, catalog.update(tx, child, changed | next_revision(child)), now)


def _suspend_if_alone(tx: Transaction, task: SnowflakeObject, now: datetime) -> None:
    """Suspend a former child: it "is suspended by default and must be resumed manually" (ALTER TASK, DROP TASK)."""
    if not task["after"] and not task["finalize"] and task["state"] == "started":
        scheduler.suspend(tx, task, now, "USER_SUSPENDED")


def owner_changed(call: Call, moved: SnowflakeObject) -> None:
    """Apply GRANT OWNERSHIP, which removes all links of a task; its root must be suspended.

    GRANT OWNERSHIP on all tasks of a schema instead suspends each task and keeps the links.
    """
    with call.world.store.transaction() as tx:
        if "ALL" not in call.text.upper().split()[:4]:
            require_suspended_root(tx, moved)
        if moved["state"] == "started":
            scheduler.suspend(tx, moved, call.now, "USER_SUSPENDED")
        if "ALL" in call.text.upper().split()[:4]:
            return
        current = catalog.by_id(tx, moved.id) or moved
        for name in graphs.qualified(current, [*(current["after"] or []), *filter(None, [current["finalize"]])]):
            predecessor = catalog.find(tx, "TASK", name)
            if predecessor is not None:
                graphs.disconnect(tx, current, predecessor.id)
        _release_children(tx, current, call.now)
        catalog.update(tx, current, {"after": [], "finalize": None} | next_revision(current))
