"""The life of a graph run as a pure state machine: `step(graph, run, event, now)` gives the next run and what to do.

Must not know the store, threads, SQL or the clock. Rules from the user guide's page on task graphs:

* a task starts when every predecessor is settled; a suspended predecessor counts as succeeded; one whose WHEN was false
  is ignored if another one succeeded; if it was false for all predecessors, the task does not run either;
* if a predecessor fails, is cancelled, or is itself skipped for such a reason, its dependents are SKIPPED at once;
* the finalizer starts once, when every other task is settled in whatever state, but not if the root was skipped;
* a late report (a statement ends after its task was cancelled or timed out) changes nothing.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from enum import StrEnum
from functools import cached_property
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping


class TaskState(StrEnum):
    """State of a task run or of a whole graph run.

    TASK_HISTORY shows CONDITION_FALSE as SKIPPED, and no row for WAITING and SUSPENDED.
    """

    WAITING = "WAITING"
    EXECUTING = "EXECUTING"
    SUCCEEDED = "SUCCEEDED"
    FAILED = "FAILED"
    CANCELLED = "CANCELLED"
    SKIPPED = "SKIPPED"
    CONDITION_FALSE = "CONDITION_FALSE"
    SUSPENDED = "SUSPENDED"


class Happening(StrEnum):
    """What can happen to a task run."""

    START = "START"
    SKIP = "SKIP"
    IGNORE = "IGNORE"  # the task was suspended when the run's definitions were frozen
    SUCCEED = "SUCCEED"
    FAIL = "FAIL"
    TIME_OUT = "TIME_OUT"
    CANCEL = "CANCEL"
    CONDITION_FALSE = "CONDITION_FALSE"


# All transitions. Any other combination is a late report and changes nothing.
TRANSITIONS: Mapping[tuple[TaskState, Happening], TaskState] = {
    (TaskState.WAITING, Happening.START): TaskState.EXECUTING,
    (TaskState.WAITING, Happening.SKIP): TaskState.SKIPPED,
    (TaskState.WAITING, Happening.IGNORE): TaskState.SUSPENDED,
    (TaskState.WAITING, Happening.CONDITION_FALSE): TaskState.CONDITION_FALSE,  # it was false for all predecessors
    (TaskState.EXECUTING, Happening.SUCCEED): TaskState.SUCCEEDED,
    (TaskState.EXECUTING, Happening.FAIL): TaskState.FAILED,
    (TaskState.EXECUTING, Happening.TIME_OUT): TaskState.FAILED,
    (TaskState.EXECUTING, Happening.CANCEL): TaskState.CANCELLED,
    (TaskState.EXECUTING, Happening.CONDITION_FALSE): TaskState.CONDITION_FALSE,
}
_UNSETTLED = frozenset({TaskState.WAITING, TaskState.EXECUTING})
_BLOCKING = frozenset({TaskState.FAILED, TaskState.CANCELLED, TaskState.SKIPPED})
_KEPT_BY_RETRY = frozenset({TaskState.SUCCEEDED, TaskState.SUSPENDED, TaskState.CONDITION_FALSE})


@dataclass(frozen=True)
class TaskDefinition:
    """One task as it was when the run's definitions were frozen.

    Attributes:
        name: plain name; all tasks of a graph are in one schema.
        after: names of its predecessors.
        suspended: whether the run skips it.
        timeout_ms: USER_TASK_TIMEOUT_MS set on the task itself; None if not set; 0 means 7 days.
        payload: what the scheduler needs to run it; the state machine does not use it.
    """

    name: str
    after: tuple[str, ...] = ()
    suspended: bool = False
    timeout_ms: int | None = None
    payload: Mapping[str, object] = field(default_factory=dict)


@dataclass(frozen=True)
class Graph:
    """Frozen definitions of a graph.

    Attributes:
        root: name of the root task.
        tasks: all tasks by name, including the root but not the finalizer.
        finalizer: the finalizer task, if the root has one.
        timeout_ms: the root's timeout, which limits the whole graph; 0 means 7 days.
        auto_retries: TASK_AUTO_RETRY_ATTEMPTS of the root.
    """

    root: str
    tasks: Mapping[str, TaskDefinition]
    finalizer: TaskDefinition | None = None
    timeout_ms: int = 3_600_000
    auto_retries: int = 0

    @cached_property
    def children(self) -> Mapping[str, tuple[str, ...]]:
        """Task name -> names of its dependents, for tasks that have any."""
        dependents: dict[str, list[str]] = {}
        for task in self.tasks.values():
            for predecessor in task.after:
                dependents.setdefault(predecessor, []).append(task.name)
        return {name: tuple(names) for name, names in dependents.items()}

    def task(self, name: str) -> TaskDefinition:
        """Return a task, or the finalizer, by name."""
        if self.finalizer is not None and name == self.finalizer.name:
            return self.finalizer
        return self.tasks[name]


@dataclass(frozen=True)
class TaskRun:
    """One task of a graph run."""

    state: TaskState = TaskState.WAITING
    started: datetime | None = None


@dataclass(frozen=True)
class GraphRun:
    """One attempt of a graph run.

    Attributes:
        state: EXECUTING until it has ended; then SUCCEEDED, FAILED, CANCELLED or SKIPPED.
        tasks: the task runs by name, including the finalizer's.
        unsettled: how many tasks, not counting the finalizer, are WAITING or EXECUTING.
        started: when the attempt began; None before.
    """

    tasks: Mapping[str, TaskRun]
    unsettled: int
    state: TaskState = TaskState.WAITING
    started: datetime | None = None


@dataclass(frozen=True)
class Begin:
    """The attempt starts."""


@dataclass(frozen=True)
class Report:
    """A task's statement ended (SUCCEED, FAIL, CONDITION_FALSE) or somebody cancels the task (CANCEL)."""

    task: str
    happening: Happening


