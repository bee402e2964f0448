"""Writing the logs of jobs: with a heading for each container, as JSON, or line by line as they grow.

Knows the layout of lines, and when following ends. Must not know where logs come from (`account.containers`).
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import click
from rich.console import Console
from rich.text import Text

from jobgraph.account import event_logs
from jobgraph.account.containers import Logs, added
from jobgraph.cli.application import is_terminal, note, show_json
from jobgraph.errors import EXIT_INTERRUPTED
from jobgraph.procedures.logs import TELLING
from jobgraph.procedures.retries import NOT_BEGUN
from jobgraph.runs import advice, graph_run
from jobgraph.runs.attempts import DONE
from jobgraph.runs.deployed import Task

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from jobgraph.account.containers import Log
    from jobgraph.account.run_records import RunRecords
    from jobgraph.cli.application import Application
    from jobgraph.runs.graph_run import GraphRun, JobRun
    from jobgraph.runs.records import GraphRecord

# Seconds between two reads of a running job's log.
_PAUSE = 1.0
_NOTHING = "[the container wrote nothing]"


@dataclass(frozen=True)
class LogSelection:
    """The selected logs: of the job `name` or of all jobs, and of one `attempt` or of all."""

    application: Application
    record: GraphRecord
    records: RunRecords
    name: str | None
    attempt: int | None
    as_json: bool

    def logs_of(self, run: GraphRun, job: JobRun) -> list[Log]:
        """Return the logs of a job in a run. Services that may have more than history are read too."""
        live = job.state == graph_run.RUNNING or job.service is not None or self.is_elsewhere(run, job)
        task = self._task(run, job.name, live=live)
        client, tables = self.application.client, self.record.tables
        logs = Logs(client, tables, run.root_task, task, service=job.service, tries=job.tries)
        return logs.of(run.run_id, self.attempt, live=live)

    def is_elsewhere(self, run: GraphRun, job: JobRun) -> bool:
        """Return whether the job's logs go to the event table."""
        return any(map(event_logs.is_there, job.tries)) or any(
            task.logs_elsewhere for task in run.shape.jobs if task.name == job.name
        )

    def _task(self, run: GraphRun, name: str, *, live: bool) -> Task:
        """Return the job with the definition that it ran with; live logs are cleared of that definition's secrets."""
        task = next((task for task in run.shape.jobs if task.name == name), Task(name, (), started=False))
        if not live or task.definition.get("specification"):
            return task
        return Task(name, task.after, started=True, definition=self.records.definition(run, name))


def write(listed: Sequence[tuple[JobRun, Log]], *, of_all: bool) -> None:
    """Write logs one after another, each with a heading. A single log has none, so that it can be piped."""
    for job, log in listed:
        if len(listed) > 1 or of_all:
            _write_heading(_heading(job.name if of_all else "", log))
        _write_log(log.text.rstrip("\n") or _why_empty(job, log.attempt))


def _why_empty(job: JobRun, number: int) -> str:
    """Return why the log of an attempt is empty: its container wrote nothing, or there never was one."""
    attempt = next((tried for tried in job.tries if tried.number == number), None)
    if attempt is None or attempt.state == DONE or attempt.exit_code is not None:
        return _NOTHING
    if attempt.reason_class not in NOT_BEGUN:
        return f"[nothing was written: {attempt.cause or attempt.state}]"
    advised = advice.ADVICE.get(attempt.reason_class, "")
    return f"[no container started: {attempt.cause}]" + (f"\n[what to do: {advised}]" if advised else "")


def show_json_of(run: GraphRun, listed: Iterable[tuple[JobRun, Log]]) -> None:
    """Write logs as JSON."""
    show_json([_plain(run.run_id, job.name, log, log.text) for job, log in listed])


