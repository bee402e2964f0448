"""The tables of the inference graph, and how its jobs read and write them.

Knows SQL for a handful of tables. Must not know models. Rows belong to a graph run, so that a job that is tried again
replaces what its first attempt wrote.
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Sequence

    from snowflake.snowpark import Session

MODELS = "ML_MODELS"
CHOSEN = "ML_CHOSEN_MODEL"
FEATURES = "ML_FEATURES"
SCORES = "ML_SCORES"

_SCORED = "RUN_ID VARCHAR, REGION VARCHAR, TRIP INTEGER, DISTANCE FLOAT, STOPS FLOAT, MINUTES FLOAT"
COLUMNS = {
    CHOSEN: "RUN_ID VARCHAR, VERSION INTEGER, WEIGHTS VARCHAR",
    FEATURES: "RUN_ID VARCHAR, REGION VARCHAR, TRIP INTEGER, DISTANCE FLOAT, STOPS FLOAT",
    SCORES: _SCORED,
}
ROWS_IN_A_STATEMENT = 100


def run_id() -> str:
    """Return the graph run that this job belongs to."""
    return os.environ.get("RUN_GROUP_ID", "by-hand")


def rows(session: Session, query: str, *binds: Any) -> list[Any]:
    """Return the rows of a query."""
    return list(session.sql(query, params=list(binds)).collect())


def replace(session: Session, table: str, new: Sequence[Sequence[Any]], region: str | None = None) -> None:
    """Put rows in place of those that this run, and region, has in the table; it is made if there is none."""
    rows(session, f"CREATE TABLE IF NOT EXISTS {table} ({COLUMNS[table]})")
    if region is None:
        rows(session, f"DELETE FROM {table} WHERE RUN_ID = ?", run_id())
    else:
        rows(session, f"DELETE FROM {table} WHERE RUN_ID = ? AND REGION = ?", run_id(), region)
    for start in range(0, len(new), ROWS_IN_A_STATEMENT):
        some = new[start : start + ROWS_IN_A_STATEMENT]
        values = ", ".join(f"({', '.join('?' for _ in row)})" for row in some)
        rows(session, f"INSERT INTO {table} VALUES {values}", *(value for row in some for value in row))