@dataclass(frozen=True)
class TimePassed:
    """A deadline may have been reached."""


Event = Begin | Report | TimePassed


@dataclass(frozen=True)
class Change:
    """A transition of one task run. It must be written together with its event row."""

    task: str
    old: TaskState
    new: TaskState
    happening: Happening


@dataclass(frozen=True)
class Start:
    """Run the task's statement."""

    task: str


@dataclass(frozen=True)
class Interrupt:
    """Stop the task's statement."""

    task: str


@dataclass(frozen=True)
class RunEnded:
    """The graph run ended in this state."""

    state: TaskState


Action = Start | Interrupt | RunEnded


@dataclass(frozen=True)
class RunStep:
    """The effect of an event: the new run, the transitions in order, and the actions to take once they are written."""

    run: GraphRun
    changes: tuple[Change, ...] = ()
    actions: tuple[Action, ...] = ()


def new_run(graph: Graph) -> GraphRun:
    """Return the first attempt of a graph run, not yet begun."""
    names = [*graph.tasks, *([graph.finalizer.name] if graph.finalizer else [])]
    return GraphRun(dict.fromkeys(names, TaskRun()), len(graph.tasks))


def retry_of(graph: Graph, run: GraphRun) -> GraphRun:
    """Return the next attempt after `run` failed or was cancelled: it keeps succeeded tasks, reruns the finalizer."""
    tasks = {name: task if task.state in _KEPT_BY_RETRY else TaskRun() for name, task in run.tasks.items()}
    if graph.finalizer is not None:
        tasks[graph.finalizer.name] = TaskRun()
    return GraphRun(tasks, sum(tasks[name].state in _UNSETTLED for name in graph.tasks))


def restore(graph: Graph, state: TaskState, started: datetime | None, tasks: Mapping[str, TaskRun]) -> GraphRun:
    """Return a run from its stored state, e.g. after a restart of the process."""
    return GraphRun(dict(tasks), sum(tasks[name].state in _UNSETTLED for name in graph.tasks), state, started)


def deadline(graph: Graph, run: GraphRun, name: str) -> datetime | None:
    """Return when an executing task times out: by its own timeout, else the graph's (a finalizer: the default)."""
    task = run.tasks[name]
    if task.state is not TaskState.EXECUTING or task.started is None or run.started is None:
        return None
    definition = graph.task(name)
    own = definition.timeout_ms
    is_finalizer = graph.finalizer is not None and name == graph.finalizer.name
    if own is not None and name != graph.root:
        return task.started + _timeout(own)
    if is_finalizer:
        return task.started + _timeout(3_600_000)
    return run.started + _timeout(graph.timeout_ms)


def next_deadline(graph: Graph, run: GraphRun) -> datetime | None:
    """Return the earliest deadline of an executing task; None if none is executing."""
    deadlines = (deadline(graph, run, name) for name, task in run.tasks.items() if task.state is TaskState.EXECUTING)
    return min((instant for instant in deadlines if instant is not None), default=None)


def wants_retry(graph: Graph, state: TaskState, attempt: int) -> bool:
    """Whether an automatic retry follows after attempt number `attempt` (from 1) ended in `state`."""
    return state is TaskState.FAILED and attempt <= graph.auto_retries


