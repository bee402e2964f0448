"""The search from a task to its root, and the suspension of the root that every change in a graph needs.

Knows the columns of SHOW TASKS that link tasks (SQL contract, section 6.15). Must not know a task's properties, nor how
statements are sent.
"""

import json
from collections.abc import Generator
from dataclasses import dataclass
from typing import Any

from jobgraph.toolchain.standins.provider.definition import Row, Statement, Step, Warn
from jobgraph.toolchain.standins.provider.errors import NotThereError, SnowflakeError
from jobgraph.toolchain.standins.provider.objects import Kind, show
from jobgraph.toolchain.standins.provider.sql import identifier_parts, quoted

TASK = Kind(
    name="TASK",
    plural="TASKS",
    container=("database", "schema"),
    columns="created_on$ name id database_name schema_name owner comment warehouse schedule state definition condition "
    "allow_overlapping_execution? error_integration last_committed_on$ last_suspended_on$ owner_role_type config "
    "budget last_suspended_reason",
)

Parts = tuple[str, ...]


@dataclass(frozen=True)
class Root:
    """A root task: the parts of its name, and whether it is started."""

    parts: Parts
    started: bool


def show_task(parts: Parts) -> Generator[Step, list[Row], Row]:
    """Return the SHOW row of a task.

    Raises:
        NotThereError: if there is no such task.
    """
    row = yield from show(TASK, parts)
    if row is None:
        raise NotThereError(
            f"The task {quoted(*parts)} does not exist or not authorized. A task's predecessors and its root must be "
            "there before it: let it depend on them."
        )
    return row


def is_started(row: Row) -> bool:
    """Whether a task is started."""
    return str(row.get("state")).lower() == "started"


def predecessors(row: Row) -> list[Parts]:
    """Return the predecessors of a task, from column `predecessors`."""
    return [identifier_parts(name) for name in listed(row.get("predecessors"))]


def relations(row: Row) -> dict[str, Any]:
    """Return column `task_relations`: `Predecessors`, `FinalizerTask`, `FinalizedRootTask`."""
    cell = row.get("task_relations")
    return dict(json.loads(cell)) if cell else {}


def listed(cell: Any) -> list[str]:
    """Return the names in a JSON array."""
    return [str(name) for name in json.loads(cell)] if cell else []


def roots_of(parts: Parts) -> Generator[Step, list[Row], list[Root]]:
    """Return the roots above a task; a finalizer's root is the one that it finalizes."""
    waiting, visited, roots = [parts], set[Parts](), list[Root]()
    while waiting:
        current = waiting.pop(0)
        if current in visited:
            continue
        visited.add(current)
        row = yield from show_task(current)
        finalized = relations(row).get("FinalizedRootTask")
        above = [identifier_parts(finalized)] if finalized else predecessors(row)
        waiting += above
        if not above:
            roots.append(Root(current, is_started(row)))
    return roots


def suspend_roots(start: Parts, own: Parts, suspended: list[Parts]) -> Generator[Step, list[Row], None]:
    """Suspend the started roots above `start`; add each except `own` to `suspended`, to be resumed at the end.

    Unqualified names are compared, as in the official plugin: a root with the same name elsewhere is not resumed.
    """
    for root in (yield from roots_of(start)):
        if root.started:
            yield Statement(f"ALTER TASK {quoted(*root.parts)} SUSPEND")
            if root.parts[-1] != own[-1] and root.parts not in suspended:
                suspended.append(root.parts)


def resume(suspended: list[Parts]) -> Generator[Step, list[Row], None]:
    """Resume the suspended tasks; a failure is a warning."""
    for parts in suspended:
        try:
            yield Statement(f"ALTER TASK {quoted(*parts)} RESUME")
        except SnowflakeError as error:
            yield Warn(f"Failed to resume the task {quoted(*parts)}: {error}")
