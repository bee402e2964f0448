"""A graph run: rows of TASK_HISTORY and of the history tables, combined into jobs with states.

Pure. Interprets a run by the graph that it ran with (`jobgraph.runs.shapes`). Must not know where rows come from or how
a run is shown. A job is DONE only if its last attempt is: a task may succeed although its job failed (`on_failure:
continue`), and such a run does not count as successful.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

from jobgraph.procedures.requested import request as requests
from jobgraph.procedures.requested.request import Request
from jobgraph.runs import attempts as attempt_rows
from jobgraph.runs import skips, task_runs
from jobgraph.runs.attempts import one_line
from jobgraph.runs.skips import BLOCKED, CONDITION_FALSE, UNKNOWN_SKIP, left_out, with_values

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence
    from datetime import datetime

    from jobgraph.runs.attempts import Attempt
    from jobgraph.runs.deployed import Task
    from jobgraph.runs.services import JobService
    from jobgraph.runs.shapes import Shape
    from jobgraph.runs.task_runs import TaskRun

Row = dict[str, Any]

PENDING = "PENDING"
RUNNING = "RUNNING"
DONE = attempt_rows.DONE
FAILED = "FAILED"
SKIPPED = "SKIPPED"
CANCELLED = "CANCELLED"
# The job's task is suspended, by a person (SUSPENDED) or because the configuration says `enabled: false` (DISABLED).
# Both count as succeeded for successors, but only the second is intended.
SUSPENDED = "SUSPENDED"
DISABLED = "DISABLED"
# The run was requested without the job: it counts as succeeded and passes on its previous outputs.
LEFT_OUT = requests.LEFT_OUT
NOT_RECORDED = "NOT RECORDED"

_ORDINARY = Request()
# For so many seconds a job whose task is executing may have no service: its warehouse and its runner start first.
_STARTING = 60.0
# Job states that do not mean a failure of the job itself.
_NO_FAILURE = frozenset({DONE, SKIPPED, PENDING, RUNNING, DISABLED, LEFT_OUT})


@dataclass(frozen=True)
class JobRun:
    """A job within a run. `duration` is in seconds, up to now while it runs; `cause` is one line, or empty.

    After a retry of the run, `duration` and `attempts` are those of all its attempts together. `attempts` counts the
    recorded ones (`tries`) and the present one, if it has a `service`. A job whose service waits for a node is PENDING
    although its task is executing; `waited` is the seconds so far. `earlier`: begin and end of its task before retries.
    """

    name: str
    state: str
    attempts: int = 0
    duration: float | None = None
    cause: str = ""
    tries: tuple[Attempt, ...] = ()
    service: JobService | None = None
    waited: float | None = None
    started: datetime | None = None
    completed: datetime | None = None
    earlier: tuple[tuple[datetime, datetime | None], ...] = ()

    @property
    def last(self) -> Attempt | None:
        """The last recorded attempt."""
        return self.tries[-1] if self.tries else None

    @property
    def outputs(self) -> Any:
        """What the job passed on to its successors; None if nothing, or if the job is not DONE."""
        return self.last.outputs if self.last and self.state == DONE else None

    @property
    def rows_written(self) -> int | None:
        """The output `rows_written` of a job that is DONE; None otherwise."""
        return self.last.rows_written if self.last and self.state == DONE else None


@dataclass(frozen=True)
class GraphRun:
    """A graph run. `state` is PENDING, RUNNING, DONE, FAILED or CANCELLED; `ended`: nothing more will happen.

    `duration` is in seconds, up to now while the run lasts; after a retry it is the sum of all attempts, without the
    time between them (`spans`). `elapsed` includes that time. `cause`: why the root or the finalizer failed.
    `task_states`: the states of the jobs, the root and the finalizer, for a picture. `repeatable`: it is the last run
    of a graph that has not changed since. `stopped`: one of its tasks failed or was cancelled. `config`: its values as
    JSON. `request`: the other parameters with which it was requested.
    """

    shape: Shape
    run_id: str
    state: str
    ended: bool
    jobs: tuple[JobRun, ...]
    scheduled_from: str = ""
    scheduled: datetime | None = None
    started: datetime | None = None
    completed: datetime | None = None
    duration: float | None = None
    elapsed: float | None = None
    spans: tuple[tuple[datetime, datetime], ...] = ()
    cause: str = ""
    config: str = ""
    request: Request = _ORDINARY
    attempt: int = 1
    repeatable: bool = False
    stopped: bool = False
    task_states: Mapping[str, str] = field(default_factory=dict, repr=False)

    @property
    def graph(self) -> str:
        """The name of the graph."""
        return self.shape.key

    @property
    def root_task(self) -> str:
        """The name of the graph's root task."""
        return self.shape.root_task

    @property
    def is_part(self) -> bool:
        """Whether it was requested without some of the graph's jobs."""
        return bool(self.request.left_out)

    @property
    def retryable(self) -> bool:
        """Whether Snowflake accepts RETRY LAST for it: a job failure under `on_failure: continue` fails no task."""
        return self.repeatable and self.stopped

    @property
    def failed(self) -> tuple[JobRun, ...]:
        """The jobs that did not end DONE for a reason of their own, not because of a predecessor."""
        return tuple(job for job in self.jobs if job.state not in _NO_FAILURE)

    def job(self, name: str) -> JobRun | None:
        """Return the job with that name; None if the run has no such job."""
        return next((job for job in self.jobs if job.name == name), None)


