"""The quickstart, every SQL block in order as it stands: its procedures, finalizer, failure drill and clean-up."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

import pytest

from tests.sandbox.documents import sources

if TYPE_CHECKING:
    from pathlib import Path

    from tests.sandbox.documents.conftest import Worksheet

pytestmark = pytest.mark.sandbox

# The document's two slips of the pen, and what they lead to: an account refuses them too.
_SLIPS = {
    ("use role SPCS_PSE_ROLE", 2043),
    ("USE ROLE ACCOUNTAMDIN", 2043),
    ("DROP COMPUTE POOL pr_std_pool_xs", 3001),
    ("DROP COMPUTE POOL pr_std_pool_s", 3001),
    ("DROP WAREHOUSE SMALL_WAREHOUSE", 3001),
    ("DROP ROLE SPCS_DEMO_ROLE", 2003),
}
_SECONDS = 120


def _finish(worksheet: Worksheet, runs: int) -> None:
    """Wait until the finalizer has written so many graph runs."""
    until = time.monotonic() + _SECONDS
    while worksheet.run("SELECT COUNT(DISTINCT GRAPH_RUN_GROUP_ID) FROM TASK_LOGGING_STATS") != [(runs,)]:
        assert time.monotonic() < until, worksheet.run("SELECT * FROM JOBS_RUN_STATS")
        time.sleep(0.2)


def test_the_quickstart(worksheet: Worksheet, tmp_path: Path) -> None:
    document = sources.text("quickstart-orchestration.txt")
    worksheet.run_all(
        "CREATE DATABASE tutorial_db; CREATE SCHEMA tutorial_db.data_schema;"
        "CREATE IMAGE REPOSITORY tutorial_db.data_schema.tutorial_repository"
    )
    (tmp_path / "jobconfig.json").write_text(sources.blocks(document, "json")[0])
    parts = [part.replace("<user_name>", "SANDBOX_ADMIN") for part in sources.blocks(document, "sql")]
    answers = []
    runs = 0
    for part in parts:
        answers.append(worksheet.run_all(part))
        if "CREATE OR REPLACE STAGE JOBS" in part:
            worksheet.run(f"PUT file://{tmp_path}/jobconfig.json @JOBS AUTO_COMPRESS = FALSE")
        if "EXECUTE TASK root_task" in part or "ADD COLUMN CREATEDATE" in part:
            if "ADD COLUMN" in part:  # "Let re-run the DAG", says the document, without a statement
                worksheet.run("EXECUTE TASK root_task")
            runs += 1
            _finish(worksheet, runs)
    assert set(worksheet.refused) == _SLIPS
    assert runs == 2
    jobs, tasks, failed = answers[7][0], answers[8][0], answers[10][0]
    assert {row[1]: row[2] for row in jobs} == {f"T_MYJOB_{number}": "DONE" for number in range(1, 7)}
    assert {row[0] for row in jobs} == {"ROOT_TASK"}
    assert all(row[4] is not None for row in jobs)
    assert sorted(row[1] for row in tasks) == ["ROOT_TASK", *(f"T_MYJOB_{number}" for number in range(1, 7))]
    assert {row[2] for row in tasks} == {"SUCCEEDED"}
    (third,) = [row for row in failed if row[2] == "FAILED"]
    assert third[1] == "T_MYJOB_3"
    assert "Timestamp 'hello' is not recognized" in third[5]
