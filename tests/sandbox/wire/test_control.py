"""The sandbox as a process of its own: start, stop, kill, and what goes wrong with them."""

from __future__ import annotations

import os
import signal
import socket
from typing import TYPE_CHECKING, Any

import pytest
import snowflake.connector
from snowflake_sandbox import control

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

pytestmark = pytest.mark.sandbox


@pytest.fixture
def folder(tmp_path: Path) -> Iterator[Path]:
    yield tmp_path / "sandbox"
    control.stop(tmp_path / "sandbox")


def run(folder: Path, *statements: str) -> list[Any]:
    settings = control.environment(folder)
    with snowflake.connector.connect(
        host=settings["SNOWFLAKE_HOST"],
        port=int(settings["SNOWFLAKE_PORT"]),
        protocol=settings["SNOWFLAKE_PROTOCOL"],
        account=settings["SNOWFLAKE_ACCOUNT"],
        user=settings["SNOWFLAKE_USER"],
        password=settings["SNOWFLAKE_PASSWORD"],
        role=settings["SNOWFLAKE_ROLE"],
    ) as connection:
        rows: list[Any] = []
        for statement in statements:
            cursor = connection.cursor()
            cursor.execute(statement)
            rows = cursor.fetchall()
        return rows


def test_start_use_stop(folder: Path) -> None:
    started = control.start(folder)
    assert control.status(folder) == started
    assert control.start(folder) == started
    assert run(folder, "SELECT 1") == [(1,)]
    assert (folder / "credentials.json").stat().st_mode & 0o777 == 0o600
    assert control.stop(folder)
    assert not control.status(folder).running
    assert not control.stop(folder)


def test_functions_in_python_need_none_of_the_libraries_that_the_process_hides(folder: Path) -> None:
    """DuckDB wants numpy to call Python; macros are made in the same place, and must not want it."""
    control.start(folder)
    assert run(folder, "SELECT SOUNDEX('Robert'), TO_CHAR(1234.5, '9,999.0'), TRY_TO_DOUBLE('x')") == [
        ("R163", " 1,234.5", None)
    ]


def test_killed_it_comes_back_on_its_port_with_all_that_was_committed(folder: Path) -> None:
    started = control.start(folder)
    run(folder, "CREATE WAREHOUSE W", "CREATE DATABASE D", "CREATE TABLE T (A INT)", "INSERT INTO T VALUES (1), (2)")
    os.kill(started.pid, signal.SIGKILL)
    again = control.start(folder)
    assert (again.port, again.pid != started.pid) == (started.port, True)
    assert run(folder, "USE WAREHOUSE W", "SELECT SUM(A) FROM D.PUBLIC.T") == [(3,)]


def test_a_taken_port_is_said_with_the_remedy(folder: Path) -> None:
    with socket.socket() as taken:
        taken.bind((control.HOST, 0))
        taken.listen()
        port = taken.getsockname()[1]
        with pytest.raises(control.SandboxError, match=f"Port {port} .*Choose another port"):
            control.start(folder, port=port)


def test_reset_deletes_everything(folder: Path) -> None:
    control.start(folder)
    control.reset(folder)
    assert not folder.exists()
    with pytest.raises(control.SandboxError, match="jobgraph sandbox start"):
        control.environment(folder)


def test_the_shells_own_keys_and_tokens_are_not_taken_for_the_sandbox(folder: Path) -> None:
    control.start(folder)
    settings = control.environment(folder)
    assert settings["SNOWFLAKE_AUTHENTICATOR"] == "SNOWFLAKE"
    assert {settings[name] for name in ("SNOWFLAKE_PRIVATE_KEY", "SNOWFLAKE_TOKEN")} == {""}
    assert 0 < int(settings["SNOWFLAKE_LOGIN_TIMEOUT"]) < 60