@dataclass(frozen=True)
class Progress:
    """What is known about a run besides its rows.

    Attributes:
        now: the server's current time; None if the run is over.
        attempt: the expected attempt of the whole graph; after RETRY LAST, its rows appear only after a while.
        closed: the rows are those that the finalizer wrote into history, so the run is over.
        superseded: a later run of the graph has begun.
        repeatable: the run is the last one of a graph that has not changed since.
        services: the existing job services, by job name.
    """

    now: datetime | None = None
    attempt: int = 1
    closed: bool = False
    superseded: bool = False
    repeatable: bool = False
    services: Mapping[str, JobService] = field(default_factory=dict)

    def has_yet_to_start(self, row: TaskRun | None) -> bool:
        """Whether the service of a task that is executing does not exist yet. Not every role can see services."""
        begun = _seconds(row.started if row else None, self.now)
        return begun is not None and (bool(self.services) or begun < _STARTING)


@dataclass(frozen=True)
class _Rows:
    """The rows of one run: each task's last row and seconds, the jobs that a failure blocked or a condition skipped."""

    shape: Shape
    latest: Mapping[str, TaskRun]
    blocked: frozenset[str]
    passed: frozenset[str]
    attempt: int
    ended: bool
    request: Request = _ORDINARY
    config: str = ""
    durations: Mapping[str, float] = field(default_factory=dict)

    def row(self, name: str) -> TaskRun | None:
        """Return the row of a task, if it has one."""
        return self.latest.get(name)


