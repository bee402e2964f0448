"""EXECUTE TASK and the SYSTEM$ functions of tasks.

Knows their arguments and answers; must not know how runs progress. The functions about "the current task" work in the
session of a task's statement, in procedures called from it, and in the containers of job services started from it.
"""

from __future__ import annotations

import json
from datetime import datetime
from typing import TYPE_CHECKING, Any

from snowflake_sandbox import errors
from snowflake_sandbox.access import access
from snowflake_sandbox.catalog import catalog
from snowflake_sandbox.data.function_arguments import counted, whole
from snowflake_sandbox.errors import SnowflakeError
from snowflake_sandbox.result import Result, status
from snowflake_sandbox.session import ObjectScope
from snowflake_sandbox.statements.reader import ObjectName, Reader
from snowflake_sandbox.tasks import graph as graphs
from snowflake_sandbox.tasks import rules
from snowflake_sandbox.tasks import task as kind

if TYPE_CHECKING:
    import sqlite3

    from snowflake_sandbox.call import Call, World
    from snowflake_sandbox.catalog.catalog import SnowflakeObject

_LONGEST_RETURN_VALUE = 10 * 1024
_RUN = (
    "SELECT task_run.name, task_run.graph_run_id, graph_run.*, graph_version.definition FROM task_run"
    " JOIN graph_run ON graph_run.id = task_run.graph_run_id"
    " JOIN graph_version ON graph_version.root_uuid = graph_run.root_uuid AND graph_version.version = graph_run.version"
    " WHERE task_run.id = ?"
)


def register(world: World) -> None:
    """Add the statement and the functions."""
    world.statements["EXECUTE TASK"] = execute_task
    world.functions |= {
        "SYSTEM$TASK_RUNTIME_INFO": task_runtime_info,
        "SYSTEM$CURRENT_USER_TASK_NAME": current_user_task_name,
        "SYSTEM$TASK_DEPENDENTS_ENABLE": task_dependents_enable,
        "SYSTEM$SET_RETURN_VALUE": set_return_value,
        "SYSTEM$GET_PREDECESSOR_RETURN_VALUE": get_predecessor_return_value,
        "SYSTEM$GET_TASK_GRAPH_CONFIG": get_task_graph_config,
        "SYSTEM$USER_TASK_CANCEL_ONGOING_EXECUTIONS": cancel_ongoing_executions,
    }


def execute_task(call: Call) -> Result:
    """EXECUTE TASK <name> [USING CONFIG = '…' | RETRY LAST | RETRY GRAPH RUN GROUP '…'].

    Raises:
        SnowflakeError: 002003, missing privileges, 091435 for a child task, 091088 for a graph with two roots or a
            cycle (guess: only seen for RESUME), 091456 to 091457 and 091088 for a run that cannot be retried.
    """
    reader = call.reader
    name = call.session.resolve(reader.object_name(), ObjectScope.SCHEMA, "EXECUTE TASK")
    config = _read_config(reader) if reader.accept("USING CONFIG") else None
    retry_last = reader.accept("RETRY LAST")
    group = None
    if not retry_last and reader.accept("RETRY GRAPH RUN GROUP"):
        group = whole(reader.word(), "RETRY GRAPH RUN GROUP")
    reader.end()
    with call.world.store.reading() as tx:
        task = catalog.get(tx, "TASK", name)
        access.require(call, ("OPERATE",), task)
        if task["after"] or task["finalize"]:
            raise rules.refused(
                f"Execute task cannot be called on non-root task {name.qualified}. Call EXECUTE TASK on the root task"
                " of its graph instead.",
                91435,
            )
        graphs.require_runnable(tx, task)
        for member in graphs.members(tx, task):
            kind.require_owner_privileges(call.world, tx, member)
    scheduler = call.world.parts["tasks"]
    if retry_last or group is not None:
        scheduler.retry_last(task, group)
    else:
        scheduler.execute_task(task, config)
    return status(f"Task {name.name} is scheduled to run immediately.")


