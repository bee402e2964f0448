"""The small files by which clients find a sandbox: cut, emptied or missing, they mislead nobody."""

from __future__ import annotations

import json
import os
from typing import TYPE_CHECKING

import pytest
from snowflake_sandbox import control
from snowflake_sandbox.data_folder import files as folder_files
from snowflake_sandbox.data_folder import lock as folder_lock

if TYPE_CHECKING:
    from pathlib import Path

NOT_PROCESSES = ["", "{", "[]", '{"pid": 0, "port": 0}', '{"pid": -1, "port": "x"}', '{"pid": null}', '{"pid": 1e999}']
NO_LOGINS = [
    "",
    '{"user": "SANDBOX_ADM',
    "{}",
    "[1]",
    '{"user": "SANDBOX_ADMIN"}',
    '{"user": 1, "password": null}',
    "\0",
]


@pytest.fixture
def signalled(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """Which processes get a signal; none really does."""
    pids: list[int] = []
    monkeypatch.setattr(os, "kill", lambda pid, _number: pids.append(pid))
    return pids


@pytest.mark.parametrize("text", [None, *NOT_PROCESSES])
def test_stop_signals_the_process_that_holds_the_folder_and_no_group(
    tmp_path: Path, signalled: list[int], text: str | None
) -> None:
    """The process 0 is the caller's own group: the shell's pipeline, `make`. A start has not written its file yet."""
    if text is not None:
        (tmp_path / folder_files.PROCESS).write_text(text)
    with folder_lock.held(tmp_path), pytest.raises(control.SandboxError, match=f"kill -9 {os.getpid()}"):
        control.stop(tmp_path, timeout=0.0)
    assert signalled == [os.getpid()]


def test_a_holder_that_is_not_known_is_named_by_the_lock(tmp_path: Path, signalled: list[int]) -> None:
    with folder_lock.held(tmp_path) as lock:
        lock.truncate(0)
        with pytest.raises(control.SandboxError, match="lock"):
            control.stop(tmp_path, timeout=0.05)
        with pytest.raises(control.SandboxError, match="lock"):
            control.start(tmp_path, timeout=0.05)
    assert signalled == []


def test_who_wants_to_hold_the_folder_leaves_the_holder_s_name(tmp_path: Path) -> None:
    with folder_lock.held(tmp_path):
        with pytest.raises(folder_lock.HeldError), folder_lock.held(tmp_path):
            pass
        assert folder_lock.holder(tmp_path) == os.getpid()


@pytest.mark.parametrize("text", [None, *NO_LOGINS])
def test_who_reads_no_login_is_told_so_and_makes_none(tmp_path: Path, text: str | None) -> None:
    """One that a running sandbox does not know would be refused by it, and nobody would know why."""
    file = tmp_path / folder_files.CREDENTIALS
    if text is not None:
        file.write_text(text)
    (tmp_path / folder_files.PROCESS).write_text('{"pid": 1, "port": 8765}')
    with pytest.raises(control.SandboxError, match=rf"{file} .*sandbox stop"):
        control.environment(tmp_path)
    assert (file.read_text() if file.exists() else None) == text


@pytest.mark.parametrize("text", [None, *NO_LOGINS])
def test_a_start_makes_a_login_where_there_is_none_and_keeps_one_that_there_is(
    tmp_path: Path, text: str | None
) -> None:
    if text is not None:
        (tmp_path / folder_files.CREDENTIALS).write_text(text)
    made = folder_files.ensured_credentials(tmp_path)
    assert len(made.password) > 20
    assert folder_files.ensured_credentials(tmp_path) == control.credentials(tmp_path) == made
    assert [file.stat().st_mode & 0o777 for file in tmp_path.iterdir()] == [0o600]


@pytest.mark.parametrize("ends_in", ["fsync", "replace"])
def test_a_file_that_is_cut_while_it_is_written_is_not_there(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, ends_in: str
) -> None:
    """As when the process is killed, or the disk is full, before the new text is on the disk."""
    folder_files.write_process(tmp_path, 17, 8765)

    def end(*_: object) -> None:
        raise OSError

    with monkeypatch.context() as patched:
        patched.setattr(os, ends_in, end)
        with pytest.raises(OSError):  # noqa: PT011  # the one that was raised
            folder_files.write_process(tmp_path, 18, 8766)
    assert json.loads((tmp_path / folder_files.PROCESS).read_text()) == {"pid": 17, "port": 8765}
    folder_files.write_process(tmp_path, 18, 8766)
    assert [file.name for file in tmp_path.iterdir()] == [folder_files.PROCESS]
