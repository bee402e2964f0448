"""The command `preview-summary`: sums up a preview of the Pulumi engine, job by job.

Knows its options and output. Must not know the shape of a preview (jobgraph.preview.engine_preview) or of a summary
(jobgraph.preview.rendering). A connection is made only with `--running` and `--history`.
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from jobgraph.account.queries import Statement
from jobgraph.cli.application import Application, examples, show_json, show_text
from jobgraph.cli.costing import past_times
from jobgraph.cli.stacks import PROJECT_FILE, stacks_of
from jobgraph.errors import UsageError
from jobgraph.preview import engine_preview, rendering
from jobgraph.preview.costing import with_cost
from jobgraph.preview.deployments import stack_of
from jobgraph.settings import Settings

if TYPE_CHECKING:
    from collections.abc import Mapping

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
@click.option("--running", is_flag=True, help="Ask Snowflake how many jobs run on pools that are shrunk or dropped.")
@click.option("--history", is_flag=True, help="Ask Snowflake how long the jobs took in the last 30 days, for the cost.")
@click.pass_context
def preview_summary(context: click.Context, file: str, *, form: str, running: bool, history: bool) -> None:
    """Show what a preview changes, job by job, in the terms of the job configuration; destructive changes come first.

    FILE is the output of `pulumi preview --json`, of `pulumi refresh --preview-only --json` (manual changes) or of
    `pulumi destroy --preview-only --json`; without FILE, or with -, it is standard input.

    If the preview was made with `--show-sames`, the pictures show whole graphs instead of only the tasks that change,
    and the effect on the monthly cost is estimated (`jobgraph cost`), with the rates in the settings of the preview's
    stack.

    Exit code 1 if the preview itself failed.
    """
    application: Application = context.obj
    preview = engine_preview.parse_preview(_read(file), "standard input" if file == _STANDARD_INPUT else file)
    settings = _settings(application, preview)
    summary = with_cost(
        engine_preview.summarize(preview, _running(application.client) if running else None),
        preview,
        settings,
        past_times(application.client, settings) if history else None,
    )
    match form:
        case "json":
            show_json(rendering.as_json(summary))
        case "markdown":
            show_text(rendering.as_markdown(summary))
        case _:
            show_text(rendering.as_text(summary))
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


def _settings(application: Application, preview: Mapping[str, Any]) -> Settings:
    """Return the present settings of the preview's stack; the defaults if it has no file here."""
    stack = stack_of(preview)
    settings = stacks_of(application.folder / PROJECT_FILE).settings(stack) if stack else None
    return settings or Settings()


def _running(client: Client) -> dict[str, int]:
    return {str(row["name"]): int(row["num_jobs"]) for row in client.rows(Statement("SHOW COMPUTE POOLS"))}
