"""What a graph run is: rows of TASK_HISTORY and of the history tables put together into jobs with states.

Pure. Knows the columns of those rows and Snowflake's task states. Must not know where rows come from or how a run is
shown. A job is DONE only if its last attempt says so: a task may succeed although its job failed (`on_failure:
continue`), and such a run is not a good one.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from jobgraph.runs import attempts as reading
from jobgraph.runs.attempts import instant, one_line
from jobgraph.runs.deployed import Task

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from jobgraph.runs.attempts import Attempt
    from jobgraph.runs.deployed import Deployed

Row = dict[str, Any]

PENDING = "PENDING"
RUNNING = "RUNNING"
DONE = reading.DONE
FAILED = "FAILED"
SKIPPED = "SKIPPED"
# Why a job was skipped.
BLOCKED = "a predecessor did not succeed"
CONDITION_FALSE = "its condition was false, or a predecessor's"
CANCELLED = "CANCELLED"
# Its task is suspended: by somebody, or because the configuration says `enabled: false`. Both count as succeeded for
# what follows them, but only the second is as it was meant to be.
SUSPENDED = "SUSPENDED"
DISABLED = "DISABLED"
NOT_RECORDED = "NOT RECORDED"

ENDED_TASK_STATES = frozenset({"SUCCEEDED", "FAILED", "FAILED_AND_AUTO_SUSPENDED", "CANCELLED", "SKIPPED"})
_FAILED_TASK_STATES = frozenset({"FAILED", "FAILED_AND_AUTO_SUSPENDED"})
# Snowflake's documentation has both spellings in different places.
_MANUAL = frozenset({"EXECUTE_TASK", "EXECUTE TASK"})


@dataclass(frozen=True)
class TaskRun:
    """One row of TASK_HISTORY: instants are aware, `attempt` counts runs of the whole graph under the same id."""

    name: str
    state: str
    run_id: str
    scheduled: datetime | None
    started: datetime | None
    completed: datetime | None
    error: str
    scheduled_from: str
    attempt: int

    @property
    def ended(self) -> bool:
        """Whether nothing more will happen to it."""
        return self.state in ENDED_TASK_STATES

    @property
    def manual(self) -> bool:
        """Whether EXECUTE TASK started it."""
        return self.scheduled_from in _MANUAL


@dataclass(frozen=True)
class Job:
    """A job within a run. `duration` is in seconds, up to now while it runs; `cause` is one line, or empty.

    `attempts` counts the one under way too, which is not among the recorded `tries`.
    """

    name: str
    state: str
    attempts: int = 0
    duration: float | None = None
    cause: str = ""
    tries: tuple[Attempt, ...] = ()

    @property
    def last(self) -> Attempt | None:
        """The last recorded attempt."""
        return self.tries[-1] if self.tries else None

    @property
    def outputs(self) -> Any:
        """What the job handed on; None if nothing, or if it is not DONE."""
        return self.last.outputs if self.last and self.state == DONE else None

    @property
    def rows_written(self) -> int | None:
        """The number of that name among the outputs of a job that is DONE."""
        return self.last.rows_written if self.last and self.state == DONE else None


@dataclass(frozen=True)
class Run:
    """A graph run. `state` is PENDING, RUNNING, DONE, FAILED or CANCELLED; `ended`: nothing more will happen.

    `duration` is in seconds, up to now while it runs. `cause` is why the root or the finalizer failed. `task_states`
    has the root's and the finalizer's state too, for a picture.
    """

    root_task: str
    run_id: str
    state: str
    ended: bool
    jobs: tuple[Job, ...]
    scheduled_from: str = ""
    started: datetime | None = None
    completed: datetime | None = None
    duration: float | None = None
    cause: str = ""
    task_states: Mapping[str, str] = field(default_factory=dict, repr=False)

    @property
    def failed(self) -> tuple[Job, ...]:
        """The jobs that ended other than DONE because of themselves, not of a predecessor."""
        return tuple(job for job in self.jobs if job.state not in {DONE, SKIPPED, PENDING, RUNNING, DISABLED})


def task_runs(rows: Iterable[Row]) -> tuple[TaskRun, ...]:
    """Read rows of TASK_HISTORY or TASK_LOGGING_STATS, in their order."""
    return tuple(
        TaskRun(
            name=row["NAME"],
            state=row["STATE"],
            run_id=str(row["GRAPH_RUN_GROUP_ID"] or ""),
            scheduled=instant(row.get("SCHEDULED_TIME")),
            started=instant(row["QUERY_START_TIME"]),
            completed=instant(row["COMPLETED_TIME"]),
            error=row["ERROR_MESSAGE"] or "",
            scheduled_from=row["SCHEDULED_FROM"] or "",
            attempt=int(row["ATTEMPT_NUMBER"] or 1),
        )
        for row in rows
    )


def started_runs(history: Iterable[TaskRun], root_task: str) -> frozenset[str]:
    """Return the ids of the runs whose root has been more than scheduled."""
    return frozenset(row.run_id for row in history if row.name == root_task and row.state != "SCHEDULED")


def new_run(
    history: Iterable[TaskRun], root_task: str, known: frozenset[str], waiting: frozenset[str] = frozenset()
) -> str | None:
    """Return the id of the run that an EXECUTE TASK has just made; None if the history does not show it yet.

    Args:
        history: task runs read after the statement.
        root_task: the root's name.
        known: runs that had started before the statement.
        waiting: manual runs that were waiting before it. Snowflake lets a further EXECUTE TASK replace a waiting run
            (docs.snowflake.com/en/sql-reference/sql/execute-task), so such a one is ours only if the caller says
            that no newer one can be expected, by leaving it out.
    """
    candidates = [row for row in history if row.name == root_task and row.manual and row.run_id]
    fresh = [row for row in candidates if row.run_id not in known | waiting]
    return min(fresh, key=lambda row: row.scheduled or datetime.max.replace(tzinfo=UTC)).run_id if fresh else None


def newest_run(history: Iterable[TaskRun], root_task: str) -> TaskRun | None:
    """Return the root's row of the newest run that has started or was asked for by hand, if it has its id already."""
    shown = [
        row for row in history if row.name == root_task and row.run_id and (row.manual or row.state != "SCHEDULED")
    ]
    return max(shown, key=lambda row: row.scheduled or datetime.min.replace(tzinfo=UTC), default=None)


