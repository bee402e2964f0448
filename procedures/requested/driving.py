"""Drives backfills: the finalizer of each run requests the next interval, and settles those that have ended.

Knows the tables of backfills and EXECUTE TASK. Must not know how a run claims its interval (`claiming` does). Shipped
as a part of a stored procedure's text.

Every run of the graph drives them: if its request replaced that of an interval, its finalizer requests the interval
again. All steps may be repeated.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from snowflake.snowpark.exceptions import SnowparkSQLException

from jobgraph.procedures.attempt import RunContext, dollar_quoted, identifier, object_name, one_line
from jobgraph.procedures.requested.backfills import (
    OF_BACKFILL,
    OF_INTERVAL,
    OPEN,
    IntervalRow,
    end_of_backfill,
    end_of_run,
    following,
    sources,
    target,
)
from jobgraph.procedures.requested.json_texts import read_json
from jobgraph.procedures.requested.request import REQUEST, Request, split_config
from jobgraph.procedures.sending import DOES_NOT_EXIST, error_code, error_text, send

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from jobgraph.procedures.sending import Tagged

# enough of the open intervals to see which are in progress and which is next
MOST_INTERVALS = 100
AS_TEXT = "TO_VARCHAR(CONVERT_TIMEZONE('UTC', I.{})::TIMESTAMP_NTZ, 'YYYY-MM-DD HH24:MI:SS.FF3') || ' Z'"


def drive(session: Tagged, graph: Mapping[str, Any], run: RunContext, root_id: str) -> list[str]:
    """Request the next interval of the graph's backfills, and settle those that have ended. Return the failures.

    They must not fail the run. The request comes first, so that the backfill continues whatever fails after it.
    """
    if not graph.get("backfills_table"):
        return []
    try:
        intervals = _intervals(session, graph, run)
    except SnowparkSQLException as error:
        # a stack without these tables has no backfills
        return [] if error_code(error) == DOES_NOT_EXIST else [f"backfills: {one_line(error_text(error))}"]
    failures = []
    for step in (_ask, _settle) if intervals else ():
        try:
            step(session, graph, run, root_id, intervals)
        except SnowparkSQLException as error:
            failures.append(f"backfills: {one_line(error_text(error))}")
        except ValueError as error:
            failures.append(f"backfills: {error}")
    return failures


def _intervals(session: Tagged, graph: Mapping[str, Any], run: RunContext) -> list[IntervalRow]:
    """Return the open intervals of the graph's backfills, oldest backfill first, and the one of this run."""
    marks = ", ".join(f"'{state}'" for state in OPEN)
    statement = (
        "SELECT I.BACKFILL_ID, B.STATE AS BACKFILL_STATE, B.RUN_CONFIG, I.PLACE, I.STATE, I.GRAPH_RUN_ID,"
        f" {AS_TEXT.format('START_TIME')} AS START_TEXT, {AS_TEXT.format('END_TIME')} AS END_TEXT"
        f" FROM {object_name(graph, 'backfill_intervals_table')} AS I"
        f" JOIN {object_name(graph, 'backfills_table')} AS B ON B.BACKFILL_ID = I.BACKFILL_ID"
        f" WHERE B.GRAPH_NAME = ? AND (I.STATE IN ({marks}) OR I.GRAPH_RUN_ID = ?)"
        " ORDER BY CASE WHEN I.GRAPH_RUN_ID IS NULL THEN 1 ELSE 0 END, CASE WHEN B.STATE = 'PAUSED' THEN 1 ELSE 0 END,"
        f" B.CREATED_TIME, B.BACKFILL_ID, I.PLACE LIMIT {MOST_INTERVALS}"
    )
    rows = send(session, statement, [graph["graph"], run.group])
    return [
        IntervalRow(
            backfill=str(row["BACKFILL_ID"]),
            backfill_state=str(row["BACKFILL_STATE"]),
            place=int(row["PLACE"]),
            state=str(row["STATE"]),
            run=str(row["GRAPH_RUN_ID"] or ""),
            start=str(row["START_TEXT"]),
            end=str(row["END_TEXT"]),
            config=str(row["RUN_CONFIG"] or ""),
        )
        for row in rows
    ]


def _ask(
    session: Tagged, graph: Mapping[str, Any], run: RunContext, root_id: str, intervals: Sequence[IntervalRow]
) -> None:
    """Request the next interval, unless a run that somebody else requested is waiting, whose finalizer will do it."""
    interval = following(intervals)
    if interval is None or _somebody_waits(session, graph, root_id):
        return
    database, schema = identifier(graph["database"]), identifier(graph["schema"])
    root = f'"{database}"."{schema}"."{identifier(run.root)}"'
    send(session, f"EXECUTE TASK {root} USING CONFIG = {request_text(interval)}")


