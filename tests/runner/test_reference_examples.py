"""Every example of the reference that is a job's is run: one graph of all of them, real procedures, real containers."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
import yaml

from jobgraph.config.explain.reference import reference_entries
from tests.runner.deployed import Deployed, deployed

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

pytestmark = pytest.mark.sandbox

# It leaves what every example looks for: outputs on its last line, and in a file.
PROGRAM = """
import json, os
from pathlib import Path

outputs = {"rows_written": 1, "ready": True, "state": "full", "n": 5}
if os.environ.get("TASK_NAME", "").startswith("FILE_"):  # a direct job is not told
    import snowflake.connector  # takes a second, and most examples do not need it
    Path("outputs.json").write_text(json.dumps(outputs))
    token = Path("/snowflake/session/token").read_text()
    names = ("HOST", "ACCOUNT", "DATABASE", "SCHEMA")
    place = {name.lower(): os.environ[f"SNOWFLAKE_{name}"] for name in names}
    with snowflake.connector.connect(**place, token=token, authenticator="oauth") as connection:
        target = os.environ["JOB_RESULTS_STAGE_PATH"]
        connection.cursor().execute(f"PUT file://{Path('outputs.json').resolve()} {target} AUTO_COMPRESS = FALSE")
print(json.dumps(outputs))
"""
DOCKERFILE = 'FROM python:3.11-slim\nWORKDIR /app\nCOPY . ./\nENTRYPOINT ["python3", "program.py"]\n'
NEEDED = (
    "CREATE WAREHOUSE SMALL_WAREHOUSE MAX_CONCURRENCY_LEVEL = 50",
    "CREATE DATABASE DB",
    "CREATE SCHEMA DB.SAFE",
    "CREATE SECRET D.S.MY_TOKEN TYPE = GENERIC_STRING SECRET_STRING = 'a token'",
    "CREATE SECRET D.S.MY_LOGIN TYPE = PASSWORD USERNAME = 'u' PASSWORD = 'p'",
    "CREATE SECRET DB.SAFE.MY_LOGIN TYPE = PASSWORD USERNAME = 'u' PASSWORD = 'p'",
    "CREATE NETWORK RULE D.S.PYPI TYPE = HOST_PORT MODE = EGRESS VALUE_LIST = ('pypi.org')",
    "CREATE EXTERNAL ACCESS INTEGRATION PYPI_ACCESS ALLOWED_NETWORK_RULES = (D.S.PYPI) ENABLED = TRUE",
    "CREATE COMPUTE POOL PR_STD_POOL_XS MIN_NODES = 1 MAX_NODES = 20 INSTANCE_FAMILY = CPU_X64_XS",
    "CREATE COMPUTE POOL GPUS MIN_NODES = 1 MAX_NODES = 2 INSTANCE_FAMILY = GPU_NV_S",
    "USE WAREHOUSE WH",
    "USE SCHEMA D.S",
)
# Run by the lifecycle tests, which stage what a payload is: here nothing is staged.
ELSEWHERE = ("payload",)
# What `check` returns is an object, and so never this text: the example is right, and its job is skipped.
SKIPPED = ("when: {job: check, is: go}",)
PATIENCE = 400.0


def examples() -> dict[str, str]:
    """Return the examples of jobs by a name for each; those of several keys once."""
    texts = dict.fromkeys(entry.example for entry in reference_entries() if entry.owner == "job")
    return {
        f"{'FILE' if 'outputs:' in text else 'EXAMPLE'}_{number}": text
        for number, text in enumerate(texts)
        if not text.startswith(ELSEWHERE)
    }


def jobs() -> dict[str, Any]:
    """Return the jobs: each example has a job of its own, and one that it comes after."""
    result: dict[str, Any] = {}
    for name, text in examples().items():
        check = f"check_{name.lower()}"
        job = yaml.safe_load(text)
        if "job" in job.get("when", ()):
            job["when"]["job"] = check
        job["after"] = [check]
        if "resources" in job and "gpu" in job["resources"]:
            job["compute_pool"] = "GPUS"
        result |= {check: {}, name.lower(): job}
    return result


@pytest.fixture(scope="module")
def ran(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Deployed]:
    folder: Path = tmp_path_factory.mktemp("examples")
    for image, tag in (("job", "latest"), ("my_job_image", "1.0")):
        (folder / "images" / image).mkdir(parents=True)
        label = f"LABEL org.opencontainers.image.version={tag}\n"
        (folder / "images" / image / "Dockerfile").write_text(DOCKERFILE + label)
        for program in ("program.py", "other.py"):
            (folder / "images" / image / program).write_text(PROGRAM)
    file = folder / "jobs.yaml"
    defaults = {"image": "job:latest", "compute_pool": "POOL", "timeout": "5 minutes"}
    graphs = {"g": {"config": {"market": "eu"}, "jobs": jobs()}}
    file.write_text(yaml.safe_dump({"version": 1, "defaults": defaults, "graphs": graphs}))
    with deployed(folder / "sandbox", folder / "images", file, lambda task: task.sql, also=NEEDED) as graph:
        root = graph.graph.root.full_name
        graph.rows(f"ALTER TASK {root} SUSPEND")
        for task in graph.graph.tasks:
            if not task.started:
                graph.rows(f"ALTER TASK {task.full_name} SUSPEND")
        graph.rows(f"ALTER TASK {root} RESUME")
        graph.start()
        graph.finish(PATIENCE)
        yield graph


def test_every_example_of_a_job_is_tried() -> None:
    tried = set(examples().values())
    for entry in reference_entries():
        assert entry.owner != "job" or entry.example in tried or entry.example.startswith(ELSEWHERE)


@pytest.mark.parametrize("name", examples())
def test_an_example_of_the_reference_runs(ran: Deployed, name: str) -> None:
    text = examples()[name]
    rows = [row for task, attempts in ran.attempts().items() for row in attempts if task.startswith(name)]
    of_task = [row for row in rows if row["TASK_NAME"] == name or row["TASK_NAME"].startswith(f"{name}_")]
    states = [row["JOB_STATUS"] for row in of_task]
    if text in SKIPPED or text == "enabled: false":
        assert states == []
    else:
        assert states, "it did not run"
        assert set(states) == {"DONE"}, [(row["REASON"], row["REASON_CLASS"]) for row in of_task]
