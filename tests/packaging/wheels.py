"""The wheels and the source archive, built once for all tests, and a virtual environment that has the wheels alone."""

from __future__ import annotations

import subprocess
import sys
import sysconfig
import zipfile
from dataclasses import dataclass
from email.parser import Parser
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from email.message import Message

ROOT = Path(__file__).resolve().parent.parent.parent


def run(*command: str | Path, folder: Path) -> str:
    """Run a command that has to end well; returns what it wrote to standard output."""
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)
    assert done.returncode == 0, f"{command}\n{done.stdout[-4000:]}\n{done.stderr[-4000:]}"
    return done.stdout


@dataclass(frozen=True)
class Wheel:
    """A built wheel."""

    path: Path

    @property
    def names(self) -> list[str]:
        """The files in it."""
        with zipfile.ZipFile(self.path) as archive:
            return archive.namelist()

    @property
    def metadata(self) -> Message:
        """What it says of itself."""
        return Parser().parsestr(self.text(next(name for name in self.names if name.endswith(".dist-info/METADATA"))))

    def text(self, name: str) -> str:
        """A file's text."""
        with zipfile.ZipFile(self.path) as archive:
            return archive.read(name).decode()


def build(source: Path, target: Path) -> Wheel:
    """Build a wheel of a folder or of a source archive, with the installed build backend."""
    options = ("--quiet", "--no-deps", "--no-build-isolation", "--disable-pip-version-check")
    run(sys.executable, "-m", "pip", "wheel", *options, "--wheel-dir", target, source, folder=target)
    (wheel,) = target.glob("*.whl")
    return Wheel(wheel)


def install(wheels: list[Wheel], folder: Path) -> Path:
    """Make a virtual environment with the wheels in it; returns its folder of programs.

    The packages that they need are those of this environment: a `.pth` file names its folder, whose own `.pth` files,
    and so the project's editable installation, do not count then.
    """
    run(sys.executable, "-m", "venv", "--without-pip", folder, folder=folder.parent)
    (site,) = folder.glob("lib/python*/site-packages")
    (site / "dependencies.pth").write_text(sysconfig.get_path("purelib") + "\n")
    python = folder / "bin" / "python"
    options = ("--quiet", "--no-deps", "--no-index", "--disable-pip-version-check", "--force-reinstall")
    paths = [wheel.path for wheel in wheels]
    run(sys.executable, "-m", "pip", "--python", python, "install", *options, *paths, folder=folder)
    return folder / "bin"
