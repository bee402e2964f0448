"""Rows of TASK_HISTORY and of TASK_LOGGING_STATS: which task ran when, in which graph run, and how it ended.

Pure. Knows the columns of both and Snowflake's task states. Must not know jobs: `jobgraph.runs.shapes` knows a task's
role in its graph. A history table of an earlier version lacks later columns; their values are then empty.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import lru_cache
from typing import TYPE_CHECKING, Any

from jobgraph.plan import task_rows
from jobgraph.procedures.requested.json_texts import read_object
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
# Snowflake's documentation uses both spellings.
_MANUAL = frozenset({"EXECUTE_TASK", "EXECUTE TASK"})
_FIRST = datetime.min.replace(tzinfo=UTC)
_LAST = datetime.max.replace(tzinfo=UTC)


@dataclass(frozen=True)
class TaskRun:
    """One task in one graph run. Datetimes are timezone-aware; `attempt` numbers the tries of the whole graph run.

    `definition` is the definition that the deploy wrote into the body that ran. `graph` and `root_task` identify the
    graph, and the root's `graph_definition` lists the jobs that the graph then had; only history has these three.
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
        """Whether it prevents its successors from running."""
        return self.failed or self.state == CANCELLED

    @property
    def is_of_part(self) -> bool:
        """Whether its run was requested without some of the graph's jobs; only the root's row has this."""
        return bool(self.request.left_out)

    @property
    def request(self) -> Request:
        """The parameters of its run's request other than the values; only the root's row has them."""
        return split_config(self.config)[0]

    @property
    def manual(self) -> bool:
        """Whether EXECUTE TASK started it."""
        return self.scheduled_from in _MANUAL


def read(rows: Iterable[Row]) -> tuple[TaskRun, ...]:
    """Return the task runs from rows of either source, in the same order."""
    return tuple(_task_run(row) for row in rows)


def _task_run(row: Row) -> TaskRun:
    return TaskRun(
        name=row["NAME"],
        state=row["STATE"],
        run_id=str(row["GRAPH_RUN_GROUP_ID"] or ""),
        scheduled=instant(row.get("SCHEDULED_TIME")),
        # history has these times twice: as timestamps, and as the quickstart's text without a time zone
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


# cached: 100 kB for a graph of 1,000 jobs, and identical in all runs until a deploy changes the graph
@lru_cache(maxsize=64)
def _graph_definition(text: str) -> Mapping[str, Any]:
    return read_object(text)  # anybody may write to the table


def latest(history: Iterable[TaskRun]) -> dict[str, TaskRun]:
    """Return the last row of each task of one graph run, by task; RETRY LAST adds rows under the same run id."""
    rows: dict[str, TaskRun] = {}
    for row in history:
        if row.name not in rows or rows[row.name].attempt <= row.attempt:
            rows[row.name] = row
    return rows


def earlier_spans(
    history: Iterable[TaskRun], shown: Mapping[str, TaskRun]
) -> dict[str, tuple[tuple[datetime, datetime | None], ...]]:
    """Return when the tasks of one graph run began and ended in the attempts of the graph before the `shown` rows."""
    spans: dict[str, tuple[tuple[datetime, datetime | None], ...]] = {}
    for row in sorted(history, key=lambda row: row.attempt):
        present = shown.get(row.name)
        if row.started and row.state != SKIPPED and (present is None or row.attempt < present.attempt):
            spans[row.name] = (*spans.get(row.name, ()), (row.started, row.completed))
    return spans


def started_runs(history: Iterable[TaskRun], root_task: str) -> frozenset[str]:
    """Return the ids of the runs whose root is past the state SCHEDULED."""
    return frozenset(row.run_id for row in history if row.name == root_task and row.state != SCHEDULED)


def new_run(
    history: Iterable[TaskRun], root_task: str, before: frozenset[str], waiting: frozenset[str] = frozenset()
) -> str | None:
    """Return the id of the run that an EXECUTE TASK has just started; None if the history does not show it yet.

    Args:
        history: task runs read after the statement.
        root_task: the root's name.
        before: ids of runs that had started before the statement.
        waiting: ids of manual runs that were waiting before the statement; they are not taken for the new run. A later
            EXECUTE TASK may replace a waiting run (docs.snowflake.com/en/sql-reference/sql/execute-task). If no newer
            run can be expected, the caller omits the waiting run here, and it counts as the new one.
    """
    manual = [row for row in history if row.name == root_task and row.manual and row.run_id]
    fresh = [row for row in manual if row.run_id not in before | waiting]
    return min(fresh, key=lambda row: row.scheduled or _LAST).run_id if fresh else None


def newest_run(roots: Iterable[TaskRun]) -> TaskRun | None:
    """Return the root's row of the newest run that has an id and has started or was requested by hand."""
    shown = [row for row in roots if row.run_id and (row.manual or row.state != SCHEDULED)]
    return max(shown, key=lambda row: (row.scheduled or _FIRST, row.attempt), default=None)


def is_superseded(root: TaskRun, recent: Iterable[TaskRun]) -> bool:
    """Return whether a later run of a root has begun."""
    return any(
        row.root_id == root.root_id
        and row.state != SCHEDULED
        and row.scheduled is not None
        and root.scheduled is not None
        and row.scheduled > root.scheduled
        for row in recent
    )


def telling(row: TaskRun | None, tries: tuple[Attempt, ...]) -> tuple[Attempt, ...]:
    """Return the attempts of a direct job if the last one is of this task run; otherwise none.

    The finalizer records the attempts of a direct job, so the last one may still be missing. The runner records an
    attempt of any other job before the task ends.
    """
    ended = tries[-1].completed if tries else None
    if row is None or row.started is None or ended is None:
        return tries
    return () if ended < row.started else tries


def spans(tasks: Iterable[TaskRun], attempt: int, now: datetime | None) -> tuple[tuple[datetime, datetime], ...]:
    """Return begin and end of each attempt of a run; `now` is the end of the last `attempt` if it goes on."""
    begun: dict[int, datetime] = {}
    ended: dict[int, datetime] = {attempt: now} if now else {}
    for row in tasks:
        if row.started:
            begun[row.attempt] = min(begun.get(row.attempt, row.started), row.started)
        if row.completed:
            ended[row.attempt] = max(ended.get(row.attempt, row.completed), row.completed)
    return tuple((begun[number], max(ended[number], begun[number])) for number in sorted(begun) if number in ended)


def seconds(parts: Iterable[tuple[datetime, datetime]]) -> float:
    """Return how long some spans lasted together."""
    return sum((end - begin).total_seconds() for begin, end in parts)


def durations(history: Iterable[TaskRun], now: datetime | None) -> dict[str, float]:
    """Return for how many seconds each task ran in all attempts of a run, up to `now` if it still runs.

    Tasks that have not started in their last attempt are left out.
    """
    rows: dict[str, dict[int, TaskRun]] = {}
    for row in history:
        rows.setdefault(row.name, {})[row.attempt] = row
    return {
        name: seconds(spans(attempts.values(), last, None if attempts[last].completed else now))
        for name, attempts in rows.items()
        if attempts[last := max(attempts)].started and (attempts[last].completed or now)
    }


def errors_of(*tasks: TaskRun | None) -> str:
    """Return the states and errors of the tasks that did not succeed, on one line."""
    return "; ".join(
        f"{task.name} {task.state}: {one_line(task.error)}" for task in tasks if task and task.state != SUCCEEDED
    )
