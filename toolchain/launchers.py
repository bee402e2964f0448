"""The two shell scripts by which the engine starts the stand-ins, and how a plugin gets into the private PULUMI_HOME.

Knows what a launcher says and how to tell it from a real plugin. Does not know when a stand-in is needed (setup.py).
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
    """A stand-in to start.

    Attributes:
        module: The Python module that serves the plugin, such as `jobgraph.toolchain.standins.language_host`.
        python: The interpreter that has the project's dependencies.
        code: The folder that holds the package `jobgraph`.
        project: The folder that was set up.
    """

    module: str
    python: Path
    code: Path
    project: Path

    def text(self) -> str:
        """The script.

        It leaves PYTHONPATH and the working folder as they are, since both belong to the user's program: `-P` keeps
        Python from putting the working folder first, and the one folder needed is added inside the process.
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
    """Whether a file is a stand-in's launcher and not a real plugin."""
    if not path.is_file():
        return False
    with path.open("rb") as file:
        return MARK.encode() in file.read(len(MARK) + 64)


def install_launcher(path: Path, text: str) -> None:
    """Put a launcher there, whole or not at all; one that is the same already is left alone.

    Raises:
        NotWritableError: The folder cannot be written.
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
    """Make a real plugin of another folder known in the private home.

    The folder itself must be a real one, the engine passes over linked folders; the file in it may be a link.

    Raises:
        NotWritableError: The folder cannot be written.
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
    """Take our launcher or link away, with its folder: the engine takes an empty folder for an installed plugin."""
    if folder.is_dir() and all(path.is_symlink() or is_launcher(path) for path in folder.iterdir()):
        shutil.rmtree(folder)
