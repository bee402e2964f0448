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

_PROJECT_FOLDER = ".jobgraph"
_LIBRARIES = ("site-packages", "dist-packages")


@dataclass(frozen=True)
class Surroundings:
    """What a program sees of this machine.

    Attributes:
        workplace: a folder used only by this program, to create the mounts.
        mounts: (folder on this machine, path at which the program sees it, whether it is read-only).
        hidden: folders that the program does not see, except for the visible folders below them; inner ones first.
        visible: folders below the hidden ones.
        confines: whether it is the sandbox's own program, which starts others and confines them further.
    """

    workplace: Path
    mounts: tuple[tuple[str, str, bool], ...] = ()
    hidden: tuple[Path, ...] = ()
    visible: tuple[Path, ...] = ()
    confines: bool = False

    @property
    def temporary(self) -> Path:
        """The program's own folder for temporary files; whoever removes the workplace removes it too."""
        return self.workplace.with_name(f"{self.workplace.name}.tmp")

    def as_json(self) -> str:
        """Return the surroundings as the launcher's argument."""
        return json.dumps(
            {
                "workplace": str(self.workplace),
                "temporary": str(self.temporary),
                "confines": self.confines,
                "mounts": self.mounts,
                "hidden": list(map(str, self.hidden)),
                "visible": list(map(str, self.visible)),
                "protected": own_code(),
            }
        )


def own_code() -> list[str]:
    """Return the folders of the sandbox's own code and Python, which a program may read but not change."""
    libraries = {path for path in sys.path if Path(path).name in _LIBRARIES and Path(path).is_dir()}
    return sorted({str(LAUNCHER.parents[1]), sys.prefix, sys.base_prefix, *libraries} - {"/"})


def hidden_folders(folder: Path) -> tuple[Path, ...]:
    """Return the folders that are hidden from programs: the data folder, and what has the sandbox's password beside it.

    In a project, the data folder is in the folder `.jobgraph`, where `jobgraph sandbox env` also writes a
    connections.toml with the administrator's password, and Pulumi its state: all of that folder is hidden, also what is
    written there later. Elsewhere it is a folder `snowflake` beside the data folder, if it has a connections.toml.
    A folder above the sandbox's own Python is not hidden.
    """
    around = next((place for place in folder.parents if place.name == _PROJECT_FOLDER), None)
    if around is not None and not _has_python(around):
        # The data folder by itself too: it may be a link to another disk.
        return folder, around
    connections = folder.parent / "snowflake"
    places = (folder, connections) if (connections / "connections.toml").exists() else (folder,)
    return tuple(place for place in places if not _has_python(place))


def _has_python(folder: Path) -> bool:
    """Whether the sandbox's own Python, which programs need, is below a folder."""
    return any(Path(path).is_relative_to(folder) for path in (sys.executable, sys.prefix, sys.base_prefix))


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
