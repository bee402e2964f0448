"""What the client of ML jobs asks for: the specification it reads back, and the stand-in for its runtime.

The client itself runs in `make clients`. The launcher here is a test's: it writes what the client's would.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import yaml
from snowflake_sandbox.catalog import catalog
from snowflake_sandbox.objects import stage
from snowflake_sandbox.services import ml_jobs
from snowflake_sandbox.statements.reader import ObjectName

if TYPE_CHECKING:
    from pathlib import Path

    from tests.sandbox.services.conftest import Jobs

LAUNCHER = """
import os, sys
print("launched", sys.argv[1:], os.getcwd() == os.path.join(os.environ["MLRS_STAGE_MOUNT_PATH"], "app"))
result = os.path.join(os.environ["MLRS_STAGE_RESULT_PATH"], os.environ["MLRS_RESULT_PATH"])
open(result, "w").write(os.environ["MINE"])
"""


def options(**more: Any) -> dict[str, Any]:
    return {"STAGE_PATH": "@D.S.PAYLOAD/J", "ARGS": ["bash", "/mnt/job_stage/system/startup.sh", "a.py", 1], **more}


def test_the_specification_is_what_the_client_reads_back() -> None:
    text = ml_jobs.specification(options(ENV_VARS={"A": 1}), "J_1", {"MIN_INSTANCES": 2})
    spec = yaml.safe_load(text)["spec"]
    (container,) = spec["containers"]
    assert container["image"] == (
        "/snowflake/images/snowflake_images/st_plat/runtime/x86/runtime_image/snowbooks:1.8.0"
    )
    assert container["args"] == ["bash", "/mnt/job_stage/system/startup.sh", "a.py", "1"]
    assert (container["env"]["A"], container["env"]["MLRS_MIN_INSTANCES"]) == ("1", "2")
    places = {volume["name"]: volume["stageConfig"]["name"] for volume in spec["volumes"]}
    assert places == {"stage-volume": "@D.S.PAYLOAD/J", "result-volume": "@D.S.PAYLOAD/J/J_1"}


def test_overrides_are_merged_by_name() -> None:
    overrides = {"spec": {"containers": [{"name": "main", "env": {"B": "2"}}, {"name": "side", "image": "/a/b/c/d"}]}}
    spec = yaml.safe_load(ml_jobs.specification(options(SPEC_OVERRIDES=overrides), "J", {}))["spec"]
    assert [container["name"] for container in spec["containers"]] == ["main", "side"]
    assert spec["containers"][0]["env"]["B"] == "2"
    assert spec["containers"][0]["args"][0] == "bash"


def test_a_job_runs_the_launcher_and_never_the_start_up_script(jobs: Jobs, tmp_path: Path) -> None:
    jobs.rows("CREATE STAGE PAYLOAD ENCRYPTION = (TYPE = 'SNOWFLAKE_SSE')")
    with jobs.world.store.transaction() as tx:
        folder = stage.folder(jobs.world, catalog.get(tx, "STAGE", ObjectName("PAYLOAD", "S", "D")))
    for name, text in (
        ("J/app/a.py", ""),
        ("J/system/startup.sh", f"touch {tmp_path}/ran"),
        ("J/system/mljob_launcher.py", LAUNCHER),
    ):
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(text)
    spec_options = json.dumps(options(ENV_VARS={"MINE": "42"}))
    call = f"CALL SYSTEM$EXECUTE_ML_JOB('D.S.J_', 'P', '{spec_options}', '{json.dumps({'ASYNC': True})}')"
    ((name,),) = [tuple(row.values()) for row in jobs.rows(call)]
    assert name.startswith("D.S.J_")
    assert len(name) > len("D.S.J_")
    ended = jobs.rows(f"CALL {name}!SPCS_WAIT_FOR('DONE', 120)")
    assert "DONE" in str(ended)
    job_name = name.rpartition(".")[2]
    assert (folder / "J" / job_name / "mljob_result").read_text() == "42"
    (log,) = jobs.rows(f"SELECT SYSTEM$GET_SERVICE_LOGS('{name}', 0, 'main') AS L")
    assert "launched ['a.py', '1'] True" in log["L"]
    assert not (tmp_path / "ran").exists()
