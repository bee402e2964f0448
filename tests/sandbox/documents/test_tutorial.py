"""The job service tutorial: its program and specification as they stand, as a job and on this machine."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
import snowflake_sandbox

from tests.sandbox.documents import sources

if TYPE_CHECKING:
    from tests.sandbox.documents.conftest import Worksheet

pytestmark = pytest.mark.sandbox

_SETUP = """
CREATE ROLE test_role; GRANT ROLE test_role TO USER SANDBOX_ADMIN;
CREATE DATABASE tutorial_db; GRANT OWNERSHIP ON DATABASE tutorial_db TO ROLE test_role COPY CURRENT GRANTS;
CREATE WAREHOUSE tutorial_warehouse WITH WAREHOUSE_SIZE = 'X-SMALL';
GRANT USAGE ON WAREHOUSE tutorial_warehouse TO ROLE test_role;
CREATE COMPUTE POOL tutorial_compute_pool MIN_NODES = 1 MAX_NODES = 1 INSTANCE_FAMILY = CPU_X64_XS;
GRANT USAGE, MONITOR ON COMPUTE POOL tutorial_compute_pool TO ROLE test_role;
USE ROLE test_role; USE DATABASE tutorial_db; USE WAREHOUSE tutorial_warehouse;
CREATE SCHEMA data_schema; CREATE IMAGE REPOSITORY tutorial_repository;
CREATE STAGE tutorial_stage DIRECTORY = (ENABLE = TRUE);
"""


@pytest.fixture
def tutorial(worksheet: Worksheet, tmp_path: Path) -> Worksheet:
    worksheet.run_all(_SETUP)
    (tmp_path / "my_job_spec.yaml").write_text(sources.tutorial_specification())
    worksheet.run(f"PUT file://{tmp_path}/my_job_spec.yaml @tutorial_stage AUTO_COMPRESS=FALSE OVERWRITE=TRUE")
    assert worksheet.refused == []
    return worksheet


@pytest.mark.parametrize("clause", ["SPEC", "SPECIFICATION_FILE"])
def test_the_job_of_the_tutorial(tutorial: Worksheet, clause: str) -> None:
    document = sources.text("job-service-tutorial.txt")
    statement = sources.indented(document, "EXECUTE JOB SERVICE\n", "SPEC='my_job_spec.yaml';").strip()
    ended = tutorial.run(statement.replace("SPEC=", f"{clause}="))
    assert ended == [("Job TUTORIAL_2_JOB_SERVICE completed successfully with status: DONE.",)]
    assert [row[1] for row in tutorial.run("SELECT * FROM results")] == ["hello"]
    ((log,),) = tutorial.run("SELECT SYSTEM$GET_SERVICE_LOGS('tutorial_2_job_service', 0, 'main')")
    assert log.splitlines()[0] == "job-tutorial - INFO - Job started"
    assert 'database="TUTORIAL_DB", schema="DATA_SCHEMA", warehouse="TUTORIAL_WAREHOUSE", role="TEST_ROLE"' in log
    assert log.splitlines()[-1] == "job-tutorial - INFO - Job finished"
    shown = tutorial.run(
        "SHOW SERVICE CONTAINERS IN SERVICE tutorial_2_job_service"
        ' ->> SELECT "instance_id"::INT, "container_name", "status", "message" FROM $1'
    )
    assert shown == [(0, "main", "DONE", "Completed successfully")]


def test_the_program_of_the_tutorial_on_this_machine(tutorial: Worksheet, tmp_path: Path) -> None:
    program = tmp_path / "main.py"
    program.write_text(sources.tutorial_program())
    arguments = ["--query=select current_time() as time,'hello'", "--result_table=tutorial_db.data_schema.results"]
    login = {
        **tutorial.environment,
        "SNOWFLAKE_DATABASE": "tutorial_db",
        "SNOWFLAKE_SCHEMA": "data_schema",
        "SNOWFLAKE_ROLE": "test_role",
        "SNOWFLAKE_WAREHOUSE": "tutorial_warehouse",
        "PYTHONPATH": str(Path(snowflake_sandbox.__file__).parent / "client_defaults"),
        "PATH": os.environ["PATH"],
        "HOME": str(tmp_path),
    }
    ended = subprocess.run(
        [sys.executable, str(program), *arguments], env=login, capture_output=True, text=True, check=False, timeout=120
    )
    assert ended.returncode == 0, ended.stdout + ended.stderr
    assert [row[1] for row in tutorial.run("SELECT * FROM results")] == ["hello"]
