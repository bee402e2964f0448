"""The row of SHOW TASKS (contract 6.15).

Knows its columns and their values; must not change anything.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from snowflake_sandbox.result import columns
from snowflake_sandbox.tasks import graph as graphs

if TYPE_CHECKING:
    from snowflake_sandbox.call import Call
    from snowflake_sandbox.catalog.catalog import SnowflakeObject
    from snowflake_sandbox.statements.reader import ObjectName

SHOWN = columns(
    "created_on@ name id database_name schema_name owner comment warehouse schedule scheduling_mode"
    " target_completion_interval predecessors state definition condition allow_overlapping_execution error_integration"
    " success_integration last_committed_on last_suspended_on owner_role_type config last_suspended_reason"
    " task_relations execute_as_user budget"
)


def show_row(call: Call, task: SnowflakeObject) -> tuple[Any, ...]:
    """Return a task's cells, in column order."""
    predecessors = graphs.qualified(task, task["after"] or [])
    return (
        task.created_on,
        task.name.name,
        task["uuid"],
        task.name.database,
        task.name.schema,
        task.owner,
        task["comment"],
        task["warehouse"],
        task["schedule"],
        None if task["warehouse"] else "FIXED",
        task["target_completion_interval"],
        json.dumps([name.qualified for name in predecessors], separators=(",", ":")),
        task["state"],
        task["definition"],
        task["condition"],
        "true" if task["allow_overlapping_execution"] else "false",
        task["error_integration"],
        task["success_integration"],
        task["last_committed_on"],
        task["last_suspended_on"],
        "ROLE",
        task["config"],
        task["last_suspended_reason"],
        json.dumps(_relations(call, task, predecessors), separators=(",", ":")),
        None,
        None,
    )


def _relations(call: Call, task: SnowflakeObject, predecessors: list[ObjectName]) -> dict[str, Any]:
    relations: dict[str, Any] = {"Predecessors": [name.quoted for name in predecessors]}
    if task["finalize"]:
        relations["FinalizedRootTask"] = graphs.qualified(task, [task["finalize"]])[0].quoted
    if not predecessors and not task["finalize"]:
        with call.world.store.reading() as tx:
            finalizer = graphs.finalizer_of(tx, task)
        if finalizer is not None:
            relations["FinalizerTask"] = finalizer.name.quoted
    return relations
