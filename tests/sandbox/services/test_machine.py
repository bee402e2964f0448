"""A job service's state machine and the placement of its instances."""

from __future__ import annotations

from dataclasses import replace

from hypothesis import given
from hypothesis import strategies as st
from snowflake_sandbox.services import machine
from snowflake_sandbox.services.machine import (
    Cancel,
    CannotStart,
    ContainerStatus,
    Demand,
    Event,
    Exited,
    JobEnded,
    JobRun,
    JobStatus,
    NodeLost,
    Placed,
    Restarted,
    StartContainer,
    Started,
    StopContainer,
)

MAIN, SIDE = (0, "main"), (0, "side")


def run_through(*events: Event, replicas: int = 1, names: tuple[str, ...] = ("main",)) -> tuple[JobRun, list[object]]:
    run, actions = machine.new_run(replicas, names), list[object]()
    for event in events:
        step = machine.step(run, event)
        run = step.run
        actions += step.actions
    return run, actions


def test_from_pending_to_done() -> None:
    run, actions = run_through()
    assert machine.status(run) is JobStatus.PENDING
    assert run.containers[MAIN].message == "Compute pool node(s) are being provisioned."
    run, actions = run_through(Placed(0))
    assert (machine.status(run), actions) == (JobStatus.PENDING, [StartContainer(MAIN)])
    run, actions = run_through(Placed(0), Started(MAIN))
    assert (machine.status(run), machine.instance_status(run, 0)) == (JobStatus.RUNNING, "READY")
    run, actions = run_through(Placed(0), Started(MAIN), Exited(MAIN, 0))
    assert actions[-1] == JobEnded(JobStatus.DONE)
    assert machine.instance_status(run, 0) == "SUCCEEDED"


def test_a_failed_container_fails_the_job_once_the_others_were_stopped() -> None:
    events = (Placed(0), Started(MAIN), Started(SIDE), Exited(MAIN, 3))
    run, actions = run_through(*events, names=("main", "side"))
    assert machine.status(run) is JobStatus.RUNNING
    assert actions[-1] == StopContainer(SIDE)
    run, actions = run_through(*events, Exited(SIDE, 137), names=("main", "side"))
    assert actions[-1] == JobEnded(JobStatus.FAILED)
    assert run.containers[MAIN].message == "User application error, check container logs"
    assert run.containers[MAIN].exit_code == 3


def test_out_of_memory_is_said() -> None:
    run, _ = run_through(Placed(0), Started(MAIN), Exited(MAIN, 137, out_of_memory=True))
    assert run.containers[MAIN].message == "Container was OOMKilled due to resource usage"


def test_an_image_that_cannot_be_had_fails_the_job() -> None:
    run, actions = run_through(Placed(0), CannotStart(MAIN, "Failed to pull image"))
    assert actions[-1] == JobEnded(JobStatus.FAILED)
    assert run.containers[MAIN].message == "Failed to pull image"


def test_cancel_before_and_after_the_start() -> None:
    run, actions = run_through(Cancel())
    assert actions == [JobEnded(JobStatus.CANCELLED)]
    run, actions = run_through(Placed(0), Started(MAIN), Cancel())
    assert (machine.status(run), actions[-1]) == (JobStatus.CANCELLING, StopContainer(MAIN))
    run, actions = run_through(Placed(0), Started(MAIN), Cancel(), Exited(MAIN, 137))
    assert actions[-1] == JobEnded(JobStatus.CANCELLED)


def test_cancel_of_an_ended_job_changes_nothing() -> None:
    run, _ = run_through(Placed(0), Started(MAIN), Exited(MAIN, 0))
    assert machine.step(run, Cancel()).actions == ()
    assert machine.status(machine.step(run, Cancel()).run) is JobStatus.DONE


def test_late_events_change_nothing() -> None:
    run, _ = run_through(Placed(0), Started(MAIN), Exited(MAIN, 0))
    for event in (Started(MAIN), Exited(MAIN, 1), CannotStart(MAIN, "x"), Placed(0), Restarted()):
        assert machine.step(run, event) == machine.ServiceStep(run)


