"""Closes a graph run: copies its task history, records unrecorded attempts, and removes old services and results.

The entry of a stored procedure (Python 3.11, caller's rights, handler `main`), whose text is this file and the files of
this folder that it imports. Knows the order of the steps. Must not know how graphs are configured: its task's body
passes everything in the definition.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from snowflake.snowpark.exceptions import SnowparkSQLException

from jobgraph.procedures.attempt import RunContext, bare_name, identifier, object_name, one_line
from jobgraph.procedures.direct_jobs import record_direct
from jobgraph.procedures.notifying.run_ends import tell_of_end
from jobgraph.procedures.recovery import (
    TaskEnd,
    droppable,
    record_without_service,
    recorded,
    recover,
    services,
    with_secrets,
)
from jobgraph.procedures.requested.driving import drive
from jobgraph.procedures.sending import Tagged, error_text, send
from jobgraph.procedures.superseded import drop_superseded
from jobgraph.procedures.sweeping import drop, remove_old_results

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

    from snowflake.snowpark import Session

    from jobgraph.procedures.recovery import GraphService

# a graph of a thousand jobs may leave a thousand services an hour; a run must not spend its hour on dropping them
MOST_DROPS = 200
MOST_RUNS = 200
# text columns in the quickstart's table
WALL_TIME = "TO_VARCHAR(S.{}, 'YYYY-MM-DD HH24:MI:SS')"
COPIED = {  # column of history -> expression over TASK_HISTORY; each `?` is a bind
    **{name: f"S.{name}" for name in ("GRAPH_RUN_GROUP_ID", "NAME", "STATE", "RETURN_VALUE")},
    **{name: WALL_TIME.format(name) for name in ("QUERY_START_TIME", "COMPLETED_TIME")},
    "DURATION_IN_SECS": "TIMESTAMPDIFF('second', S.QUERY_START_TIME, S.COMPLETED_TIME)",
    **{name: f"S.{name}" for name in ("ERROR_MESSAGE", "ATTEMPT_NUMBER", "SCHEDULED_FROM")},
    **dict.fromkeys(("ROOT_TASK_NAME", "GRAPH_NAME"), "?"),
    **{name: f"S.{name}" for name in ("ROOT_TASK_ID", "SCHEDULED_TIME")},
    "STARTED_TIME": "S.QUERY_START_TIME",
    "ENDED_TIME": "S.COMPLETED_TIME",
    "RUN_CONFIG": "S.CONFIG",
    "GRAPH_DEFINITION": "IFF(S.NAME = ?, ?, NULL)",
}


def main(session: Session, definition: str) -> str:
    """Close the run of the calling finalizer task. Return a line of JSON with the results of the steps."""
    graph: dict[str, Any] = json.loads(definition)
    tagged = Tagged(session, f"jobgraph {identifier(graph['graph'])}")
    run, root_id = _run_facts(tagged)
    tagged = tagged._replace(tag=f"{tagged.tag} {run.group} {run.task} 1")
    send(tagged, copy_statement(graph), copy_values(graph, run, root_id))
    # before every step that may take long or fail, so that a backfill continues
    stalled = drive(tagged, graph, run, root_id)
    ends = _task_ends(tagged, graph, run)
    directly, unrecorded = record_direct(tagged, graph, run, root_id)
    recovered, dropped, undropped = _sweep(tagged, graph, run, root_id, ends)
    untold = tell_of_end(tagged, graph, run, ends)
    removed, unremoved = remove_old_results(tagged, graph)
    return json.dumps(
        {
            "graph": graph["graph"],
            "tasks_in_history": len(ends),
            "attempts_recorded": directly,
            "attempts_recovered": recovered,
            "services_dropped": dropped,
            "days_of_results_removed": removed,
            "not_told": untold,
            "not_dropped": unrecorded + undropped + unremoved + drop_superseded(tagged, graph, run),
            **({"not_driven": stalled} if stalled else {}),
        }
    )


def _run_facts(session: Tagged) -> tuple[RunContext, str]:
    """Return this run and the root's id, which Snowflake shows only inside a task."""
    row = send(
        session,
        "SELECT SYSTEM$TASK_RUNTIME_INFO('CURRENT_ROOT_TASK_UUID') AS ROOT_ID,"
        " SYSTEM$TASK_RUNTIME_INFO('CURRENT_ROOT_TASK_NAME') AS ROOT_TASK,"
        " SYSTEM$TASK_RUNTIME_INFO('CURRENT_TASK_NAME') AS TASK,"
        " SYSTEM$TASK_RUNTIME_INFO('CURRENT_TASK_GRAPH_RUN_GROUP_ID') AS RUN_GROUP,"
        " SYSTEM$TASK_RUNTIME_INFO('CURRENT_TASK_GRAPH_ORIGINAL_SCHEDULED_TIMESTAMP') AS STARTED",
    )[0]
    run = RunContext(bare_name(row["ROOT_TASK"]), bare_name(row["TASK"]), str(row["RUN_GROUP"]), str(row["STARTED"]))
    return run, str(row["ROOT_ID"])


