"""A data folder whose files are missing, empty, cut or unreadable is refused by name, and nothing is overwritten."""

from __future__ import annotations

import errno
import os
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from snowflake_sandbox import control, world
from snowflake_sandbox.clock import SystemClock
from snowflake_sandbox.data_folder import lock as folder_lock
from snowflake_sandbox.data_folder.damage import DataFolderError
from snowflake_sandbox.protocol import logins

from tests import in_process

if TYPE_CHECKING:
    from collections.abc import Callable


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """The folder of a sandbox that held a database with a row, and was stopped."""
    made = world.build(tmp_path, (), SystemClock(), password="-")
    session = logins.open_session(made, logins.ADMINISTRATOR, "ACCOUNTADMIN")
    for statement in ("create warehouse W", "create database D", "create table D.PUBLIC.T as select 1 as a"):
        in_process.rows(made, session, statement)
    world.stop(made)
    return tmp_path


def _database(folder: Path) -> Path:
    return next((folder / "data").glob("database_*.duckdb"))


def _control(folder: Path) -> Path:
    return folder / "control.sqlite"


def _empty(file: Path) -> None:
    file.write_bytes(b"")


def _overwrite(file: Path) -> None:
    file.write_bytes(b"not a database at all" * 1000)


def _cut(file: Path) -> None:
    os.truncate(file, file.stat().st_size // 3)


@pytest.mark.parametrize("damage", [Path.unlink, _empty, _overwrite], ids=["removed", "emptied", "overwritten"])
@pytest.mark.parametrize("find", [_control, _database], ids=["control", "database"])
def test_a_damaged_file_is_refused_by_name(
    folder: Path, find: Callable[[Path], Path], damage: Callable[[Path], None]
) -> None:
    file = find(folder)
    damage(file)
    before = {path: path.read_bytes() for path in (file, *(folder / "data").glob("*")) if path.is_file()}
    with pytest.raises(DataFolderError, match=str(file)) as refused:
        world.build(folder, (), SystemClock(), password="-")
    assert "sandbox reset" in str(refused.value)
    after = {path: path.read_bytes() for path in before if path.exists()}
    assert after == before
    assert file.exists() == (file in before)


def test_a_database_file_that_was_cut_is_refused(folder: Path) -> None:
    _cut(_database(folder))
    with pytest.raises(DataFolderError, match=r"database_\d+\.duckdb"):
        world.build(folder, (), SystemClock(), password="-")


def test_the_command_says_it_in_one_line(folder: Path) -> None:
    _empty(_control(folder))
    with pytest.raises(control.SandboxError) as refused:
        control.start(folder, timeout=60)
    assert "control.sqlite is empty" in str(refused.value)
    assert "Traceback" not in str(refused.value)


def test_files_are_their_owners_alone_and_sigterm_ends_in_order(tmp_path: Path) -> None:
    status = control.start(tmp_path / "sandbox", timeout=60)
    process = control._children[status.pid]
    assert control.stop(tmp_path / "sandbox")
    assert process.returncode == 0
    files = [tmp_path / "sandbox", *(tmp_path / "sandbox").rglob("*")]
    assert [path.name for path in files if path.stat().st_mode & 0o077] == []


def test_a_folder_whose_lock_cannot_be_written_is_refused_by_name(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As on a file system that became read-only; root may write to any other file."""
    lock = folder_lock.path(tmp_path)
    opened = Path.open

    def refuse(path: Path, *values: Any, **more: Any) -> Any:
        if path == lock:
            raise OSError(errno.EROFS, "Read-only file system", str(path))
        return opened(path, *values, **more)

    monkeypatch.setattr(Path, "open", refuse)
    with pytest.raises(control.SandboxError, match="lock cannot be written: Read-only file system"):
        control.serve(tmp_path, (), 0)
