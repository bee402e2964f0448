"""Closes a graph run: copies the run's task history into a table, and removes old job services of the graph.

Shipped as the text of a stored procedure (Python 3.11, caller's rights, handler `main`), so it imports nothing but
Snowpark and the standard library. Knows Snowflake's task history and job services. Must not know how graphs are
configured: all it needs is in the definition that its task's body holds.
"""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Any

from snowflake.snowpark.exceptions import SnowparkSQLException

if TYPE_CHECKING:
    from collections.abc import Iterator
    from datetime import datetime

    from snowflake.snowpark import Session

IDENTIFIER = re.compile(r"[A-Za-z_][A-Za-z0-9_]{0,254}")
FINISHED = frozenset({"DONE", "FAILED", "CANCELLED", "INTERNAL_ERROR"})
# a graph of a thousand jobs leaves a thousand services an hour; a run must not spend its hour on the sweep
MOST_DROPS = 200
COPIED = (
    "GRAPH_RUN_GROUP_ID",
    "NAME",
    "STATE",
    "RETURN_VALUE",
    "QUERY_START_TIME",
    "COMPLETED_TIME",
    "DURATION_IN_SECS",
    "ERROR_MESSAGE",
    "ATTEMPT_NUMBER",
    "SCHEDULED_FROM",
)


def main(session: Session, definition: str) -> str:
    """Close the run that the calling finalizer task belongs to; returns a line of JSON that says what was done."""
    graph: dict[str, Any] = json.loads(definition)
    facts = _run_facts(session)
    _copy_history(session, graph, facts)
    copied = _count(session, graph, facts)
    dropped, kept = _sweep(session, graph)
    return json.dumps(
        {"graph": graph["graph"], "tasks_in_history": copied, "services_dropped": dropped, "not_dropped": kept}
    )


def _run_facts(session: Session) -> dict[str, str]:
    """Return what run this is; only inside a task does Snowflake answer."""
    row = session.sql(
        "SELECT SYSTEM$TASK_RUNTIME_INFO('CURRENT_ROOT_TASK_UUID') AS ROOT_ID,"
        " SYSTEM$TASK_RUNTIME_INFO('CURRENT_ROOT_TASK_NAME') AS ROOT_TASK,"
        " SYSTEM$TASK_RUNTIME_INFO('CURRENT_TASK_NAME') AS TASK,"
        " SYSTEM$TASK_RUNTIME_INFO('CURRENT_TASK_GRAPH_RUN_GROUP_ID') AS RUN_GROUP,"
        " SYSTEM$TASK_RUNTIME_INFO('CURRENT_TASK_GRAPH_ORIGINAL_SCHEDULED_TIMESTAMP') AS STARTED",
    ).collect()[0]
    return {
        "root_id": str(row["ROOT_ID"]),
        "root": bare_name(row["ROOT_TASK"]),
        "task": bare_name(row["TASK"]),
        "group": str(row["RUN_GROUP"]),
        "started": str(row["STARTED"]),
    }


def copy_statement(graph: dict[str, Any]) -> str:
    """Return the statement that copies a run's tasks into history once.

    Binds: name of the root, its id, start of the graph run, run group, name of the finalizer itself.
    """
    table, function = _name(graph, "task_runs_table"), _name(graph, "task_runs_function")
    names = ", ".join(COPIED)
    return (
        f"INSERT INTO {table} ({names}, ROOT_TASK_NAME) SELECT {', '.join(f'S.{name}' for name in COPIED)}, ?"
        f" FROM TABLE({function}(?, ?::timestamp_ltz)) AS S WHERE S.GRAPH_RUN_GROUP_ID = ? AND S.NAME <> ?"
        f" AND NOT EXISTS (SELECT 1 FROM {table} AS T WHERE T.GRAPH_RUN_GROUP_ID = S.GRAPH_RUN_GROUP_ID"
        " AND T.NAME = S.NAME AND T.ATTEMPT_NUMBER = S.ATTEMPT_NUMBER)"
    )


def _copy_history(session: Session, graph: dict[str, Any], facts: dict[str, str]) -> None:
    binds = [facts["root"], facts["root_id"], facts["started"], facts["group"], facts["task"]]
    session.sql(copy_statement(graph), params=binds).collect()


def _count(session: Session, graph: dict[str, Any], facts: dict[str, str]) -> int:
    statement = f"SELECT COUNT(*) AS N FROM {_name(graph, 'task_runs_table')} WHERE GRAPH_RUN_GROUP_ID = ?"
    return int(session.sql(statement, params=[facts["group"]]).collect()[0]["N"])


def _sweep(session: Session, graph: dict[str, Any]) -> tuple[int, list[str]]:
    """Drop finished services of the graph that are older than the days to keep, oldest first, at most 200.

    Returns how many were dropped, and why others were not: a service that cannot be dropped must not fail the run.
    """
    dropped, kept = 0, []
    for name in list(_old_services(session, graph))[:MOST_DROPS]:
        try:
            session.sql(f"DROP SERVICE IF EXISTS {name}").collect()
            dropped += 1
        except SnowparkSQLException as error:
            kept.append(f"{name}: {' '.join(str(error).split())[:200]}")
    return dropped, kept


def _old_services(session: Session, graph: dict[str, Any]) -> Iterator[str]:
    """Yield full names of services to drop, oldest first. The runner's comment tells which graph a service is of."""
    days = int(graph["keep_services_days"])
    limit: datetime = session.sql(
        "SELECT DATEADD('day', ?, CURRENT_TIMESTAMP()) AS KEPT_SINCE",
        params=[-days],
    ).collect()[0]["KEPT_SINCE"]
    place = f"{identifier(graph['database'])}.{identifier(graph['schema'])}"
    rows = session.sql(f"SHOW JOB SERVICES IN SCHEMA {place}").collect()
    services = [{key.strip('"').lower(): value for key, value in row.as_dict().items()} for row in rows]
    for service in sorted(services, key=lambda s: s["created_on"]):
        ours = str(service.get("comment") or "").startswith(f"jobgraph {graph['graph']} ")
        if ours and service["status"] in FINISHED and service["created_on"] < limit:
            yield f"{place}.{identifier(service['name'])}"


def bare_name(name: Any) -> str:
    """Return the last part of a task's name."""
    return str(name).replace('"', "").rpartition(".")[2]


def identifier(name: Any) -> str:
    """Return a name that may stand unquoted in a statement; job services refuse quoted ones.

    Raises:
        ValueError: if it may not.
    """
    if not isinstance(name, str) or not IDENTIFIER.fullmatch(name):
        raise ValueError(f"not a plain Snowflake identifier: {name!r}")
    return name


def _name(graph: dict[str, Any], key: str) -> str:
    return ".".join(f'"{identifier(name)}"' for name in (graph["database"], graph["schema"], graph[key]))
