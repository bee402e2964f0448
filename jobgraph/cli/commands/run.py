"""The command `run`: start a graph out of its schedule.

Knows its options. Must not know how a run is followed or shown.
"""

from __future__ import annotations

import click

from jobgraph.account import queries
from jobgraph.cli import lookup, run_output
from jobgraph.cli.application import Application, examples, note
from jobgraph.cli.watching import Launch

# Without --wait, how long to look for the new run's id before leaving without it, in seconds.
_PATIENCE = 10.0


@click.command(
    short_help="Run a graph now.",
    epilog=examples(
        "jobgraph run",
        "jobgraph run container_jobs --wait --picture graph.svg",
        "jobgraph run --wait --timeout 600 --json",
    ),
)
@click.argument("graph", required=False)
@run_output.waiting_option
@run_output.timeout_option
@run_output.picture_option
@run_output.json_option
@click.pass_context
def run(  # noqa: PLR0913  # one parameter for each option
    context: click.Context,
    graph: str | None,
    *,
    waiting: bool,
    timeout: float | None,
    picture: str | None,
    as_json: bool,
) -> None:
    """Run a graph now, out of its schedule.

    GRAPH may be left out if only one is deployed. With --wait the exit code is 0 only if every job is DONE, but for
    those that are disabled or whose condition was false. An interrupt (Ctrl-C) ends the waiting, not the run.
    """
    run_output.check_waiting_options(waiting=waiting, timeout=timeout, picture=picture)
    application: Application = context.obj
    deployed = lookup.graph(application, graph)
    launch = Launch(application.client, deployed, application.clock, timeout)
    asked = launch.execute(queries.execute(application.client.place, deployed.root_task))
    if not waiting:
        run_id = launch.find(asked, _PATIENCE)
        run_output.show_started(deployed.key, deployed.root_task, run_id, as_json=as_json)
        return
    note(f"Graph {deployed.key} was asked to run; waiting for its {len(deployed.jobs)} jobs.")
    run_id = run_output.unless_interrupted(deployed.key, lambda: launch.find(asked))
    rows = launch.rows(str(run_id), asked)
    ended = run_output.follow(launch.watch(), rows)
    run_output.end(context, ended, run_output.Output(as_json, picture))
