"""The SQL that finds runs which no finalizer closed: in Snowflake's task history, or by the attempts of their jobs.

Knows the columns of the history tables. Must not know how a statement is sent.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from jobgraph.account.queries import MOST_ROWS, Place, Statement, Tables
from jobgraph.names import quoted

if TYPE_CHECKING:
    from collections.abc import Sequence

# How many unclosed runs of each root are looked for.
_MOST_IDS = 50


def unclosed_roots(place: Place, tables: Tables, root_task: str, limit: int) -> Statement:
    """The newest runs of a root in the last seven days that are missing in history: rows of GRAPH_RUN_GROUP_ID."""
    return Statement(
        "SELECT H.GRAPH_RUN_GROUP_ID::VARCHAR AS GRAPH_RUN_GROUP_ID"
        f" FROM TABLE({quoted(place.database)}.INFORMATION_SCHEMA.TASK_HISTORY(DATABASE_NAME => ?, SCHEMA_NAME => ?,"
        f" TASK_NAME => ?, RESULT_LIMIT => {MOST_ROWS})) AS H WHERE H.STATE NOT IN ('SCHEDULED', 'SKIPPED')"
        f" AND NOT EXISTS (SELECT 1 FROM {place.qualified(tables.task_runs)} AS T WHERE T.NAME = H.NAME"
        " AND T.GRAPH_RUN_GROUP_ID = H.GRAPH_RUN_GROUP_ID::VARCHAR)"
        f" ORDER BY H.SCHEDULED_TIME DESC LIMIT {int(limit)}",
        (place.database, place.schema, root_task),
    )


def unclosed_attempts(  # noqa: PLR0913  # one parameter for each condition
    place: Place,
    tables: Tables,
    root_tasks: Sequence[str],
    limit: int,
    run_id: str | None = None,
    *,
    graph: str | None = None,
) -> Statement:
    """The attempts of runs that are missing in history: of one run, or of the newest of `root_tasks` (at least one).

    With `graph`, also those of its runs that began in another task, because its root was gone; the table of an earlier
    version has no names of graphs.

    Selects all columns by `*`, because the table of an earlier version lacks later ones. A run's id is its scheduled
    time in milliseconds, so ids sort by time.
    """
    marks, of_run = ", ".join("?" for _ in root_tasks), " AND J.GRAPH_RUN_ID = ?" if run_id else ""
    owner = f"J.ROOT_TASK_NAME IN ({marks})"
    owner = f"({owner} OR J.GRAPH_NAME = ?)" if graph else owner
    return Statement(
        f"SELECT J.* FROM {place.qualified(tables.job_runs)} AS J WHERE {owner}{of_run}"
        f" AND NOT EXISTS (SELECT 1 FROM {place.qualified(tables.task_runs)} AS T"
        " WHERE T.GRAPH_RUN_GROUP_ID = J.GRAPH_RUN_ID AND T.ROOT_TASK_NAME = J.ROOT_TASK_NAME)"
        f" QUALIFY DENSE_RANK() OVER (ORDER BY J.GRAPH_RUN_ID DESC) <= {int(limit)}"
        " ORDER BY J.GRAPH_RUN_ID DESC, J.ATTEMPT",
        (*root_tasks, *([graph] if graph else []), *([run_id] if run_id else [])),
    )


def roots_of_attempts(place: Place, tables: Tables, run_id: str | None = None) -> Statement:
    """The roots whose jobs made attempts, for each graph, newest first, in the form of history rows of roots."""
    of_run = " AND GRAPH_RUN_ID = ?" if run_id else ""
    return Statement(
        "SELECT ROOT_TASK_NAME AS NAME, ROOT_TASK_NAME, GRAPH_NAME, 'SUCCEEDED' AS STATE, NULL AS ERROR_MESSAGE,"
        " NULL AS SCHEDULED_FROM, 1 AS ATTEMPT_NUMBER, MAX(GRAPH_RUN_ID) AS GRAPH_RUN_GROUP_ID"
        f" FROM {place.qualified(tables.job_runs)} WHERE GRAPH_NAME IS NOT NULL{of_run}"
        " GROUP BY ROOT_TASK_NAME, GRAPH_NAME ORDER BY MAX(CREATED_DATE) DESC",
        (run_id,) if run_id else (),
    )


def unclosed_ids(place: Place, tables: Tables, root_tasks: Sequence[str]) -> Statement:
    """The newest runs of each root whose jobs made attempts and that are missing in history; ids sort by time."""
    marks = ", ".join("?" for _ in root_tasks)
    return Statement(
        "SELECT J.ROOT_TASK_NAME, J.GRAPH_RUN_ID AS UNCLOSED_ID"
        f" FROM {place.qualified(tables.job_runs)} AS J WHERE J.ROOT_TASK_NAME IN ({marks})"
        f" AND NOT EXISTS (SELECT 1 FROM {place.qualified(tables.task_runs)} AS T"
        " WHERE T.GRAPH_RUN_GROUP_ID = J.GRAPH_RUN_ID AND T.ROOT_TASK_NAME = J.ROOT_TASK_NAME)"
        " GROUP BY J.ROOT_TASK_NAME, J.GRAPH_RUN_ID"
        f" QUALIFY ROW_NUMBER() OVER (PARTITION BY J.ROOT_TASK_NAME ORDER BY J.GRAPH_RUN_ID DESC) <= {_MOST_IDS}",
        tuple(root_tasks),
    )
