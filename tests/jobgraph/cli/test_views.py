"""How things look."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from io import StringIO
from typing import TYPE_CHECKING, Any

import pytest
from rich.console import Console
from rich.text import Text

from jobgraph.cli import application, progress, views
from jobgraph.procedures.requested.request import Request
from jobgraph.runs import graph_run, wording
from jobgraph.runs.attempts import Attempt
from jobgraph.runs.deployed import Task
from jobgraph.runs.graph_run import GraphRun, JobRun
from jobgraph.runs.shapes import Shape
from tests.jobgraph.cli.recorded import RUN

if TYPE_CHECKING:
    from rich.console import RenderableType


def drawn(renderable: RenderableType, width: int = 120) -> str:
    console = Console(file=StringIO(), width=width, force_terminal=True, color_system=None)
    with console.capture() as captured:
        console.print(renderable)
    return captured.get()


def run_of(*jobs: JobRun, **values: Any) -> GraphRun:
    return GraphRun(
        Shape("g", "ROOT_TASK", ()),
        RUN,
        **{"state": "RUNNING", "ended": False, "jobs": jobs, "duration": 75.0, **values},
    )


@pytest.mark.parametrize(
    ("value", "text"),
    [(None, ""), (0.04, "0.0 s"), (59.94, "59.9 s"), (61, "1 min 01 s"), (3599, "59 min 59 s"), (7320, "2 h 02 min")],
)
def test_durations_are_in_peoples_units(value: float | None, text: str) -> None:
    assert wording.duration(value) == text


def test_a_small_graph_shows_every_job() -> None:
    text = drawn(views.progress_table(run_of(JobRun("A", "DONE"), JobRun("B", "PENDING")), 24))
    assert "A" in text
    assert "B" in text
    assert "1 min 15 s  1 DONE, 1 PENDING" in text


def test_a_large_graph_shows_what_matters_now_and_counts() -> None:
    jobs = [JobRun(f"P{n}", "PENDING") for n in range(500)] + [JobRun(f"D{n}", "DONE") for n in range(400)]
    jobs += [JobRun("NOW", "RUNNING", 1), JobRun("BAD", "FAILED", 3), JobRun("ODD", "TIMED_OUT", 1)]
    text = drawn(views.progress_table(run_of(*jobs), 24))
    assert len(text.splitlines()) <= 24
    assert [
        line.split()[0] for line in text.splitlines() if line.split()[1:2] in (["RUNNING"], ["FAILED"], ["TIMED_OUT"])
    ] == [
        "NOW",
        "BAD",
        "ODD",
    ]
    assert "500 PENDING, 400 DONE, 1 RUNNING" in text


def test_without_a_terminal_only_changes_are_written(capsys: pytest.CaptureFixture[str]) -> None:
    lines = progress.Lines()
    for job in (
        JobRun("A", "PENDING"),
        JobRun("A", "RUNNING", 0),
        JobRun("A", "RUNNING", 1),
        JobRun("A", "RUNNING", 1, 3.0),
        JobRun("A", "RUNNING", 2),
    ):
        lines.show(run_of(job))
    lines.show(run_of(JobRun("A", "FAILED", 2, 5.0, cause="exit code 1")))
    told = capsys.readouterr()
    assert told.out == ""
    assert [" ".join(line.split()) for line in told.err.splitlines()] == [
        "1 min 15 s A RUNNING",
        "1 min 15 s A RUNNING, attempt 2",
        "1 min 15 s A FAILED, attempt 2, 5.0 s: exit code 1",
    ]


def test_of_many_jobs_that_do_not_run_the_number_and_the_first_are_told(capsys: pytest.CaptureFixture[str]) -> None:
    lines = progress.Lines()
    left_out = [JobRun(f"L{number}", "LEFT_OUT", cause="left out") for number in range(300)]
    lines.show(run_of(JobRun("A", "RUNNING"), JobRun("OFF", "DISABLED"), *left_out))
    lines.show(run_of(JobRun("A", "RUNNING"), JobRun("OFF", "DISABLED"), *left_out))
    skipped = [JobRun(f"S{number}", "SKIPPED", cause="A failed") for number in range(6)]
    lines.show(run_of(JobRun("A", "FAILED", 1, 5.0), *skipped, *left_out))
    assert [" ".join(line.split()[4:]) for line in capsys.readouterr().err.splitlines()] == [
        "300 jobs (L0, L1, L2, L3, L4 and 295 more) LEFT_OUT",
        "A RUNNING",
        "OFF DISABLED",
        "6 jobs (S0, S1, S2, S3, S4 and 1 more) SKIPPED",
        "A FAILED, 5.0 s",
    ]


@pytest.mark.parametrize(("count", "lines"), [(5, 6), (6, 1), (1000, 1)])
def test_the_table_of_a_part_has_no_line_for_each_of_many_jobs_left_out(
    monkeypatch: pytest.MonkeyPatch, count: int, lines: int
) -> None:
    cause = "left out of this run; hands on what it returned in run 1"
    run = run_of(JobRun("A", "DONE", 1, 2.0), *(JobRun(f"L{n}", "LEFT_OUT", cause=cause) for n in range(count)))
    assert len(shown(monkeypatch, 80, views.run_table(run, terminal=False))) == 1 + lines
    (line,) = views.failures(run)
    assert line.endswith(f" LEFT_OUT: {cause}")
    assert len(line) < 200
    assert (f"{count} jobs (L0, L1, " in line) == (count > 5)


def test_attempts_that_ended_before_a_retry_are_not_shown_as_running(capsys: pytest.CaptureFixture[str]) -> None:
    lines = progress.Lines()
    ended = tuple(Attempt(number, "FAILED") for number in (1, 2, 3))
    done = (*ended, Attempt(4, "DONE"))
    for job in (
        JobRun("A", "PENDING"),
        JobRun("A", "RUNNING", 3, tries=ended),
        JobRun("A", "RUNNING", 4, tries=ended),
        JobRun("A", "RUNNING", 4, tries=done),
        JobRun("A", "DONE", 4, 3.0, tries=done),
    ):
        lines.show(run_of(job))
    assert [" ".join(line.split()[4:]) for line in capsys.readouterr().err.splitlines()] == [
        "A RUNNING",
        "A RUNNING, attempt 4",
        "A DONE, attempt 4, 3.0 s",
    ]


def test_a_job_that_waits_for_a_node_is_told_once_with_what_it_waits_for(capsys: pytest.CaptureFixture[str]) -> None:
    lines = progress.Lines()
    for job in (
        JobRun("A", "PENDING"),
        JobRun("A", "PENDING", 1, cause="waits for a node of P"),
        JobRun("A", "PENDING", 1, cause="waits for a node of P"),
        JobRun("A", "RUNNING", 1),
    ):
        lines.show(run_of(job))
    assert [" ".join(line.split()[4:]) for line in capsys.readouterr().err.splitlines()] == [
        "A PENDING: waits for a node of P",
        "A RUNNING",
    ]


def test_the_live_display_is_a_table_on_a_terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    class Terminal(StringIO):
        def isatty(self) -> bool:
            return True

    screen = Terminal()
    monkeypatch.setattr("sys.stderr", screen)
    monkeypatch.setenv("TERM", "xterm")
    with progress.display() as show:
        show(run_of(JobRun("A", "RUNNING", 1)))
        assert "RUNNING" in screen.getvalue()


def test_failures_name_cause_and_log() -> None:
    run = run_of(
        JobRun("A", "FAILED", 3, cause="exit code 1"),
        JobRun("B", "SKIPPED", cause="a predecessor did not succeed"),
        JobRun("C", "SUSPENDED", cause="its task is suspended"),
        ended=True,
        state=graph_run.FAILED,
        cause="",
    )
    assert views.failures(run) == [
        "A FAILED after 3 attempts: exit code 1",
        f"  its log: jobgraph logs A --run {RUN}",
        "C SUSPENDED: its task is suspended",
        "skipped, because a predecessor did not succeed: B",
    ]


def test_next_commands_fit_the_outcome() -> None:
    jobs = JobRun("A", "DONE", 1), JobRun("B", "FAILED", 1)
    failed = run_of(*jobs, state=graph_run.FAILED, ended=True, repeatable=True, stopped=True)
    assert "jobgraph logs B   " in views.next_commands(failed)
    assert "jobgraph retry" in views.next_commands(failed)
    done = run_of(JobRun("A", "DONE", 1), state=graph_run.DONE, ended=True, repeatable=True)
    assert "jobgraph logs A   " in views.next_commands(done)
    assert "jobgraph retry" not in views.next_commands(done)


def test_a_retry_is_not_advised_where_snowflake_refuses_it() -> None:
    """No task failed (`on_failure: continue`); a later run, or a deploy, came after."""
    jobs = JobRun("A", "DONE", 1), JobRun("B", "FAILED", 1)
    goes_on = run_of(*jobs, state=graph_run.FAILED, ended=True, repeatable=True)
    assert views.next_commands(goes_on).endswith("jobgraph run g --wait")
    old = run_of(*jobs, state=graph_run.FAILED, ended=True, stopped=True)
    assert "retry" not in views.next_commands(old)
    assert f"jobgraph logs B --run {RUN}" in views.next_commands(old)


def shown(monkeypatch: pytest.MonkeyPatch, width: int, renderable: RenderableType) -> list[str]:
    """What `show` writes on a terminal of that width."""
    screen = StringIO()
    monkeypatch.setattr("jobgraph.cli.application.is_terminal", lambda: True)
    monkeypatch.setattr("sys.stdout", screen)
    monkeypatch.setenv("COLUMNS", str(width))
    application.show(renderable)
    return [line.rstrip() for line in screen.getvalue().splitlines() if line.strip()]


def two_runs(run_id: str) -> list[GraphRun]:
    jobs = (
        JobRun("T_CLEAN_CUSTOMERS", "FAILED", 3, 1.0),
        JobRun("T_CLEAN_ORDERS", "TIMED_OUT", 2, 2.0),
        JobRun("A", "DONE", 1),
    )
    started = datetime(2026, 3, 1, tzinfo=UTC)
    return [replace(run_of(*jobs, state="FAILED", started=started, scheduled_from="EXECUTE_TASK"), run_id=run_id)]


@pytest.mark.parametrize("run_id", ["1795273277448", RUN])
@pytest.mark.parametrize("width", [None, 200, 130, 120, 100, 80, 60])
def test_a_narrow_terminal_shows_fewer_columns_of_history_and_cuts_nothing(
    width: int | None, run_id: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = views.history_table(two_runs(run_id), terminal=width is not None, width=width)
    headings = [str(column.header) for column in made.columns]
    assert {"run", "state", "started (UTC)", "jobs done", "failed"} <= set(headings)
    assert len(headings) == 8 or (width or 200) < 130 or run_id == RUN
    lines = shown(monkeypatch, width or 200, made)
    words = " ".join(lines).split()
    assert {run_id, "FAILED", "1/3", "T_CLEAN_CUSTOMERS", "T_CLEAN_ORDERS", "TIMED_OUT"} <= set(words)
    assert not any("…" in word for word in words)
    if (width or 0) >= len(run_id) + 67:
        assert max(map(len, lines)) <= (width or 0)


def test_a_disabled_job_is_not_among_those_that_a_run_was_to_do() -> None:
    jobs = [JobRun("A", "DONE", 1), JobRun("B", "FAILED", 1), JobRun("OFF", "DISABLED")]
    assert "1/2" in drawn(views.history_table([run_of(*jobs)], terminal=False)).split()
    part = run_of(*jobs, JobRun("C", "LEFT_OUT"), request=Request(left_out=("C",)))
    assert "1/2 (a part, 1 left out)" in drawn(views.history_table([part], terminal=False))


@pytest.mark.parametrize("width", [40, 80])
def test_a_line_wider_than_the_terminal_stays_whole(width: int, monkeypatch: pytest.MonkeyPatch) -> None:
    long = "T_" + "X" * 90
    lines = shown(monkeypatch, width, views.run_table(run_of(JobRun(long, "DONE", 1, 2.0)), terminal=True))
    assert lines[-1].split() == [long, "DONE", "1", "2.0", "s"]
    sentence = "a job failed: " + "see https://docs.example.org/long/path " * 4
    assert shown(monkeypatch, width, Text(sentence)) == [sentence.rstrip()]


def test_many_jobs_to_run_again_are_named_by_the_first_of_them() -> None:
    chain = [Task(f"J{number:02}", (f"J{number - 1:02}" if number else "ROOT",), started=True) for number in range(30)]
    part = run_of(JobRun("J00", "DONE"), state=graph_run.FAILED, ended=True)
    trouble = [task.name for task in chain[8:20]]
    line = views.part_line(part, None, trouble, [*chain, Task("ASIDE", ("ROOT",), started=True)])
    assert line.endswith("Without a good run since: 12 jobs from J08; `jobgraph run g --from J08` runs them.")
    both = views.part_line(part, None, ["J10", "ASIDE"], [*chain, Task("ASIDE", ("ROOT",), started=True)])
    assert both.endswith("Without a good run since: J10, ASIDE; `jobgraph run g --from J10,ASIDE` runs them.")


def test_a_run_of_a_backfill_shows_the_dates_of_its_interval() -> None:
    request = Request(backfill="17", interval=3, start="2026-01-03 00:00:00.000 Z", end="2026-01-04 00:00:00.000 Z")
    run = run_of(JobRun("A", "FAILED", 1), request=request, state=graph_run.FAILED, ended=True)
    span = "2026-01-03 00:00 - 2026-01-04 00:00"
    assert f"(interval 3 of backfill 17, {span} UTC): FAILED" in str(views.headline(run))
    assert f"backfill 17: {span}" in drawn(views.history_table([run], terminal=True), 200)
