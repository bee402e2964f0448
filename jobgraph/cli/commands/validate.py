"""The command `validate`: everything that is wrong in a job configuration, before anything is deployed.

Knows its options and output. Must not know the rules (jobgraph.config) or the forms of a report
(jobgraph.config.explain). Makes no connection.
"""

from __future__ import annotations

from importlib.metadata import version
from typing import TYPE_CHECKING

import click

from jobgraph.cli import loading, views
from jobgraph.cli.application import examples, is_terminal, note, show, show_json
from jobgraph.config.explain import problem_reports
from jobgraph.config.explain.resolving import resolved
from jobgraph.errors import ConfigErrors

if TYPE_CHECKING:
    from collections.abc import Sequence

    from jobgraph.config.model import Config
    from jobgraph.errors import Problem


@click.command(
    short_help="Check a job configuration.",
    epilog=examples(
        "jobgraph validate",
        "jobgraph validate --environment prod --strict",
        "jobgraph validate --resolved --environment prod",
        "jobgraph validate other.yaml --format sarif > jobgraph.sarif",
    ),
)
@click.argument("file", required=False)
@click.option("--environment", "-e", metavar="NAME", help="Check it as the Pulumi stack of that name has it.")
@click.option("--strict", is_flag=True, help="Take warnings for errors.")
@click.option(
    "--format",
    "form",
    type=click.Choice(problem_reports.FORMATS),
    default=problem_reports.TEXT,
    show_default=True,
    help="sarif is for code hosts, github for annotations in a workflow.",
)
@click.option("--json", "as_json", is_flag=True, help="The same as --format json.")
@click.option("--resolved", "as_resolved", is_flag=True, help="Write the file with nothing left to look up.")
@click.pass_context
def validate(  # noqa: PLR0913  # one parameter for each option
    context: click.Context,
    file: str | None,
    *,
    environment: str | None,
    strict: bool,
    form: str,
    as_json: bool,
    as_resolved: bool,
) -> None:
    """Check a job configuration and name everything that is wrong with it.

    FILE is jobconfig.yaml unless given. With --environment, what the file, its overlay and Pulumi.NAME.yaml say of that
    stack is taken in, its compute pools included. --resolved writes the same graphs without defaults, environments and
    matrices. Exit code 2 if anything is wrong.
    """
    form = problem_reports.JSON if as_json else form
    path = loading.file_of(context.obj, file)
    try:
        config = loading.load(path, environment, strict=strict)
    except ConfigErrors as error:
        if form == problem_reports.TEXT:
            raise
        _report(form, error.file, error.problems, None)
        context.exit(error.exit_code)
    if as_resolved:
        _warn(config)
        click.echo(resolved(config), nl=False)
    elif form == problem_reports.TEXT:
        _warn(config)
        show(views.config_table(config, terminal=is_terminal()))
        note(f"{path} is valid. `pulumi preview` shows what it would change.")
    else:
        _report(form, path, config.warnings, config)


def _warn(config: Config) -> None:
    click.echo(problem_reports.as_text(config.warnings), nl=False, err=True)


def _report(form: str, file: str, problems: Sequence[Problem], config: Config | None) -> None:
    """Write problems for a tool; `config` is there if they are only warnings."""
    if form == problem_reports.SARIF:
        click.echo(problem_reports.as_sarif(problems, version("jobgraph")), nl=False)
    elif form == problem_reports.GITHUB:
        click.echo(problem_reports.as_github(problems), nl=False)
    else:
        about = views.config_json(config) if config else {"file": file, "valid": False, "problems": [], "graphs": []}
        show_json({**about, "problems": [problem_reports.as_json(problem) for problem in problems]})
