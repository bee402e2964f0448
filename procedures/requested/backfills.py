"""The life of a backfill and of its intervals, as data: what follows from what.

Pure: knows neither statements nor the clock. `jobgraph.runs` and the procedures go by the same tables. Shipped as a
part of stored procedures' texts.

A backfill is PENDING until its first interval is claimed by a run. Intervals are asked for one at a time: EXECUTE TASK
does not queue, a later request takes the place of one that waits. To ask again is therefore harmless, and nothing is
written when an interval is asked for: it becomes RUNNING when a run claims it, and no other run can claim it then.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

PENDING, RUNNING, PAUSED = "PENDING", "RUNNING", "PAUSED"
COMPLETE, BROKEN, CALLED_OFF = "DONE", "FAILED", "CANCELLED"

BEGIN, PAUSE, RESUME, CANCEL, END_WELL, END_BADLY = "begin", "pause", "resume", "cancel", "end well", "end badly"
CLAIM, SUCCEED, FAIL, STOP = "claim", "succeed", "fail", "stop"

# (state, event) -> state; what is not listed changes nothing
OF_BACKFILL: Mapping[tuple[str, str], str] = {
    (PENDING, BEGIN): RUNNING,
    **{(state, PAUSE): PAUSED for state in (PENDING, RUNNING)},
    (PAUSED, RESUME): RUNNING,
    **{(state, CANCEL): CALLED_OFF for state in (PENDING, RUNNING, PAUSED)},
    **{(state, END_WELL): COMPLETE for state in (PENDING, RUNNING, PAUSED)},
    **{(state, END_BADLY): BROKEN for state in (PENDING, RUNNING, PAUSED)},
    # a retry of a run that had failed; it may fail anew
    (BROKEN, END_WELL): COMPLETE,
}
OF_INTERVAL: Mapping[tuple[str, str], str] = {
    (PENDING, CLAIM): RUNNING,
    (PENDING, CANCEL): CALLED_OFF,
    # a run may be retried after it has ended
    **{(state, SUCCEED): COMPLETE for state in (RUNNING, BROKEN, CALLED_OFF)},
    **{(state, FAIL): BROKEN for state in (RUNNING, CALLED_OFF)},
    **{(state, STOP): CALLED_OFF for state in (RUNNING, BROKEN)},
}
# the states of a backfill in which its intervals are asked for and may be claimed
ACTIVE = (PENDING, RUNNING)
# those in which an interval is still to come or under way
OPEN = (PENDING, RUNNING)


class IntervalRow(NamedTuple):
    """An interval of a backfill as the procedures read it: its place, its ends as text, its run if any.

    `config` has the values of its backfill, as JSON.
    """

    backfill: str
    backfill_state: str
    place: int
    state: str
    run: str = ""
    start: str = ""
    end: str = ""
    config: str = ""


def sources(transitions: Mapping[tuple[str, str], str], event: str) -> list[str]:
    """Return the states in which an event changes something."""
    return [state for state, name in transitions if name == event]


def target(transitions: Mapping[tuple[str, str], str], event: str) -> str:
    """Return the state to which an event leads, from wherever."""
    (state,) = {after for (_, name), after in transitions.items() if name == event}
    return state


def following(intervals: Iterable[IntervalRow]) -> IntervalRow | None:
    """Return the interval to ask for: the first that is PENDING, of the first backfill that is active."""
    return next((i for i in intervals if i.state == PENDING and i.backfill_state in ACTIVE), None)


def end_of_run(tasks: Iterable[str], jobs: Iterable[str]) -> str:
    """Return what a run's end is to its interval, from the last states of its tasks and of its jobs; empty if none.

    A job that failed under `on_failure: continue` failed no task, but its interval is not done. Nor is that of a run
    whose tasks Snowflake no longer shows.
    """
    tasks, jobs = list(tasks), list(jobs)
    if {"SCHEDULED", "EXECUTING"}.intersection(tasks):
        return ""
    if not tasks:
        return FAIL
    if any(state.startswith(BROKEN) for state in tasks):
        return FAIL
    if CALLED_OFF in tasks:
        return STOP
    return SUCCEED if all(state in {"DONE", "LEFT_OUT"} for state in jobs) else FAIL


def end_of_backfill(states: Iterable[str]) -> str:
    """Return what the states of all its intervals are to a backfill: how it ended; empty while one is open."""
    states = list(states)
    if any(state in OPEN for state in states):
        return ""
    return END_WELL if all(state == COMPLETE for state in states) else END_BADLY
