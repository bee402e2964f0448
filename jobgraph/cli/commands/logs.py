"""The command `logs`: what a job's containers wrote, from history or while they run.

Knows its options and output, and when to stop following. Must not know where logs come from (see `containers`).
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import click
from rich.console import Console
from rich.text import Text

from jobgraph.account import queries
from jobgraph.account.containers import Log, Logs, added
from jobgraph.cli import lookup
from jobgraph.cli.application import Application, examples, is_terminal, note, run_option, show_json
from jobgraph.errors import EXIT_INTERRUPTED, RunFailedError
from jobgraph.names import upper
from jobgraph.procedures.logs import TELLING
from jobgraph.runs import graph_run
from jobgraph.runs.deployed import Task

if TYPE_CHECKING:
    from jobgraph.account.client import Client
    from jobgraph.runs.deployed import Deployed
    from jobgraph.runs.graph_run import Job

# The event table that every account has (docs.snowflake.com/en/developer-guide/logging-tracing/event-table-setting-up).
_EVENTS = "SNOWFLAKE.TELEMETRY.EVENTS"
# Seconds between two looks at a running job's log.
_PAUSE = 1.0


@click.command(
    short_help="Show what a job's containers wrote.",
    epilog=examples("jobgraph logs t_myjob_3", "jobgraph logs t_myjob_3 --attempt 1", "jobgraph logs t_myjob_3 -f"),
)
@click.argument("job")
@run_option("The run; the job's newest unless given.")
@click.option("--attempt", type=click.IntRange(1), metavar="N", help="Only that attempt.")
@click.option("--graph", metavar="NAME", help="The job's graph; needed if several are deployed.")
@click.option("--follow", "-f", "following", is_flag=True, help="Show what comes, until the job has ended.")
@click.option("--json", "as_json", is_flag=True, help="Write the logs as JSON; with --follow, one object on a line.")
@click.pass_context
def logs(  # noqa: PLR0913  # one for each option
    context: click.Context,
    job: str,
    *,
    run_id: str | None,
    attempt: int | None,
    graph: str | None,
    following: bool,
    as_json: bool,
) -> None:
    """Show what a job's containers wrote, every attempt of a run; also while it runs.

    Secrets are hidden and control characters written out, as in the logs that history keeps. An interrupt (Ctrl-C) ends
    --follow, not the job.
    """
    application: Application = context.obj
    client = application.client
    found = lookup.graph(application, graph)
    task = _task(client, found, job)
    if following:
        chosen = run_id or lookup.newest(client, found).run_id
        _Following(application, found, task, chosen, as_json=as_json).follow(attempt)
        return
    running = _running_in(client, found, task.name)
    chosen = run_id or running or _last_run(client, found, task)
    listed = Logs(client, found, task).of(chosen, attempt, live=chosen == running or task.logs_elsewhere)
    if not listed:
        raise _no_log(client, found, task, chosen, attempt)
    if as_json:
        show_json([_plain(chosen, task, log, log.text) for log in listed])
        return
    note(f"{task.name}, run {chosen}")
    for log in listed:
        if len(listed) > 1:
            _write(_heading(log))
        _write_log(log.text.rstrip("\n"))


def _running_in(client: Client, found: Deployed, name: str) -> str | None:
    """Return the newest run's id if the job runs in it."""
    rows = graph_run.task_runs(client.rows(queries.task_history(client.place, found.root_id, task=name)))
    return rows[-1].run_id if rows and rows[-1].state == "EXECUTING" else None


def _last_run(client: Client, found: Deployed, task: Task) -> str:
    """Return the newest run in which the job made an attempt; if it never made one, the graph's newest run."""
    rows = client.rows(queries.last_run_of_job(client.place, found.tables, task.name))
    return str(rows[0]["GRAPH_RUN_ID"]) if rows else lookup.newest(client, found).run_id


def _task(client: Client, found: Deployed, job: str) -> Task:
    """Return a job of the graph, or one that the graph no longer has and whose logs are kept."""
    gone = upper(job)
    known = {name.casefold() for name in found.job_names}
    if job.casefold() not in known and client.rows(queries.last_run_of_job(client.place, found.tables, gone)):
        return Task(gone, (), started=False)
    return found.task(lookup.job_name(found, job, found.job_names))


