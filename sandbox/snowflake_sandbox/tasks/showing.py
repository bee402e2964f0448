"""The row of SHOW TASKS (contract 6.15).

Knows its columns and what stands in them; must not change anything.
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
    "created_on@ name id database_name schema_name owner comment warehouse schedule predecessors state definition"
    " condition allow_overlapping_execution error_integration last_committed_on last_suspended_on owner_role_type"
    " config budget task_relations last_suspended_reason target_completion_interval"
)


def show_row(call: Call, found: SnowflakeObject) -> tuple[Any, ...]:
    """A task's cells, in the order of the columns."""
    predecessors = graphs.qualified(found, found["after"] or [])
    return (
        found.created_on,
        found.name.name,
        found["uuid"],
        found.name.database,
        found.name.schema,
        found.owner,
        found["comment"],
        found["warehouse"],
        found["schedule"],
        json.dumps([name.qualified for name in predecessors], separators=(",", ":")),
        found["state"],
        found["definition"],
        found["condition"],
        "true" if found["allow_overlapping_execution"] else "false",
        found["error_integration"],
        found["last_committed_on"],
        found["last_suspended_on"],
        "ROLE",
        found["config"],
        None,
        json.dumps(_relations(call, found, predecessors), separators=(",", ":")),
        found["last_suspended_reason"],
        found["target_completion_interval"],
    )


def _relations(call: Call, found: SnowflakeObject, predecessors: list[ObjectName]) -> dict[str, Any]:
    relations: dict[str, Any] = {"Predecessors": [name.quoted for name in predecessors]}
    if found["finalize"]:
        relations["FinalizedRootTask"] = graphs.qualified(found, [found["finalize"]])[0].quoted
    if not predecessors and not found["finalize"]:
        with call.world.store.transaction() as tx:
            finalizer = graphs.finalizer_of(tx, found)
        if finalizer is not None:
            relations["FinalizerTask"] = finalizer.name.quoted
    return relations