def assemble(
    shape: Shape, run_id: str, history: Iterable[TaskRun], attempts: Iterable[Row], progress: Progress | None = None
) -> GraphRun:
    """Assemble a run from its rows.

    Args:
        shape: the graph that the run ran with.
        run_id: its GRAPH_RUN_GROUP_ID.
        history: task runs; rows of other runs are ignored.
        attempts: rows of JOBS_RUN_STATS of this run, in the order of the attempts.
        progress: what else is known about the run; None for a run that is over.
    """
    progress = progress or Progress()
    own = [row for row in history if row.run_id == run_id]
    rows = _rows(shape, own, progress)
    tries: dict[str, list[Attempt]] = {}
    for attempt in attempts:
        tries.setdefault(attempt["TASK_NAME"], []).append(attempt_rows.read(attempt))
    jobs = tuple(_job(task, rows, tuple(tries.get(task.name, ())), progress) for task in shape.jobs)
    jobs = with_values(jobs, shape.jobs, rows.latest, rows.config)
    earlier = task_runs.earlier_spans(own, {job.name: rows.latest[job.name] for job in jobs if job.started})
    jobs = tuple(replace(job, earlier=earlier.get(job.name, ())) for job in jobs)
    root, finalizer = rows.row(shape.root_task), rows.row(shape.finalizer)
    ends = [row.completed for row in rows.latest.values() if row.completed and row is not finalizer]
    end = max(ends) if rows.ended and ends else progress.now
    spans = task_runs.spans(
        [row for row in own if row.name != shape.finalizer], rows.attempt, None if rows.ended else end
    )
    around = {row.name: row.state for row in (root, finalizer) if row}
    return GraphRun(
        shape=shape,
        run_id=run_id,
        state=_run_state(rows, jobs),
        ended=rows.ended,
        jobs=jobs,
        scheduled_from=root.scheduled_from if root else "",
        scheduled=root.scheduled if root else None,
        started=root.started if root else None,
        completed=end if rows.ended else None,
        duration=task_runs.seconds(spans) if root and spans else None,
        elapsed=_seconds(root.started, end) if root else None,
        spans=spans,
        cause=task_runs.errors_of(root, finalizer) if rows.ended else "",
        config=rows.config,
        request=rows.request,
        attempt=rows.attempt,
        repeatable=rows.ended and progress.repeatable,
        stopped=any(row.stops for row in rows.latest.values()),
        task_states={**around, **{job.name: job.state for job in jobs}},
    )


def _rows(shape: Shape, history: Sequence[TaskRun], progress: Progress) -> _Rows:
    number = max([progress.attempt, *(row.attempt for row in history)])
    latest = task_runs.latest(history)
    blocked = skips.blocked(shape, task_runs.latest(row for row in history if row.attempt < number))
    # RETRY LAST reruns failed and cancelled tasks and the tasks they had blocked; other skipped tasks stay skipped
    repeated = {
        name
        for name, row in latest.items()
        if row.attempt < number and (row.stops or name in blocked or name == shape.finalizer)
    }
    current = {name: row for name, row in latest.items() if name not in repeated}
    ended = _has_ended(shape, current, number, progress)
    rows = latest if ended else current
    blocked = skips.blocked(shape, rows)
    root = latest.get(shape.root_task)
    request, config = requests.split_config(root.config if root else "")
    durations = task_runs.durations(history, progress.now)
    return _Rows(shape, rows, blocked, skips.passed_by(shape, rows, blocked), number, ended, request, config, durations)


def _has_ended(shape: Shape, rows: Mapping[str, TaskRun], attempt: int, progress: Progress) -> bool:
    root, finalizer = rows.get(shape.root_task), rows.get(shape.finalizer)
    if progress.closed or (finalizer and finalizer.ended and finalizer.attempt == attempt):
        return True
    if root is None or not root.ended or finalizer:
        return False
    # The finalizer does not run for a root that was skipped (docs.snowflake.com/en/user-guide/tasks-graphs).
    awaited = shape.finalizer_runs and root.state != task_runs.SKIPPED
    if awaited or not shape.whole:
        return progress.superseded
    return root.state != task_runs.SUCCEEDED or _settled(shape, rows)


def _settled(shape: Shape, rows: Mapping[str, TaskRun]) -> bool:
    """Return whether every job has ended or can no longer start."""
    blocked = skips.blocked(shape, rows)
    skipped = blocked | skips.passed_by(shape, rows, blocked)
    for task in shape.jobs:
        row = rows.get(task.name)
        if row is None and (task.name in skipped or not task.started):
            continue
        if row is None or not row.ended:
            return False
    return True


