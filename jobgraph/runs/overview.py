"""One line for each graph of a schema: its last run against its usual duration; its next start; what is wrong with it.

Pure. Knows what an operator asks first of many graphs. Must not know where rows come from or how a line is shown.
"""

from __future__ import annotations

import statistics
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from jobgraph.runs import graph_run, task_runs
from jobgraph.runs.attempts import instant
from jobgraph.runs.deployed import conditions
from jobgraph.runs.skips import BLOCKED

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence
    from datetime import datetime

    from jobgraph.runs.graph_run import GraphRun
    from jobgraph.runs.records import GraphRecord
    from jobgraph.runs.task_runs import TaskRun

# Fewer good runs say nothing about a usual time.
_FEWEST = 3
NEVER_RAN = "NEVER RAN"
_BAD = frozenset({graph_run.FAILED, graph_run.CANCELLED, graph_run.NOT_RECORDED})
# What needs attention comes first.
_ORDER = (
    *(graph_run.FAILED, graph_run.CANCELLED, graph_run.NOT_RECORDED),
    *(graph_run.RUNNING, graph_run.PENDING, graph_run.DONE, NEVER_RAN),
)


@dataclass(frozen=True)
class GraphOverview:
    """A graph: `run` is its last whole one, if it has one; `usual` the median of its good ones, in seconds.

    `part` is its last run if that was asked for without some jobs: it does not decide the state. `trouble` are the jobs
    that are not well since the last whole run, parts counted: see the function of that name.

    `next_start` is when its schedule starts it next. `remarks` say what is unusual, and what to do.
    """

    graph: GraphRecord
    run: GraphRun | None = None
    part: GraphRun | None = None
    trouble: tuple[str, ...] = ()
    usual: float | None = None
    next_start: datetime | None = None
    remarks: tuple[str, ...] = ()

    @property
    def state(self) -> str:
        """The state of its last whole run."""
        return self.run.state if self.run else NEVER_RAN

    @property
    def newest(self) -> GraphRun | None:
        """Its last run, whether of the whole graph or of a part."""
        return self.part or self.run

    @property
    def suspended(self) -> bool:
        """Whether its schedule starts no runs although it has one."""
        deployed = self.graph.deployed
        return bool(deployed and deployed.schedule and not deployed.started)

    @property
    def suspended_because(self) -> str:
        """Who suspended it, in a few words; empty if it is not."""
        if not self.suspended or self.graph.deployed is None:
            return ""
        return "after too many failures" if self.graph.deployed.suspended_by_failures else "by an operator or a deploy"

    @property
    def well(self) -> bool:
        """Whether nobody needs to look at it: of a graph that is no longer deployed, nobody does."""
        if self.graph.deployed is None:
            return True
        return not self.trouble and not self.remarks

    @property
    def recovered(self) -> bool:
        """Whether what was bad in its last whole run has been run well since, in parts."""
        return self.part is not None and self.state in _BAD and not self.trouble


def line(
    graph: GraphRecord, runs: Sequence[GraphRun], history: Sequence[TaskRun], spans: Mapping[str, Sequence[float]]
) -> GraphOverview:
    """Return the line of a graph.

    Args:
        graph: the graph.
        runs: its last run of the whole graph, if there is one, and those of parts of it since, newest first.
        history: the roots' rows of the schema, scheduled ones included.
        spans: of each root, how many seconds its last good runs took.
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


def trouble(runs: Sequence[GraphRun]) -> tuple[str, ...]:
    """Return the jobs that are not well: they failed, or could not run for a failure, and no later run had them in it.

    The finalizer tells `recovered` by the same rule (procedures/notifying/run_ends.py). `runs` is newest first. A run
    that goes on changes nothing yet.
    """
    bad: dict[str, None] = {}
    for run in reversed(runs):
        if run.ended:
            bad = {name: None for name in bad if name in run.request.left_out} | dict.fromkeys(_not_well(run))
    return tuple(bad)


def _not_well(run: GraphRun) -> list[str]:
    names = [job.name for job in run.jobs if job in run.failed or job.cause == BLOCKED]
    return names or ([run.root_task] if run.state in _BAD else [])


def usual(spans: Sequence[float]) -> float | None:
    """Return the usual of some durations; None of too few."""
    return statistics.median(spans) if len(spans) >= _FEWEST else None


def ordered(lines: Iterable[GraphOverview]) -> list[GraphOverview]:
    """Return lines with what failed first, then what is suspended, and those that are no longer deployed last."""
    return sorted(
        lines,
        key=lambda entry: (
            entry.graph.deployed is None,
            _rank(entry),
            entry.graph.key,
        ),
    )


def _rank(entry: GraphOverview) -> int:
    """Return the place of a graph among others: what is bad in whatever way before what runs, and what is well."""
    place = _ORDER.index(entry.state)
    if entry.well:
        return max(place, _ORDER.index(graph_run.DONE)) if entry.recovered else place
    return min(place, len(_BAD))


def good_spans(rows: Iterable[dict[str, Any]]) -> dict[str, list[float]]:
    """Return the durations of good runs by root, from rows of ROOT_TASK_NAME, BEGAN, ENDED and BAD (tasks)."""
    spans: dict[str, list[float]] = {}
    for row in rows:
        began, ended = instant(row["BEGAN"]), instant(row["ENDED"])
        if began and ended and not int(row["BAD"] or 0):
            spans.setdefault(str(row["ROOT_TASK_NAME"]), []).append((ended - began).total_seconds())
    return spans