def _no_log(client: Client, found: Deployed, task: Task, run_id: str, attempt: int | None) -> RunFailedError:
    """Say why there is no log, as far as the run's history tells, and what to do."""
    job = next((one for one in lookup.run(client, found, run_id).jobs if one.name == task.name), None)
    what = f"There is no log of {task.name} in run {run_id}" + (f", attempt {attempt}" if attempt else "")
    if job and job.last and task.logs_elsewhere:
        service = job.last.service.rpartition(".")[2]
        return RunFailedError(
            what,
            cause="The job's `logs` are in the account's event table, some minutes after they were written.",
            remedy=f"SELECT TIMESTAMP, VALUE FROM {_EVENTS} WHERE RECORD_TYPE = 'LOG' AND"
            f" RESOURCE_ATTRIBUTES:\"snow.service.name\" = '{service}' ORDER BY TIMESTAMP; (if the account has another"
            " event table: SHOW PARAMETERS LIKE 'EVENT_TABLE' IN ACCOUNT)",
        )
    return RunFailedError(what, cause=_why(job, attempt), remedy=f"jobgraph status {found.key} --run {run_id}")


def _why(job: Job | None, attempt: int | None) -> str:
    if job is None:
        return "The run has no such job."
    if attempt and attempt > job.attempts:
        return f"It made {job.attempts} attempt{'s' * (job.attempts != 1)}."
    if job.state in {graph_run.PENDING, graph_run.RUNNING}:
        return "Its container has not started yet."
    if not job.attempts:
        return f"It made no attempt: {job.cause or job.state}."
    return f"Its containers never started: {job.cause or job.state}."


class _Following:
    """Shows what comes to the logs of one job in one run."""

    def __init__(self, application: Application, found: Deployed, task: Task, run_id: str, *, as_json: bool) -> None:
        self._application = application
        self._found = found
        self._task = task
        self._run_id = run_id
        self._as_json = as_json
        self._logs = Logs(application.client, found, task)
        self._seen: dict[tuple[int, str, str], str] = {}
        self._heading = ""

    def follow(self, attempt: int | None) -> None:
        """Show all there is, and then what comes, until the job has ended.

        Raises:
            RunFailedError: if it has ended and there never was a log.
        """
        try:
            self._until_ended(attempt)
        except KeyboardInterrupt:
            note(f"\nStopped following. The job goes on: `jobgraph logs {self._task.name} --follow` follows it again.")
            raise click.exceptions.Exit(EXIT_INTERRUPTED) from None

    def _until_ended(self, attempt: int | None) -> None:
        note(f"{self._task.name}, run {self._run_id}")
        waiting = False
        while True:
            # first the job, then its logs: once it has ended, they are whole
            job = self._job()
            ended = job is None or job.state not in {graph_run.PENDING, graph_run.RUNNING}
            for log in self._logs.of(self._run_id, attempt, live=not ended or self._task.logs_elsewhere):
                self._show(log, whole=ended or not log.live)
            if job is None or ended:
                break
            if job.state == graph_run.PENDING and not waiting:
                waiting = True
                note(f"{self._task.name} has not started; waiting for it.")
            self._application.clock.sleep(_PAUSE)
        if not self._seen:
            raise _no_log(self._application.client, self._found, self._task, self._run_id, attempt)
        note(f"{self._task.name} {job.state}{f': {job.cause}' if job.cause else ''}" if job else "")

    def _job(self) -> Job | None:
        run = lookup.run(self._application.client, self._found, self._run_id)
        return next((one for one in run.jobs if one.name == self._task.name), None)

    def _show(self, log: Log, *, whole: bool) -> None:
        """Write what is new; of a log that grows, whole lines only: half a secret would not be known as one."""
        text = log.text if whole else log.text[: log.text.rfind("\n") + 1]
        seen = self._seen.get(log.key)
        new = added(seen or "", text)
        self._seen[log.key] = text or seen or ""
        if not new:
            return
        if self._as_json:
            click.echo(json.dumps(_plain(self._run_id, self._task, log, new)))
            return
        heading = _heading(log)
        if heading != self._heading:
            _write(heading)
            self._heading = heading
        _write_log(new.rstrip("\n"))


def _plain(run_id: str, task: Task, log: Log, text: str) -> dict[str, object]:
    """Return a log for JSON; keys are promised to scripts."""
    whose = {"run_id": run_id, "job": task.name, "attempt": log.attempt}
    return {**whose, "instance_id": log.instance, "container_name": log.container, "log": text}


def _heading(log: Log) -> str:
    return f"==> attempt {log.attempt}, instance {log.instance}, {log.container} <=="


def _write(heading: str) -> None:
    _print(Text(heading, style="bold"))


def _write_log(text: str) -> None:
    """Write lines of a log; on a terminal, those that speak of an error stand out."""
    if not is_terminal():
        click.echo(text)
        return
    for line in text.split("\n"):
        _print(Text(line, style="red" if TELLING.search(line) else ""))


def _print(line: Text) -> None:
    """Write a line as it is, however long; a terminal wraps it, and what is copied from there stays whole."""
    if is_terminal():
        Console().print(line, soft_wrap=True)
    else:
        click.echo(line.plain)
