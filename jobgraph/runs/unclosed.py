"""Runs that no finalizer closed and that Snowflake's task history no longer has: only attempts of their jobs remain.

Pure. Knows what is certain about such a run and what is not: a job without an attempt is missing. Must not know where
rows come from.
"""

from __future__ import annotations

import json
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from jobgraph.procedures.requested.request import LEFT_OUT, REQUEST, Request
from jobgraph.runs import graph_run, task_runs
from jobgraph.runs.attempts import instant
from jobgraph.runs.task_runs import TaskRun

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Mapping, Sequence

    from jobgraph.runs.graph_run import GraphRun

CAUSE = (
    "No finalizer closed this run, and Snowflake's task history does not have it as a run of this graph: only the"
    " attempts of its jobs are known"
)
_NOT_BEGUN = frozenset({task_runs.SCHEDULED, task_runs.SKIPPED})
_BAD = frozenset({graph_run.FAILED, graph_run.CANCELLED})


def by_run(attempts: Iterable[Mapping[str, Any]]) -> dict[tuple[str, str], list[Mapping[str, Any]]]:
    """Return rows of JOBS_RUN_STATS by (root, run id), in the same order."""
    runs: dict[tuple[str, str], list[Mapping[str, Any]]] = {}
    for row in attempts:
        runs.setdefault((str(row["ROOT_TASK_NAME"]), str(row["GRAPH_RUN_ID"])), []).append(row)
    return runs


def task_rows(attempts: Sequence[Mapping[str, Any]]) -> tuple[TaskRun, ...]:
    """Return task runs for the root and each job with an attempt; `attempts` are those of one run, at least one."""
    first = attempts[0]
    tasks = {
        str(row["TASK_NAME"]): [each for each in attempts if each["TASK_NAME"] == row["TASK_NAME"]] for row in attempts
    }
    left_out = tuple(name for name, own in tasks.items() if own[-1]["JOB_STATUS"] == LEFT_OUT)
    config = json.dumps({REQUEST: Request(left_out).entry}) if left_out else ""
    root = replace(_task_run(first, str(first["ROOT_TASK_NAME"]), attempts), config=config)
    return (root, *(_task_run(first, name, own) for name, own in tasks.items()))


def _task_run(first: Mapping[str, Any], name: str, own: Sequence[Mapping[str, Any]]) -> TaskRun:
    started = [at for row in own if (at := instant(row.get("STARTED_TIME")))]
    ended = [at for row in own if (at := instant(row.get("COMPLETED_TIME")))]
    scheduled = instant(first.get("GRAPH_START_TIME"))
    return TaskRun(
        name=name,
        # the attempts, not this state, show how the job ended
        state=task_runs.SUCCEEDED,
        run_id=str(first["GRAPH_RUN_ID"]),
        scheduled=scheduled,
        started=min(started, default=scheduled),
        completed=max(ended, default=None),
        error="",
        scheduled_from="",
        attempt=1,
        graph=str(first.get("GRAPH_NAME") or ""),
        root_task=str(first["ROOT_TASK_NAME"]),
    )


def are_missing(
    root_tasks: Collection[str],
    listed: Sequence[GraphRun],
    limit: int,
    history: Iterable[TaskRun],
    unclosed: Collection[tuple[str, str]],
) -> bool:
    """Tell whether a list of a graph's runs lacks some that no finalizer closed.

    Args:
        root_tasks: the graph's roots.
        listed: the list, newest first.
        limit: the length of the list; older runs than those of a full list are not missing.
        history: rows of roots of the last seven days.
        unclosed: (root, run id) of the newest runs with attempts that no finalizer closed.
    """
    shown = {(run.root_task, run.run_id) for run in listed}
    oldest = min((run.run_id for run in listed), default="") if len(listed) >= limit else ""
    begun = {(row.name, row.run_id) for row in history if row.run_id and row.state not in _NOT_BEGUN}
    # ids sort by time
    return any(root in root_tasks and run_id >= oldest for root, run_id in (begun | set(unclosed)) - shown)


def as_known(run: GraphRun) -> GraphRun:
    """Return the run with a state that is certain: that it was bad can be known, that it was good cannot."""
    state = run.state if run.state in _BAD else graph_run.NOT_RECORDED
    return replace(run, state=state, cause=CAUSE, repeatable=False)
