"""The page about task graphs: its statements as they stand, on a graph of the names that it speaks of."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

import pytest

from tests.sandbox.documents import sources

if TYPE_CHECKING:
    from tests.sandbox.documents.conftest import Worksheet

pytestmark = pytest.mark.sandbox

_SETUP = """
CREATE DATABASE PUDO; CREATE SCHEMA PUDO_DEV; CREATE WAREHOUSE PUDO_TRAINING_WH;
CREATE TASK PUDO_DEV.TRAINING_DAG_ROOT WAREHOUSE = PUDO_TRAINING_WH AS SELECT 1;
CREATE TASK PUDO_DEV.TRAINING_TRAIN_MODEL WAREHOUSE = PUDO_TRAINING_WH AFTER PUDO_DEV.TRAINING_DAG_ROOT AS SELECT 2;
ALTER TASK PUDO_DEV.TRAINING_TRAIN_MODEL RESUME; EXECUTE TASK PUDO_DEV.TRAINING_DAG_ROOT;
"""
_SECONDS = 60


def test_the_statements_of_the_page(worksheet: Worksheet) -> None:
    worksheet.run_all(_SETUP)
    document = sources.text("task-graphs.txt")
    worksheet.run_all(sources.indented(document, "-- Set a daily schedule", "TRAINING_DAG_ROOT RESUME;"))
    until = time.monotonic() + _SECONDS
    ended: set[str] = set()
    while len(ended) < len(("root", "child")) and time.monotonic() < until:
        looking = sources.indented(document, "-- Recent task executions", "SHOW TASKS IN SCHEMA PUDO_DEV;")
        history, tasks = worksheet.run_all(looking)
        ended = {str(row[1]) for row in history if "SUCCEEDED" in row}
    assert worksheet.refused == []
    assert ended == {"TRAINING_DAG_ROOT", "TRAINING_TRAIN_MODEL"}
    states = {cell for row in tasks for cell in row if isinstance(cell, str)}
    assert {"started", "USING CRON 0 2 * * * UTC"} <= states
