"""The command `diff`: shows the differences between two job configurations.

Knows its options and output. Must not know how differences are found (jobgraph.diff.comparison) or worded
(jobgraph.diff.rendering). Makes no connection.
"""

from __future__ import annotations

import click

from jobgraph.cli import loading
from jobgraph.cli.application import examples, show_json, show_text
from jobgraph.diff import rendering
from jobgraph.diff.comparison import compared, new_warnings
from jobgraph.errors import EXIT_RUN_FAILED
from jobgraph.plan.ordering import ordered

_FORMATS = ("text", "json", "markdown")


@click.command(
    short_help="Compare two job configurations.",
    epilog=examples(
        "jobgraph diff HEAD",
        "jobgraph diff main HEAD --format markdown",
        "jobgraph diff HEAD~1:jobconfig.yaml jobconfig.yaml --environment prod",
    ),
)
@click.argument("old")
@click.argument("new", required=False)
@click.option("--environment", "-e", metavar="NAME", help="Compare them with the configuration of that Pulumi stack.")
@click.option("--format", "form", type=click.Choice(_FORMATS), default="text", show_default=True)
@click.option("--exit-code", is_flag=True, help="Exit with 1 if there is a difference.")
@click.pass_context
def diff(  # noqa: PLR0913  # one parameter for each option
    context: click.Context, old: str, new: str | None, *, environment: str | None, form: str, exit_code: bool
) -> None:
    """Show the jobs that were added, removed and changed, with the fields and edges that differ.

    OLD and NEW are files or git revisions: HEAD~1:jobconfig.yaml, or only HEAD~1 for the file that the stack deploys.
    NEW defaults to that file as it is now. --format markdown is for a pull request: a picture and a table.
    """
    before = loading.at(context.obj, old, environment)
    after = loading.at(context.obj, new or loading.file_of(context.obj, None, environment), environment)
    differences, warnings = compared(ordered(before), ordered(after)), new_warnings(before, after)
    if form == "json":
        show_json(rendering.as_json(differences, warnings))
    else:
        written = rendering.as_markdown if form == "markdown" else rendering.as_text
        show_text(written(differences, warnings))
    if exit_code and differences:
        context.exit(EXIT_RUN_FAILED)
