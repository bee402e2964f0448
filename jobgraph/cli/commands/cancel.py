"""The command `cancel`: stops a run and its containers.

Knows its options and messages. Must not know how a graph is found.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from jobgraph.account import queries, steering
from jobgraph.cli import lookup, operating
from jobgraph.cli.application import Application, examples, graph_option, say, show_json
from jobgraph.cli.application import note as remark
from jobgraph.runs import records, task_runs, wording

if TYPE_CHECKING:
    from collections.abc import Sequence

    from jobgraph.account.client import Client
    from jobgraph.account.steering import Action
    from jobgraph.cli.operating import How
    from jobgraph.runs.deployed import Deployed
    from jobgraph.runs.task_runs import TaskRun

# How often, and at what interval in seconds, --all checks whether the queued run has begun.
_LOOKS, _PAUSE = 60, 1.0
_ENDED = task_runs.FAILED_STATES | {task_runs.SUCCEEDED}
_TOO_LATE = "ended before it could be cancelled"


@click.command(
    short_help="Stop the newest run.",
    epilog=examples("jobgraph cancel", "jobgraph cancel container_jobs --dry-run", "jobgraph cancel --all"),
)
@graph_option
@click.option("--all", "every_run", is_flag=True, help="Also pause backfills, and cancel the queued run.")
@operating.note_option
@operating.dry_run_option
@operating.json_option
@click.pass_context
def cancel(  # noqa: PLR0913  # one parameter for each option
    context: click.Context, graph: str | None, *, every_run: bool, note: str, dry_run: bool, as_json: bool
) -> None:
    """Stop the newest run: its executing tasks, and the containers that they started.

    The jobs that wait for them are skipped; the finalizer still runs and records the history. A run that is queued
    behind this one then starts, and a backfill continues with its next interval. With --all, the graph comes to rest:
    its backfills are paused, and the queued run is cancelled as soon as it has started.
    """
    application: Application = context.obj
    client = application.client
    deployed = lookup.graph(application, graph)
    how = operating.How(note=note, dry_run=dry_run, as_json=as_json)
    backfills = steering.pauses(client, deployed)
    own_runs = lookup.runs(application, records.of_deployed(deployed))
    rows = own_runs.rows()
    planned = steering.cancel(client, deployed, rows)
    actions = [*(backfills if every_run else ()), *([planned] if planned.jobs else ())]
    waiting = _waiting(client, deployed)
    if not (dry_run and as_json):
        for action in actions:
            operating.show_first(action.operation(note), how)
        if not planned.jobs:
            say(_nothing_to_cancel(deployed.key, rows.run_id, has_ended=own_runs.assembled(rows).ended))
        _announce(planned, waiting, () if every_run else backfills, dry_run=dry_run)
    performed = [planned] if dry_run else [_perform(application, deployed, action, how) for action in actions]
    if every_run and waiting and not dry_run:
        performed += _cancel_the_waiting(application, deployed, planned.run_id, how)
    if as_json:
        backfills_to_pause = backfills if dry_run and every_run else [each for each in performed if each.backfill]
        runs = [each for each in performed if each.backfill is None] or [planned]
        show_json(_json(runs, backfills_to_pause, note, waiting))
    # Snowflake refuses the retry of a run in which nothing was cancelled or failed.
    retry = f"   jobgraph retry {deployed.key}" if planned.jobs else ""
    remark(f"Next: jobgraph status {deployed.key}{retry}")


def _planned(application: Application, deployed: Deployed) -> Action:
    rows = lookup.runs(application, records.of_deployed(deployed)).rows()
    return steering.cancel(application.client, deployed, rows)


def _nothing_to_cancel(key: str, run_id: str, *, has_ended: bool) -> str:
    if has_ended:
        return f"Run {run_id} of graph {key} has ended, so there is nothing to cancel."
    # Snowflake cancels executing tasks only
    again = f"If one of them runs later: jobgraph cancel {key}"
    return f"Run {run_id} of graph {key} executes none of its jobs at this moment; nothing was cancelled. {again}"


def _announce(planned: Action, waiting: Sequence[TaskRun], backfills: Sequence[Action], *, dry_run: bool) -> None:
    """Show the cancellation and its effects on the queued run and on running backfills."""
    if planned.jobs:
        remark(planned.remark)
    for row in waiting:
        verb = "would start" if dry_run else "starts"
        at = f" at {wording.instant_utc(row.scheduled)}" if row.scheduled else ""
        requester = _requester(row)
        remark(f"A run that was requested{at}{requester} is queued behind it and {verb} then.")
    for action in backfills:
        backfill_id = action.backfill.backfill_id if action.backfill else ""
        remark(f"Backfill {backfill_id} goes on with its next interval: jobgraph backfill pause {backfill_id}")


def _requester(row: TaskRun) -> str:
    request = row.request
    return f" by interval {request.interval} of backfill {request.backfill}" if request.backfill else ""


def _perform(application: Application, deployed: Deployed, action: Action, how: How) -> Action:
    """Perform and record the planned action. Return it with everything that was done."""
    performed = steering.perform(application.client, action)
    operating.keep(application.client, deployed.tables, performed.operation(how.note))
    if how.as_json:
        return performed
    if performed.backfill:
        say(f"Backfill {performed.backfill.backfill_id}: paused")
    states = _states(application, deployed, performed.run_id) if performed.services else {}
    for job, services in performed.services.items():
        stopped = f", service {', '.join(services)} stopped" if services else ""
        say(f"{job}: {_TOO_LATE if states.get(job) in _ENDED else 'cancelled'}{stopped}")
    return performed


def _states(application: Application, deployed: Deployed, run_id: str) -> dict[str, str]:
    """Return the present states of a run's tasks. A task that ended in the meantime was not cancelled."""
    rows = lookup.runs(application, records.of_deployed(deployed)).rows(run_id)
    return {name: row.state for name, row in task_runs.latest(rows.rows).items()}