def _job(task: Task, rows: _Rows, tries: tuple[Attempt, ...], progress: Progress) -> JobRun:
    row, service = rows.row(task.name), _service(progress.services.get(task.name), tries)
    counted = task_runs.telling(row, tries) if task.is_direct else tries
    state = _state(task, rows, counted[-1] if counted else None)
    if state == LEFT_OUT:
        return JobRun(task.name, state, cause=left_out(tries[-1].reason) if tries else requests.NOT_IN_THIS_RUN)
    waiting = state == RUNNING and (
        service.waits if service else task.has_container and not tries and progress.has_yet_to_start(row)
    )
    waited = _seconds(service.created, progress.now) if waiting and service else None
    ran = row if state != SKIPPED else None
    shown = service if state == RUNNING or task.is_direct else None
    return JobRun(
        name=task.name,
        state=PENDING if waiting else state,
        attempts=len(tries) + (1 if shown else 0),
        duration=rows.durations.get(task.name) if ran and not waiting else None,
        cause=service.waits_for if waiting and service else _cause(state, task, rows, counted),
        tries=tries,
        service=shown,
        waited=waited,
        started=ran.started if ran else None,
        completed=ran.completed if ran else None,
    )


def _service(service: JobService | None, tries: Sequence[Attempt]) -> JobService | None:
    """Return the service if its attempt is not recorded yet; otherwise the attempt has ended, or is about to."""
    recorded = {attempt.number for attempt in tries}
    return service if service and service.attempt not in recorded else None


def _state(task: Task, rows: _Rows, last: Attempt | None) -> str:
    row = rows.row(task.name)
    left_out = task.name in rows.request.left_out or (last is not None and last.state == LEFT_OUT)
    if left_out and (row is None or not row.stops):
        return LEFT_OUT
    if row is None:
        return _state_without_row(task, rows)
    if row.failed:
        status = last.state if last else FAILED
        return FAILED if status == DONE else status
    if row.state == task_runs.SUCCEEDED:
        # a direct job ends when its task does, so its success is known before it is recorded
        return last.state if last else DONE if task.is_direct else NOT_RECORDED
    return {task_runs.SCHEDULED: PENDING, task_runs.EXECUTING: RUNNING}.get(row.state, row.state)


def _state_without_row(task: Task, rows: _Rows) -> str:
    if not task.started:
        return DISABLED if task.disabled else SUSPENDED
    if not rows.ended:
        return PENDING
    if task.name in rows.blocked | rows.passed:
        return SKIPPED
    # it could have run but did not: a suspended task leaves no row
    return SUSPENDED


def _cause(state: str, task: Task, rows: _Rows, tries: Sequence[Attempt]) -> str:
    row, last = rows.row(task.name), tries[-1] if tries else None
    if state in {DONE, PENDING, RUNNING}:
        return ""
    if state == SUSPENDED:
        return "its task is suspended, so the run left it out"
    if state == DISABLED:
        return "the job configuration says `enabled: false`, so the run left it out"
    if state == NOT_RECORDED:
        return "its task succeeded but left no row in JOBS_RUN_STATS"
    if state == SKIPPED:
        # the predecessors are unknown in a run that an earlier version recorded
        certain = rows.shape.whole or bool(task.definition)
        return BLOCKED if task.name in rows.blocked else CONDITION_FALSE if certain else UNKNOWN_SKIP
    return (last.cause if last else "") or one_line(row.error if row else "") or f"the task ended {state}"


def _seconds(start: datetime | None, end: datetime | None) -> float | None:
    return max((end - start).total_seconds(), 0.0) if start and end else None


def _run_state(rows: _Rows, jobs: Sequence[JobRun]) -> str:
    root, finalizer = rows.row(rows.shape.root_task), rows.row(rows.shape.finalizer)
    if root is None or root.state == task_runs.SCHEDULED:
        return PENDING
    if not rows.ended:
        return RUNNING
    if root.state not in {task_runs.SUCCEEDED, task_runs.CANCELLED} or (finalizer and finalizer.failed):
        return FAILED
    states = {job.state for job in jobs}
    if states - {DONE, SKIPPED, CANCELLED, DISABLED, LEFT_OUT}:
        return FAILED
    if CANCELLED in states or root.state == task_runs.CANCELLED:
        return CANCELLED
    # A job skipped although none failed was skipped by a condition; for Snowflake, such a run has succeeded.
    return DONE
