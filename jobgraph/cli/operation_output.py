"""The output on operations, which people did to graphs and runs: tables and lines for people, JSON for scripts.

Pure: values in, renderables out. Must not know where output goes, except whether it is a terminal.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from jobgraph.cli.tables import fitted
from jobgraph.runs import operations, wording

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from rich.table import Table

    from jobgraph.runs.graph_run import GraphRun
    from jobgraph.runs.operations import Operation, Start

# Each operation as part of a sentence. The keys are the names of the commands.
_DONE = {
    "run": "asked for",
    "retry": "retried",
    "cancel": "cancelled",
    "suspend": "suspended",
    "resume": "resumed",
    "backfill": "backfill started",
    "backfill pause": "backfill paused",
    "backfill resume": "backfill resumed",
    "backfill cancel": "backfill cancelled",
}


def lines(listed: Sequence[Operation]) -> list[str]:
    """Return a line for each operation: what, who, when, why."""
    return [
        f"{_DONE.get(operation.name, operation.name)} by {operation.user or '?'}, {wording.instant_utc(operation.at)}"
        + (f"; note: {operation.note}" if operation.note else "")
        for operation in listed
    ]


def table(listed: Sequence[Operation], *, terminal: bool, width: int | None) -> Table:
    """Return one line for each operation, with the run or backfill that it concerned."""
    rows = [
        (
            wording.instant(operation.at),
            operation.name,
            operation.run_id or operation.backfill_id,
            operation.user,
            operation.note,
        )
        for operation in listed
    ]
    columns = ("when (UTC)", "operation", "run or backfill", "by", "note")
    return fitted(columns, rows, ("by",), terminal=terminal, width=width)


def of_run_json(
    listed: Sequence[Operation] | None, run: GraphRun, other_runs: Iterable[Start] = ()
) -> list[dict[str, Any]] | None:
    """Return the operations on a run for JSON; null if the operations on its graph are unknown."""
    return None if listed is None else [operation_json(entry) for entry in operations.of_run(listed, run, other_runs)]


def operation_json(operation: Operation) -> dict[str, Any]:
    """Return a recorded operation for JSON; unknown values are null."""
    return {
        "operation": operation.name,
        "user": operation.user or None,
        "at": operation.at.isoformat() if operation.at else None,
        "note": operation.note or None,
        "backfill": operation.backfill_id or None,
        "run_id": operation.run_id or None,
        "statements": list(operation.statements),
        "jobs": list(operation.jobs),
    }
