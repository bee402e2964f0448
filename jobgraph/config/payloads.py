"""The files of a payload, read from the folder next to the job configuration.

Knows which files belong to a payload, and the size limit of a stage statement. Must not know how they get to Snowflake.
Apart from `reading`, this is the only module here that reads files.
"""

from __future__ import annotations

import base64
import os
from dataclasses import dataclass, field
from pathlib import Path

# The files are sent to the stage in one statement of at most 1 MB; base64 turns three bytes into four.
MOST_BYTES = 600_000
MOST_FILES = 500


@dataclass(frozen=True)
class PayloadFiles:
    """The files of a payload in base64, by name below its path; or the problem: issue, rule and remedy."""

    files: dict[str, str] = field(default_factory=dict)
    rule: str = ""
    issue: str = ""
    remedy: str = ""


@dataclass
class PayloadFolder:
    """Reads payloads below `folder`, each once. Files outside `project` are refused, as they go into Pulumi's state.

    `folder` may be in an unpacked revision of a repository. A project may be larger than its repository, so what is not
    in the revision is read from `present`, the folder as it is now.
    """

    folder: Path
    project: Path
    present: PayloadFolder | None = None
    _read: dict[str, PayloadFiles] = field(default_factory=dict)

    def read(self, path: str) -> PayloadFiles:
        """Return the files of a payload; `path` is spelled as in the configuration."""
        if self.present is not None and not (self.folder / path).resolve().is_relative_to(self.project.resolve()):
            return self.present.read(path)
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
    remedy = f"copy what `{path}` needs into the project: payloads are shown in previews and stored in Pulumi's state"
    return PayloadFiles(rule="payload-outside", issue=issue, remedy=remedy)


def _oddity(file: Path) -> str:
    if file.is_dir():
        return "is a link to a folder, which is not followed"
    return "is a link that leads out of the project" if file.is_file() else "is a broken link, or not a regular file"


def _below(place: Path) -> list[Path]:
    """Return the files and the links to folders below a folder, sorted, without hidden files and compiled Python."""
    files: list[Path] = []
    for folder, folders, names in os.walk(place):
        folders[:] = [name for name in folders if not name.startswith(".") and name != "__pycache__"]
        links = [name for name in folders if Path(folder, name).is_symlink()]
        sources = [name for name in names if not name.startswith(".") and not name.endswith(".pyc")]
        files += [Path(folder, name) for name in (*sources, *links)]
        if len(files) > MOST_FILES:
            break
    return sorted(files)
