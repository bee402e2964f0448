"""The command `backfill start`: runs a graph for intervals of the past.

Knows its options. Must not know how a period is divided into intervals, nor how a backfill continues.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from jobgraph.account import backfill_plans, steering
from jobgraph.cli import backfill_output, lookup, operating
from jobgraph.cli.application import Application, examples, graph_option, note, say, show_json
from jobgraph.runs import backfills

if TYPE_CHECKING:
    from jobgraph.account.steering import Action
    from jobgraph.runs.backfills import Backfill


@click.command(
    short_help="Start one (also without the word `start`).",
    epilog=examples(
        "jobgraph backfill container_jobs --from 2026-11-01 --to 2026-11-05 --every day",
        "jobgraph backfill --from 2026-11-01T06:00 --to 2026-11-02T06:00 --every hour --reprocess failed --dry-run",
    ),
)
@graph_option
@click.option("--from", "begin", metavar="DATE", required=True, help="The start of the first interval.")
@click.option("--to", "end", metavar="DATE", required=True, help="The last day, inclusive; or a time, exclusive.")
@click.option(
    "--every",
    "step",
    type=click.Choice(backfills.STEPS),
    help="The length of an interval; `schedule` (the default for a graph with one): the time between scheduled runs.",
)
@click.option(
    "--reprocess",
    type=click.Choice(backfills.REPROCESS),
    default=backfills.MISSING,
    show_default=True,
    help="Which intervals: those that never ran, also those that failed, or all.",
)
@click.option("--newest-first", is_flag=True, help="Start with the newest interval.")
@operating.set_option
@operating.config_option
@operating.note_option
@operating.dry_run_option
@click.option("--json", "as_json", is_flag=True, help="Write the backfill as JSON.")
@click.pass_context
def start(  # noqa: PLR0913  # one parameter for each option
    context: click.Context,
    graph: str | None,
    *,
    begin: str,
    end: str,
    step: str | None,
    reprocess: str,
    newest_first: bool,
    options: tuple[str, ...],
    file: str | None,
    note: str,
    dry_run: bool,
    as_json: bool,
) -> None:
    """Run a graph once for each interval between two dates: its containers get DATA_INTERVAL_START and _END.

    Dates are days in the schedule's time zone or, without a cron schedule, in UTC. Runs follow one another; Snowflake
    skips a scheduled run that is due meanwhile, as it always does while a run is in progress. An interval that fails
    does not stop the others. With --set or --config, the runs override values of the graph's `config`.
    """
    application: Application = context.obj
    deployed = lookup.startable(application, graph)
    step = step or (backfills.SCHEDULE if deployed.schedule else backfills.DAY)
    changed = operating.changed_values(deployed.config, options, file)
    choice = backfill_plans.IntervalChoice(step, reprocess, newest_first, changed)
    record = lookup.record(application, deployed.key)
    action = steering.backfill(application.client, record, deployed, choice, (begin, end))
    operation = action.operation(note)
    intervals = action.backfill.intervals if action.backfill else ()
    details = {
        "config": changed or None,
        "intervals": [backfill_output.interval_json(interval) for interval in intervals],
    }
    how = operating.How(note=note, dry_run=dry_run, as_json=as_json)
    operating.show_first(operation, how, fields=details, remarks=_remarks(action))
    if not dry_run and action.backfill:
        # the statement before last has created the backfill: if the command ends here, `resume` can continue it
        steering.perform(application.client, action)
        operating.keep(application.client, deployed.tables, operation)
        _show(action.backfill, operating.operation_json(operation) if as_json else None)


def _remarks(action: Action) -> list[str]:
    """Return an explanation of the statements, which are long, and of the intervals, which are easily misunderstood."""
    asks = action.statements[-1].text.startswith("EXECUTE TASK")
    first = "the last statement requests the first run" if asks else "a run that is queued already comes first"
    return [
        f"{action.remark} (UTC).",
        f"The backfill is recorded, then {first}; the end of each run starts the next.",
        "Containers find their interval in DATA_INTERVAL_START and DATA_INTERVAL_END, in UTC; its end is not included.",
    ]


def _show(planned: Backfill, operation: dict[str, Any] | None) -> None:
    if operation is not None:
        show_json({**backfill_output.backfill_json(planned), "operation": operation})
    else:
        count = len(planned.intervals)
        say(f"Backfill {planned.backfill_id} of graph {planned.graph}: {count} interval{'s' * (count != 1)}.")
    note(f"Next: jobgraph backfill show {planned.backfill_id}   jobgraph backfill pause {planned.backfill_id}")
