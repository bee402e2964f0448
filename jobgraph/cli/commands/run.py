"""The command `run`: start a graph out of its schedule.

Knows its options. Must not know how a run is followed or shown.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from jobgraph.account import queries
from jobgraph.cli import lookup, run_output
from jobgraph.cli.application import Application, examples, note, show_json
from jobgraph.cli.watching import Launch
from jobgraph.errors import UsageError
from jobgraph.runs import values

if TYPE_CHECKING:
    from collections.abc import Sequence

    from jobgraph.account.queries import Statement
    from jobgraph.runs.deployed import Deployed

# Without --wait, how long to look for the new run's id before leaving without it, in seconds.
_PATIENCE = 10.0


@click.command(
    short_help="Run a graph now.",
    epilog=examples(
        "jobgraph run",
        "jobgraph run container_jobs --wait --picture graph.svg",
        "jobgraph run --wait --timeout 600 --json",
        "jobgraph run container_jobs --set market=us --set days=3 --dry-run",
    ),
)
@click.argument("graph", required=False)
@click.option("--set", "options", metavar="KEY=VALUE", multiple=True, help="Change a value of its config for this run.")
@click.option("--config", "file", metavar="FILE", help="Change the values that a YAML or JSON file has.")
@click.option("--dry-run", is_flag=True, help="Only show the statement, the values and the jobs.")
@run_output.waiting_option
@run_output.timeout_option
@run_output.picture_option
@run_output.json_option
@click.pass_context
def run(  # noqa: PLR0913  # one parameter for each option
    context: click.Context,
    graph: str | None,
    *,
    options: tuple[str, ...],
    file: str | None,
    dry_run: bool,
    waiting: bool,
    timeout: float | None,
    picture: str | None,
    as_json: bool,
) -> None:
    """Run a graph now, out of its schedule.

    With --set or --config, the run has other values than the graph's `config`: its containers read them from
    RUN_CONFIG, and history keeps them. GRAPH may be left out if only one is deployed.

    With --wait the exit code is 0 only if every job is DONE, but for those that are disabled or whose condition was
    false. An interrupt (Ctrl-C) ends the waiting, not the run.
    """
    run_output.check_waiting_options(waiting=waiting, timeout=timeout, picture=picture)
    application: Application = context.obj
    deployed = lookup.graph(application, graph)
    changed = _values(deployed, options, file)
    statement = queries.execute(application.client.place, deployed.root_task, changed)
    if dry_run or changed:
        _show_intent(deployed, statement, changed, as_json=as_json and dry_run)
    if dry_run:
        return
    launch = Launch(application.client, deployed, application.clock, timeout)
    request = launch.execute(statement)
    if not waiting:
        run_id = launch.find(request, _PATIENCE)
        run_output.show_started(deployed.key, deployed.root_task, run_id, as_json=as_json)
        return
    note(f"Graph {deployed.key} was asked to run; waiting for its {len(deployed.jobs)} jobs.")
    run_id = run_output.unless_interrupted(deployed.key, lambda: launch.find(request))
    rows = launch.rows(str(run_id), request)
    ended = run_output.follow(launch.watch(), rows)
    run_output.end(context, ended, run_output.Output(as_json, picture))


def _values(deployed: Deployed, options: Sequence[str], file: str | None) -> dict[str, Any]:
    """Return the values that the run is asked for with, those of --set before those of the file.

    Raises:
        UsageError: if they cannot be read, or the graph does not have such keys.
    """
    try:
        text = Path(file).read_text("utf-8") if file else ""
    except (OSError, UnicodeDecodeError) as error:
        raise UsageError("The file cannot be read", where=str(file), remedy="Give the path of a YAML file.") from error
    changed = {**(values.of_file(file, text) if file else {}), **values.of_options(options)}
    values.check(deployed.key, deployed.config, changed)
    return changed


def _show_intent(deployed: Deployed, statement: Statement, changed: dict[str, Any], *, as_json: bool) -> None:
    """Show what is about to be sent, and which jobs it concerns."""
    jobs = [job.name for job in deployed.jobs if job.started]
    if as_json:
        show_json({"graph": deployed.key, "statements": [statement.text], "config": changed or None, "jobs": jobs})
        return
    note(f"{statement.text};")
    note(f"{len(jobs)} jobs: {lookup.some(jobs)}")