def _latest(history: Iterable[TaskRun], run_id: str) -> dict[str, TaskRun]:
    """Return the last row of each task; RETRY LAST adds rows under the same run id."""
    latest: dict[str, TaskRun] = {}
    for row in history:
        if row.run_id == run_id and (row.name not in latest or latest[row.name].attempt <= row.attempt):
            latest[row.name] = row
    return latest


def _state(task: Task, row: TaskRun | None, last: Attempt | None, *, run_ended: bool) -> str:
    if row is None:
        if not task.started:
            return DISABLED if task.disabled else SUSPENDED
        return SKIPPED if run_ended else PENDING
    if row.state in _FAILED_TASK_STATES:
        status = last.state if last else FAILED
        return FAILED if status == DONE else status
    if row.state == "SUCCEEDED":
        return last.state if last else NOT_RECORDED
    return {"SCHEDULED": PENDING, "EXECUTING": RUNNING}.get(row.state, row.state)


def _cause(state: str, row: TaskRun | None, last: Attempt | None) -> str:
    if state in {DONE, PENDING, RUNNING}:
        return ""
    if state == SUSPENDED:
        return "its task is suspended, so the run passed it over"
    if state == DISABLED:
        return "the job configuration says `enabled: false`, so the run passed it over"
    if state == NOT_RECORDED:
        return "its task succeeded but left no row in JOBS_RUN_STATS"
    if state == SKIPPED:
        return BLOCKED
    return (last.cause if last else "") or one_line(row.error if row else "") or f"the task ended {state}"


def _seconds(start: datetime | None, end: datetime | None) -> float | None:
    return max((end - start).total_seconds(), 0.0) if start and end else None


def _job(task: Task, row: TaskRun | None, tries: Sequence[Attempt], now: datetime | None, *, run_ended: bool) -> Job:
    last = tries[-1] if tries else None
    state = _state(task, row, last, run_ended=run_ended)
    end = (row.completed or now) if row else None
    # The runner writes an attempt's row when the attempt has ended; one that was DONE is the last.
    under_way = 1 if state == RUNNING and (last is None or last.state != DONE) else 0
    return Job(
        name=task.name,
        state=state,
        attempts=len(tries) + under_way,
        duration=_seconds(row.started, end) if row and state != SKIPPED else None,
        cause=_cause(state, row, last),
        tries=tuple(tries),
    )


def _settled(graph: Deployed, latest: Mapping[str, TaskRun]) -> bool:
    """Whether every job has ended or cannot start any more. Needs `graph.jobs` with predecessors first."""
    blocked: set[str] = set()
    for task in graph.jobs:
        row = latest.get(task.name)
        if row and row.ended:
            if row.state != "SUCCEEDED":
                blocked.add(task.name)
        elif not row and blocked.intersection(task.after):
            blocked.add(task.name)
        elif row or task.started:
            return False
    return True


