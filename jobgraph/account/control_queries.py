"""The SQL for requests of people: backfills and their intervals, operations with their notes.

Knows the tables of `jobgraph.plan.history.control_tables`. Must not know how or when a statement is sent.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from jobgraph.account.queries import Place, Statement, Tables
from jobgraph.plan import sql
from jobgraph.procedures.requested import backfills
from jobgraph.runs import wording

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

    from jobgraph.runs.backfills import Backfill, Interval
    from jobgraph.runs.operations import Operation

# how many values one statement may bind
_AT_ONCE = 500


# Around statements that take effect together or not at all.
BEGIN, COMMIT = Statement("BEGIN TRANSACTION"), Statement("COMMIT")


def backfills_of(place: Place, tables: Tables, graph: str | None = None, backfill_id: str | None = None) -> Statement:
    """The backfills of a graph, of all graphs, or only the one with `backfill_id`; newest first."""
    conditions = {"GRAPH_NAME": graph, "BACKFILL_ID": backfill_id}
    binds = {name: value for name, value in conditions.items() if value is not None}
    where = f" WHERE {' AND '.join(f'{name} = ?' for name in binds)}" if binds else ""
    return Statement(
        f"SELECT * FROM {place.qualified(tables.backfills)}{where} ORDER BY CREATED_TIME DESC, BACKFILL_ID DESC",
        tuple(binds.values()),
    )


def intervals_of(place: Place, tables: Tables, backfill_ids: Sequence[str]) -> Statement:
    """The intervals of one or more backfills, in run order."""
    marks = ", ".join("?" for _ in backfill_ids)
    return Statement(
        f"SELECT * FROM {place.qualified(tables.intervals)} WHERE BACKFILL_ID IN ({marks}) ORDER BY BACKFILL_ID, PLACE",
        tuple(backfill_ids),
    )


def insert_intervals(place: Place, tables: Tables, intervals: Sequence[Interval]) -> list[Statement]:
    """Insert the intervals of a new backfill; they have no effect until the backfill itself exists."""
    columns = "BACKFILL_ID, PLACE, START_TIME, END_TIME, STATE, CHANGED_TIME"
    row = "SELECT ?, ?, ?::TIMESTAMP_LTZ, ?::TIMESTAMP_LTZ, ?, CURRENT_TIMESTAMP()"
    statements = []
    for first in range(0, len(intervals), _AT_ONCE):
        batch = intervals[first : first + _AT_ONCE]
        binds = [
            (part.backfill_id, part.place, part.span.start.isoformat(), part.span.end.isoformat(), part.state)
            for part in batch
        ]
        text = f"INSERT INTO {place.qualified(tables.intervals)} ({columns}) {' UNION ALL '.join([row] * len(batch))}"
        statements.append(Statement(text, tuple(value for values in binds for value in values)))
    return statements


def insert_backfill(place: Place, tables: Tables, backfill: Backfill) -> Statement:
    """Insert a new backfill; from then on runs of its intervals are requested."""
    columns = (
        "BACKFILL_ID, GRAPH_NAME, STATE, START_TIME, END_TIME, EVERY, REPROCESS, NEWEST_FIRST, RUN_CONFIG, USER_NAME"
    )
    return Statement(
        f"INSERT INTO {place.qualified(tables.backfills)} ({columns}, CREATED_TIME, CHANGED_TIME) SELECT ?, ?, ?,"
        " ?::TIMESTAMP_LTZ, ?::TIMESTAMP_LTZ, ?, ?, ?, ?, CURRENT_USER(), CURRENT_TIMESTAMP(), CURRENT_TIMESTAMP()",
        (
            *(backfill.backfill_id, backfill.graph, backfill.state),
            *(backfill.span.start.isoformat(), backfill.span.end.isoformat()),
            *(backfill.step, backfill.reprocess, backfill.newest_first),
            json.dumps(backfill.values) if backfill.values else None,
        ),
    )


def change_backfill(place: Place, tables: Tables, backfill_id: str, event: str) -> Statement:
    """Apply an event to a backfill, if its state allows the event."""
    return Statement(
        f"UPDATE {place.qualified(tables.backfills)} SET STATE = ?, CHANGED_TIME = CURRENT_TIMESTAMP()"
        f" WHERE BACKFILL_ID = ? AND STATE IN ({_states(backfills.sources(backfills.OF_BACKFILL, event))})",
        (backfills.target(backfills.OF_BACKFILL, event), backfill_id),
    )


def settle_interval(place: Place, tables: Tables, interval: Interval, event: str) -> Statement:
    """Record how the run of an interval ended."""
    return Statement(
        f"UPDATE {place.qualified(tables.intervals)} SET STATE = ?, CHANGED_TIME = CURRENT_TIMESTAMP()"
        " WHERE BACKFILL_ID = ? AND PLACE = ? AND GRAPH_RUN_ID = ?"
        f" AND STATE IN ({_states(backfills.sources(backfills.OF_INTERVAL, event))})",
        (
            *(backfills.target(backfills.OF_INTERVAL, event), interval.backfill_id),
            *(interval.place, interval.run_id),
        ),
    )


def cancel_intervals(place: Place, tables: Tables, backfill_id: str) -> Statement:
    """Cancel the intervals of a backfill that no run has claimed."""
    return Statement(
        f"UPDATE {place.qualified(tables.intervals)} SET STATE = ?, CHANGED_TIME = CURRENT_TIMESTAMP()"
        " WHERE BACKFILL_ID = ? AND GRAPH_RUN_ID IS NULL"
        f" AND STATE IN ({_states(backfills.sources(backfills.OF_INTERVAL, backfills.CANCEL))})",
        (backfills.target(backfills.OF_INTERVAL, backfills.CANCEL), backfill_id),
    )


def _states(states: Sequence[str]) -> str:
    return ", ".join(f"'{state}'" for state in states)


def instant_text(instant: datetime) -> str:
    """Return a time in the format that containers receive, which is Snowflake's format for scheduled times of runs."""
    return f"{wording.instant(instant)}.{instant.microsecond // 1000:03d} Z"


