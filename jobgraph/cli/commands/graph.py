"""The command `graph`: draws a graph of the configuration file, or a deployed one.

Knows its options and output. Must not know how a graph is drawn (jobgraph.drawing). Only `--run` needs a connection.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from jobgraph.cli import loading, lookup
from jobgraph.cli.application import NEWEST, Application, examples, note, show_text
from jobgraph.drawing import grouping, pictures
from jobgraph.errors import UsageError, UserError, perhaps
from jobgraph.names import is_plain
from jobgraph.runs import shapes

if TYPE_CHECKING:
    from jobgraph.config.model import Config, Graph

_FORMATS = {"text": pictures.text, "mermaid": pictures.mermaid, "svg": pictures.svg}


def _chosen(config: Config, name: str | None) -> Graph:
    keys = [graph.key for graph in config.graphs]
    if name is None and len(keys) == 1:
        return config.graphs[0]
    if name is None:
        raise UsageError(
            f"Which graph? {config.file} has {', '.join(keys)}", remedy=f"Name one with --graph {keys[0]}."
        )
    try:
        return config.graph(name)
    except KeyError:
        problem = f"{config.file} has no graph {name!r}{perhaps(name, keys)}"
        raise UsageError(problem, remedy=f"Graphs there: {', '.join(keys)}.") from None


def _no_such_file(config: Config, file: str) -> UsageError:
    """Return the error for a file that does not exist, whose name may be meant as that of a graph."""
    key = next((graph.key for graph in config.graphs if graph.key.casefold() == file.casefold()), None)
    if key is not None:
        return UsageError(
            f"There is no file {file!r}, but {config.file} has a graph of that name",
            remedy=f"jobgraph graph --graph {key}",
        )
    return UsageError(
        f"There is no file {file!r}, and {config.file} has no graph of that name",
        remedy="Give the path of a job configuration. --graph names a graph of it or, with --run, a deployed graph.",
    )


def _loaded(application: Application, file: str | None, environment: str | None) -> Config:
    """Return the configuration to draw.

    Raises:
        UsageError: if the file does not exist, or has errors.
    """
    if file is None or not is_plain(file) or Path(file).exists():
        return loading.load(loading.file_of(application, file, environment), environment)
    try:
        config = loading.load(loading.file_of(application, None, environment), environment)
    except UserError:
        return loading.load(file, environment)
    raise _no_such_file(config, file)


@click.command(
    short_help="Draw a graph, with the states of a run.",
    epilog=examples(
        "jobgraph graph", "jobgraph graph --format mermaid", "jobgraph graph --format svg --output graph.svg --run last"
    ),
)
@click.argument("file", required=False)
@click.option("--graph", "name", metavar="NAME", help="The graph to draw; needed if the file has several.")
@click.option("--format", "form", type=click.Choice(list(_FORMATS)), default="text", show_default=True)
@click.option("--output", metavar="FILE", help="Write the picture to this file instead of standard output.")
@click.option("--environment", "-e", metavar="NAME", help="Draw it with the configuration of that Pulumi stack.")
@click.option(
    "--group-by",
    "way",
    type=click.Choice(grouping.WAYS),
    default=grouping.AUTO,
    show_default=True,
    help=f"How jobs are grouped; auto draws up to {grouping.MOST_SINGLE} jobs one by one.",
)
@click.option(
    "--run", "run_id", metavar="ID", help="Colour the tasks by their states in that run; `last` is the newest."
)
@click.pass_context
def graph(  # noqa: PLR0913  # one parameter for each option
    context: click.Context,
    file: str | None,
    *,
    name: str | None,
    form: str,
    output: str | None,
    environment: str | None,
    way: str,
    run_id: str | None,
) -> None:
    """Draw a graph as text, as a Mermaid flowchart or as an SVG picture.

    FILE defaults to the file that the stack deploys: jobconfig.yaml, or the one that `pulumi config set file` names.
    """
    application: Application = context.obj
    if file is not None and run_id is not None:
        raise UsageError(
            f"A run is drawn with the graph that it ran with, not with the file {file!r}",
            remedy="Leave out the file; if there are several graphs, name one with --graph.",
        )
    if run_id is None:
        chosen, states = _chosen(_loaded(application, file, environment), name), None
    else:
        run_id = None if run_id == NEWEST else run_id
        run = lookup.run(application, lookup.record(application, name, run_id=run_id), run_id)
        chosen, states = shapes.as_model(run.shape), dict(run.task_states)
    write(_FORMATS[form](chosen, states, way), output)


def write(text: str, output: str | None) -> None:
    """Write a picture to a file, whose folder is created if missing, or to standard output.

    Raises:
        UsageError: if the file cannot be written.
    """
    if output is None:
        show_text(text)
        return
    try:
        Path(output).parent.mkdir(parents=True, exist_ok=True)
        Path(output).write_text(text, encoding="utf-8")
    except OSError as error:
        raise UsageError(
            f"The picture cannot be written: {error.strerror}", where=output, remedy="Give the path of a file."
        ) from error
    note(f"Picture: {output}")
