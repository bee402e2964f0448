"""The log of a sandbox's process: its permissions, and the last message of a process that cannot continue.

Knows a file of the data folder and signals; must not know what the sandbox does.
"""

from __future__ import annotations

import os
import signal
import sys
from typing import IO, TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path

NAME = "sandbox.log"


def appending(folder: Path) -> IO[bytes]:
    """Open the log for appending, readable only by its owner even if an earlier version created it."""
    descriptor = os.open(folder / NAME, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
    os.fchmod(descriptor, 0o600)
    return os.fdopen(descriptor, "ab")


def end_loudly(folder: Path, why: str) -> None:
    """End the process in order, and log what happened and what to do."""
    sys.stderr.write(
        f"error: the tables in {folder / 'data'} could not be written ({why}), and DuckDB accepts no more statements."
        " The sandbox stops. Usual cause: the disk is full or was removed. Start it again: `jobgraph sandbox start`;"
        " acknowledged changes are not lost, and runs and jobs continue.\n"
    )
    sys.stderr.flush()
    os.kill(os.getpid(), signal.SIGTERM)
