"""Following a run on a clock that only moves when the watch sleeps."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

import pytest

from jobgraph.account import queries
from jobgraph.account.client import BusyWarehouseError
from jobgraph.account.run_records import RunRecords
from jobgraph.cli.watching import Launch, RunsBefore, pause
from jobgraph.errors import TimedOutError
from jobgraph.runs import deployed, graph_run, records
from tests.jobgraph.cli.recorded import OLD_RUN, RUN, START, ManualClock, Row, Server, history_row

if TYPE_CHECKING:
    from jobgraph.runs.graph_run import GraphRun


def launch(server: Server, clock: ManualClock, timeout: float | None = None) -> Launch:
    return Launch(server, deployed.read(server.tasks)[0], clock, timeout)


def execute(starting: Launch) -> RunsBefore:
    return starting.execute(queries.execute(queries.Place("DB", "PUBLIC"), "ROOT_TASK"))


def test_a_run_is_found_and_followed_to_its_end(server: Server, clock: ManualClock) -> None:
    seen: list[GraphRun] = []
    starting = launch(server, clock)
    request = execute(starting)
    run_id = starting.find(request)
    assert run_id == RUN
    ended = starting.watch().follow(starting.rows(run_id, request), seen.append)
    assert ended.state == "DONE"
    assert ended.duration == pytest.approx(6.5)
    states = [tuple(job.state for job in run.jobs) for run in seen]
    assert ("RUNNING", "RUNNING", "PENDING", "PENDING", "PENDING", "PENDING") in states
    assert 7.6 <= clock.seconds < 7.6 + pause(0) + 0.01


def test_a_warehouse_that_is_busy_for_a_while_does_not_end_the_waiting(server: Server, clock: ManualClock) -> None:
    def busy(_: queries.Statement) -> list[Row]:
        if clock.seconds > 3:
            server.answers = {}
        raise BusyWarehouseError("busy")

    starting = launch(server, clock)
    request = execute(starting)
    server.answers = {"TASK_HISTORY": busy}
    assert starting.find(request) == RUN
    server.answers = {"TASK_HISTORY": busy}
    assert starting.watch().follow(starting.rows(RUN, request), lambda _: None).state == "DONE"
    server.answers = {"TASK_HISTORY": BusyWarehouseError("busy")}
    limited = launch(server, clock, 5)
    with pytest.raises(TimedOutError):
        limited.watch().follow(starting.rows(RUN, request), lambda _: None)


def test_each_poll_is_one_statement_and_attempts_are_read_when_a_task_ends(server: Server, clock: ManualClock) -> None:
    starting = launch(server, clock)
    request = execute(starting)
    starting.find(request)
    server.sent.clear()
    polls: list[GraphRun] = []
    starting.watch().follow(starting.rows(RUN, request), polls.append)
    histories = [one for one in server.sent if "TASK_HISTORY" in one.text]
    attempts = [one for one in server.sent if "JOBS_RUN_STATS" in one.text]
    services = [one for one in server.sent if "SHOW JOB SERVICES" in one.text]
    assert len(histories) == len(polls)
    assert len(attempts) <= len(server.steps) + clock.seconds / 2
    assert len(services) <= len(attempts) < len(polls)
    assert len(histories) + len(attempts) + len(services) == len(server.sent)


def test_an_earlier_manual_run_is_not_taken_for_the_new_one(server: Server, clock: ManualClock) -> None:
    server.earlier = [
        history_row("ROOT_TASK", "SUCCEEDED", GRAPH_RUN_GROUP_ID=OLD_RUN, SCHEDULED_TIME=START - timedelta(seconds=1))
    ]
    starting = launch(server, clock)
    assert starting.find(execute(starting)) == RUN


def test_a_waiting_manual_run_is_taken_only_if_no_newer_one_comes(server: Server, clock: ManualClock) -> None:
    """Snowflake lets a further EXECUTE TASK replace the waiting run; it may keep the waiting one's id."""
    server.earlier = [
        history_row("ROOT_TASK", "SCHEDULED", GRAPH_RUN_GROUP_ID=OLD_RUN, SCHEDULED_TIME=START - timedelta(minutes=1))
    ]
    server.steps = ()
    starting = launch(server, clock)
    assert starting.find(execute(starting)) == OLD_RUN
    assert clock.seconds >= 10


def test_without_patience_the_search_ends(server: Server, clock: ManualClock) -> None:
    server.steps = ()
    starting = launch(server, clock)
    assert starting.find(execute(starting), patience=3) is None
    assert clock.seconds == pytest.approx(3, abs=0.5)


def test_the_timeout_limits_search_and_run_together(server: Server, clock: ManualClock) -> None:
    starting = launch(server, clock, timeout=4)
    request = execute(starting)
    run_id = starting.find(request)
    assert run_id is not None
    with pytest.raises(TimedOutError, match="4 s for run") as raised:
        starting.watch().follow(starting.rows(run_id, request), lambda _: None)
    assert raised.value.exit_code == 4
    assert clock.seconds == pytest.approx(4)
    assert "jobgraph wait" in str(raised.value)


def test_of_a_run_that_has_not_begun_nobody_is_told_that_cancel_stops_it(server: Server, clock: ManualClock) -> None:
    server.steps = ()
    starting = launch(server, clock, timeout=2)
    request = execute(starting)
    with pytest.raises(TimedOutError, match="2 s for the run to be scheduled") as raised:
        starting.find(request)
    assert "`jobgraph cancel container_jobs` cancels that one" in str(raised.value)
    assert "stops it" not in str(raised.value)


def test_no_job_ever_looks_as_if_it_had_left_no_attempt(server: Server, clock: ManualClock) -> None:
    """The rows of attempts must be at least as young as the task history they are put together with."""
    seen: list[GraphRun] = []
    starting = launch(server, clock)
    request = execute(starting)
    starting.watch().follow(starting.rows(RUN, request), seen.append)
    assert {job.state for run in seen for job in run.jobs} == {"PENDING", "RUNNING", "DONE"}


def test_a_retried_run_is_not_over_before_its_new_attempt_shows(server: Server, clock: ManualClock) -> None:
    server.began = -100.0
    record = records.of_deployed(deployed.read(server.tasks)[0])
    rows = RunRecords(server, record).rows()
    assert launch(server, clock).watch().follow(rows, lambda _: None).state == graph_run.DONE
    seen: list[GraphRun] = []
    with pytest.raises(TimedOutError):
        launch(server, clock, timeout=2).watch().follow(rows, seen.append, attempt=2)
    assert {run.state for run in seen} == {"PENDING"}


def test_polls_become_rarer_in_a_long_run() -> None:
    assert pause(0) == pause(100) < 0.5
    assert pause(10_000) == 5
    assert pause(121) < pause(400) <= 5
