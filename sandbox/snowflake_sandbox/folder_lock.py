"""The lock of a data folder, which the sandbox's process holds as long as it lives.

Knows flock. Must not know what the folder holds, nor the process.
"""

from __future__ import annotations

import contextlib
import fcntl
import time
from typing import IO, TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

_NAME = "lock"
# Whoever looks whether the lock is held takes it for microseconds. So who wants to hold it tries more than once.
_TRIES, _PAUSE_IN_SECONDS = 10, 0.02


class HeldError(Exception):
    """Another process holds the lock."""


def path(folder: Path) -> Path:
    """Return the path of a folder's lock."""
    return folder / _NAME


@contextlib.contextmanager
def held(folder: Path) -> Iterator[IO[str]]:
    """Hold the folder's lock while the context is open; the file is passed on so that it is not closed before.

    Raises:
        HeldError: another process holds it.
    """
    with path(folder).open("w") as lock:
        for _ in range(_TRIES):
            if _takes(lock, fcntl.LOCK_EX):
                break
            time.sleep(_PAUSE_IN_SECONDS)
        else:
            raise HeldError
        yield lock


def is_held(folder: Path) -> bool:
    """Return whether a process holds the folder's lock."""
    if not path(folder).exists():
        return False
    with path(folder).open() as lock:
        return not _takes(lock, fcntl.LOCK_SH)


def _takes(lock: IO[str], kind: int) -> bool:
    try:
        fcntl.flock(lock, kind | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True
