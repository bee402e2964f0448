"""The states of a backfill and of its intervals, with their transitions, as data.

Pure: knows neither statements nor the clock. `jobgraph.runs` and the procedures use the same tables. Shipped as a part
of stored procedures' texts.

A backfill is PENDING until a run claims its first interval. Intervals are requested one at a time: EXECUTE TASK does
not queue several runs, and a later request replaces a waiting one. So a repeated request is harmless, and a request
writes nothing: an interval becomes RUNNING when a run claims it, and no other run can claim it after that.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

PENDING, RUNNING, PAUSED = "PENDING", "RUNNING", "PAUSED"
COMPLETE, BROKEN, CALLED_OFF = "DONE", "FAILED", "CANCELLED"

BEGIN, PAUSE, RESUME, CANCEL, END_WELL, END_BADLY = "begin", "pause", "resume", "cancel", "end well", "end badly"
CLAIM, SUCCEED, FAIL, STOP = "claim", "succeed", "fail", "stop"

# (state, event) -> state; other events change nothing
OF_BACKFILL: Mapping[tuple[str, str], str] = {
    (PENDING, BEGIN): RUNNING,
    **{(state, PAUSE): PAUSED for state in (PENDING, RUNNING)},
    (PAUSED, RESUME): RUNNING,
    **{(state, CANCEL): CALLED_OFF for state in (PENDING, RUNNING, PAUSED)},
    **{(state, END_WELL): COMPLETE for state in (PENDING, RUNNING, PAUSED)},
    **{(state, END_BADLY): BROKEN for state in (PENDING, RUNNING, PAUSED)},
    # a retry of a failed run, which may fail again
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
# the states of a backfill in which its intervals are requested and may be claimed
ACTIVE = (PENDING, RUNNING)
# the states of an interval that is pending or in progress
OPEN = (PENDING, RUNNING)


class IntervalRow(NamedTuple):
    """An interval of a backfill, as the procedures read it: its place, its start and end as text, and its run, if any.

    `config` has the values of its backfill as JSON.
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
    """Return the states that an event changes."""
    return [state for state, name in transitions if name == event]


def target(transitions: Mapping[tuple[str, str], str], event: str) -> str:
    """Return the state to which an event leads."""
    (state,) = {after for (_, name), after in transitions.items() if name == event}
    return state


def following(intervals: Iterable[IntervalRow]) -> IntervalRow | None:
    """Return the interval to request: the first PENDING one of the first active backfill; None if there is none."""
    return next((i for i in intervals if i.state == PENDING and i.backfill_state in ACTIVE), None)


def end_of_run(tasks: Iterable[str], jobs: Iterable[str]) -> str:
    """Return the event of a run's end for its interval, from the last states of its tasks and jobs; empty if none.

    A job that failed with `on_failure: continue` did not fail its task, but its interval is not done. Nor is the
    interval of a run whose tasks Snowflake no longer shows.
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
    """Return the event of a backfill's end, from the states of all its intervals; empty while one is open."""
    states = list(states)
    if any(state in OPEN for state in states):
        return ""
    return END_WELL if all(state == COMPLETE for state in states) else END_BADLY
