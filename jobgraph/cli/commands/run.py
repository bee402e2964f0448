"""The command `run`: starts a graph outside its schedule.

Knows its options. Must not know how a run is followed or shown.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import click

from jobgraph.account import steering
from jobgraph.cli import lookup, operating, run_output
from jobgraph.cli.application import Application, examples, graph_option
from jobgraph.cli.application import note as remark
from jobgraph.cli.watching import Launch, queued
from jobgraph.runs import selection
from jobgraph.runs.selection import JobSelection

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from jobgraph.cli.watching import RunsBefore
    from jobgraph.runs.deployed import Deployed

# Without --wait, the seconds to look for the new run's id before the command ends without it.
_PATIENCE = 10.0
_SEVERAL = "for several, `--{} a,b` or repeat it"


@click.command(
    short_help="Run a graph now.",
    epilog=examples(
        "jobgraph run",
        "jobgraph run container_jobs --wait --picture graph.svg",
        "jobgraph run --wait --timeout 600 --json",
        "jobgraph run container_jobs --set market=us --set days=3 --dry-run",
        "jobgraph run --from t_myjob_3 --skip t_myjob_6 --wait",
    ),
)
@graph_option
@operating.set_option
@operating.config_option
@click.option("--only", metavar="JOB", multiple=True, help=f"Run only that job; {_SEVERAL.format('only')}.")
@click.option(
    "--from",
    "since",
    metavar="JOB",
    multiple=True,
    help=f"Run that job and all that follows it; {_SEVERAL.format('from')}.",
)
@click.option("--skip", metavar="JOB", multiple=True, help=f"Leave that job out; {_SEVERAL.format('skip')}.")
@operating.note_option
@operating.dry_run_option
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
    only: tuple[str, ...],
    since: tuple[str, ...],
    skip: tuple[str, ...],
    note: str,
    dry_run: bool,
    waiting: bool,
    timeout: float | None,
    picture: str | None,
    as_json: bool,
) -> None:
    """Run a graph now, outside its schedule.

    With --set or --config, the run overrides values of the graph's `config`: its containers read them from RUN_CONFIG,
    and history records them. GRAPH can be omitted if only one is deployed, or only one has
    the jobs of --only, --from and --skip.

    With --only, --from or --skip, other jobs are left out: they start no container, count as succeeded for their
    dependents, and pass on the outputs of the last time that they were DONE. Such a run covers no data interval: the
    interval of the next scheduled run begins where it would have begun without this run.

    With --wait the exit code is 0 only if every job is DONE, except those that are disabled or whose condition was
    false. An interrupt (Ctrl-C) ends the waiting, not the run.
    """
    run_output.check_waiting_options(waiting=waiting, timeout=timeout, picture=picture)
    application: Application = context.obj
    deployed = lookup.startable(application, graph, selection.names_of((*only, *since, *skip)))
    changed = operating.changed_values(deployed.config, options, file)
    action = steering.run(application.client, deployed, changed, _selection(deployed, only, since, skip))
    left_out = [{"job": name, "hands_on_run": run_id or None} for name, run_id in action.left_out.items()]
    details = {"config": changed or None, "left_out": left_out}
    how = operating.How(note=note, dry_run=dry_run, as_json=as_json)
    operating.show_first(action.operation(note), how, fields=details, remarks=[action.remark])
    if dry_run:
        return
    launch = Launch(application.client, deployed, application.clock, timeout)
    request = launch.execute(action.statements[0])
    action = replace(action, requested_at=request.requested_at)

    def keep(run_id: str | None) -> None:
        operating.keep(application.client, deployed.tables, action.operation(note, run_id or ""))

    if not waiting:
        run_id = _find(launch, request, deployed.key, keep, _PATIENCE)
        operation = action.operation(note, run_id or "")
        request_details = {**operating.operation_json(operation), **details} if as_json else None
        run_output.show_started(deployed.key, deployed.root_task, run_id, request_details)
        return
    count = len(action.jobs)
    remark(f"A run of graph {deployed.key} was requested; waiting for {count} job{'s' * (count != 1)}.")
    rows = launch.rows(str(_find(launch, request, deployed.key, keep)), request)
    ended = run_output.follow(launch.watch(), rows)
    run_output.end(context, ended, run_output.Output(as_json, picture))


def _find(
    launch: Launch, request: RunsBefore, key: str, keep: Callable[[str | None], None], patience: float | None = None
) -> str | None:
    """Return the id of the requested run, as `Launch.find` does.

    The request is recorded even if the search is interrupted or takes too long.
    """
    run_id = None
    try:
        run_id = run_output.unless_interrupted(key, lambda: launch.find(request, patience), queued(key))
    finally:
        keep(run_id)
    return run_id


def _selection(deployed: Deployed, only: Sequence[str], since: Sequence[str], skip: Sequence[str]) -> JobSelection:
    """Return the selection of jobs.

    Raises:
        UsageError: if a job does not belong to the graph.
    """

    def jobs(options: Sequence[str]) -> tuple[str, ...]:
        names = selection.names_of(options)
        return tuple(lookup.job_name(deployed.key, name, deployed.job_names) for name in names)

    return JobSelection(jobs(only), jobs(since), jobs(skip))
