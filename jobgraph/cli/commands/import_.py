"""The command `import`: writes a job configuration from the quickstart's JSON list, or from a deployed graph.

Knows its options, and which rows of the server are needed. Must not know how they are converted (jobgraph.importing).
Only `--from-snowflake` makes a connection.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from jobgraph.account import queries
from jobgraph.cli.application import Application, examples, note
from jobgraph.errors import UsageError
from jobgraph.importing.live_graph import from_tasks
from jobgraph.importing.quickstart import Imported, from_quickstart
from jobgraph.names import is_plain, upper

if TYPE_CHECKING:
    from jobgraph.account.client import Client

_PARTS = 3


@click.command(
    "import",
    short_help="Create a job configuration from the quickstart's, or from a live graph.",
    epilog=examples(
        "jobgraph import jobconfig.json -o jobconfig.yaml",
        "jobgraph import --from-snowflake MY_DB.PUBLIC.ROOT_TASK -o jobconfig.yaml",
    ),
)
@click.argument("file", required=False, metavar="[JOBCONFIG.JSON]")
@click.option("--from-snowflake", "live", metavar="DATABASE.SCHEMA.ROOT", help="Import the graph of that root task.")
@click.option("--output", "-o", metavar="FILE", help="Write to this file instead of standard output.")
@click.option("--force", is_flag=True, help="Overwrite an existing file.")
@click.pass_context
def import_command(
    context: click.Context, file: str | None, *, live: str | None, output: str | None, force: bool
) -> None:
    """Write a jobconfig.yaml from a quickstart's jobconfig.json, or from a deployed graph.

    Comments mark where a choice was made. Tasks that jobgraph did not create are named and left out.
    """
    if (file is None) == (live is None):
        remedy = "jobgraph import jobconfig.json, or jobgraph import --from-snowflake DATABASE.SCHEMA.ROOT"
        raise UsageError("name either a JSON file or a root task to import", remedy=remedy)
    if output is not None and Path(output).exists() and not force:
        raise UsageError("the file exists already", where=output, remedy="name another file, or give --force")
    imported = _from_file(file) if file is not None else _from_snowflake(context.obj, live or "")
    for line in imported.notes:
        note(f"note: {line}")
    if output is None:
        click.echo(imported.text, nl=False)
        return
    try:
        Path(output).write_text(imported.text, encoding="utf-8")
    except OSError as error:
        remedy = "give the path of a file in a folder that exists"
        raise UsageError(f"cannot be written: {error.strerror}", where=output, remedy=remedy) from error
    note(f"{output} was written. `jobgraph validate {output}` checks it, `jobgraph graph {output}` draws it.")


def _from_file(file: str) -> Imported:
    try:
        content = Path(file).read_bytes()
    except OSError as error:
        remedy = "give the path of a quickstart's jobconfig.json"
        raise UsageError(f"cannot be read: {error.strerror}", where=file, remedy=remedy) from error
    return from_quickstart(content, file)


def _from_snowflake(application: Application, name: str) -> Imported:
    place, root = _place(application, name)
    client: Client = application.client
    rows = client.rows(queries.show_tasks(place))
    names = {upper(str(row["name"])): str(row["name"]) for row in rows}
    parameters = client.rows(queries.task_parameters(place, names[root])) if root in names else []
    return from_tasks(rows, place.database, place.schema, root, parameters)


def _place(application: Application, name: str) -> tuple[queries.Place, str]:
    """Return the schema and the name of a root task; a name alone is in the connection's schema."""
    parts = [upper(part) for part in name.replace('"', "").split(".")]
    if len(parts) not in (1, _PARTS) or not all(is_plain(part) for part in parts):
        remedy = "write DATABASE.SCHEMA.ROOT, or only ROOT for one in the connection's schema"
        raise UsageError(f"{name!r} is not the name of a task", remedy=remedy)
    place = queries.Place(parts[0], parts[1]) if len(parts) == _PARTS else application.client.place
    return place, parts[-1]