def _json(runs: Sequence[Action], backfills: Sequence[Action], note: str, waiting: Sequence[TaskRun]) -> dict[str, Any]:
    """Return the cancellation for JSON: the first run, and what --all stopped as well."""
    first, *later = [
        {
            **operating.operation_json(run.operation(note)),
            "services": {job: list(names) for job, names in run.services.items()},
        }
        for run in runs
    ]
    return {
        **first,
        "waiting_since": [row.scheduled.isoformat() for row in waiting if row.scheduled],
        "also": [*(operating.operation_json(action.operation(note)) for action in backfills), *later],
    }


def _waiting(client: Client, deployed: Deployed) -> list[TaskRun]:
    """Return the runs that are queued behind the present one. Snowflake queues at most one."""
    statement = queries.task_history(client.place, root_id=deployed.root_id, task=deployed.root_task)
    return [row for row in task_runs.read(client.rows(statement)) if row.manual and row.state == task_runs.SCHEDULED]


def _cancel_the_waiting(application: Application, deployed: Deployed, run_id: str, how: How) -> list[Action]:
    """Cancel the queued run as soon as it executes a task, because Snowflake cannot withdraw a queued run."""
    own_runs = lookup.runs(application, records.of_deployed(deployed))
    for _ in range(_LOOKS):
        application.clock.sleep(_PAUSE)
        rows = own_runs.rows()
        latest = task_runs.latest(rows.rows)
        begun = any(row.state == task_runs.EXECUTING and name in rows.shape.job_names for name, row in latest.items())
        if rows.run_id != run_id and begun:
            cancelled = _perform(application, deployed, _planned(application, deployed), how)
            remark(f"Run {cancelled.run_id}, which was queued: {', '.join(cancelled.jobs)} cancelled")
            return [cancelled]
        if rows.run_id != run_id and own_runs.assembled(rows).ended:
            remark(f"Run {rows.run_id}, which was queued, has ended by itself.")
            return []
    remark(f"The queued run has not started within {_LOOKS * _PAUSE:g} s: jobgraph cancel {deployed.key}")
    return []
