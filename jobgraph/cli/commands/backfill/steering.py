"""The commands `backfill pause`, `resume` and `cancel`, which differ only in their event.

Knows their options and messages. Must not know the effects of an event.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from jobgraph.account.backfill_plans import check
from jobgraph.account.backfill_records import BackfillRecords
from jobgraph.cli import backfill_output, lookup, operating
from jobgraph.cli.application import Application, examples, say, show_json
from jobgraph.cli.application import note as remark
from jobgraph.errors import UsageError
from jobgraph.procedures.requested import backfills as states
from jobgraph.runs import deployed as deployed_graphs
from jobgraph.runs import records as runs_of
from jobgraph.runs.operations import Operation
from jobgraph.runs.wording import some

if TYPE_CHECKING:
    from collections.abc import Callable

    from jobgraph.account.queries import Statement
    from jobgraph.runs.backfills import Backfill
    from jobgraph.runs.deployed import Deployed

_id_argument = click.argument("backfill_id", metavar="ID")
_json_option = click.option("--json", "as_json", is_flag=True, help="Write the backfill as JSON.")


def _options(command: Callable[..., None]) -> Callable[..., None]:
    return _id_argument(operating.note_option(operating.dry_run_option(_json_option(click.pass_context(command)))))


@click.command(short_help="Start no more intervals.", epilog=examples("jobgraph backfill pause 1795266861347"))
@_options
def pause(context: click.Context, *, backfill_id: str, note: str, dry_run: bool, as_json: bool) -> None:
    """Start no more intervals of a backfill; one that is in progress continues to its end."""
    _steer(context, backfill_id, states.PAUSE, operating.How(note=note, dry_run=dry_run, as_json=as_json))


@click.command(short_help="Continue one.", epilog=examples("jobgraph backfill resume 1795266861347"))
@_options
def resume(context: click.Context, *, backfill_id: str, note: str, dry_run: bool, as_json: bool) -> None:
    """Continue a backfill that is paused, or that nothing drives any more."""
    _steer(context, backfill_id, states.RESUME, operating.How(note=note, dry_run=dry_run, as_json=as_json))


@click.command(short_help="End one for good.", epilog=examples("jobgraph backfill cancel 1795266861347"))
@_options
def cancel(context: click.Context, *, backfill_id: str, note: str, dry_run: bool, as_json: bool) -> None:
    """End a backfill for good: no more intervals start. One in progress continues; `jobgraph cancel` stops it."""
    _steer(context, backfill_id, states.CANCEL, operating.How(note=note, dry_run=dry_run, as_json=as_json))


def _steer(context: click.Context, backfill_id: str, event: str, how: operating.How) -> None:
    application: Application = context.obj
    tables = lookup.all_graphs(application)[0].tables
    records = BackfillRecords(application.client, tables)
    backfill = records.one(backfill_id)
    _check_state(backfill, event)
    graph = deployed_graphs.named(lookup.deployed(application.client), backfill.graph)
    statements = records.change(backfill, event)
    if event == states.RESUME:
        statements += _going_on(application, records, backfill, graph)
    name, texts = f"backfill {event}", operating.texts(statements)
    jobs = tuple(job.name for job in graph.jobs if job.started) if graph else ()
    operation = Operation(name, backfill.graph, texts, jobs, note=how.note, backfill_id=backfill_id)
    operating.show_first(operation, how, fields=_intervals(backfill), remarks=[_to_come(backfill, event)])
    if how.dry_run:
        return
    for statement in statements:
        application.client.rows(statement)
    operating.keep(application.client, tables, operation)
    changed = records.one(backfill_id)
    if how.as_json:
        show_json({**backfill_output.backfill_json(changed), "operation": operating.operation_json(operation)})
    else:
        say(f"Backfill {backfill_id} of graph {backfill.graph} is {changed.state}.")
        for line in _remarks(changed, event):
            remark(line)
    remark(f"Next: jobgraph backfill show {backfill_id}")


def _check_state(backfill: Backfill, event: str) -> None:
    """Refuse an event that would change nothing. A running backfill may be resumed only if nothing drives it."""
    allowed = states.sources(states.OF_BACKFILL, event)
    if backfill.state in allowed or (event == states.RESUME and backfill.active):
        return
    raise UsageError(
        f"Backfill {backfill.backfill_id} is {backfill.state}, so there is nothing to {event}",
        remedy=f"jobgraph backfill show {backfill.backfill_id}",
    )


def _intervals(backfill: Backfill) -> dict[str, Any]:
    """Return the intervals that an event concerns for JSON: the pending ones."""
    pending = (interval for interval in backfill.intervals if interval.state == states.PENDING)
    return {"intervals": [backfill_output.interval_json(interval) for interval in pending]}


def _to_come(backfill: Backfill, event: str) -> str:
    """Return a line on the intervals that an event concerns: how many, and which."""
    spans = [interval.span.text for interval in backfill.intervals if interval.state == states.PENDING]
    count = f"{len(spans)} interval{'s' * (len(spans) != 1)}"
    ending = {states.PAUSE: " until `backfill resume`", states.CANCEL: ", to be given up", states.RESUME: ""}
    return f"pending{ending[event]}: {count}{': ' * bool(spans)}{some(spans)}"


def _going_on(
    application: Application, records: BackfillRecords, backfill: Backfill, graph: Deployed | None
) -> list[Statement]:
    """Return the statements that settle intervals that no finalizer settled, and that request the next interval.

    If the backfill is not paused, the run in progress requests the next interval at its end.

    Raises:
        UsageError: if the graph is not deployed, its runs would not know their interval, or nothing is to do.
    """
    if graph is None:
        raise UsageError(f"Graph {backfill.graph} is no longer deployed", remedy="Deploy it with `pulumi up`.")
    check(graph)
    listed = [
        backfill_output.resumed(recorded) if recorded.backfill_id == backfill.backfill_id else recorded
        for recorded in records.of_graph(backfill.graph)
    ]
    own = lookup.runs(application, runs_of.of_deployed(graph))
    ids = [interval.run_id for interval in backfill.intervals if interval.state == states.RUNNING]
    settling = records.settling(backfill, map(own.run, ids))
    if not (backfill.active and records.is_driven(graph)):
        return [*settling, *records.asking(graph, listed)]
    if settling:
        return settling
    raise UsageError(
        f"Backfill {backfill.backfill_id} is {backfill.state} already, so there is nothing to resume",
        cause="A run of the graph is in progress, and its end starts the next interval.",
        remedy=f"jobgraph backfill show {backfill.backfill_id}",
    )


def _remarks(backfill: Backfill, event: str) -> list[str]:
    running = [interval.run_id for interval in backfill.intervals if interval.state == states.RUNNING]
    if not running or event == states.RESUME:
        return []
    return [f"Run {running[0]} continues to its end; to stop it: jobgraph cancel {backfill.graph}"]