def _read_config(reader: Reader) -> str:
    reader.accept("=")
    text = reader.string()
    try:
        valid = isinstance(json.loads(text), dict)
    except ValueError:
        valid = False
    if not valid:
        raise errors.invalid_value(text, "CONFIG")
    return text


def _named_task(call: Call, text: Any, *privileges: str) -> SnowflakeObject:
    name = call.session.resolve(Reader(str(text)).object_name(), ObjectScope.SCHEMA, "SELECT")
    with call.world.store.reading() as tx:
        task = catalog.get(tx, "TASK", name)
    access.require(call, privileges, task)
    return task


def task_dependents_enable(call: Call, arguments: tuple[Any, ...]) -> str:
    """SYSTEM$TASK_DEPENDENTS_ENABLE('root'): resume the root and every task below it, including the finalizer."""
    (name,) = counted(arguments, 1, 1, "SYSTEM$TASK_DEPENDENTS_ENABLE")
    task = _named_task(call, name, "OPERATE")
    with call.world.store.transaction() as tx:
        graphs.require_runnable(tx, task)
        for member in reversed(graphs.members(tx, task)):
            if member["state"] != "started":
                kind.start(call.world, tx, member)
    call.world.parts["tasks"].wake()
    return "Tasks are enabled."


def cancel_ongoing_executions(call: Call, arguments: tuple[Any, ...]) -> str:
    """SYSTEM$USER_TASK_CANCEL_ONGOING_EXECUTIONS('task'): cancel that task only, as documented, not its graph."""
    (name,) = counted(arguments, 1, 1, "SYSTEM$USER_TASK_CANCEL_ONGOING_EXECUTIONS")
    task = _named_task(call, name, "OPERATE")
    if call.world.parts["tasks"].cancel(task["uuid"]):
        return f"Canceled ongoing executions of task {task.name.qualified}."
    return f"Task {task.name.qualified} has no ongoing executions to cancel."


def _current_run(call: Call, function: str) -> sqlite3.Row:
    task = call.session.task
    row = None
    if task is not None:
        with call.world.store.reading() as tx:
            row = tx.row(_RUN, task.task_run_id)
    if row is None:
        raise SnowflakeError(91092, "55000", f"Function {function} must be called from within a task.")
    return row


def task_runtime_info(call: Call, arguments: tuple[Any, ...]) -> str | None:
    """SYSTEM$TASK_RUNTIME_INFO('<what>') (sql-reference/functions/system_task_runtime_info)."""
    (argument,) = counted(arguments, 1, 1, "SYSTEM$TASK_RUNTIME_INFO")
    row = _current_run(call, "SYSTEM$TASK_RUNTIME_INFO")
    item = str(argument).upper()
    if item in _RUNTIME_INFO:
        return _RUNTIME_INFO[item](row)
    column = _LAST_SUCCESSFUL.get(item)
    if column is None:
        raise errors.invalid_value(str(argument), "SYSTEM$TASK_RUNTIME_INFO")
    with call.world.store.reading() as tx:
        last = tx.row(
            "SELECT * FROM graph_run WHERE root_uuid = ? AND state = 'SUCCEEDED' ORDER BY id DESC LIMIT 1",
            row["root_uuid"],
        )
    if last is None:
        return None
    return str(last[column]) if column == "group_id" else _timestamp(last[column])


def current_user_task_name(call: Call, arguments: tuple[Any, ...]) -> str:
    """SYSTEM$CURRENT_USER_TASK_NAME(): the qualified name, which the client's TaskContext splits."""
    counted(arguments, 0, 0, "SYSTEM$CURRENT_USER_TASK_NAME")
    row = _current_run(call, "SYSTEM$CURRENT_USER_TASK_NAME")
    with call.world.store.reading() as tx:
        root = catalog.by_id(tx, row["root_id"])
    place = root.name if root is not None else ObjectName("", call.session.schema, call.session.database)
    return ObjectName(row["name"], place.schema, place.database).qualified


