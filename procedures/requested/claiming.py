"""Claims the interval of a backfill for a run: the run's jobs may run only if the interval belongs to it.

Knows the tables of backfills. Must not know how intervals are requested (`driving` does). Shipped as a part of a stored
procedure's text.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from jobgraph.procedures.attempt import RunContext, object_name
from jobgraph.procedures.requested.backfills import (
    ACTIVE,
    BEGIN,
    CLAIM,
    OF_BACKFILL,
    OF_INTERVAL,
    IntervalRow,
    sources,
    target,
)
from jobgraph.procedures.sending import send

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from jobgraph.procedures.sending import Tagged


def claim(session: Tagged, job: Mapping[str, Any], run: RunContext) -> str:
    """Claim the run's interval unless another run has. Return why the job must not run; empty if it may.

    Two runs may have been requested for one interval: the first that claims it keeps it, even when it is retried. An
    interval of a backfill that has been paused or cancelled since the request cannot be claimed.
    """
    interval = _interval(session, job, run)
    if interval is not None and not interval.run and interval.backfill_state in ACTIVE:
        _claim(session, job, run)
        interval = _interval(session, job, run)
    if interval is None:
        return f"there is no interval {run.request.interval} of a backfill {run.request.backfill}"
    if interval.run == run.group:
        return ""
    name = f"interval {interval.place} of backfill {interval.backfill}"
    if interval.run:
        return f"{name} was run by run {interval.run} already"
    return f"{name} is {interval.state}: the backfill is {interval.backfill_state}"


def _interval(session: Tagged, job: Mapping[str, Any], run: RunContext) -> IntervalRow | None:
    statement = (
        f"SELECT I.STATE, I.GRAPH_RUN_ID, B.STATE AS BACKFILL_STATE FROM {object_name(job, 'backfill_intervals_table')}"
        f" AS I JOIN {object_name(job, 'backfills_table')} AS B ON B.BACKFILL_ID = I.BACKFILL_ID"
        " WHERE I.BACKFILL_ID = ? AND I.PLACE = ? AND B.GRAPH_NAME = ?"
    )
    request = run.request
    rows = send(session, statement, [request.backfill, request.interval, job["graph"]])
    return next(
        (
            IntervalRow(request.backfill, str(r[2]), request.interval, str(r[0]), str(r["GRAPH_RUN_ID"] or ""))
            for r in rows
        ),
        None,
    )


def _claim(session: Tagged, job: Mapping[str, Any], run: RunContext) -> None:
    """Claim the interval for this run in one statement: of two concurrent claims, Snowflake makes one wait."""
    backfills = object_name(job, "backfills_table")
    free, active = _listed(sources(OF_INTERVAL, CLAIM)), _listed(ACTIVE)
    statement = (
        f"UPDATE {object_name(job, 'backfill_intervals_table')} SET STATE = ?, GRAPH_RUN_ID = ?, ROOT_TASK_NAME = ?,"
        " CHANGED_TIME = CURRENT_TIMESTAMP() WHERE BACKFILL_ID = ? AND PLACE = ? AND GRAPH_RUN_ID IS NULL"
        f" AND STATE IN ({free}) AND BACKFILL_ID IN (SELECT BACKFILL_ID FROM {backfills} WHERE STATE IN ({active}))"
    )
    request = run.request
    values = [target(OF_INTERVAL, CLAIM), run.group, run.root, request.backfill, request.interval]
    send(session, statement, values)
    began = (
        f"UPDATE {backfills} SET STATE = ?, CHANGED_TIME = CURRENT_TIMESTAMP() WHERE BACKFILL_ID = ?"
        f" AND STATE IN ({_listed(sources(OF_BACKFILL, BEGIN))})"
    )
    send(session, began, [target(OF_BACKFILL, BEGIN), request.backfill])


def _listed(states: Sequence[str]) -> str:
    """Return states as a list for IN. They are constants of this program, so they need no binds."""
    return ", ".join(f"'{state}'" for state in states)