def _run_ended(graph: Deployed, latest: Mapping[str, TaskRun]) -> bool:
    root = latest.get(graph.root_task)
    if root is None or not root.ended:
        return False
    newest = max(row.attempt for row in latest.values())
    finalizer = latest.get(graph.finalizer) if graph.finalizer else None
    if finalizer and finalizer.ended and finalizer.attempt == newest:
        return True
    # The finalizer does not run for a root that was skipped (docs.snowflake.com/en/user-guide/tasks-graphs).
    expected = graph.finalizer_started and root.state != "SKIPPED"
    return not expected and (root.state != "SUCCEEDED" or _settled(graph, latest))


def _run_state(root: TaskRun | None, finalizer: TaskRun | None, jobs: Sequence[Job], *, ended: bool) -> str:
    if root is None or root.state == "SCHEDULED":
        return PENDING
    if not ended:
        return RUNNING
    if root.state not in {"SUCCEEDED", "CANCELLED"} or (finalizer and finalizer.state in _FAILED_TASK_STATES):
        return FAILED
    states = {job.state for job in jobs}
    if states - {DONE, SKIPPED, CANCELLED, DISABLED}:
        return FAILED
    if CANCELLED in states or root.state == "CANCELLED":
        return CANCELLED
    # A job that is skipped while none failed was skipped by its own condition: Snowflake calls such a run succeeded.
    return DONE


def _tell_skips(graph: Deployed, jobs: tuple[Job, ...]) -> tuple[Job, ...]:
    """Tell jobs that are skipped by a condition from those that a failure blocks. Predecessors come first in both."""
    passed = {DONE, SKIPPED, PENDING, RUNNING, SUSPENDED, DISABLED}
    stopped = {job.name for job in jobs if job.state not in passed}
    told = []
    for task, job in zip(graph.jobs, jobs, strict=True):
        by_condition = job.state == SKIPPED and not stopped.intersection(task.after)
        if job.state == SKIPPED and not by_condition:
            stopped.add(job.name)
        told.append(replace(job, cause=CONDITION_FALSE) if by_condition else job)
    return tuple(told)


def _cause_of_run(*around: TaskRun | None) -> str:
    return "; ".join(
        f"{task.name} {task.state}: {one_line(task.error)}" for task in around if task and task.state != "SUCCEEDED"
    )


def assemble(
    graph: Deployed, run_id: str, history: Iterable[TaskRun], attempts: Iterable[Row], now: datetime | None = None
) -> Run:
    """Put a run together.

    Args:
        graph: the graph as deployed.
        run_id: its GRAPH_RUN_GROUP_ID.
        history: task runs, of any runs.
        attempts: rows of JOBS_RUN_STATS of this run, in the order of the attempts.
        now: the server's present instant; None if the run is over.
    """
    latest = _latest(history, run_id)
    tries: dict[str, list[Attempt]] = {}
    for row in attempts:
        tries.setdefault(row["TASK_NAME"], []).append(reading.read(row))
    ended = _run_ended(graph, latest)
    root, finalizer = latest.get(graph.root_task), latest.get(graph.finalizer or "")
    jobs = _tell_skips(
        graph,
        tuple(_job(task, latest.get(task.name), tries.get(task.name, []), now, run_ended=ended) for task in graph.jobs),
    )
    ends = [row.completed for row in latest.values() if row.completed]
    end = max(ends) if ended and ends else now
    around = {name: latest[name].state for name in (graph.root_task, graph.finalizer) if name in latest}
    return Run(
        root_task=graph.root_task,
        run_id=run_id,
        state=_run_state(root, finalizer, jobs, ended=ended),
        ended=ended,
        jobs=jobs,
        scheduled_from=root.scheduled_from if root else "",
        started=root.started if root else None,
        completed=end if ended else None,
        duration=_seconds(root.started, end) if root else None,
        cause=_cause_of_run(root, finalizer) if ended else "",
        task_states={**around, **{job.name: job.state for job in jobs}},
    )


def from_log(graph: Deployed, run_id: str, history: Sequence[TaskRun], attempts: Iterable[Row]) -> Run:
    """Put together a run that TASK_LOGGING_STATS holds: the finalizer, which closes a run, wrote it, so it is over.

    The jobs are those of that time, which the present graph may no longer have.
    """
    known = {row.name for row in history} - {graph.root_task, graph.finalizer}
    jobs = tuple(job for job in graph.jobs if job.name in known)
    gone = tuple(sorted(known - {job.name for job in jobs}))
    shape = replace(
        graph, jobs=jobs + tuple(Task(name, (), started=True) for name in gone), finalizer=None, finalizer_started=False
    )
    return assemble(shape, run_id, history, attempts)
