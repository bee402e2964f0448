"""The tables of the training graph, and how its jobs read and write them.

Knows SQL for a handful of tables. Must not know models. Rows belong to a graph run, so that a job that is tried again
replaces what its first attempt wrote.
"""

from __future__ import annotations

import json
import os
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Sequence

    from snowflake.snowpark import Session

TRIPS = "ML_TRIPS"
CANDIDATES = "ML_CANDIDATES"
MODELS = "ML_MODELS"

COLUMNS = {
    TRIPS: {"RUN_ID": "VARCHAR", "PART": "VARCHAR", "DISTANCE": "FLOAT", "STOPS": "FLOAT", "MINUTES": "FLOAT"},
    CANDIDATES: {"RUN_ID": "VARCHAR", "WEIGHTS": "VARCHAR", "RMSE": "FLOAT"},
    MODELS: {"VERSION": "INTEGER", "RUN_ID": "VARCHAR", "WEIGHTS": "VARCHAR", "RMSE": "FLOAT"},
}
ROWS_IN_A_STATEMENT = 100


def run_id() -> str:
    """Return the graph run that this job belongs to."""
    return os.environ.get("RUN_GROUP_ID", "by-hand")


def create(session: Session, table: str) -> None:
    """Make the table if there is none."""
    columns = ", ".join(f"{name} {kind}" for name, kind in COLUMNS[table].items())
    session.sql(f"CREATE TABLE IF NOT EXISTS {table} ({columns})").collect()


def replace(session: Session, table: str, rows: Sequence[Sequence[Any]]) -> None:
    """Put rows in place of those that this run has in the table."""
    create(session, table)
    session.sql(f"DELETE FROM {table} WHERE RUN_ID = ?", params=[run_id()]).collect()
    row = f"({', '.join('?' for _ in COLUMNS[table])})"
    for start in range(0, len(rows), ROWS_IN_A_STATEMENT):
        some = rows[start : start + ROWS_IN_A_STATEMENT]
        values = ", ".join([row] * len(some))
        session.sql(f"INSERT INTO {table} VALUES {values}", params=[v for one in some for v in one]).collect()


def trips(session: Session, part: str) -> list[tuple[float, float, float]]:
    """Return distance, stops and minutes of this run's trips in a part of the dataset."""
    query = f"SELECT DISTANCE, STOPS, MINUTES FROM {TRIPS} WHERE RUN_ID = ? AND PART = ?"
    return [(float(a), float(b), float(c)) for a, b, c in session.sql(query, params=[run_id(), part]).collect()]


def candidate(session: Session) -> tuple[list[float], float | None]:
    """Return the weights and the error of this run's model.

    Raises:
        LookupError: if it has not been trained.
    """
    query = f"SELECT WEIGHTS, RMSE FROM {CANDIDATES} WHERE RUN_ID = ?"
    rows = session.sql(query, params=[run_id()]).collect()
    if not rows:
        raise LookupError(f"run {run_id()} has no model: train_model.py comes first")
    return [float(weight) for weight in json.loads(rows[0][0])], rows[0][1]
