"""The graph run's state machine: the documented rules one by one, then generated graphs and orders."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st
from snowflake_sandbox.tasks import machine
from snowflake_sandbox.tasks.machine import (
    Begin,
    Graph,
    GraphRun,
    Happening,
    Interrupt,
    Report,
    RunEnded,
    RunStep,
    Start,
    TaskDefinition,
    TaskState,
    TimePassed,
)

NOW = datetime(2026, 3, 1, tzinfo=UTC)


def graph(edges: dict[str, str], *, finalizer: bool = True, **changed: TaskDefinition) -> Graph:
    tasks = {name: TaskDefinition(name, tuple(after.split())) for name, after in {"R": "", **edges}.items()}
    return Graph("R", {**tasks, **changed}, TaskDefinition("F") if finalizer else None)


DIAMOND = graph({"A": "R", "B": "R", "C": "A B", "D": "C"})


class Runner:
    """Feeds events and remembers every action."""

    def __init__(self, frozen: Graph, run: GraphRun | None = None) -> None:
        self.graph, self.run, self.now = frozen, run or machine.new_run(frozen), NOW
        self.started: list[str] = []
        self.interrupted: list[str] = []
        self.completed: list[TaskState] = []
        self._take(machine.step(frozen, self.run, Begin(), self.now))

    def _take(self, step: RunStep) -> RunStep:
        self.run = step.run
        self.started += [action.task for action in step.actions if isinstance(action, Start)]
        self.interrupted += [action.task for action in step.actions if isinstance(action, Interrupt)]
        self.completed += [action.state for action in step.actions if isinstance(action, RunEnded)]
        return step

    def report(self, happening: Happening, *names: str) -> RunStep:
        for name in names:
            step = self._take(machine.step(self.graph, self.run, Report(name, happening), self.now))
        return step

    def succeed(self, *names: str) -> RunStep:
        return self.report(Happening.SUCCEED, *names)

    def wait(self, **duration: float) -> RunStep:
        self.now += timedelta(**duration)
        return self._take(machine.step(self.graph, self.run, TimePassed(), self.now))

    def state(self, name: str) -> TaskState:
        return self.run.tasks[name].state


def test_branches_start_in_parallel_and_fan_in_waits_for_all() -> None:
    runner = Runner(DIAMOND)
    assert runner.started == ["R"]
    runner.succeed("R")
    assert runner.started == ["R", "A", "B"]
    runner.succeed("B")
    assert runner.started == ["R", "A", "B"]
    runner.succeed("A", "C", "D")
    assert runner.started == ["R", "A", "B", "C", "D", "F"]
    assert runner.completed == []
    runner.succeed("F")
    assert runner.completed == [TaskState.SUCCEEDED]


def test_failure_skips_all_descendants_but_not_the_other_branch_nor_the_finalizer() -> None:
    runner = Runner(DIAMOND)
    runner.succeed("R")
    runner.report(Happening.FAIL, "A")
    assert (runner.state("C"), runner.state("D")) == (TaskState.SKIPPED, TaskState.SKIPPED)
    assert "F" not in runner.started
    runner.succeed("B")
    assert runner.started[-1] == "F"
    runner.succeed("F")
    assert runner.completed == [TaskState.FAILED]


def test_failed_root_skips_everything_and_the_finalizer_still_runs() -> None:
    runner = Runner(DIAMOND)
    runner.report(Happening.FAIL, "R")
    assert runner.started == ["R", "F"]


def test_without_finalizer_the_run_ends_with_its_last_task() -> None:
    runner = Runner(graph({"A": "R"}, finalizer=False))
    runner.succeed("R", "A")
    assert runner.completed == [TaskState.SUCCEEDED]


def test_a_suspended_child_counts_as_succeeded() -> None:
    frozen = graph({"B": "A"}, A=TaskDefinition("A", ("R",), suspended=True))
    runner = Runner(frozen)
    runner.succeed("R")
    assert runner.started == ["R", "B"]
    assert runner.state("A") is TaskState.SUSPENDED


def test_a_suspended_root_runs_on_demand() -> None:
    assert Runner(graph({}, R=TaskDefinition("R", suspended=True))).started == ["R"]


def test_a_suspended_finalizer_is_passed_over() -> None:
    frozen = Graph("R", {"R": TaskDefinition("R")}, TaskDefinition("F", suspended=True))
    runner = Runner(frozen)
    runner.succeed("R")
    assert runner.completed == [TaskState.SUCCEEDED]


def test_a_false_condition_takes_its_descendants_along_unless_another_predecessor_succeeded() -> None:
    runner = Runner(graph({"A": "R", "B": "R", "ONLY_A": "A", "BOTH": "A B"}))
    runner.succeed("R")
    runner.report(Happening.CONDITION_FALSE, "A")
    assert runner.state("ONLY_A") is TaskState.CONDITION_FALSE
    runner.succeed("B")
    assert runner.started == ["R", "A", "B", "BOTH"]
    runner.succeed("BOTH", "F")
    assert runner.completed == [TaskState.SUCCEEDED]


def test_a_skipped_root_skips_the_run_and_its_finalizer() -> None:
    runner = Runner(DIAMOND)
    runner.report(Happening.CONDITION_FALSE, "R")
    assert runner.started == ["R"]
    assert runner.completed == [TaskState.SKIPPED]


def test_a_cancelled_task_is_interrupted_and_blocks_its_dependents_only() -> None:
    runner = Runner(DIAMOND)
    runner.succeed("R")
    runner.report(Happening.CANCEL, "A")
    assert runner.interrupted == ["A"]
    assert runner.state("C") is TaskState.SKIPPED
    runner.succeed("B", "F")
    assert runner.completed == [TaskState.CANCELLED]


def test_late_reports_change_nothing() -> None:
    runner = Runner(DIAMOND)
    runner.succeed("R")
    runner.report(Happening.CANCEL, "A")
    before = runner.run
    for happening in Happening:
        assert runner.report(happening, "A").changes == ()
    assert runner.report(Happening.SUCCEED, "NO_SUCH_TASK").changes == ()
    assert runner.run == before


def test_the_graph_times_out_by_the_root_and_the_finalizer_runs_after() -> None:
    runner = Runner(DIAMOND)
    runner.succeed("R")
    runner.wait(minutes=59)
    assert runner.interrupted == []
    assert machine.next_deadline(DIAMOND, runner.run) == NOW + timedelta(hours=1)
    runner.wait(minutes=1)
    assert runner.interrupted == ["A", "B"]
    assert runner.started[-1] == "F"
    assert machine.next_deadline(DIAMOND, runner.run) == NOW + timedelta(hours=2)


def test_a_childs_own_timeout_wins() -> None:
    frozen = graph({}, A=TaskDefinition("A", ("R",), timeout_ms=5_000), B=TaskDefinition("B", ("R",), timeout_ms=0))
    runner = Runner(frozen)
    runner.succeed("R")
    runner.wait(seconds=5)
    assert runner.interrupted == ["A"]
    runner.wait(hours=2)
    assert runner.state("B") is TaskState.EXECUTING
    runner.wait(days=7)
    assert runner.state("B") is TaskState.FAILED


def test_a_retry_keeps_what_succeeded_and_runs_the_finalizer_again() -> None:
    runner = Runner(DIAMOND)
    runner.succeed("R", "B")
    runner.report(Happening.FAIL, "A")
    runner.succeed("F")
    again = Runner(DIAMOND, machine.retry_of(DIAMOND, runner.run))
    assert again.started == ["A"]
    again.succeed("A", "C", "D", "F")
    assert again.started == ["A", "C", "D", "F"]
    assert again.completed == [TaskState.SUCCEEDED]


@pytest.mark.parametrize(("attempt", "wanted"), [(1, True), (2, True), (3, False)])
def test_automatic_retries_are_counted(attempt: int, *, wanted: bool) -> None:
    frozen = Graph("R", {"R": TaskDefinition("R")}, auto_retries=2)
    assert machine.wants_retry(frozen, TaskState.FAILED, attempt) is wanted
    assert machine.wants_retry(frozen, TaskState.SUCCEEDED, attempt) is False


def test_restore_gives_the_same_run() -> None:
    runner = Runner(DIAMOND)
    runner.succeed("R", "A")
    assert machine.restore(DIAMOND, runner.run.state, runner.run.started, runner.run.tasks) == runner.run


@st.composite
def graphs(draw: st.DrawFn) -> Graph:
    names = ["R"]
    tasks = {"R": TaskDefinition("R")}
    for number in range(draw(st.integers(0, 8))):
        after = draw(st.lists(st.sampled_from(names), min_size=1, max_size=3, unique=True))
        name = f"T{number}"
        tasks[name] = TaskDefinition(name, tuple(after), suspended=draw(st.booleans()))
        names.append(name)
    finalizer = TaskDefinition("F", suspended=draw(st.booleans())) if draw(st.booleans()) else None
    return Graph("R", tasks, finalizer)


OUTCOMES = (Happening.SUCCEED, Happening.FAIL, Happening.CANCEL, Happening.CONDITION_FALSE)


@given(graphs(), st.data())
def test_every_run_ends_once_with_each_task_started_at_most_once_after_its_predecessors(
    frozen: Graph, data: st.DataObject
) -> None:
    runner = Runner(frozen)
    for _ in range(20):
        executing = [name for name, task in runner.run.tasks.items() if task.state is TaskState.EXECUTING]
        if not executing:
            break
        runner.report(data.draw(st.sampled_from(OUTCOMES)), data.draw(st.sampled_from(executing)))
    assert len(runner.completed) == 1
    assert len(runner.started) == len(set(runner.started))
    for name, definition in frozen.tasks.items():
        ran = name in runner.started
        before = {runner.state(predecessor) for predecessor in definition.after}
        if ran and before:
            assert before <= {TaskState.SUCCEEDED, TaskState.SUSPENDED, TaskState.CONDITION_FALSE}
            assert before != {TaskState.CONDITION_FALSE}
    root_skipped = runner.state("R") is TaskState.CONDITION_FALSE
    if frozen.finalizer is not None:
        assert ("F" in runner.started) is (not root_skipped and not frozen.finalizer.suspended)
        assert "F" not in runner.started or runner.started[-1] == "F"