class Following:
    """Shows the logs of one job, or of all jobs of a run, as they grow."""

    def __init__(self, selection: LogSelection, run_id: str) -> None:
        self._selection = selection
        self._run_id = run_id
        self._seen: dict[tuple[str, int, str, str], str] = {}
        self._finished: set[str] = set()
        self._announced: set[str] = set()
        self._last_heading = ""

    def follow(self) -> GraphRun:
        """Show the logs so far, then new lines, until the job or the run has ended. Return the run in that state."""
        name, key = self._selection.name, self._selection.record.key
        try:
            return self._until_ended()
        except KeyboardInterrupt:
            again = f"jobgraph logs {name} --run {self._run_id} --follow" if name else f"jobgraph logs --graph {key} -f"
            note(f"\nStopped following. {'The job' if name else 'The run'} goes on: `{again}` follows it again.")
            raise click.exceptions.Exit(EXIT_INTERRUPTED) from None

    @property
    def has_shown(self) -> bool:
        """Whether any log was shown."""
        return bool(self._seen)

    def _until_ended(self) -> GraphRun:
        name = self._selection.name
        note(f"{name or self._selection.record.key}, run {self._run_id}")
        while True:
            # the run is read before its logs: if the job has ended by then, they are complete
            run = self._selection.records.run(self._run_id)
            for job in run.jobs:
                if name in {None, job.name} and job.name not in self._finished:
                    self._look_at(run, job)
            if run.ended or (name is not None and name in self._finished):
                return run
            self._selection.application.clock.sleep(_PAUSE)

    def _look_at(self, run: GraphRun, job: JobRun) -> None:
        ended = job.state not in {graph_run.PENDING, graph_run.RUNNING}
        if not ended and not job.attempts:
            self._announce(job)
            return
        for log in self._selection.logs_of(run, job):
            self._show(job, log, whole=ended or not log.live)
        if ended:
            self._finished.add(job.name)

    def _announce(self, job: JobRun) -> None:
        if self._selection.name is not None and job.name not in self._announced:
            self._announced.add(job.name)
            note(f"{job.name} has not started{f': it {job.cause}' if job.cause else ''}; waiting for it.")

    def _show(self, job: JobRun, log: Log, *, whole: bool) -> None:
        """Write what is new. A growing log is shown in whole lines only, because half a secret would not be masked."""
        text = log.text if whole else log.text[: log.text.rfind("\n") + 1]
        key = (job.name, *log.key)
        before = self._seen.get(key)
        new = added(before or "", text)
        self._seen[key] = text or before or ""
        if not new:
            return
        if self._selection.as_json:
            click.echo(json.dumps(_plain(self._run_id, job.name, log, new)))
        elif self._selection.name is None:
            _write_log("\n".join(f"{job.name} | {line}" for line in new.rstrip("\n").split("\n")))
        else:
            self._write_below_heading(_heading("", log), new)

    def _write_below_heading(self, heading: str, text: str) -> None:
        if heading != self._last_heading:
            _write_heading(heading)
            self._last_heading = heading
        _write_log(text.rstrip("\n"))


def _plain(run_id: str, job: str, log: Log, text: str) -> dict[str, Any]:
    """Return a log for JSON. Scripts rely on the keys."""
    whose = {"run_id": run_id, "job": job, "attempt": log.attempt}
    return {**whose, "instance_id": log.instance, "container_name": log.container, "log": text}


def _heading(job: str, log: Log) -> str:
    return f"==> {f'{job}, ' if job else ''}attempt {log.attempt}, instance {log.instance}, {log.container} <=="


def _write_heading(heading: str) -> None:
    _print(Text(heading, style="bold"))


def _write_log(text: str) -> None:
    """Write lines of a log; on a terminal, lines about errors are highlighted."""
    if not is_terminal():
        click.echo(text)
        return
    for line in text.split("\n"):
        _print(Text(line, style="red" if TELLING.search(line) else ""))


def _print(line: Text) -> None:
    """Write a line without wrapping it, however long. The terminal wraps it, so that copied text is complete."""
    if is_terminal():
        Console().print(line, soft_wrap=True)
    else:
        click.echo(line.plain)
