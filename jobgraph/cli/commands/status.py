"""The command `status`: shows every graph of the schema on a line, or a run job by job.

Knows its options and output. Must not know how a run is assembled.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from jobgraph.account import messages, overview_records
from jobgraph.cli import budgets, json_forms, lookup, operating, operation_output, progress, views
from jobgraph.cli.application import (
    Application,
    examples,
    graph_option,
    is_terminal,
    note,
    run_option,
    say,
    show,
    show_json,
    terminal_width,
)
from jobgraph.cli.run_output import show_failures
from jobgraph.cli.stacks import PROJECT_FILE
from jobgraph.cost import spending_report
from jobgraph.errors import EXIT_DONE, EXIT_INTERRUPTED, EXIT_RUN_FAILED, UsageError
from jobgraph.runs import operations, overview
from jobgraph.runs.deployed import conditions

if TYPE_CHECKING:
    from collections.abc import Sequence

    from jobgraph.runs.deployed import Deployed
    from jobgraph.runs.graph_run import GraphRun
    from jobgraph.runs.operations import Operation
    from jobgraph.runs.overview import GraphOverview
    from jobgraph.runs.records import GraphRecord

# Seconds between two updates of --watch.
_PAUSE = 2.0


@click.command(
    short_help="Show every graph, or a run job by job.",
    epilog=examples("jobgraph status", "jobgraph status container_jobs --json", "jobgraph status --exit-code"),
)
@graph_option
@run_option("The run to show; by default the newest.")
@click.option("--job", metavar="NAME", help="Show only that job, with all details of each attempt.")
@click.option("--watch", "watching", is_flag=True, help="Refresh until the run has ended; without a run, for ever.")
@click.option("--exit-code", "with_exit_code", is_flag=True, help="Exit with 1 if something failed or is suspended.")
@click.option("--json", "as_json", is_flag=True, help="Write the graphs, the run, or the job, as JSON.")
@click.pass_context
def status(  # noqa: PLR0913  # one parameter for each option
    context: click.Context,
    graph: str | None,
    *,
    run_id: str | None,
    job: str | None,
    watching: bool,
    with_exit_code: bool,
    as_json: bool,
) -> None:
    """Show one line for each graph: its last run and what is wrong with it. With GRAPH, show its run job by job.

    If only one graph is deployed, both are shown.
    """
    application: Application = context.obj
    if watching and (as_json or job is not None):
        raise UsageError("--watch shows runs, not a job and not JSON", remedy="Leave out --job and --json.")
    if graph is None and run_id is None and job is None:
        well = _show_overview(application, watching=watching, as_json=as_json)
    else:
        record = lookup.record(application, graph, run_id=run_id, job=job)
        well = _show_graph(application, record, run_id, job, watching=watching, as_json=as_json)
    context.exit(EXIT_RUN_FAILED if with_exit_code and not well else EXIT_DONE)


def _show_overview(application: Application, *, watching: bool, as_json: bool) -> bool:
    """Show all graphs. Return whether all of them are in good condition."""
    if watching:
        _watch_overview(application)
    lines = overview_records.lines(application.client, lookup.all_graphs(application))
    present = [line for line in lines if line.graph.deployed] or lines
    single = (present[0].part or present[0].run) if len(present) == 1 else None
    if single is not None:
        _remark_on(single)
    budget = budgets.of_place(application.client, application.folder / PROJECT_FILE)
    if as_json:
        graphs = {
            "graphs": [json_forms.line_json(line) for line in lines],
            "budget_this_month": spending_report.budget_json(budget),
        }
        show_json({**(json_forms.run_json(single) if single else {}), **graphs})
    else:
        _show_lines(application, lines)
        if budget is not None:
            say(budget.sentence)
        if single is not None:
            click.echo()
            _show_run(single)
            _show_undelivered(application, lookup.record(application, single.graph), single)
    return all(line.well for line in lines) and not (budget and budget.suspended)


def _show_lines(application: Application, lines: Sequence[GraphOverview]) -> None:
    """Show a line for each graph and, below the lines, the remarks on each."""
    show(views.overview_table(lines, terminal=is_terminal(), width=terminal_width()))
    for line in lines:
        _show_conditions(application, line.graph)
    for line in lines:
        if line.part is not None:
            note(views.part_line(line.part, line.run, line.trouble, line.graph.jobs))
        elif line.run is None:
            note(f"Graph {line.graph.key} has not run yet: `jobgraph run {line.graph.key} --wait` runs it.")


def _watch_overview(application: Application) -> None:
    """Refresh the overview until the user interrupts it."""
    try:
        with progress.screen() as display:
            while True:
                lines: list[GraphOverview] = overview_records.lines(application.client, lookup.all_graphs(application))
                display(views.overview_table(lines, terminal=is_terminal(), width=terminal_width()))
                application.clock.sleep(_PAUSE)
    except KeyboardInterrupt:
        raise click.exceptions.Exit(EXIT_INTERRUPTED) from None


def _show_graph(  # noqa: PLR0913  # one parameter for each option
    application: Application,
    record: GraphRecord,
    run_id: str | None,
    job: str | None,
    *,
    watching: bool,
    as_json: bool,
) -> bool:
    """Show a run of a graph, or one of its jobs. Return whether it is in good condition."""
    remarks = _show_conditions(application, record)
    run = _watch_run(application, record, run_id) if watching else lookup.run(application, record, run_id)
    _remark_on(run)
    trouble = overview.trouble([run])
    if run.is_part and run_id is None:
        runs = lookup.runs(application, record).since_whole()
        trouble = overview.trouble(runs)
        whole = next((each for each in runs if not each.is_part), None)
        note(views.part_line(run, whole, trouble, record.jobs))
    if job is not None:
        _show_job(run, job, as_json=as_json)
    else:
        recorded = operating.recorded_operations(application.client, record.tables, record.key)
        runs_before = operating.runs_before(application.client, record, recorded, [run])
        if as_json:
            show_json(
                {**json_forms.run_json(run), "operations": operation_output.of_run_json(recorded, run, runs_before)}
            )
        else:
            _show_run(run)
            for line in operation_output.lines(operations.of_run(recorded or [], run, runs_before)):
                say(line)
            _show_undelivered(application, record, run)
    return not trouble and not remarks


def _watch_run(application: Application, record: GraphRecord, run_id: str | None) -> GraphRun:
    """Refresh the run until it has ended."""
    runs = lookup.runs(application, record)
    try:
        with progress.display() as display:
            while True:
                run = runs.run(run_id)
                display(run)
                if run.ended:
                    return run
                run_id = run.run_id
                application.clock.sleep(_PAUSE)
    except KeyboardInterrupt:
        raise click.exceptions.Exit(EXIT_INTERRUPTED) from None


def _show_conditions(application: Application, record: GraphRecord) -> list[str]:
    """Show unusual conditions of a graph and, if recorded, who suspended its root, when and why."""
    if record.deployed is None:
        return []
    by = _suspension(application, record, record.deployed)
    remarks = conditions(record.deployed, suspension_is_recorded=by is not None)
    for remark in remarks:
        note(remark)
    for line in operation_output.lines([by] if by else []):
        note(f"{record.key}: {line}")
    return remarks


def _suspension(application: Application, record: GraphRecord, deployed: Deployed) -> Operation | None:
    """Return the operation that suspended a graph's root; None if the root is not suspended, or none is recorded."""
    if deployed.started or not deployed.schedule or deployed.suspended_by_failures:
        return None
    return operations.suspension(operating.recorded_operations(application.client, record.tables, record.key) or [])


def _remark_on(run: GraphRun) -> None:
    if not run.shape.whole and not run.ended:
        note("The graph was changed after this run began: jobs that have not started yet are not listed.")


def _show_run(run: GraphRun) -> None:
    show(views.headline(run))
    show(views.run_table(run, terminal=is_terminal()))
    show_failures(run)


def _show_undelivered(application: Application, record: GraphRecord, run: GraphRun) -> None:
    """Show the run's messages that did not reach their receivers."""
    for message in messages.untold(application.client, record.deployed, run.run_id) if record.deployed else ():
        note(
            f"Not notified of {message.event}: {message.channel} to {message.recipients},"
            f" {message.state}: {message.answer}"
        )


def _show_job(run: GraphRun, name: str, *, as_json: bool) -> None:
    job = next(job for job in run.jobs if job.name == lookup.job_name(run.graph, name, run.shape.job_names))
    results = next((str(task.definition.get("results", "")) for task in run.shape.jobs if task.name == job.name), "")
    if as_json:
        show_json({"run_id": run.run_id, **json_forms.job_json(job), "results_stage": results or None})
        return
    for line in views.job_lines(run, job, results):
        say(line)
