"""Removal of what is no longer needed: job services, and results that jobs left in the stage.

Knows how they are removed. Must not know which services are no longer needed: names are given. Shipped as a part of a
stored procedure's text.
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
# a graph that was not run for long has more to remove than one run should take the time for
MOST_DAYS = 31


def drop(session: Tagged, names: Sequence[str]) -> tuple[int, list[str]]:
    """Drop services; returns how many, and why others were not: that must not fail a run."""
    dropped, undropped = 0, []
    for name in names:
        try:
            send(session, f"DROP SERVICE IF EXISTS {name}")
            dropped += 1
        except SnowparkSQLException as error:
            undropped.append(f"{name}: {one_line(error_text(error))}")
    return dropped, undropped


def remove_old_results(session: Tagged, graph: Mapping[str, Any]) -> tuple[int, list[str]]:
    """Remove the results of days that are too long ago, oldest first; returns how many days, and what was not removed.

    Runs that go on beside this one are of later days: `keep_results_days` is more than a run may last.
    """
    place = graph.get("results")
    if not place:
        return 0, []
    # names in LIST begin with the stage's own: stage/runs/2026-03-01/...
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
