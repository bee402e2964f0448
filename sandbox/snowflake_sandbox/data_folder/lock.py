"""The lock of a data folder, which the sandbox's process holds as long as it lives.

Knows flock. Must not know what the folder holds, nor the process.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
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
    """Hold the folder's lock while the context is open, and leave this process's number in the file.

    The file is passed on so that it is not closed before.

    Raises:
        HeldError: another process holds it.
    """
    # who does not get the lock must not empty the file of who has it
    with path(folder).open("a") as lock:
        for _ in range(_TRIES):
            if _takes(lock, fcntl.LOCK_EX):
                break
            time.sleep(_PAUSE_IN_SECONDS)
        else:
            raise HeldError
        # a full disk keeps nobody from holding it
        with contextlib.suppress(OSError):
            lock.truncate(0)
            lock.write(str(os.getpid()))
            lock.flush()
        yield lock


def is_held(folder: Path) -> bool:
    """Return whether a process holds the folder's lock."""
    if not path(folder).exists():
        return False
    with path(folder).open() as lock:
        return not _takes(lock, fcntl.LOCK_SH)


def holder(folder: Path) -> int:
    """Return the process that holds a folder's lock, while it is held; 0 if it has not left its number yet."""
    text = path(folder).read_text("ascii", errors="replace")
    return int(text) if text.isdecimal() and text.isascii() else 0


def _takes(lock: IO[str], kind: int) -> bool:
    try:
        fcntl.flock(lock, kind | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True