def insert_operation(place: Place, tables: Tables, operation: Operation) -> Statement:
    """Record an operation: what was done, by whom and why."""
    columns = "GRAPH_NAME, GRAPH_RUN_ID, BACKFILL_ID, OPERATION, NOTE, STATEMENTS, JOBS, USER_NAME, CREATED_TIME"
    binds = (
        *(operation.graph, operation.run_id or None, operation.backfill_id or None, operation.name),
        *(operation.note or None, json.dumps(list(operation.statements)), json.dumps(list(operation.jobs))),
    )
    # a table of an earlier version has no REQUESTED_TIME
    request_time = (operation.requested_at.isoformat(),) if operation.requested_at else ()
    return Statement(
        f"INSERT INTO {place.qualified(tables.operations)} ({columns}{', REQUESTED_TIME' * len(request_time)})"
        " SELECT ?, ?, ?, ?, ?, ?, ?, CURRENT_USER(), CURRENT_TIMESTAMP()"
        f"{', ?::TIMESTAMP_LTZ' * len(request_time)}",
        (*binds, *request_time),
    )


def operations_of(place: Place, tables: Tables, graph: str, limit: int) -> Statement:
    """The operations on a graph and its runs, newest first."""
    return Statement(
        f"SELECT * FROM {place.qualified(tables.operations)} WHERE GRAPH_NAME = ?"
        f" ORDER BY CREATED_TIME DESC LIMIT {int(limit)}",
        (graph,),
    )


def roots_before(place: Place, tables: Tables, root_tasks: Sequence[str], run_id: str, limit: int) -> Statement:
    """The roots' rows of the newest closed runs before a run, newest first. Ids sort by time."""
    marks = ", ".join("?" for _ in root_tasks)
    return Statement(
        f"SELECT * FROM {place.qualified(tables.task_runs)} WHERE NAME = ROOT_TASK_NAME"
        f" AND ROOT_TASK_NAME IN ({marks}) AND GRAPH_RUN_GROUP_ID < ?"
        f" ORDER BY GRAPH_RUN_GROUP_ID DESC LIMIT {int(limit)}",
        (*root_tasks, run_id),
    )


def grants_on_task(place: Place, task: str) -> Statement:
    """The privileges on a task, and who holds them."""
    return Statement(f"SHOW GRANTS ON TASK {place.qualified(task)}")


def has_a_role(roles: Sequence[str]) -> Statement:
    """Whether one of the roles (at least one is given) is the session's role or one that it inherits."""
    checks = " OR ".join(f"IS_ROLE_IN_SESSION({sql.literal(role)})" for role in roles)
    return Statement(f"SELECT {checks} AS HAS_ONE")
