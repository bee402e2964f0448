"""One line per graph of a schema: its last run and usual duration, its next start, and what is wrong with it.

Pure. Knows what an operator with many graphs asks first. Must not know where rows come from or how a line is shown.
"""

from __future__ import annotations

import statistics
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from jobgraph.runs import graph_run, task_runs
from jobgraph.runs.attempts import instant
from jobgraph.runs.deployed import conditions
from jobgraph.runs.skips import BLOCKED
from jobgraph.runs.wording import MOST_JOBS_NAMED, some

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Mapping, Sequence
    from datetime import datetime

    from jobgraph.runs.deployed import Task
    from jobgraph.runs.graph_run import GraphRun, JobRun
    from jobgraph.runs.records import GraphRecord
    from jobgraph.runs.task_runs import TaskRun

# The number of good runs needed for a usual duration; messages need as many (procedures/notifying/run_ends.py).
FEWEST_USUAL = 3
NEVER_RAN = "NEVER RAN"
_BAD = frozenset({graph_run.FAILED, graph_run.CANCELLED, graph_run.NOT_RECORDED})
# What needs attention comes first.
_ORDER = (
    *(graph_run.FAILED, graph_run.CANCELLED, graph_run.NOT_RECORDED),
    *(graph_run.RUNNING, graph_run.PENDING, graph_run.DONE, NEVER_RAN),
)


@dataclass(frozen=True)
class GraphOverview:
    """A graph's overview. `run`: its last run with all jobs, if any. `usual`: the median seconds of its good runs.

    `part`: its last run, if that was requested without some jobs; it does not decide the state. `trouble`: the jobs
    that are not well, counting the last whole run and later partial runs (see the function `trouble`).

    `next_start`: when the schedule starts the graph next. `remarks`: what is unusual about it, and what to do.
    `suspender`: the user who suspended it, if history has that.
    """

    graph: GraphRecord
    run: GraphRun | None = None
    part: GraphRun | None = None
    trouble: tuple[str, ...] = ()
    usual: float | None = None
    next_start: datetime | None = None
    remarks: tuple[str, ...] = ()
    suspender: str = ""

    @property
    def state(self) -> str:
        """The state of its last run with all jobs; NEVER RAN if there is none."""
        return self.run.state if self.run else NEVER_RAN

    @property
    def newest(self) -> GraphRun | None:
        """Its last run, with or without all jobs."""
        return self.part or self.run

    @property
    def suspended(self) -> bool:
        """Whether the graph has a schedule but its root is suspended."""
        deployed = self.graph.deployed
        return bool(deployed and deployed.schedule and not deployed.started)

    @property
    def suspended_because(self) -> str:
        """Why or by whom it was suspended, in a few words; empty if it is not suspended."""
        if not self.suspended or self.graph.deployed is None:
            return ""
        if self.graph.deployed.suspended_by_failures:
            return "after too many failures"
        return f"by {self.suspender or 'an operator or a deploy'}"

    @property
    def well(self) -> bool:
        """Whether the graph needs no attention; always true if it is no longer deployed."""
        if self.graph.deployed is None:
            return True
        return not self.trouble and not self.remarks

    @property
    def recovered(self) -> bool:
        """Whether partial runs have since succeeded for everything that was bad in the last whole run."""
        return self.part is not None and self.state in _BAD and not self.trouble


def line(
    graph: GraphRecord, runs: Sequence[GraphRun], history: Sequence[TaskRun], spans: Mapping[str, Sequence[float]]
) -> GraphOverview:
    """Return the overview of a graph.

    Args:
        graph: the graph.
        runs: its last run with all jobs, if any, and later partial runs, newest first.
        history: the rows of all roots in the schema, including scheduled ones.
        spans: root -> the durations of its last good runs, in seconds.
    """
    deployed = graph.deployed
    coming = [
        row.scheduled
        for row in history
        if deployed and row.name == deployed.root_task and row.state == task_runs.SCHEDULED and row.scheduled
    ]
    return GraphOverview(
        graph=graph,
        run=next((run for run in runs if not run.is_part), None),
        part=next((run for run in runs[:1] if run.is_part), None),
        trouble=trouble(runs),
        usual=usual([span for root in graph.root_tasks for span in spans.get(root, ())]),
        next_start=min(coming, default=None),
        remarks=tuple(conditions(deployed)) if deployed else (),
    )


