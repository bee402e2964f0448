"""Which jobs of a graph a run is requested with, and which it leaves out.

Pure. Knows how jobs follow one another. Must not know how a run is requested.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from jobgraph.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable

    from jobgraph.runs.deployed import Deployed


@dataclass(frozen=True)
class JobSelection:
    """Job names: `only` these, plus `since` these with all that follow them, minus the `skipped` ones."""

    only: tuple[str, ...] = ()
    since: tuple[str, ...] = ()
    skipped: tuple[str, ...] = ()

    def __bool__(self) -> bool:
        """Return whether anything is selected or skipped."""
        return bool(self.only or self.since or self.skipped)


def names_of(options: Iterable[str]) -> tuple[str, ...]:
    """Return the names in the values of an option; one value may hold several names: `a,b`."""
    return tuple(name for option in options for name in option.replace(",", " ").split())


def left_out(graph: Deployed, selection: JobSelection) -> tuple[str, ...]:
    """Return the jobs that a run leaves out, in the graph's order; `selection` must name jobs of the graph.

    Raises:
        UsageError: if the run would have no job, a job to run is suspended, or a job to leave out would run anyway.
    """
    running = {*selection.only, *_descendants(graph, selection.since)} or set(graph.job_names)
    running -= set(selection.skipped)
    _check_running(graph, running, {*selection.only, *selection.since} - set(selection.skipped))
    names = [job for job in graph.jobs if job.name not in running and job.started]
    earlier = [job.name for job in names if not job.takes_requests]
    if earlier:
        raise UsageError(
            f"These jobs of graph {graph.key} cannot be left out of a run: {', '.join(earlier)}",
            cause="An earlier version of jobgraph deployed them, or Snowflake itself starts their containers (`runner:"
            " direct`) and `command` does not name job_run.py, so they cannot respond to what a run was asked for.",
            remedy=f"`pulumi up` deploys them again; `jobgraph run {graph.key}` runs the whole graph.",
        )
    return tuple(job.name for job in names)


def _check_running(graph: Deployed, running: Collection[str], explicit: Collection[str]) -> None:
    not_started = [job.name for job in graph.jobs if job.name in explicit and not job.started]
    if not_started:
        raise UsageError(
            f"Runs of graph {graph.key} leave out {', '.join(not_started)}",
            cause="Their tasks are suspended, or the job configuration says `enabled: false`.",
            remedy=f"jobgraph status {graph.key}",
        )
    if not any(job.started for job in graph.jobs if job.name in running):
        raise UsageError("Such a run would run no job", remedy="Leave out fewer jobs.")


def _descendants(graph: Deployed, names: Collection[str]) -> set[str]:
    """Return the named jobs and all that follow them. Relies on predecessors coming first in `graph.jobs`."""
    below = set(names)
    for job in graph.jobs:
        if below.intersection(job.after):
            below.add(job.name)
    return below
