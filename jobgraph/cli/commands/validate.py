"""The command `validate`: reports all problems of a job configuration, before anything is deployed.

Knows its options and output. Must not know the rules (jobgraph.config) or the forms of a report
(jobgraph.config.explain). Makes no connection.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from jobgraph.cli import json_forms, loading, views
from jobgraph.cli.application import examples, is_terminal, note, show, show_json, show_text
from jobgraph.config.explain import problem_reports
from jobgraph.config.explain.resolving import resolved
from jobgraph.cost.crowding import crowd_problems
from jobgraph.errors import EXIT_USAGE, ConfigErrors, UsageError, in_order

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
@click.option("--environment", "-e", metavar="NAME", help="Check it only with the configuration of that Pulumi stack.")
@click.option("--strict", is_flag=True, help="Treat warnings as errors.")
@click.option(
    "--format",
    "form",
    type=click.Choice(problem_reports.FORMATS),
    default=problem_reports.TEXT,
    show_default=True,
    help="sarif is for code hosts, github is for annotations in a workflow.",
)
@click.option("--json", "as_json", is_flag=True, help="The same as --format json.")
@click.option("--resolved", "as_resolved", is_flag=True, help="Write the file with all values resolved.")
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
    """Check a job configuration and report everything that is wrong with it.

    FILE defaults to the file that the project's stacks deploy: jobconfig.yaml, or the one that `pulumi config set file`
    names. It is checked by itself, and for each environment together with the overlay and the Pulumi.NAME.yaml of that
    stack, including its compute pools. With --environment, it is checked only for that environment. --resolved writes
    the same graphs with all defaults, environments and matrices resolved. Exit code 2 if anything is wrong.
    """
    form = problem_reports.JSON if as_json else form
    files: Sequence[str] = (loading.file_of(context.obj, file, environment),)
    if file is None and environment is None and not as_resolved:
        files = loading.deployed_files(context.obj)
    checks = [_checked(path, environment, strict=strict, in_all=not as_resolved) for path in files]
    problems = in_order(problem for check in checks for problem in check.problems)
    failed = [check for check in checks if check.config is None]
    if form != problem_reports.TEXT:
        _report(form, failed[0] if failed else checks[0], problems)
    elif failed:
        note(f"error: {ConfigErrors(' and '.join(check.file for check in failed), problems)}")
    elif as_resolved and checks[0].config:
        show_text(problem_reports.as_text(problems), to_error=True)
        click.echo(resolved(checks[0].config), nl=False)
    else:
        show_text(problem_reports.as_text(problems), to_error=True)
        for check in checks:
            _sum_up(check)
    if failed:
        context.exit(EXIT_USAGE)


@dataclass(frozen=True)
class _Check:
    """A checked file. `config` is None if it cannot be deployed; `environments` are those checked as well."""

    file: str
    config: Config | None
    problems: Sequence[Problem]
    environments: Sequence[str]


def _checked(path: str, environment: str | None, *, strict: bool, in_all: bool) -> _Check:
    """Check a file for one environment; or by itself and, with `in_all`, for each environment too."""
    config, problems = _read(path, environment, strict=strict)
    if environment is not None or not in_all:
        return _Check(path, config, problems, ())
    by_problem: dict[Problem, list[str]] = {}
    environments = loading.environments_of(path) if config or _is_readable(problems) else ()
    whole = config is not None
    for name in environments:
        own_config, own_problems = _read(path, name, strict=strict)
        whole = whole and own_config is not None
        for problem in own_problems:
            by_problem.setdefault(problem, []).append(name)
    own = [
        replace(problem, environments=tuple(names)) for problem, names in by_problem.items() if problem not in problems
    ]
    return _Check(path, config if whole else None, [*problems, *own], environments)


def _is_readable(problems: Sequence[Problem]) -> bool:
    return all(problem.rule != "yaml" for problem in problems)


def _read(path: str, environment: str | None, *, strict: bool) -> tuple[Config | None, Sequence[Problem]]:
    _, wrong = loading.settings_or_error(Path(path), environment)
    try:
        config = loading.load(path, environment, strict=strict)
    except ConfigErrors as error:
        return None, error.problems
    except UsageError:
        if wrong is None:
            raise
        return None, loading.as_problems(wrong)
    crowded = crowd_problems(config, settings) if (settings := loading.deploying(path, environment)) else ()
    return None if strict and crowded else config, (*config.warnings, *crowded)


def _sum_up(check: _Check) -> None:
    if check.config is None:
        return
    show(views.config_table(check.config, terminal=is_terminal()))
    also = f", in {' and '.join(check.environments)} too" if check.environments else ""
    note(f"{check.file} is valid{also}. `pulumi preview` shows what it would change.")


def _report(form: str, check: _Check, problems: Sequence[Problem]) -> None:
    """Write problems for a tool."""
    if form == problem_reports.SARIF:
        click.echo(problem_reports.as_sarif(problems, version("jobgraph")), nl=False)
    elif form == problem_reports.GITHUB:
        show_text(problem_reports.as_github(problems))
    else:
        about: dict[str, Any] = {"file": check.file, "valid": False, "problems": [], "graphs": []}
        if check.config is not None:
            about = json_forms.config_json(check.config)
        show_json({**about, "problems": [problem_reports.as_json(problem) for problem in problems]})
