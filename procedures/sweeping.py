"""Removes old job services, and old results in the stage.

Knows how they are removed. Must not know which services are no longer needed: their names are a parameter. Shipped as a
part of a stored procedure's text.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from snowflake.snowpark.exceptions import SnowparkSQLException

from jobgraph.procedures.attempt import one_line
from jobgraph.procedures.sending import error_text, send

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from jobgraph.procedures.sending import Tagged

DAY = re.compile(r"\d{4}-\d\d-\d\d")
# a graph that did not run for long may have more old results than one run has time to remove
MOST_DAYS = 31


def drop(session: Tagged, names: Sequence[str]) -> tuple[int, list[str]]:
    """Drop services. Return how many were dropped, and the failures, which must not fail the run."""
    dropped, undropped = 0, []
    for name in names:
        try:
            send(session, f"DROP SERVICE IF EXISTS {name}")
            dropped += 1
        except SnowparkSQLException as error:
            undropped.append(f"{name}: {one_line(error_text(error))}")
    return dropped, undropped


def remove_old_results(session: Tagged, graph: Mapping[str, Any]) -> tuple[int, list[str]]:
    """Remove results that are too old, by day, oldest first. Return the number of removed days, and the failures.

    Concurrent runs are not affected, because `keep_results_days` is longer than a run may last.
    """
    place = graph.get("results")
    if not place:
        return 0, []
    # names in LIST begin with the stage's name: stage/runs/2026-03-01/...
    statement = (
        f"LIST {place}/ ->> SELECT DISTINCT SPLIT_PART(\"name\", '/', 3) AS DAY FROM $1 WHERE DAY <"
        f" TO_VARCHAR(DATEADD('day', ?, CURRENT_DATE()), 'YYYY-MM-DD') ORDER BY DAY LIMIT {MOST_DAYS}"
    )
    removed, unremoved = 0, []
    try:
        days = [str(row[0]) for row in send(session, statement, [-int(graph["keep_results_days"])])]
    except SnowparkSQLException as error:
        return 0, [f"old results: {one_line(error_text(error))}"]
    for day in filter(DAY.fullmatch, days):
        try:
            send(session, f"REMOVE {place}/{day}/")
            removed += 1
        except SnowparkSQLException as error:
            unremoved.append(f"results of {day}: {one_line(error_text(error))}")
    return removed, unremoved
