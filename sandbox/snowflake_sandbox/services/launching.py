"""Starting a process through the launcher: the launcher's arguments, and the environment of the program.

Knows the launcher's arguments; must not know what is run (containers, and the server of procedures).
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
# The environment of the launcher itself; its program has a separate one.
_ENVIRONMENT = {"PATH": os.defpath, "LANG": "C.UTF-8"}


@dataclass(frozen=True)
class Surroundings:
    """What a program sees of this machine.

    Attributes:
        workplace: a folder used only by this program, to create the mounts.
        mounts: (folder on this machine, path at which the program sees it, whether it is read-only).
        hidden: a folder that the program does not see, except for the visible folders below it.
        visible: folders below the hidden one.
    """

    workplace: Path
    mounts: tuple[tuple[str, str, bool], ...] = ()
    hidden: Path | None = None
    visible: tuple[Path, ...] = ()

    def as_json(self) -> str:
        """Return the surroundings as the launcher's argument."""
        return json.dumps(
            {
                "workplace": str(self.workplace),
                "mounts": self.mounts,
                "hidden": None if self.hidden is None else str(self.hidden),
                "visible": list(map(str, self.visible)),
            }
        )


def hidden_folder(folder: Path) -> Path | None:
    """Return the sandbox's folder, which is hidden from programs; None if the sandbox's own Python is below it."""
    needed = (sys.executable, sys.prefix, sys.base_prefix)
    return None if any(Path(path).is_relative_to(folder) for path in needed) else folder


def launch(
    surroundings: Surroundings, command: tuple[str, ...], environment: Mapping[str, str], **options: Any
) -> subprocess.Popen[bytes]:
    """Start a program. On Linux it ends when the calling thread ends.

    Args:
        surroundings: what the program sees of this machine.
        command: the program and its arguments.
        environment: all of its variables.
        options: options for Popen.

    Raises:
        OSError: the program cannot be started, for example because its arguments are too long.
        ValueError: an argument contains a NUL.
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
        # The process may have ended already.
        with suppress(BrokenPipeError):
            sending.write(json.dumps(dict(environment)).encode())
            sending.flush()
    return process
