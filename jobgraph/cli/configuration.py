"""The commands on the configuration file: `validate` and `graph`.

Knows their options and output. Must not know the rules of the file (jobgraph.reading) or how a graph is drawn
(jobgraph.drawing). Neither needs a connection, but for `graph --run`.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

import jobgraph
from jobgraph import drawing
from jobgraph.cli import deployed, lookup, views
from jobgraph.cli.application import CONFIGURATION, Application, examples, is_terminal, note, show, show_json
from jobgraph.errors import ConfigErrors, Problem, UsageError, nearest

if TYPE_CHECKING:
    from jobgraph.model import Config, Graph

_FORMATS = {"text": drawing.text, "mermaid": drawing.mermaid, "svg": drawing.svg}


def _file(application: Application, given: str | None) -> str:
    if given is not None:
        return given
    path = application.folder / CONFIGURATION
    inside = path.is_relative_to(Path.cwd())
    return str(path.relative_to(Path.cwd()) if inside else path)


def _problem_json(problem: Problem) -> dict[str, object]:
    """Return a problem for JSON; keys are promised to scripts."""
    return {
        "severity": problem.severity,
        "file": problem.mark.file,
        "line": problem.mark.line,
        "column": problem.mark.column,
        "rule": problem.rule,
        "path": problem.path,
        "value": problem.value,
        "what": problem.what,
        "remedy": problem.remedy,
        "nearest": list(problem.nearest),
    }


@click.command(
    short_help="Check a job configuration.", epilog=examples("jobgraph validate", "jobgraph validate other.yaml --json")
)
@click.argument("file", required=False)
@click.option("--strict", is_flag=True, help="Take warnings for errors.")
@click.option("--json", "as_json", is_flag=True, help="Write the result, problems included, as JSON.")
@click.pass_context
def validate(context: click.Context, file: str | None, *, strict: bool, as_json: bool) -> None:
    """Check a job configuration and name everything that is wrong with it.

    FILE is jobconfig.yaml unless given. Exit code 2 if anything is wrong.
    """
    path = _file(context.obj, file)
    try:
        config = jobgraph.read(path, strict=strict)
    except ConfigErrors as error:
        if not as_json:
            raise
        problems = [_problem_json(problem) for problem in error.problems]
        show_json({"file": error.file, "valid": False, "problems": problems, "graphs": []})
        context.exit(error.exit_code)
    if as_json:
        show_json({**views.config_json(config), "problems": [_problem_json(one) for one in config.warnings]})
        return
    for warning in config.warnings:
        note(str(warning))
    show(views.config_table(config, terminal=is_terminal()))
    note(f"{path} is valid. `pulumi preview` shows what it would change.")


def _chosen(config: Config, name: str | None) -> Graph:
    known = [graph.key for graph in config.graphs]
    if name is None and len(known) == 1:
        return config.graphs[0]
    if name is None:
        raise UsageError(f"Which graph? {config.file} has {', '.join(known)}", remedy="Name one with --graph.")
    try:
        return config.graph(name)
    except KeyError:
        close = nearest(name, known)
        hint = f"; perhaps you meant {' or '.join(close)}" if close else ""
        raise UsageError(
            f"{config.file} has no graph {name!r}{hint}", remedy=f"Graphs there: {', '.join(known)}."
        ) from None


@click.command(
    short_help="Draw a graph, with the states of a run.",
    epilog=examples(
        "jobgraph graph", "jobgraph graph --format mermaid", "jobgraph graph --format svg --output graph.svg --run last"
    ),
)
@click.argument("file", required=False)
@click.option("--graph", "name", metavar="NAME", help="The graph to draw; needed if the file has several.")
@click.option("--format", "form", type=click.Choice(list(_FORMATS)), default="text", show_default=True)
@click.option("--output", metavar="FILE", help="Write the picture there instead of to standard output.")
@click.option(
    "--run", "run_id", metavar="ID", help="Colour the tasks by their states in that run; `last` is the newest."
)
@click.pass_context
def graph(  # noqa: PLR0913  # one parameter for each option
    context: click.Context, file: str | None, *, name: str | None, form: str, output: str | None, run_id: str | None
) -> None:
    """Draw a graph as text, as a Mermaid flowchart or as an SVG picture.

    FILE is jobconfig.yaml unless given.
    """
    application: Application = context.obj
    if run_id is None:
        chosen, states = _chosen(jobgraph.read(_file(application, file)), name), None
    else:
        found = lookup.graph(application, name)
        seen = lookup.run(application.client, found, None if run_id == "last" else run_id)
        chosen, states = deployed.as_model(found), dict(seen.task_states)
    write(_FORMATS[form](chosen, states), output)


def write(text: str, output: str | None) -> None:
    """Write a picture to a file, its folder made if missing, or to standard output.

    Raises:
        UsageError: if the file cannot be written.
    """
    if output is None:
        click.echo(text, nl=False)
        return
    try:
        Path(output).parent.mkdir(parents=True, exist_ok=True)
        Path(output).write_text(text, encoding="utf-8")
    except OSError as error:
        raise UsageError(
            f"The picture cannot be written: {error.strerror}", where=output, remedy="Give the path of a file."
        ) from error
    note(f"Picture: {output}")