def test_a_restart_starts_unfinished_containers_again() -> None:
    run, _ = run_through(Placed(0), Placed(1), Started((0, "main")), Exited((1, "main"), 0), Restarted(), replicas=2)
    assert run.containers[0, "main"].restarts == 1
    assert run.containers[0, "main"].status is ContainerStatus.PENDING
    assert run.containers[1, "main"].status is ContainerStatus.DONE
    step = machine.step(run, Placed(0))
    assert step.actions == (StartContainer((0, "main")),)


def test_a_restart_ends_a_cancellation() -> None:
    _, actions = run_through(Placed(0), Started(MAIN), Cancel(), Restarted())
    assert actions[-1] == JobEnded(JobStatus.CANCELLED)


def test_a_lost_node_fails_its_instance_once_the_processes_are_gone() -> None:
    events = (Placed(0), Placed(1), Started((0, "main")), Started((1, "main")), NodeLost(0))
    run, actions = run_through(*events, replicas=2)
    assert actions[-1] == StopContainer((0, "main"), at_once=True)
    assert machine.status(run) is JobStatus.RUNNING
    run, actions = run_through(*events, Exited((0, "main"), 137), Exited((1, "main"), 143), replicas=2)
    assert (run.containers[0, "main"].message, run.containers[0, "main"].exit_code) == ("Encountered fatal error", None)
    assert run.containers[1, "main"].message == "Container was terminated"
    assert actions[-1] == JobEnded(JobStatus.FAILED)


def test_a_node_lost_just_before_a_restart_stays_lost() -> None:
    run, _ = run_through(Placed(0), Started(MAIN), NodeLost(0), Restarted())
    assert run.containers[MAIN].message == "Encountered fatal error"
    assert machine.status(run) is JobStatus.FAILED


def test_placement_fills_nodes_in_order_and_lets_the_rest_wait() -> None:
    node = Demand(1.0, 4.0)
    half = Demand(0.5, 1.0)
    assert machine.place([half] * 5, [], 2, node) == [0, 0, 1, 1, None]
    assert machine.place([half], [(0, half), (0, half)], 1, node) == [None]
    assert machine.place([Demand(2.0, 1.0), half], [], 2, node) == [None, 0]
    assert machine.place([Demand(0.1, 5.0)], [], 2, node) == [None]


def test_placement_after_the_pool_shrank() -> None:
    assert machine.place([Demand(0.5, 1)], [(3, Demand(0.5, 1))], 1, Demand(1, 4)) == [0]


KEYS = [(instance, name) for instance in range(2) for name in ("a", "b")]
EVENTS: st.SearchStrategy[Event] = st.one_of(
    st.builds(Placed, st.integers(0, 1)),
    st.builds(Started, st.sampled_from(KEYS)),
    st.builds(Exited, st.sampled_from(KEYS), st.integers(0, 2), st.booleans()),
    st.builds(CannotStart, st.sampled_from(KEYS), st.just("Failed to pull image")),
    st.builds(Cancel),
    st.builds(Restarted),
    st.builds(NodeLost, st.integers(0, 1)),
)


@given(st.lists(EVENTS, max_size=40))
def test_a_job_ends_at_most_once_and_for_good(events: list[Event]) -> None:
    run, ends = machine.new_run(2, ["a", "b"]), list[JobStatus]()
    for event in events:
        before = machine.status(run)
        step = machine.step(run, event)
        ends += [action.status for action in step.actions if isinstance(action, JobEnded)]
        if before in machine.ENDED:
            assert machine.status(step.run) is before
        run = step.run
    assert ends == ([machine.status(run)] if machine.status(run) in machine.ENDED else [])


def test_restored_runs_are_plain_values() -> None:
    run, _ = run_through(Placed(0))
    assert replace(run) == run
