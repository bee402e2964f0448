"""Rows of TASK_HISTORY and of TASK_LOGGING_STATS: which task ran when, in which graph run, and how it ended.

Pure. Knows the columns of both and Snowflake's task states. Must not know jobs: what a task means in its graph is in
`jobgraph.runs.shapes`. A history table of an earlier version lacks the later columns; then their values are empty.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import lru_cache
from typing import TYPE_CHECKING, Any

from jobgraph.plan import task_rows
from jobgraph.procedures.requested.request import split_config
from jobgraph.runs.attempts import instant, one_line

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from jobgraph.procedures.requested.request import Request
    from jobgraph.runs.attempts import Attempt

Row = dict[str, Any]

SCHEDULED = "SCHEDULED"
EXECUTING = "EXECUTING"
SUCCEEDED = "SUCCEEDED"
CANCELLED = "CANCELLED"
SKIPPED = "SKIPPED"
FAILED_STATES = frozenset({"FAILED", "FAILED_AND_AUTO_SUSPENDED"})
ENDED_STATES = FAILED_STATES | {SUCCEEDED, CANCELLED, SKIPPED}
# Snowflake's documentation has both spellings in different places.
_MANUAL = frozenset({"EXECUTE_TASK", "EXECUTE TASK"})
_FIRST = datetime.min.replace(tzinfo=UTC)
_LAST = datetime.max.replace(tzinfo=UTC)


@dataclass(frozen=True)
class TaskRun:
    """One task in one graph run: instants are aware, `attempt` counts runs of the whole graph under the same id.

    `definition` is what the deployment froze into the body that ran. `graph` and `root_task` say whose run it was, and
    `graph_definition`, on the row of the root, which jobs the graph had then; only history has these three.
    """

    name: str
    state: str
    run_id: str
    scheduled: datetime | None
    started: datetime | None
    completed: datetime | None
    error: str
    scheduled_from: str
    attempt: int
    graph: str = ""
    root_task: str = ""
    root_id: str = ""
    config: str = ""
    definition: Mapping[str, Any] = field(default_factory=dict, repr=False)
    graph_definition: Mapping[str, Any] = field(default_factory=dict, repr=False)

    @property
    def ended(self) -> bool:
        """Whether nothing more will happen to it."""
        return self.state in ENDED_STATES

    @property
    def failed(self) -> bool:
        """Whether it ended in one of the failed states."""
        return self.state in FAILED_STATES

    @property
    def stops(self) -> bool:
        """Whether what follows it cannot run."""
        return self.failed or self.state == CANCELLED

    @property
    def is_of_part(self) -> bool:
        """Whether its run was asked for without some of the graph's jobs; the root's row tells."""
        return bool(self.request.left_out)

    @property
    def request(self) -> Request:
        """What its run was asked for beside values; the root's row tells."""
        return split_config(self.config)[0]

    @property
    def manual(self) -> bool:
        """Whether EXECUTE TASK started it."""
        return self.scheduled_from in _MANUAL


def read(rows: Iterable[Row]) -> tuple[TaskRun, ...]:
    """Read rows of either source, in their order."""
    return tuple(_task_run(row) for row in rows)


def _task_run(row: Row) -> TaskRun:
    return TaskRun(
        name=row["NAME"],
        state=row["STATE"],
        run_id=str(row["GRAPH_RUN_GROUP_ID"] or ""),
        scheduled=instant(row.get("SCHEDULED_TIME")),
        # history has the instants twice: as the quickstart's text without a time zone, and as what they are
        started=instant(row.get("STARTED_TIME") or row.get("QUERY_START_TIME")),
        completed=instant(row.get("ENDED_TIME") or row.get("COMPLETED_TIME")),
        error=row["ERROR_MESSAGE"] or "",
        scheduled_from=row["SCHEDULED_FROM"] or "",
        attempt=int(row["ATTEMPT_NUMBER"] or 1),
        graph=str(row.get("GRAPH_NAME") or ""),
        root_task=str(row.get("ROOT_TASK_NAME") or ""),
        root_id=str(row.get("ROOT_TASK_ID") or ""),
        config=str(row.get("CONFIG") or row.get("RUN_CONFIG") or ""),
        definition=task_rows.definition({"definition": row.get("QUERY_TEXT")}),
        graph_definition=_graph_definition(row.get("GRAPH_DEFINITION") or "{}"),
    )