def step(graph: Graph, run: GraphRun, event: Event, now: datetime) -> RunStep:
    """Apply one event.

    Args:
        graph: the run's frozen definitions.
        run: the run before.
        event: what happened.
        now: when.
    """
    moves = _Moves(graph, run, now)
    if isinstance(event, Begin):
        moves.begin()
    elif isinstance(event, Report):
        moves.report(event.task, event.happening)
    else:
        moves.time_passed()
    return moves.result()


def _timeout(milliseconds: int) -> timedelta:
    return timedelta(milliseconds=milliseconds) if milliseconds else timedelta(days=7)


class _Moves:
    """One step in progress: collects transitions until nothing more follows from the event."""

    def __init__(self, graph: Graph, run: GraphRun, now: datetime) -> None:
        self.graph, self.run, self.now = graph, run, now
        self.tasks = dict(run.tasks)
        self.unsettled = run.unsettled
        self.changes: list[Change] = []
        self.actions: list[Action] = []

    def begin(self) -> None:
        if self.run.state is not TaskState.WAITING:
            return
        self.run = replace(self.run, state=TaskState.EXECUTING, started=self.now)
        self._follow(name for name in self.graph.tasks if self._is_ready(name))

    def report(self, name: str, happening: Happening) -> None:
        if name not in self.tasks or not self._apply(name, happening):
            return
        if happening is Happening.CANCEL:
            self.actions.append(Interrupt(name))
        self._follow(self._ready_children(name))

    def time_passed(self) -> None:
        late = [
            name
            for name in self.tasks
            if (instant := deadline(self.graph, self.run, name)) is not None and instant <= self.now
        ]
        for name in late:
            self.report(name, Happening.TIME_OUT)
            self.actions.append(Interrupt(name))

    def result(self) -> RunStep:
        if not self.changes:
            return RunStep(self.run)
        run = replace(self.run, tasks=self.tasks, unsettled=self.unsettled)
        end = self._end()
        if end is not None:
            run = replace(run, state=end)
            self.actions.append(RunEnded(end))
        return RunStep(run, tuple(self.changes), tuple(self.actions))

    def _apply(self, name: str, happening: Happening) -> bool:
        old = self.tasks[name]
        new = TRANSITIONS.get((old.state, happening))
        if new is None:
            return False
        self.tasks[name] = TaskRun(new, self.now if new is TaskState.EXECUTING else old.started)
        if new not in _UNSETTLED and name in self.graph.tasks:
            self.unsettled -= 1
        self.changes.append(Change(name, old.state, new, happening))
        return True

    def _follow(self, ready: Iterable[str]) -> None:
        queue = deque(ready)
        while queue:
            name = queue.popleft()
            happening = self._decide(name)
            if not self._apply(name, happening):
                continue
            if happening is Happening.START:
                self.actions.append(Start(name))
            else:
                queue.extend(self._ready_children(name))
        self._start_finalizer()

    def _decide(self, name: str) -> Happening:
        task = self.graph.tasks[name]
        before = {self.tasks[predecessor].state for predecessor in task.after}
        if before & _BLOCKING:
            return Happening.SKIP
        if before == {TaskState.CONDITION_FALSE}:
            return Happening.CONDITION_FALSE
        # A suspended root still runs on demand; suspended children do not run.
        return Happening.IGNORE if task.suspended and name != self.graph.root else Happening.START

    def _is_ready(self, name: str) -> bool:
        before = {self.tasks[predecessor].state for predecessor in self.graph.tasks[name].after}
        return self.tasks[name].state is TaskState.WAITING and bool(before & _BLOCKING or not before & _UNSETTLED)

    def _ready_children(self, name: str) -> list[str]:
        return [child for child in self.graph.children.get(name, ()) if self._is_ready(child)]

    def _start_finalizer(self) -> None:
        finalizer = self.graph.finalizer
        if finalizer is None or self.unsettled or self.tasks[self.graph.root].state is TaskState.CONDITION_FALSE:
            return
        happening = Happening.IGNORE if finalizer.suspended else Happening.START
        if self._apply(finalizer.name, happening) and happening is Happening.START:
            self.actions.append(Start(finalizer.name))

    def _end(self) -> TaskState | None:
        if self.unsettled or self.run.state is not TaskState.EXECUTING:
            return None
        root = self.tasks[self.graph.root].state
        states = {task.state for task in self.tasks.values()}
        if root is not TaskState.CONDITION_FALSE and states & _UNSETTLED:
            return None
        if root is TaskState.CONDITION_FALSE:
            return TaskState.SKIPPED
        return next(
            (state for state in (TaskState.FAILED, TaskState.CANCELLED) if state in states), TaskState.SUCCEEDED
        )
