"""Tables and columns of the history that somebody dropped come back with the next `up`, which says so."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.lifecycle import stack

if TYPE_CHECKING:
    from tests.lifecycle.project import Project

pytestmark = pytest.mark.engine

S = stack.PLACE
DROPPED = "JOBS_RUN_STATS.GRAPH_NAME, the table JOB_LOGS, OPERATIONS.REQUESTED_TIME, the table BACKFILLS"


def _shown(project: Project) -> tuple[set[tuple[str, str, str]], set[tuple[str, str]]]:
    columns = project.query(f"SHOW COLUMNS IN SCHEMA {S}")
    grants = project.query("SHOW GRANTS TO ROLE SPCS_DEMO_ROLE")
    return (
        {(row["table_name"], row["column_name"], row["data_type"]) for row in columns},
        {(row["name"], row["privilege"]) for row in grants},
    )


def test_what_was_dropped_comes_back_with_the_next_up(deployed: Project) -> None:
    before = _shown(deployed)
    for statement in (
        f"ALTER TABLE {S}.JOBS_RUN_STATS DROP COLUMN GRAPH_NAME",
        f"ALTER TABLE {S}.OPERATIONS DROP COLUMN REQUESTED_TIME",
        f"DROP TABLE {S}.JOB_LOGS",
        f"DROP TABLE {S}.BACKFILLS",
    ):
        deployed.query(statement)
    assert _shown(deployed) != before
    done = deployed.up()
    assert f"History lacked {DROPPED}, which is added." in " ".join((done.stdout + done.stderr).split())
    assert _shown(deployed) == before


def test_a_dropped_view_comes_back_with_an_up_that_refreshes(deployed: Project) -> None:
    """Which finds nothing else to do, and nothing of the history lacking, whatever somebody else has in the schema."""
    rows = f"SELECT * FROM {S}.LAST_GRAPH_RUNS"
    before = deployed.query(rows)
    deployed.query(f"DROP VIEW {S}.LAST_GRAPH_RUNS")
    deployed.query(f"CREATE TABLE {S}.SOMEBODY_ELSES (COLUMN_OF_THEIRS INTEGER)")
    done = deployed.up("--refresh")
    assert "History lack" not in done.stdout + done.stderr
    assert deployed.query(rows) == before
    deployed.query(f"DROP TABLE {S}.SOMEBODY_ELSES")
    stack.unchanged(deployed)
