"""A history table that lacks a column, or is gone: the task that fails for it says which one, and what to do."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
import yaml

from jobgraph.runs.attempts import one_line
from tests.runner.deployed import DEFAULTS, Deployed, deployed, write_image

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

pytestmark = pytest.mark.sandbox

ADDS, CREATES = "`pulumi up` adds it", "`pulumi up` creates and grants it"


@pytest.fixture(scope="module")
def graph(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Deployed]:
    folder: Path = tmp_path_factory.mktemp("lacking")
    write_image(folder / "images", "")
    graphs = {"nightly": {"jobs": {"a": {}}, "notify": [{"email": ["ops@example.org"], "events": ["success"]}]}}
    file = folder / "jobs.yaml"
    file.write_text(yaml.safe_dump({"version": 1, "defaults": DEFAULTS, "graphs": graphs}))
    with deployed(folder / "sandbox", folder / "images", file, lambda task: task.sql) as found:
        yield found


def _error(graph: Deployed, task: str) -> str:
    """The error of a task's last run as `jobgraph status` shows it."""
    graph.start()
    graph.quiet()
    (row,) = graph.rows(
        f"SELECT ERROR_MESSAGE FROM TABLE(D.INFORMATION_SCHEMA.TASK_HISTORY(TASK_NAME => '{task}'))"
        " WHERE STATE <> 'SCHEDULED' ORDER BY SCHEDULED_TIME DESC LIMIT 1"
    )
    return one_line(row["ERROR_MESSAGE"] or "")


@pytest.mark.parametrize(
    ("table", "column", "kind", "task"),
    [
        ("TASK_LOGGING_STATS", "GRAPH_DEFINITION", "VARCHAR", "NIGHTLY_FINALIZER"),
        ("JOBS_RUN_STATS", "NODE_FAMILY", "VARCHAR", "A"),
        ("JOB_LOGS", "LOG", "VARCHAR", "A"),
    ],
)
def test_a_task_that_fails_for_a_column_names_it_its_table_and_the_remedy(
    graph: Deployed, table: str, column: str, kind: str, task: str
) -> None:
    graph.rows(f"ALTER TABLE D.S.{table} DROP COLUMN {column}")
    try:
        assert f"The history table D.S.{table} has no column {column}: {ADDS}" in _error(graph, task)
    finally:
        graph.rows(f"ALTER TABLE D.S.{table} ADD COLUMN {column} {kind}")


@pytest.mark.parametrize(("table", "task"), [("JOB_LOGS", "A"), ("NOTIFICATIONS", "NIGHTLY_FINALIZER")])
def test_a_task_that_fails_for_a_table_names_it_and_the_remedy(graph: Deployed, table: str, task: str) -> None:
    graph.rows(f"ALTER TABLE D.S.{table} RENAME TO D.S.AWAY")
    try:
        gone = f"The history table D.S.{table} does not exist, or the run role may not use it"
        assert f"{gone}: {CREATES}" in _error(graph, task)
    finally:
        graph.rows(f"ALTER TABLE D.S.AWAY RENAME TO D.S.{table}")
