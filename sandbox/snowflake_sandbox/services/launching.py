"""How a process is started through the launcher: what it is told, and the environment of its program.

Knows the launcher's arguments; must not know what is run: containers and the server of procedures are.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping

LAUNCHER = Path(__file__).with_name("launcher.py")
# Of the launcher itself: the variables that it hands on are its program's alone.
_ENVIRONMENT = {"PATH": os.defpath, "LANG": "C.UTF-8"}


@dataclass(frozen=True)
class Surroundings:
    """What a program sees of this machine.

    Attributes:
        workplace: a folder of this program's alone, for making the mounts.
        mounts: folder on this machine, the path where the program shall see it, whether it is read-only.
        hidden: a folder that the program does not see, but for the visible ones below it.
        visible: folders below the hidden one.
    """

    workplace: Path
    mounts: tuple[tuple[str, str, bool], ...] = ()
    hidden: Path | None = None
    visible: tuple[Path, ...] = ()

    def as_json(self) -> str:
        """Return what the launcher is told."""
        return json.dumps(
            {
                "workplace": str(self.workplace),
                "mounts": self.mounts,
                "hidden": None if self.hidden is None else str(self.hidden),
                "visible": list(map(str, self.visible)),
            }
        )


def hidden_folder(folder: Path) -> Path | None:
    """The sandbox's folder, which no program sees; None if the sandbox's own Python is below it."""
    needed = (sys.executable, sys.prefix, sys.base_prefix)
    return None if any(Path(path).is_relative_to(folder) for path in needed) else folder


def launch(
    surroundings: Surroundings, command: tuple[str, ...], environment: Mapping[str, str], **options: Any
) -> subprocess.Popen[bytes]:
    """Start a program, which ends with the thread that calls this (on Linux).

    Args:
        surroundings: what it sees.
        command: the program and its arguments.
        environment: all of its variables.
        options: Popen's.

    Raises:
        OSError: it cannot be started, for example because its arguments are too long.
        ValueError: there is a NUL in an argument.
    """
    reading, writing = os.pipe()
    with open(writing, "wb") as sending:  # noqa: PTH123  # a descriptor
        try:
            launcher = [sys.executable, "-I", "-S", str(LAUNCHER), str(os.getpid()), surroundings.as_json()]
            process = subprocess.Popen(
                [*launcher, str(reading), *command], env=_ENVIRONMENT, pass_fds=(reading,), **options
            )
        finally:
            os.close(reading)
        # It may have been ended already.
        with suppress(BrokenPipeError):
            sending.write(json.dumps(dict(environment)).encode())
            sending.flush()
    return process
