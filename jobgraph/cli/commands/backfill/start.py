"""The command `backfill start`: run a graph for intervals of the past.

Knows its options. Must not know how time is cut into intervals, nor how a backfill goes on.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from jobgraph.account import backfill_plans
from jobgraph.cli import backfill_output, lookup, operating
from jobgraph.cli.application import Application, examples, note, say, show_json
from jobgraph.runs import backfills
from jobgraph.runs.operations import Operation

if TYPE_CHECKING:
    from collections.abc import Sequence

    from jobgraph.account.queries import Statement
    from jobgraph.runs.backfills import Backfill
    from jobgraph.runs.deployed import Deployed

# how many of the newest runs are looked at for intervals that were run already
_RUNS = 1000


@click.command(
    short_help="Start one (also without the word `start`).",
    epilog=examples(
        "jobgraph backfill container_jobs --from 2026-11-01 --to 2026-11-05 --every day",
        "jobgraph backfill --from 2026-11-01T06:00 --to 2026-11-02T06:00 --every hour --reprocess failed --dry-run",
    ),
)
@click.argument("graph", required=False)
@click.option("--from", "begin", metavar="DATE", required=True, help="Where the first interval begins.")
@click.option("--to", "end", metavar="DATE", required=True, help="The last day, itself included; or a time, not.")
@click.option(
    "--every",
    "step",
    type=click.Choice(backfills.STEPS),
    help="What an interval is; `schedule` (the default of a graph that has one): the time between two scheduled runs.",
)
@click.option(
    "--reprocess",
    type=click.Choice(backfills.REPROCESS),
    default=backfills.MISSING,
    show_default=True,
    help="Which intervals: those never run, also those that failed, or all.",
)
@click.option("--newest-first", is_flag=True, help="Begin with the newest interval.")
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
    note: str,
    dry_run: bool,
    as_json: bool,
) -> None:
    """Run a graph once for each interval between two dates: its containers get DATA_INTERVAL_START and _END.

    Dates are days of the schedule's time zone, without a cron schedule of UTC. Runs follow one another; a scheduled
    run that is due meanwhile is left out by Snowflake, as always while a run is under way. An interval that fails does
    not stop the others.
    """
    application: Application = context.obj
    deployed = lookup.graph(application, graph)
    backfill_plans.check(deployed)
    step = step or (backfills.SCHEDULE if deployed.schedule else backfills.DAY)
    choice = backfill_plans.IntervalChoice(step, reprocess, newest_first)
    runs = lookup.runs(application, lookup.record(application, deployed.key))
    planned, listed = backfill_plans.planned(
        application.client, deployed, choice, (begin, end), lambda: runs.history(_RUNS)
    )
    statements = backfill_plans.statements(application.client, deployed, planned, listed)
    names = tuple(job.name for job in deployed.jobs if job.started)
    operation = Operation(
        *("backfill", deployed.key, operating.texts(statements), names), note=note, backfill_id=planned.backfill_id
    )
    if dry_run or not as_json:
        details = {"intervals": [backfill_output.interval_json(interval) for interval in planned.intervals]}
        operating.show_first(operation, as_json=dry_run and as_json, more=details, remarks=_remarks(planned))
    if not dry_run:
        _start(application, deployed, operation, statements)
        _show(planned, as_json=as_json)


def _remarks(planned: Backfill) -> list[str]:
    first, last = planned.intervals[0].span, planned.intervals[-1].span
    count = len(planned.intervals)
    words = f"{count} interval{'s' * (count != 1)}, one run each: {backfill_output.span_text(first)}"
    return [words if count == 1 else f"{words} to {backfill_output.span_text(last)}"]


def _start(application: Application, deployed: Deployed, operation: Operation, statements: Sequence[Statement]) -> None:
    """Send the statements. The backfill is there with the one before last: if all ends here, `resume` goes on."""
    for statement in statements:
        application.client.rows(statement)
    operating.keep(application.client, deployed.tables, operation)


def _show(planned: Backfill, *, as_json: bool) -> None:
    value: dict[str, Any] = backfill_output.backfill_json(planned)
    if as_json:
        show_json(value)
    else:
        say(f"Backfill {planned.backfill_id} of graph {planned.graph}: {len(planned.intervals)} intervals.")
    note(f"Next: jobgraph backfill show {planned.backfill_id}   jobgraph backfill pause {planned.backfill_id}")
