"""The command on the engine's previews: `preview-summary`.

Knows its options and output. Must not know the shape of a preview (jobgraph.preview.engine_preview) or of a summary
(jobgraph.preview.rendering). A connection is made only with `--running`.
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING

import click

from jobgraph.account.queries import Statement
from jobgraph.cli.application import Application, examples, show_json
from jobgraph.errors import UsageError
from jobgraph.preview import engine_preview, rendering

if TYPE_CHECKING:
    from jobgraph.account.client import Client

_STANDARD_INPUT = "-"


@click.command(
    name="preview-summary",
    short_help="Sum up a pulumi preview per job.",
    epilog=examples(
        "pulumi preview --json --show-sames | jobgraph preview-summary",
        "jobgraph preview-summary preview.json --format markdown",
        "pulumi refresh --preview-only --json | jobgraph preview-summary",
    ),
)
@click.argument("file", default=_STANDARD_INPUT)
@click.option("--format", "form", type=click.Choice(["text", "markdown", "json"]), default="text", show_default=True)
@click.option("--running", is_flag=True, help="Ask Snowflake how many jobs run on pools that shrink or go.")
@click.pass_context
def preview_summary(context: click.Context, file: str, *, form: str, running: bool) -> None:
    """Say what a preview changes, job by job, in the words of jobconfig.yaml; what is destructive comes first.

    FILE is the output of `pulumi preview --json`, of `pulumi refresh --preview-only --json` (what was changed behind
    the program) or of `pulumi destroy --preview-only --json`; without FILE, or with -, it is standard input.

    With `--show-sames` the pictures show whole graphs, else only the tasks that change.

    Exit code 1 if the preview itself failed.
    """
    application: Application = context.obj
    preview = engine_preview.parse(_read(file), "standard input" if file == _STANDARD_INPUT else file)
    summary = engine_preview.summarize(preview, _running(application.client) if running else None)
    match form:
        case "json":
            show_json(rendering.as_json(summary))
        case "markdown":
            click.echo(rendering.as_markdown(summary), nl=False)
        case _:
            click.echo(rendering.as_text(summary), nl=False)
    if summary.errors:
        context.exit(1)


def _read(file: str) -> str:
    if file == _STANDARD_INPUT:
        return sys.stdin.read()
    try:
        return Path(file).read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        why = error.strerror if isinstance(error, OSError) else error
        raise UsageError(
            f"The preview cannot be read: {why}", where=file, remedy="pulumi preview --json > preview.json"
        ) from error


def _running(client: Client) -> dict[str, int]:
    return {str(row["name"]): int(row["num_jobs"]) for row in client.rows(Statement("SHOW COMPUTE POOLS"))}