# 100 kB for a graph of 1,000 jobs, and the same for run after run until a deploy changes it
@lru_cache(maxsize=64)
def _graph_definition(text: str) -> Mapping[str, Any]:
    try:
        value = json.loads(text)
    except json.JSONDecodeError:
        return {}  # the table is anybody's to write to
    return value if isinstance(value, dict) else {}


def latest(history: Iterable[TaskRun]) -> dict[str, TaskRun]:
    """Return the last row of each task of one graph run; RETRY LAST adds rows under the same run id."""
    rows: dict[str, TaskRun] = {}
    for row in history:
        if row.name not in rows or rows[row.name].attempt <= row.attempt:
            rows[row.name] = row
    return rows


def started_runs(history: Iterable[TaskRun], root_task: str) -> frozenset[str]:
    """Return the ids of the runs whose root has been more than scheduled."""
    return frozenset(row.run_id for row in history if row.name == root_task and row.state != SCHEDULED)


def new_run(
    history: Iterable[TaskRun], root_task: str, before: frozenset[str], waiting: frozenset[str] = frozenset()
) -> str | None:
    """Return the id of the run that an EXECUTE TASK has just started; None if the history does not show it yet.

    Args:
        history: task runs read after the statement.
        root_task: the root's name.
        before: runs that had started before the statement.
        waiting: manual runs that were waiting before it. Snowflake lets a further EXECUTE TASK replace a waiting run
            (docs.snowflake.com/en/sql-reference/sql/execute-task), so such a one is ours only if the caller says
            that no newer one can be expected, by leaving it out.
    """
    manual = [row for row in history if row.name == root_task and row.manual and row.run_id]
    fresh = [row for row in manual if row.run_id not in before | waiting]
    return min(fresh, key=lambda row: row.scheduled or _LAST).run_id if fresh else None


def newest_run(roots: Iterable[TaskRun]) -> TaskRun | None:
    """Return the root's row of the newest run that has started or was asked for by hand, if it has its id already."""
    shown = [row for row in roots if row.run_id and (row.manual or row.state != SCHEDULED)]
    return max(shown, key=lambda row: (row.scheduled or _FIRST, row.attempt), default=None)


def telling(row: TaskRun | None, tries: tuple[Attempt, ...]) -> tuple[Attempt, ...]:
    """Return the attempts of a direct job if they tell how its task ended; none if the last is still to be recorded.

    The finalizer records it. Of any other job the runner has recorded it before its task ends.
    """
    ended = tries[-1].completed if tries else None
    if row is None or row.started is None or ended is None:
        return tries
    return () if ended < row.started else tries


def spans(tasks: Iterable[TaskRun], attempt: int, now: datetime | None) -> list[float]:
    """Return how many seconds each attempt of a run took; `now` is given while its last `attempt` goes on."""
    begun: dict[int, datetime] = {}
    ended: dict[int, datetime] = {attempt: now} if now else {}
    for row in tasks:
        if row.started:
            begun[row.attempt] = min(begun.get(row.attempt, row.started), row.started)
        if row.completed:
            ended[row.attempt] = max(ended.get(row.attempt, row.completed), row.completed)
    return [max((ended[number] - start).total_seconds(), 0.0) for number, start in begun.items() if number in ended]


def errors_of(*tasks: TaskRun | None) -> str:
    """Return what the tasks say that did not succeed, on one line."""
    return "; ".join(
        f"{task.name} {task.state}: {one_line(task.error)}" for task in tasks if task and task.state != SUCCEEDED
    )
