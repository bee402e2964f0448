"""The command `run`: start a graph out of its schedule.

Knows its options. Must not know how a run is followed or shown.
"""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from jobgraph.account import queries
from jobgraph.cli import lookup, operating, run_output
from jobgraph.cli.application import Application, examples
from jobgraph.cli.application import note as remark
from jobgraph.cli.watching import Launch
from jobgraph.errors import UsageError
from jobgraph.procedures.requested.request import REQUEST, Request
from jobgraph.runs import selection, values
from jobgraph.runs.operations import Operation

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

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
        "jobgraph run --from t_myjob_3 --skip t_myjob_6 --wait",
    ),
)
@click.argument("graph", required=False)
@click.option("--set", "options", metavar="KEY=VALUE", multiple=True, help="Change a value of its config for this run.")
@click.option("--config", "file", metavar="FILE", help="Change the values that a YAML or JSON file has.")
@click.option("--only", metavar="JOB", multiple=True, help="Run that job alone; several: `--only a,b`, or repeated.")
@click.option("--from", "since", metavar="JOB", multiple=True, help="Run that job and all that follows it.")
@click.option("--skip", metavar="JOB", multiple=True, help="Leave that job out.")
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
    """Run a graph now, out of its schedule.

    With --set or --config, the run has other values than the graph's `config`: its containers read them from
    RUN_CONFIG, and history keeps them. GRAPH may be left out if only one is deployed.

    With --only, --from or --skip, other jobs are left out: they start no container, count as succeeded for what follows
    them, and hand on what they returned when they were last DONE. Such a run covers no interval of time: the next
    scheduled run's begins where it would have begun without it.

    With --wait the exit code is 0 only if every job is DONE, but for those that are disabled or whose condition was
    false. An interrupt (Ctrl-C) ends the waiting, not the run.
    """
    run_output.check_waiting_options(waiting=waiting, timeout=timeout, picture=picture)
    application: Application = context.obj
    deployed = lookup.graph(application, graph)
    changed = _values(deployed, options, file)
    names = _left_out(deployed, only, since, skip)
    config = {**changed, **({REQUEST: Request(left_out=names).entry} if names else {})}
    statement = queries.execute(application.client.place, deployed.root_task, config)
    jobs = tuple(job.name for job in deployed.jobs if job.started and job.name not in names)
    operation = Operation("run", deployed.key, operating.texts([statement]), jobs, note=note)
    if dry_run or config or note:
        sources = _sources(application, deployed, names)
        left_out = [{"job": name, "hands_on_run": sources.get(name)} for name in names]
        details = {"config": changed or None, "left_out": left_out}
        show_as_json = as_json and dry_run
        operating.show_first(operation, as_json=show_as_json, more=details, remarks=_remarks(names, sources))
    if dry_run:
        return
    launch = Launch(application.client, deployed, application.clock, timeout)
    request = launch.execute(statement)
    if not waiting:
        run_id = launch.find(request, _PATIENCE)
        operating.keep(application.client, deployed.tables, replace(operation, run_id=run_id or ""))
        run_output.show_started(deployed.key, deployed.root_task, run_id, as_json=as_json)
        return
    count = len(deployed.jobs) - len(names)
    remark(f"Graph {deployed.key} was asked to run; waiting for {count} job{'s' * (count != 1)}.")
    run_id = run_output.unless_interrupted(deployed.key, lambda: launch.find(request))
    operating.keep(application.client, deployed.tables, replace(operation, run_id=str(run_id)))
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


def _left_out(deployed: Deployed, only: Sequence[str], since: Sequence[str], skip: Sequence[str]) -> tuple[str, ...]:
    """Return the jobs that the run leaves out.

    Raises:
        UsageError: if a job is not of the graph, or they cannot be left out.
    """

    def jobs(options: Sequence[str]) -> tuple[str, ...]:
        names = selection.names_of(options)
        return tuple(lookup.job_name(deployed.key, name, deployed.job_names) for name in names)

    chosen = selection.JobSelection(jobs(only), jobs(since), jobs(skip))
    return selection.left_out(deployed, chosen) if chosen else ()


def _sources(application: Application, deployed: Deployed, names: Sequence[str]) -> dict[str, str]:
    """Return, for each job that is left out, the run whose outputs it hands on; without those that have none."""
    if not names:
        return {}
    client = application.client
    statement = queries.last_done(client.place, deployed.tables, deployed.key, deployed.root_task, names)
    return {str(row["TASK_NAME"]): str(row["GRAPH_RUN_ID"]) for row in client.rows(statement)}


def _remarks(left_out: Sequence[str], sources: Mapping[str, str]) -> list[str]:
    """Return the line on the jobs that are left out, with what each hands on."""
    if not left_out:
        return []
    never = "never was DONE: hands on nothing"
    jobs = [f"{name} ({f'hands on run {sources[name]}' if name in sources else never})" for name in left_out]
    return [f"Left out: {lookup.some(jobs)}"]
