"""The lock of a data folder: one holder; who only looks is in nobody's way."""

from __future__ import annotations

import fcntl
from typing import IO, TYPE_CHECKING

import pytest
from snowflake_sandbox.data_folder import lock

if TYPE_CHECKING:
    from pathlib import Path


def looking(folder: Path) -> IO[str]:
    """A process that looks whether the lock is held, in the instant in which it has it."""
    looker = (folder / "lock").open("w+")
    fcntl.flock(looker, fcntl.LOCK_SH | fcntl.LOCK_NB)
    return looker


def test_one_process_holds_it(tmp_path: Path) -> None:
    assert not lock.is_held(tmp_path)
    with lock.held(tmp_path):
        assert lock.is_held(tmp_path)
        with pytest.raises(lock.HeldError), lock.held(tmp_path):
            pass
    assert not lock.is_held(tmp_path)


def test_a_start_succeeds_though_somebody_looks_at_the_lock_just_then(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    looker = looking(tmp_path)
    monkeypatch.setattr("snowflake_sandbox.data_folder.lock.time.sleep", lambda _: looker.close())
    with lock.held(tmp_path):
        assert lock.is_held(tmp_path)
