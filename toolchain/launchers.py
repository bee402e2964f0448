"""The shell scripts with which the engine starts the stand-ins, and the installation of plugins in PULUMI_HOME.

Knows the text of a launcher and how it differs from a real plugin. Does not know when a stand-in is needed (setup.py).
"""

import os
import shlex
import shutil
import tempfile
import threading
from dataclasses import dataclass
from pathlib import Path

from jobgraph.toolchain.errors import NotWritableError
from jobgraph.toolchain.layout import setup_command

MARK = "# stand-in of jobgraph, written by `make setup`: changes are lost"


@dataclass(frozen=True)
class Launcher:
    """The launcher of a stand-in.

    Attributes:
        module: The Python module that serves the plugin, such as `jobgraph.toolchain.standins.language_host`.
        python: The interpreter with the project's dependencies.
        code: The folder that contains the package `jobgraph`.
        project: The folder that was set up.
    """

    module: str
    python: Path
    code: Path
    project: Path

    def text(self) -> str:
        """Return the script.

        It does not change PYTHONPATH and the working folder, since both belong to the user's program: `-P` keeps Python
        from adding the working folder to the path, and the only necessary folder is added inside the process.
        """
        program = (
            f"import runpy, sys; sys.path.insert(0, {str(self.code)!r}); "
            f"runpy.run_module({self.module!r}, run_name='__main__', alter_sys=True)"
        )
        python = shlex.quote(str(self.python))
        message = shlex.quote(f"{self.python} is gone: run `{setup_command(self.project)}` in {self.project}")
        return (
            f"#!/bin/sh\n{MARK}\n[ -x {python} ] || {{ echo {message} >&2; exit 127; }}\n"
            f'exec {python} -P -c {shlex.quote(program)} "$@"\n'
        )


def is_launcher(path: Path) -> bool:
    """Whether a file is the launcher of a stand-in, and not a real plugin."""
    if not path.is_file():
        return False
    with path.open("rb") as file:
        return MARK.encode() in file.read(len(MARK) + 64)


def install_launcher(path: Path, text: str) -> None:
    """Write a launcher, completely or not at all; do nothing if it has this text already.

    Raises:
        NotWritableError: If the folder is not writable.
    """
    if path.is_file() and not path.is_symlink() and path.read_bytes() == text.encode():
        return
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        handle, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
        with os.fdopen(handle, "w", encoding="utf-8") as file:
            file.write(text)
        Path(name).chmod(0o755)
        Path(name).replace(path)
    except OSError as error:
        raise NotWritableError(path.parent, error.strerror or str(error)) from error


def install_link(path: Path, target: Path) -> None:
    """Link a real plugin from another folder into the private home.

    The plugin's folder must be a real one, because the engine skips linked folders; the file in it may be a link.

    Raises:
        NotWritableError: If the folder is not writable.
    """
    if path.is_symlink() and path.readlink() == target:
        return
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        link = path.with_name(f".{path.name}.{os.getpid()}.{threading.get_ident()}")
        link.symlink_to(target)
        link.replace(path)
    except OSError as error:
        raise NotWritableError(path.parent, error.strerror or str(error)) from error


def remove_plugin(folder: Path) -> None:
    """Remove our launcher or link with its folder: the engine considers a plugin with an empty folder installed."""
    if folder.is_dir() and all(path.is_symlink() or is_launcher(path) for path in folder.iterdir()):
        shutil.rmtree(folder)