def _timestamp(text: str) -> str:
    return datetime.fromisoformat(text).strftime("%Y-%m-%d %H:%M:%S.%f")[:-3] + " Z"


_RUNTIME_INFO = {
    "CURRENT_TASK_NAME": lambda row: str(row["name"]),
    "CURRENT_ROOT_TASK_NAME": lambda row: str(json.loads(row["definition"])["root"]),
    "CURRENT_ROOT_TASK_UUID": lambda row: str(row["root_uuid"]),
    "CURRENT_TASK_GRAPH_RUN_GROUP_ID": lambda row: str(row["group_id"]),
    "CURRENT_TASK_GRAPH_ORIGINAL_SCHEDULED_TIMESTAMP": lambda row: _timestamp(row["original_time"]),
}
_LAST_SUCCESSFUL = {
    "LAST_SUCCESSFUL_TASK_GRAPH_RUN_GROUP_ID": "group_id",
    "LAST_SUCCESSFUL_TASK_GRAPH_ORIGINAL_SCHEDULED_TIMESTAMP": "original_time",
}


def set_return_value(call: Call, arguments: tuple[Any, ...]) -> str:
    """SYSTEM$SET_RETURN_VALUE('<text>'), at most 10 kB."""
    (value,) = counted(arguments, 1, 1, "SYSTEM$SET_RETURN_VALUE")
    _current_run(call, "SYSTEM$SET_RETURN_VALUE")
    text = "" if value is None else str(value)
    if len(text.encode()) > _LONGEST_RETURN_VALUE:
        raise SnowflakeError(
            91093,  # guess
            "22023",
            f"The return value of a task is at most {_LONGEST_RETURN_VALUE} bytes long; {len(text.encode())} given.",
        )
    assert call.session.task is not None  # noqa: S101  # _current_run has checked it
    with call.world.store.transaction() as tx:
        tx.run("UPDATE task_run SET return_value = ? WHERE id = ?", text, call.session.task.task_run_id)
    return "Return value set."


def get_predecessor_return_value(call: Call, arguments: tuple[Any, ...]) -> str | None:
    """SYSTEM$GET_PREDECESSOR_RETURN_VALUE(['NAME']); any ancestor; the name is required with several predecessors."""
    names = counted(arguments, 0, 1, "SYSTEM$GET_PREDECESSOR_RETURN_VALUE")
    row = _current_run(call, "SYSTEM$GET_PREDECESSOR_RETURN_VALUE")
    frozen = {task["name"]: task for task in json.loads(row["definition"])["tasks"]}
    after = frozen[row["name"]]["after"]
    if not names and len(after) != 1:
        raise rules.refused(f"Task {row['name']} has {len(after)} predecessors: name the one whose value is wanted.")
    name = str(names[0]) if names else after[0]
    if name not in frozen or name == row["name"]:
        raise rules.refused(f"Task {name} is not a predecessor of task {row['name']}.")
    if frozen[name]["suspended"] and frozen[name]["after"]:
        raise rules.refused(f"Predecessor task {name} is not enabled.")
    with call.world.store.reading() as tx:
        predecessor = tx.row(
            "SELECT return_value FROM task_run WHERE graph_run_id = ? AND name = ?", row["graph_run_id"], name
        )
    return None if predecessor is None else predecessor["return_value"]


def get_task_graph_config(call: Call, arguments: tuple[Any, ...]) -> str | None:
    """SYSTEM$GET_TASK_GRAPH_CONFIG(['path']): the run's configuration, or the value at a dotted path in it."""
    paths = counted(arguments, 0, 1, "SYSTEM$GET_TASK_GRAPH_CONFIG")
    row = _current_run(call, "SYSTEM$GET_TASK_GRAPH_CONFIG")
    if not paths or row["config"] is None:
        return None if row["config"] is None else str(row["config"])
    value: Any = json.loads(row["config"])
    for part in str(paths[0]).split("."):
        value = value.get(part) if isinstance(value, dict) else None
    return value if value is None or isinstance(value, str) else json.dumps(value)
