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

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence
    from datetime import datetime

    from jobgraph.runs.graph_run import GraphRun
    from jobgraph.runs.records import GraphRecord
    from jobgraph.runs.task_runs import TaskRun

# Fewer good runs say nothing about a usual time.
_FEWEST = 3
NEVER_RAN = "NEVER RAN"
# What needs attention comes first.
_ORDER = (graph_run.FAILED, graph_run.CANCELLED, graph_run.RUNNING, graph_run.PENDING, graph_run.DONE, NEVER_RAN)


@dataclass(frozen=True)
class GraphOverview:
    """A graph: `run` is its last whole one, if it has one; `usual` the median of its good ones, in seconds.

    `part` is its last run if that was asked for without some jobs: it does not decide the state, but a bad one counts.

    `next_start` is when its schedule starts it next. `remarks` say what is unusual, and what to do.
    """

    graph: GraphRecord
    run: GraphRun | None = None
    part: GraphRun | None = None
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
        states = {self.state, self.part.state if self.part else graph_run.DONE}
        return not states & {graph_run.FAILED, graph_run.CANCELLED} and not self.remarks


def line(
    graph: GraphRecord,
    run: GraphRun | None,
    history: Sequence[TaskRun],
    spans: Mapping[str, Sequence[float]],
    part: GraphRun | None = None,
) -> GraphOverview:
    """Return the line of a graph.

    Args:
        graph: the graph.
        run: its last run of the whole graph.
        history: the roots' rows of the schema, scheduled ones included.
        spans: of each root, how many seconds its last good runs took.
        part: its last run, if that was one of a part of the graph.
    """
    deployed = graph.deployed
    coming = [
        row.scheduled
        for row in history
        if deployed and row.name == deployed.root_task and row.state == task_runs.SCHEDULED and row.scheduled
    ]
    return GraphOverview(
        graph=graph,
        run=run,
        part=part,
        usual=usual([span for root in graph.root_tasks for span in spans.get(root, ())]),
        next_start=min(coming, default=None),
        remarks=tuple(conditions(deployed)) if deployed else (),
    )


def usual(spans: Sequence[float]) -> float | None:
    """Return the usual of some durations; None of too few."""
    return statistics.median(spans) if len(spans) >= _FEWEST else None


def ordered(lines: Iterable[GraphOverview]) -> list[GraphOverview]:
    """Return lines with what failed first, then what is suspended, and those that are no longer deployed last."""
    return sorted(
        lines,
        key=lambda entry: (
            entry.graph.deployed is None,
            min(_ORDER.index(entry.state), 2 if not entry.well else len(_ORDER)),
            entry.graph.key,
        ),
    )


def good_spans(rows: Iterable[dict[str, Any]]) -> dict[str, list[float]]:
    """Return the durations of good runs by root, from rows of ROOT_TASK_NAME, BEGAN, ENDED and BAD (tasks)."""
    spans: dict[str, list[float]] = {}
    for row in rows:
        began, ended = instant(row["BEGAN"]), instant(row["ENDED"])
        if began and ended and not int(row["BAD"] or 0):
            spans.setdefault(str(row["ROOT_TASK_NAME"]), []).append((ended - began).total_seconds())
    return spans
