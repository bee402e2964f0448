"""The progress of a run while a command waits for it: on standard error, a live table, or lines without a terminal.

Knows both displays. Must not know where a run's state comes from.
"""

from __future__ import annotations

import sys
from contextlib import contextmanager
from typing import TYPE_CHECKING

import click
from rich.console import Console
from rich.live import Live

from jobgraph.cli import views
from jobgraph.cli.application import Harmless, show
from jobgraph.procedures.logs import safe
from jobgraph.runs import graph_run, wording

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from rich.console import RenderableType

    from jobgraph.runs.graph_run import GraphRun, JobRun


# States of jobs that start no container.
_PASSED_OVER = (graph_run.LEFT_OUT, graph_run.SKIPPED, graph_run.DISABLED)


class Lines:
    """One line whenever a job's state or attempt changes."""

    def __init__(self) -> None:
        self._last: dict[str, tuple[str, int, str]] = {}

    def show(self, run: GraphRun) -> None:
        """Write the lines of what has changed since the last call; of many jobs that did not run, one line."""
        changed = []
        for job in run.jobs:
            # the first attempt is not reported: the line on the job's start precedes it
            waits_for = job.cause if job.state == "PENDING" else ""
            current = (job.state, max(self._attempt(job), 1), waits_for)
            if self._last.get(job.name, ("PENDING", 1, "")) != current:
                changed.append((job, self._line(run, job)))
            self._last[job.name] = current
        for state in _PASSED_OVER:
            names = [job.name for job, _ in changed if job.state == state]
            if len(names) > wording.MOST_JOBS_NAMED:
                changed = [(job, line) for job, line in changed if job.state != state]
                click.echo(safe(f"{_elapsed(run)}  {wording.counted(names)} {state}"), err=True)
        for _, line in changed:
            click.echo(safe(line), err=True)

    def _attempt(self, job: JobRun) -> int:
        """Return the attempt that a line names; 0 until a running job starts one: attempts in history have ended."""
        if job.state != "RUNNING" or job.attempts > len(job.tries):
            return job.attempts
        state, attempt, _ = self._last.get(job.name, ("", 0, ""))
        return attempt if state == "RUNNING" else 0

    def _line(self, run: GraphRun, job: JobRun) -> str:
        number = self._attempt(job)
        attempt = f", attempt {number}" if number > 1 else ""
        took = f", {wording.duration(job.duration)}" if job.duration is not None and job.state != "RUNNING" else ""
        cause = f": {job.cause}" if job.cause else ""
        return f"{_elapsed(run)}  {job.name} {job.state}{attempt}{took}{cause}"


def _elapsed(run: GraphRun) -> str:
    return f"{wording.duration(run.duration) or '0.0 s':>12}"


@contextmanager
def display() -> Iterator[Callable[[GraphRun], None]]:
    """Yield a function that shows a run in its present state."""
    if not sys.stderr.isatty():
        yield Lines().show
        return
    console = Console(stderr=True)
    with Live(console=console, transient=True, auto_refresh=False) as live:
        yield lambda run: live.update(Harmless(views.progress_table(run, console.height)), refresh=True)


@contextmanager
def screen() -> Iterator[Callable[[RenderableType], None]]:
    """Yield a function that replaces the previous table by a new one; without a terminal, it writes below it."""
    if not sys.stdout.isatty():
        yield show
        return
    with Live(console=Console(), auto_refresh=False) as live:
        yield lambda table: live.update(Harmless(table), refresh=True)
