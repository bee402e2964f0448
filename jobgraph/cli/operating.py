"""Functions that commands with side effects share: `--dry-run`, `--note`, showing an operation and recording it.

Knows how an operation is shown and recorded. Must not know any of the commands.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from jobgraph.account import activity, control_queries, steering
from jobgraph.account.client import AbsentError, NotAllowedError
from jobgraph.account.missing_columns import MissingColumnError
from jobgraph.account.overview_records import MOST_OPERATIONS
from jobgraph.cli import lookup
from jobgraph.cli.application import note, note_once, say, show_json
from jobgraph.errors import UsageError
from jobgraph.runs import operations, values
from jobgraph.runs.operations import filled
from jobgraph.runs.wording import some

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from jobgraph.account.client import Client
    from jobgraph.account.queries import Statement, Tables
    from jobgraph.account.steering import Action
    from jobgraph.cli.application import Application
    from jobgraph.runs.deployed import Deployed
    from jobgraph.runs.graph_run import GraphRun
    from jobgraph.runs.operations import Operation
    from jobgraph.runs.records import GraphRecord
    from jobgraph.runs.task_runs import TaskRun

# The most statements that are listed, and the most characters of each: a backfill may have thousands of intervals.
_MOST_SHOWN = 20
_LONGEST_SHOWN = 2000

dry_run_option = click.option("--dry-run", is_flag=True, help="Only show the statements and the jobs.")
json_option = click.option("--json", "as_json", is_flag=True, help="Write the operation as JSON.")
set_option = click.option(
    "--set", "options", metavar="KEY=VALUE", multiple=True, help="Override a value of the graph's config."
)
config_option = click.option(
    "--config", "file", metavar="FILE", help="Override values of the graph's config by those of a YAML or JSON file."
)
note_option = click.option(
    "--note", metavar="TEXT", default="", help="The reason, recorded in history with who did it and when."
)


def texts(statements: Sequence[Statement]) -> tuple[str, ...]:
    """Return the texts of statements, as they are shown and recorded."""
    return tuple(map(filled, statements))


def changed_values(config: Mapping[str, Any], options: Sequence[str], file: str | None) -> dict[str, Any]:
    """Return the values to change in a graph's `config`. Values of --set take precedence over those of the file.

    Raises:
        UsageError: if the values cannot be read.
    """
    try:
        text = Path(file).read_text("utf-8") if file else ""
    except (OSError, UnicodeDecodeError) as error:
        raise UsageError("The file cannot be read", where=str(file), remedy="Give the path of a YAML file.") from error
    changes = {**(values.of_file(file, text) if file else {}), **values.of_options(options)}
    return values.as_configured(config, options, changes)


@dataclass(frozen=True, kw_only=True)
class How:
    """The options that all commands with side effects have."""

    note: str
    dry_run: bool
    as_json: bool


def of_root(
    application: Application,
    graph: str | None,
    build: Callable[[Client, Deployed], Action],
    how: How,
) -> Deployed | None:
    """Show, perform and record an action on a graph's root task. Return the graph; None after a dry run."""
    client = application.client
    deployed = lookup.graph(application, graph)
    action = build(client, deployed)
    operation = action.operation(how.note)
    # the remark is on the action's consequences, so it waits until Snowflake has accepted the statement
    show_first(operation, how, remarks=[action.remark] if how.dry_run else [])
    if how.dry_run:
        return None
    steering.perform(client, action)
    note(action.remark)
    keep(client, deployed.tables, operation)
    if how.as_json:
        show_json(operation_json(operation))
    return deployed


def show_first(
    operation: Operation, how: How, *, fields: Mapping[str, Any] | None = None, remarks: Sequence[str] = ()
) -> None:
    """Show an operation before it is done: its statements, the jobs that they concern, and `remarks`.

    With --dry-run, this is the command's only output, so it goes to standard output: as lines, or with --json as JSON
    with the additional `fields`. Otherwise it goes to standard error.
    """
    if how.dry_run and how.as_json:
        show_json({**operation_json(operation), **(fields or {})})
        return
    write = say if how.dry_run else note
    for text in operation.statements[:_MOST_SHOWN]:
        write(_statement_line(text))
    if len(operation.statements) > _MOST_SHOWN:
        write(f"and {len(operation.statements) - _MOST_SHOWN} more statements")
    if operation.jobs:
        count = len(operation.jobs)
        write(f"{count} job{'s' * (count != 1)}: {some(operation.jobs)}")
    for remark in filter(None, remarks):
        write(remark)


def _statement_line(text: str) -> str:
    if len(text) <= _LONGEST_SHOWN:
        return f"{text};"
    return f"{text[:_LONGEST_SHOWN]}… ({len(text) - _LONGEST_SHOWN} more characters; --json shows all)"


def operation_json(operation: Operation) -> dict[str, Any]:
    """Return an operation for JSON; unknown values are null."""
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
    """Record an operation in history. A failure only causes a remark, because the operation is done already.

    A stack of an earlier version has no table for operations, and the role may lack INSERT on the table.
    """
    try:
        steering.keep(client, tables, operation)
    except AbsentError:
        if operation.note:
            note("The note was not recorded: an earlier version deployed the graph. `pulumi up` creates the table.")
    except (NotAllowedError, MissingColumnError) as error:
        note(f"It is done, but history does not show who did it: {error}")


def recorded_operations(client: Client, tables: Tables, graph: str) -> list[Operation] | None:
    """Return the recorded operations on a graph, newest first; None, with a remark, if the role cannot read them."""
    try:
        return operations.read(client.rows(control_queries.operations_of(client.place, tables, graph, MOST_OPERATIONS)))
    except (AbsentError, NotAllowedError):
        note_once(
            f"What people did to its graphs is not shown: {client.place} has no table {tables.operations} that this"
            " role may read. `jobgraph privileges` lists what a viewer needs; after an upgrade, `pulumi up` creates the"
            " table."
        )
    return None


def runs_before(
    client: Client, graph: GraphRecord, listed: Sequence[Operation] | None, runs: Sequence[GraphRun]
) -> list[TaskRun]:
    """Return the runs before those listed (newest first), if a request without a run id may belong to one of both."""
    if not operations.has_request_without_id(listed or (), runs):
        return []
    return activity.starts_before(client, graph, runs[-1])
