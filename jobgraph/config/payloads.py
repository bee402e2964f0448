"""The files of a payload, read from the folder next to the job configuration.

Knows which files belong to a payload and how much a stage statement can carry. Must not know how they get to Snowflake.
Besides `reading` the only module here that reads files.
"""

from __future__ import annotations

import base64
import os
from dataclasses import dataclass, field
from pathlib import Path

# The files go to the stage inside one statement, whose text may have 1 MB; base64 makes four bytes of three.
MOST_BYTES = 600_000
MOST_FILES = 500


@dataclass(frozen=True)
class PayloadFiles:
    """The files of a payload by name below its path, in base64; or what is wrong, and its rule and remedy."""

    files: dict[str, str] = field(default_factory=dict)
    rule: str = ""
    issue: str = ""
    remedy: str = ""


@dataclass
class PayloadFolder:
    """Reads payloads below `folder`, each once. Nothing outside of `project` is read: files go into Pulumi's state."""

    folder: Path
    project: Path
    _read: dict[str, PayloadFiles] = field(default_factory=dict)

    def read(self, path: str) -> PayloadFiles:
        """Return the files of a payload; `path` as the configuration has it."""
        if path not in self._read:
            self._read[path] = _read(self.folder / path, path, self.project.resolve())
        return self._read[path]


def _read(place: Path, path: str, project: Path) -> PayloadFiles:
    try:
        if not place.resolve().is_relative_to(project):
            return _outside(path, f"`{path}` leads out of the project {project}")
        files = [place] if place.is_file() else _below(place)
        if not files:
            issue = f"there is nothing at `{path}`" if not place.exists() else f"`{path}` has no files"
            remedy = "give a file or a folder with code; the path is relative to the configuration's folder"
            return PayloadFiles(rule="payload-missing", issue=issue, remedy=remedy)
        odd = next((file for file in files if not (file.is_file() and file.resolve().is_relative_to(project))), None)
        if odd is not None:
            return _outside(path, f"`{odd.relative_to(place).as_posix()}` in `{path}` {_oddity(odd)}")
        if len(files) > MOST_FILES or sum(file.stat().st_size for file in files) > MOST_BYTES:
            issue = f"the files of `{path}` are more than {MOST_FILES}, or have more than {MOST_BYTES} bytes"
            remedy = "leave out data, which belongs on a stage; or build an image"
            return PayloadFiles(rule="payload-size", issue=issue, remedy=remedy)
        top = place.parent if place.is_file() else place
        content = {file.relative_to(top).as_posix(): base64.b64encode(file.read_bytes()).decode() for file in files}
    except (OSError, RuntimeError, ValueError) as error:  # a loop of links; a NUL in the path
        issue = f"`{path}` cannot be read: {error.strerror if isinstance(error, OSError) else error}"
        return PayloadFiles(rule="payload-missing", issue=issue, remedy="make the files readable")
    return PayloadFiles(content)


def _outside(path: str, issue: str) -> PayloadFiles:
    remedy = f"copy into the project what `{path}` needs: payloads are shown in previews and kept in Pulumi's state"
    return PayloadFiles(rule="payload-outside", issue=issue, remedy=remedy)


def _oddity(file: Path) -> str:
    if file.is_dir():
        return "is a link to a folder, which is not followed"
    return "is a link that leads out of the project" if file.is_file() else "is a link to nothing, or no regular file"


def _below(place: Path) -> list[Path]:
    """Return the files below a folder, and links to folders, sorted; hidden ones and compiled Python are left out."""
    files: list[Path] = []
    for folder, folders, names in os.walk(place):
        folders[:] = [name for name in folders if not name.startswith(".") and name != "__pycache__"]
        links = [name for name in folders if Path(folder, name).is_symlink()]
        sources = [name for name in names if not name.startswith(".") and not name.endswith(".pyc")]
        files += [Path(folder, name) for name in (*sources, *links)]
        if len(files) > MOST_FILES:
            break
    return sorted(files)