def settled(
    graph: GraphRecord,
    closed: Sequence[GraphRun],
    history: Sequence[TaskRun],
    unclosed: Collection[tuple[str, str]],
) -> list[GraphRun] | None:
    """Return the last run with all jobs and later partial runs, newest first, if closed runs alone tell of them.

    None if more has to be read: a run is under way, may be tried again, or was not closed.

    Args:
        graph: the graph.
        closed: its newest closed runs, newest first; empty if none is known.
        history: the rows of all roots in the last seven days.
        unclosed: (root, run id) of the newest runs with attempts that no finalizer closed.
    """
    row = task_runs.newest_run(row for row in history if row.name in graph.root_tasks)
    open_ids = [run_id for root, run_id in unclosed if root in graph.root_tasks]
    if not closed:
        return None
    last = closed[0]
    # a run that was good is not tried again
    if row is not None and (row.run_id != last.run_id or last.state != graph_run.DONE):
        return None
    # ids sort by time
    if any(run_id >= last.run_id for run_id in open_ids):
        return None
    whole = next((place for place, run in enumerate(closed) if not run.is_part), None)
    return None if whole is None else list(closed[: whole + 1])


def trouble(runs: Sequence[GraphRun]) -> tuple[str, ...]:
    """Return the jobs that failed, or were blocked by a failure, and that no later run included.

    The finalizer decides `recovered` by the same rule (procedures/notifying/run_ends.py). `runs` is newest first. A run
    that has not ended is ignored.
    """
    bad: dict[str, None] = {}
    for run in reversed(runs):
        if run.ended:
            bad = {name: None for name in bad if name in run.request.left_out} | dict.fromkeys(_not_well(run))
    return tuple(bad)


def _not_well(run: GraphRun) -> list[str]:
    names = [job.name for job in run.jobs if job in run.failed or job.cause == BLOCKED]
    return names or ([run.root_task] if run.state in _BAD else [])


def failed_since(runs: Sequence[GraphRun]) -> list[tuple[GraphRun, list[JobRun]]]:
    """Return the runs with jobs that failed and that did not run again later, newest first, with these jobs.

    `runs` is newest first. A later run that has not ended is ignored.
    """
    listed = []
    for number, run in enumerate(runs):
        later = [other for other in runs[:number] if other.ended]
        jobs = [job for job in run.failed if not any(_ran(job.name, other) for other in later)]
        if jobs:
            listed.append((run, jobs))
    return listed


def _ran(name: str, run: GraphRun) -> bool:
    """Return whether a run included a job and no failure kept the job from running."""
    job = run.job(name)
    return name not in run.request.left_out and (job is None or job.cause != BLOCKED)


def without_good_run(graph: str, trouble: Collection[str], tasks: Sequence[Task]) -> str:
    """Return which jobs have had no good run since they failed or were blocked, and how to run them; empty if none.

    `trouble` names these jobs; `tasks` are the jobs of the graph that is deployed, predecessors first.
    """
    jobs = [task.name for task in tasks if task.name in trouble]
    if not jobs:
        return ""
    first = _first_of(jobs, tasks)
    names = some(jobs) if len(jobs) <= MOST_JOBS_NAMED else f"{len(jobs)} jobs from {some(first)}"
    return f"Without a good run since: {names}; `jobgraph run {graph} --from {','.join(first)}` runs them."


def _first_of(names: Sequence[str], tasks: Sequence[Task]) -> list[str]:
    """Return those of some jobs that none of the others precedes; `tasks` are all jobs, predecessors first."""
    below: set[str] = set()
    first = []
    for task in tasks:
        follows = not below.isdisjoint(task.after)
        if task.name in names and not follows:
            first.append(task.name)
        if task.name in names or follows:
            below.add(task.name)
    return first


def usual(spans: Sequence[float]) -> float | None:
    """Return the median of the durations; None if there are too few."""
    return statistics.median(spans) if len(spans) >= FEWEST_USUAL else None


def ordered(lines: Iterable[GraphOverview]) -> list[GraphOverview]:
    """Return the lines by `_rank`: what needs attention first, and graphs that are no longer deployed last."""
    return sorted(
        lines,
        key=lambda entry: (
            entry.graph.deployed is None,
            _rank(entry),
            entry.graph.key,
        ),
    )


def _rank(entry: GraphOverview) -> int:
    """Return the sort rank of a graph: any graph that is not well comes before the running and the well ones."""
    place = _ORDER.index(entry.state)
    if entry.well:
        return max(place, _ORDER.index(graph_run.DONE)) if entry.recovered else place
    return min(place, len(_BAD))


def good_spans(rows: Iterable[dict[str, Any]]) -> dict[str, list[float]]:
    """Return root -> durations of good runs in seconds, from rows with ROOT_TASK_NAME, BEGAN, ENDED and BAD.

    BAD is the number of bad tasks in the run.
    """
    spans: dict[str, list[float]] = {}
    for row in rows:
        began, ended = instant(row["BEGAN"]), instant(row["ENDED"])
        if began and ended and not int(row["BAD"] or 0):
            spans.setdefault(str(row["ROOT_TASK_NAME"]), []).append((ended - began).total_seconds())
    return spans
