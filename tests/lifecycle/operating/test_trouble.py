"""Bad input and trouble: each a clear message with the remedy, its exit code, and nothing lost."""

from __future__ import annotations

import json
import socket
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.lifecycle.project import Project

SCHEMA = "PR_CONTAINER_ORCHESTRATION.PUBLIC"
JOB_5 = "t_myjob_5:"


def told(done: object) -> str:
    """Everything a command said."""
    return f"{getattr(done, 'stdout', '')}{getattr(done, 'stderr', '')}"


def test_a_taken_port_is_named(fresh: Project) -> None:
    fresh.jobgraph("sandbox", "stop")
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = str(taken.getsockname()[1])
        done = fresh.jobgraph("sandbox", "start", "--port", port, check=False)
    assert done.returncode != 0
    assert port in told(done)
    assert "--port" in told(done)
    assert "Traceback" not in told(done)


@pytest.fixture
def stopped(undeployed: Project) -> Iterator[Project]:
    """The project without its sandbox, which is started again at the end."""
    undeployed.jobgraph("sandbox", "stop")
    yield undeployed
    undeployed.jobgraph("sandbox", "start")


def test_without_a_sandbox_up_and_run_say_how_to_start_it(stopped: Project) -> None:
    done = stopped.jobgraph("run", "--wait", check=False)
    assert done.returncode == 3
    assert "jobgraph sandbox start" in told(done)
    done = stopped.pulumi("up", "--yes", "--skip-preview", check=False)
    assert done.returncode != 0
    assert "127.0.0.1" in told(done)
    assert "jobgraph sandbox start" in told(done)
    assert "Traceback" not in told(done)


def test_a_wrong_password_is_refused_and_not_repeated(deployed: Project) -> None:
    right = deployed.environment["SNOWFLAKE_PASSWORD"]
    deployed.environment["SNOWFLAKE_PASSWORD"] = "wrong-horse"
    try:
        done = deployed.jobgraph("status", check=False)
    finally:
        deployed.environment["SNOWFLAKE_PASSWORD"] = right
    assert done.returncode == 3
    assert "Incorrect username or password" in told(done)
    assert "wrong-horse" not in told(done)


def test_a_data_folder_of_another_version_is_refused_and_kept(fresh: Project) -> None:
    import sqlite3  # noqa: PLC0415  # only to make the folder look like another version's

    fresh.jobgraph("sandbox", "stop")
    (store,) = (fresh.folder / ".jobgraph" / "sandbox").glob("*.sqlite")
    with sqlite3.connect(store) as connection:
        connection.execute("PRAGMA user_version = 999")
    done = fresh.jobgraph("sandbox", "start", check=False)
    assert done.returncode != 0
    assert "999" in told(done)
    assert "jobgraph sandbox reset" in told(done)
    assert store.exists()


def test_a_missing_predecessor_stops_the_preview_before_anything_else(deployed: Project) -> None:
    deployed.edit("after: [t_myjob_1]", "after: [t_myjob_11]")
    try:
        checked = deployed.jobgraph("validate", check=False)
        assert checked.returncode == 2
        assert "T_MYJOB_11" in told(checked).upper()
        assert "jobconfig.yaml:" in told(checked)
        assert "perhaps you meant" in told(checked)
        previewed = deployed.pulumi("preview", check=False)
        assert previewed.returncode != 0
        assert "T_MYJOB_11" in told(previewed).upper()
        assert "Traceback" not in told(previewed)
    finally:
        deployed.restore()


@pytest.fixture
def with_images(deployed: Project) -> Project:
    """The deployed project with two more images: one crashes, one writes 50 MB."""
    images = {"crash": "raise SystemExit(41)", "loud": "for _ in range(50): print('x' * 1048575)"}
    for name, program in images.items():
        folder = Path(deployed.folder) / "images" / name
        folder.mkdir(exist_ok=True)
        (folder / "main.py").write_text(program)
        (folder / "Dockerfile").write_text(
            'FROM python:3.11-slim\nCOPY main.py ./\nENTRYPOINT ["python3", "main.py"]\n'
        )
    return deployed


def run_only(project: Project, image: str) -> dict[str, object]:
    """Deploy a graph of one job with that image, run it, give its history row, put the file back."""
    path = project.folder / "jobconfig.yaml"
    path.write_text(
        "version: 1\ngraphs:\n  container_jobs:\n    root_task: ROOT_TASK\n    finalizer_task: GET_GRAPH_STATS\n"
        "    jobs:\n      t_myjob_1:\n"
        f"        image: '{image}'\n        compute_pool: PR_STD_POOL_XS\n"
        "        retries: {count: 0, causes: {image: 0}}\n"
    )
    try:
        project.up()
        done = project.jobgraph("run", "--wait", "--json", check=False)
        run = json.loads(done.stdout)["run_id"]
        (row,) = project.query(f"SELECT * FROM {SCHEMA}.JOBS_RUN_STATS WHERE GRAPH_RUN_ID = ?", run)
        return {**row, "exit code of run": done.returncode}
    finally:
        project.restore()


def test_unknown_images_crashes_and_floods_are_told(with_images: Project) -> None:
    try:
        unknown = run_only(with_images, "no_such_image:latest")
        assert unknown["JOB_STATUS"] == "FAILED"
        assert "Failed to pull image" in str(unknown["ERRORS"])
        assert unknown["exit code of run"] == 1
        crashed = run_only(with_images, "crash:latest")
        assert crashed["JOB_STATUS"] == "FAILED"
        assert crashed["EXIT_CODE"] == 41
        loud = run_only(with_images, "loud:latest")
        assert loud["JOB_STATUS"] == "DONE"
        (log,) = with_images.query(f"SELECT LOG FROM {SCHEMA}.JOB_LOGS WHERE GRAPH_RUN_ID = ?", loud["GRAPH_RUN_ID"])
        assert 1000 < len(log["LOG"]) < 2_000_000
    finally:
        with_images.up()
