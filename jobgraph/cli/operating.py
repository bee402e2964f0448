"""What the commands that change something share: `--dry-run`, `--note`, showing first what will be done, keeping it.

Knows how an operation is shown and kept. Must not know any of the commands.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from jobgraph.account import control_queries
from jobgraph.account.client import AbsentError
from jobgraph.cli import lookup
from jobgraph.cli.application import note, show_json
from jobgraph.runs.operations import filled

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from jobgraph.account.client import Client
    from jobgraph.account.queries import Statement, Tables
    from jobgraph.runs.operations import Operation

# so many statements are shown one by one
_MOST_SHOWN = 20

dry_run_option = click.option("--dry-run", is_flag=True, help="Only show the statements and the jobs.")
note_option = click.option("--note", metavar="TEXT", default="", help="Why: kept in history with who did it and when.")


def texts(statements: Sequence[Statement]) -> tuple[str, ...]:
    """Return statements as they are shown and kept."""
    return tuple(map(filled, statements))


def show_first(
    operation: Operation, *, as_json: bool = False, more: Mapping[str, Any] | None = None, remarks: Sequence[str] = ()
) -> None:
    """Show what is about to be done: the statements and the jobs that they concern, then `remarks`.

    Args:
        operation: what is about to be done.
        as_json: show it on standard output as JSON, with `more`; else as lines on standard error.
        more: further keys of the JSON.
        remarks: further lines.
    """
    if as_json:
        show_json({**operation_json(operation), **(more or {})})
        return
    for text in operation.statements[:_MOST_SHOWN]:
        note(f"{text};")
    if len(operation.statements) > _MOST_SHOWN:
        note(f"and {len(operation.statements) - _MOST_SHOWN} more statements")
    if operation.jobs:
        count = len(operation.jobs)
        note(f"{count} job{'s' * (count != 1)}: {lookup.some(operation.jobs)}")
    for remark in remarks:
        note(remark)


def operation_json(operation: Operation) -> dict[str, Any]:
    """Return an operation for JSON; what is not known is null."""
    return {
        "operation": operation.name,
        "graph": operation.graph,
        "run_id": operation.run_id or None,
        "backfill": operation.backfill_id or None,
        "statements": list(operation.statements),
        "jobs": list(operation.jobs),
        "note": operation.note or None,
    }


def keep(client: Client, tables: Tables, operation: Operation) -> None:
    """Keep what was done. A stack of an earlier version has no table for it: that fails nothing."""
    try:
        client.rows(control_queries.insert_operation(client.place, tables, operation))
    except AbsentError:
        if operation.note:
            note("The note was not kept: an earlier version deployed the graph. `pulumi up` makes the table for it.")
