"""The command `logs`: shows the logs of a job's containers, or of all jobs of a run, from history or live.

Knows its options, and how the run is chosen. Must not know where logs come from (`account.containers`) or how they are
written (`cli.log_output`).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from jobgraph.account import event_logs
from jobgraph.cli import log_output, lookup
from jobgraph.cli.application import Application, examples, job_option, note, run_option
from jobgraph.errors import EXIT_DONE, EXIT_RUN_FAILED, RunFailedError, UsageError
from jobgraph.runs import graph_run, overview
from jobgraph.runs.wording import counted, some

if TYPE_CHECKING:
    from jobgraph.account.run_records import RunRecords
    from jobgraph.cli.log_output import LogSelection
    from jobgraph.runs.graph_run import GraphRun, JobRun
    from jobgraph.runs.records import GraphRecord


@click.command(
    short_help="Show the logs of jobs' containers.",
    epilog=examples(
        "jobgraph logs t_myjob_3",
        "jobgraph logs t_myjob_3 --attempt 1",
        "jobgraph logs t_myjob_3 -f",
        "jobgraph logs --failed",
    ),
)
@job_option
@run_option("The run; by default the newest one of the job, or of the graph.")
@click.option("--attempt", type=click.IntRange(1), metavar="N", help="Only that attempt.")
@click.option("--failed", "only_failed", is_flag=True, help="Show the logs of all failed jobs; exit with 1 if none.")
@click.option("--graph", metavar="NAME", help="The graph; needed if several have such a job, or without JOB.")
@click.option("--follow", "-f", "following", is_flag=True, help="Show new lines until the job or the run has ended.")
@click.option("--json", "as_json", is_flag=True, help="Write the logs as JSON; with --follow, one object on a line.")
@click.pass_context
def logs(  # noqa: PLR0913  # one for each option
    context: click.Context,
    job: str | None,
    *,
    run_id: str | None,
    attempt: int | None,
    only_failed: bool,
    graph: str | None,
    following: bool,
    as_json: bool,
) -> None:
    """Show the logs of a job's containers for every attempt in a run, even while it runs. Without JOB: of all jobs.

    Secrets are masked and control characters escaped, as in the logs in history. An interrupt (Ctrl-C) ends
    --follow, not the job.

    With --failed, the run is by default the newest one in which jobs failed that have had no good run since.
    """
    if only_failed and (job is not None or following):
        raise UsageError("--failed is for all jobs of an ended run", remedy="Leave out JOB and --follow.")
    application: Application = context.obj
    record = lookup.record(application, graph, run_id=run_id, job=job)
    records = lookup.runs(application, record)
    if only_failed:
        of_all = log_output.LogSelection(application, record, records, None, attempt, as_json)
        context.exit(_show_failed(of_all, run_id))
    run = records.run(run_id) if job is None else _run_with(record, records, job, run_id, newest=following)
    name = None if job is None else lookup.job_name(record.key, job, run.shape.job_names)
    selection = log_output.LogSelection(application, record, records, name, attempt, as_json)
    if following:
        _follow(selection, run)
        return
    jobs = [entry for entry in run.jobs if name in {None, entry.name}]
    _show(selection, run, jobs, f"{name or run.graph}, run {run.run_id}")


def _run_with(record: GraphRecord, records: RunRecords, job: str, run_id: str | None, *, newest: bool) -> GraphRun:
    """Return the named run or, by default, the newest in which the job made an attempt.

    Raises:
        UsageError: if neither the graph nor any of its runs has such a job.
    """
    if run_id is not None:
        return records.run(run_id)
    spelling = next((name for name in record.job_names if name.casefold() == job.casefold()), None)
    if spelling is not None and newest:
        return records.run()
    run = records.run() if spelling is not None and record.deployed else None
    mine = run.job(spelling) if run and spelling else None
    if run and mine and (mine.attempts or mine.state == graph_run.RUNNING):
        return run
    last = records.last_run_of_job(spelling or job.upper())
    if last is not None:
        return records.run(last)
    if run is None:
        lookup.job_name(record.key, job, record.job_names)
        return records.run()
    if spelling and mine is None:
        raise RunFailedError(
            f"{spelling} has not run yet: run {run.run_id} was of an earlier version of the graph, without this job",
            remedy=f"`jobgraph run {record.key} --wait` runs it; that run had {some(run.shape.job_names)}.",
        )
    return run


def _follow(selection: LogSelection, run: GraphRun) -> None:
    following = log_output.Following(selection, run.run_id)
    ended = following.follow()
    job = ended.job(selection.name) if selection.name else None
    if not following.has_shown:
        raise _no_log(selection, ended, [job] if job else [])
    cause = f": {job.cause}" if job and job.cause else ""
    note(f"{job.name} {job.state}{cause}" if job else f"{ended.graph}, run {ended.run_id}: {ended.state}")


def _show_failed(selection: LogSelection, run_id: str | None) -> int:
    """Show the logs of the failed jobs of a run; return the exit code.

    By default, the run is the newest one in which jobs failed that have had no good run since.
    """
    records = selection.records
    runs = [records.run(run_id)] if run_id else records.since_whole() or [records.run()]
    newest, failed = runs[0], overview.failed_since(runs)
    of_graph = f"--graph {newest.graph}"
    if not failed:
        some_failed = any(run.failed for run in runs)
        before = ", and what had failed before has run well since" if some_failed else ""
        first = f"No job of run {newest.run_id} {'failed' if newest.ended else 'has failed so far'}{before}."
        note(f"{first} `jobgraph logs {of_graph} --run {newest.run_id}` shows the logs of all its jobs.")
        if selection.as_json:
            log_output.show_json_of(newest, [])
        return EXIT_RUN_FAILED
    (run, jobs), *others = failed
    since = "" if run is newest else ": the newest run with jobs that failed and have had no good run since"
    _show(selection, run, jobs, f"{run.graph}, run {run.run_id}{since}")
    for other, more in others:
        names, command = counted([job.name for job in more]), f"jobgraph logs --failed {of_graph} --run {other.run_id}"
        note(f"Without a good run since run {other.run_id}: {names}; `{command}`")
    return EXIT_DONE


def _show(selection: LogSelection, run: GraphRun, jobs: list[JobRun], heading: str) -> None:
    listed = [(job, log) for job in jobs for log in selection.logs_of(run, job)]
    if not listed:
        raise _no_log(selection, run, jobs)
    if selection.as_json:
        log_output.show_json_of(run, listed)
        return
    note(heading)
    log_output.write(listed, of_all=selection.name is None)


def _no_log(selection: LogSelection, run: GraphRun, jobs: list[JobRun]) -> RunFailedError:
    """Return the error that there is no log, with the cause, as far as history shows it, and the remedy."""
    status = f"jobgraph status {run.graph} --run {run.run_id}"
    if selection.name is None:
        return RunFailedError(f"There is no log of any job in run {run.run_id}", remedy=status)
    job, attempt = (jobs[0] if jobs else None), selection.attempt
    missing = f"There is no log of {selection.name} in run {run.run_id}" + (f", attempt {attempt}" if attempt else "")
    if job and job.last and selection.is_elsewhere(run, job):
        service = job.last.service.rpartition(".")[2]
        events = event_logs.table(selection.application.client)
        return RunFailedError(
            missing,
            cause="The job's `logs` are in the account's event table, some minutes after they were written; none are"
            " there yet, or this role may not read it.",
            remedy=f"Try again later, or with a role that may: SELECT TIMESTAMP, VALUE FROM {events} WHERE RECORD_TYPE"
            f" = 'LOG' AND RESOURCE_ATTRIBUTES:\"snow.service.name\" = '{service}' ORDER BY TIMESTAMP",
        )
    return RunFailedError(missing, cause=_why(job, attempt), remedy=status)


def _why(job: JobRun | None, attempt: int | None) -> str:
    if job is None:
        return "The run has no such job."
    if attempt and attempt > job.attempts:
        return f"It made {job.attempts} attempt{'s' * (job.attempts != 1)}."
    if job.state in {graph_run.PENDING, graph_run.RUNNING}:
        return f"Its container has not started yet{f': it {job.cause}' if job.cause else ''}."
    if not job.attempts:
        return f"It made no attempt: {job.cause or job.state}."
    if job.state == graph_run.DONE:
        return "Its log was kept in another table, or has been removed from the history since."
    return f"Its containers never started: {job.cause or job.state}."