def request_text(interval: IntervalRow) -> str:
    """Return the configuration that requests an interval, as quoted JSON without `$`, which could end the quotes.

    Raises:
        ValueError: the values of its backfill are no JSON object, as anybody may write to the table.
    """
    values = read_json(interval.config or "{}")
    if not isinstance(values, dict):
        raise ValueError(f"the values of backfill {interval.backfill} in RUN_CONFIG are no JSON object")  # noqa: TRY004  # of others
    request = Request((), interval.backfill, interval.place, interval.start, interval.end)
    config = {**values, REQUEST: request.entry}
    return dollar_quoted(json.dumps(config).replace("$", "\\u0024"))


def _somebody_waits(session: Tagged, graph: Mapping[str, Any], root_id: str) -> bool:
    """Return whether a run that no backfill requested is waiting for this one: a request would replace it."""
    database = identifier(graph["database"])
    statement = (
        f'SELECT CONFIG FROM TABLE("{database}".INFORMATION_SCHEMA.TASK_HISTORY(ROOT_TASK_ID => ?,'
        " RESULT_LIMIT => 10000)) WHERE STATE = 'SCHEDULED' AND SCHEDULED_FROM IN ('EXECUTE_TASK', 'EXECUTE TASK')"
    )
    rows = send(session, statement, [root_id])
    return any(not split_config(str(row["CONFIG"] or ""))[0].backfill for row in rows)


def _settle(
    session: Tagged, graph: Mapping[str, Any], run: RunContext, root_id: str, intervals: Sequence[IntervalRow]
) -> None:
    """Record the ends of intervals: of this run, and of runs whose finalizer did not do it.

    Runs of the graph do not overlap, so all other runs are over; and in this run, all tasks except the finalizer.
    """
    owned = [interval for interval in intervals if interval.run]
    for interval in owned:
        states = _task_states(session, graph, root_id, interval.run, run.task)
        jobs = _job_states(session, graph, interval.run, run.root)
        if event := end_of_run(states, jobs):
            _change(session, graph, interval, event)
    for backfill in dict.fromkeys(interval.backfill for interval in owned):
        statement = f"SELECT STATE FROM {object_name(graph, 'backfill_intervals_table')} WHERE BACKFILL_ID = ?"
        event = end_of_backfill(str(row["STATE"]) for row in send(session, statement, [backfill]))
        if event:
            _change_backfill(session, graph, backfill, event)


def _task_states(session: Tagged, graph: Mapping[str, Any], root_id: str, group: str, finalizer: str) -> list[str]:
    """Return the last state of each task of a run, except the finalizer."""
    database = identifier(graph["database"])
    statement = (
        f'SELECT NAME, STATE FROM TABLE("{database}".INFORMATION_SCHEMA.TASK_HISTORY(ROOT_TASK_ID => ?,'
        " RESULT_LIMIT => 10000)) WHERE GRAPH_RUN_GROUP_ID::VARCHAR = ? AND NAME <> ? ORDER BY ATTEMPT_NUMBER"
    )
    rows = send(session, statement, [root_id, group, finalizer])
    return list({str(row["NAME"]): str(row["STATE"]) for row in rows}.values())


def _job_states(session: Tagged, graph: Mapping[str, Any], group: str, root: str) -> list[str]:
    """Return the status of the last attempt of each job of a run."""
    statement = (
        f"SELECT TASK_NAME, JOB_STATUS FROM {object_name(graph, 'job_runs_table')}"
        " WHERE GRAPH_RUN_ID = ? AND ROOT_TASK_NAME = ? ORDER BY ATTEMPT"
    )
    rows = send(session, statement, [group, root])
    return list({str(row["TASK_NAME"]): str(row["JOB_STATUS"]) for row in rows}.values())


def _change(session: Tagged, graph: Mapping[str, Any], interval: IntervalRow, event: str) -> None:
    states = ", ".join(f"'{state}'" for state in sources(OF_INTERVAL, event))
    statement = (
        f"UPDATE {object_name(graph, 'backfill_intervals_table')} SET STATE = ?, CHANGED_TIME = CURRENT_TIMESTAMP()"
        f" WHERE BACKFILL_ID = ? AND PLACE = ? AND GRAPH_RUN_ID = ? AND STATE IN ({states})"
    )
    send(session, statement, [target(OF_INTERVAL, event), interval.backfill, interval.place, interval.run])


def _change_backfill(session: Tagged, graph: Mapping[str, Any], backfill: str, event: str) -> None:
    states = ", ".join(f"'{state}'" for state in sources(OF_BACKFILL, event))
    statement = (
        f"UPDATE {object_name(graph, 'backfills_table')} SET STATE = ?, CHANGED_TIME = CURRENT_TIMESTAMP()"
        f" WHERE BACKFILL_ID = ? AND STATE IN ({states})"
    )
    send(session, statement, [target(OF_BACKFILL, event), backfill])