def copy_statement(graph: dict[str, Any]) -> str:
    """Return the statement that copies a run's tasks into history, each once; `copy_values` returns its binds."""
    table, database = object_name(graph, "task_runs_table"), identifier(graph["database"])
    return (
        f"INSERT INTO {table} ({', '.join(COPIED)}) SELECT {', '.join(COPIED.values())}"
        f' FROM TABLE("{database}".INFORMATION_SCHEMA.TASK_HISTORY('
        "ROOT_TASK_ID => ?, SCHEDULED_TIME_RANGE_START => ?::timestamp_ltz, RESULT_LIMIT => 10000)) AS S"
        " WHERE S.GRAPH_RUN_GROUP_ID = ? AND S.NAME <> ?"
        f" AND NOT EXISTS (SELECT 1 FROM {table} AS T WHERE T.GRAPH_RUN_GROUP_ID = S.GRAPH_RUN_GROUP_ID"
        " AND T.ROOT_TASK_NAME = ? AND T.NAME = S.NAME AND T.ATTEMPT_NUMBER = S.ATTEMPT_NUMBER)"
    )


def copy_values(graph: dict[str, Any], run: RunContext, root_id: str) -> list[str]:
    """Return the binds of `copy_statement`, which include the graph's jobs in this run."""
    definition = json.dumps({"finalizer": run.task, "jobs": graph["jobs"]})
    return [run.root, graph["graph"], run.root, definition, root_id, run.started, run.group, run.task, run.root]


def _task_ends(session: Tagged, graph: dict[str, Any], run: RunContext) -> dict[str, TaskEnd]:
    """Return the ends of the run's tasks; for a retried task, the last one."""
    statement = (
        f"SELECT NAME, STATE, ERROR_MESSAGE, STARTED_TIME FROM {object_name(graph, 'task_runs_table')}"
        " WHERE GRAPH_RUN_GROUP_ID = ? AND ROOT_TASK_NAME = ? ORDER BY ATTEMPT_NUMBER"
    )
    rows = send(session, statement, [run.group, run.root])
    return {
        str(row["NAME"]): TaskEnd(str(row["STATE"]), str(row["ERROR_MESSAGE"] or ""), row["STARTED_TIME"])
        for row in rows
    }


def _sweep(
    session: Tagged, graph: dict[str, Any], run: RunContext, root_id: str, ends: dict[str, TaskEnd]
) -> tuple[int, int, list[str]]:
    """Record unrecorded attempts, then drop recorded services.

    Return how many attempts were recorded, how many services were dropped, and the failures, which must not fail the
    run. Services of concurrent runs are left alone until they are old.
    """
    kept_since = _kept_since(session, graph)
    listed = services(session, graph)
    groups = list(dict.fromkeys([run.group, *(s.group for s in listed if s.group)]))[:MOST_RUNS]
    on_record = recorded(session, graph, groups)
    orphans = [s for s in listed if s.task and _is_orphan(s, run, on_record, groups, kept_since)]
    unread: list[str] = []
    try:
        orphans = with_secrets(session, graph, run, root_id, orphans)
    except SnowparkSQLException as error:
        unread = [f"{orphan.name}: not recorded: {one_line(error_text(error))}" for orphan in orphans]
        orphans = []
    recovered, failures = _recover_all(session, graph, run, orphans, ends)
    on_record |= recovered
    count = len(recovered) + len(record_without_service(session, graph, run, ends, on_record))
    dropped, undropped = drop(session, droppable(listed, on_record, kept_since)[:MOST_DROPS])
    return count, dropped, unread + failures + undropped


def _recover_all(
    session: Tagged,
    graph: dict[str, Any],
    run: RunContext,
    orphans: Sequence[GraphService],
    ends: dict[str, TaskEnd],
) -> tuple[set[tuple[str, str, int]], list[str]]:
    """Record the attempts of services. Return the run, task and attempt of those recorded, and the failures."""
    done: set[tuple[str, str, int]] = set()
    failures: list[str] = []
    for orphan in orphans:
        end = ends.get(orphan.task) if orphan.group == run.group else None
        try:
            if recover(session, graph, run._replace(group=orphan.group), orphan, end):
                done.add((orphan.group, orphan.task, orphan.attempt))
        except SnowparkSQLException as error:
            failures.append(f"{orphan.name}: not recorded: {one_line(error_text(error))}")
    return done, failures


def _is_orphan(
    service: GraphService,
    run: RunContext,
    on_record: set[tuple[str, str, int]],
    groups: Sequence[str],
    kept_since: datetime,
) -> bool:
    """Return whether no runner will record a service's attempt: its run is over, or the service is old."""
    over = service.group == run.group or (service.group in groups and service.created < kept_since)
    return over and (service.group, service.task, service.attempt) not in on_record


def _kept_since(session: Tagged, graph: dict[str, Any]) -> datetime:
    statement = "SELECT DATEADD('day', ?, CURRENT_TIMESTAMP()) AS KEPT_SINCE"
    since: datetime = send(session, statement, [-int(graph["keep_services_days"])])[0]["KEPT_SINCE"]
    return since
