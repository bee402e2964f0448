"""The sandbox's password is written nowhere but in the files that exist to hold it."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path

    from tests.lifecycle.project import Project

SCHEMA = "PR_CONTAINER_ORCHESTRATION.PUBLIC"
HISTORY = ("JOBS_RUN_STATS", "JOB_LOGS", "TASK_LOGGING_STATS")


def test_the_password_is_in_no_state_log_preview_or_history(deployed: Project) -> None:
    password = deployed.environment["SNOWFLAKE_PASSWORD"]
    assert len(password) >= 16
    deployed.jobgraph("run", "--only", "t_myjob_1", "--wait")
    shown = deployed.pulumi("preview", "--diff").stdout + deployed.pulumi("stack", "export").stdout
    assert password not in shown
    for table in HISTORY:
        assert password not in str(deployed.query(f"SELECT * FROM {SCHEMA}.{table}")), table
    assert password not in str(deployed.query("SHOW TASKS IN ACCOUNT"))
    holders = {path.name for path in files(deployed.folder) if password.encode() in path.read_bytes()}
    assert holders <= {"credentials.json", "connections.toml"}, holders
    for path in files(deployed.folder):
        if path.name in holders:
            assert path.stat().st_mode & 0o077 == 0, f"{path} can be read by others"


def files(folder: Path) -> list[Path]:
    """Everything that the project's commands wrote."""
    return [path for path in (folder / ".jobgraph").rglob("*") if path.is_file() and not path.is_symlink()]
