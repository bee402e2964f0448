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
class Found:
    """The files of a payload by name below its path, in base64; or what is wrong, and its rule and remedy."""

    files: dict[str, str] = field(default_factory=dict)
    rule: str = ""
    what: str = ""
    remedy: str = ""


@dataclass
class PayloadFolder:
    """Finds payloads below a folder; each is read once."""

    folder: Path
    known: dict[str, Found] = field(default_factory=dict)

    def find(self, path: str) -> Found:
        """Return the files of a payload; `path` as the configuration has it."""
        if path not in self.known:
            self.known[path] = _found(self.folder / path, path)
        return self.known[path]


def _found(place: Path, path: str) -> Found:
    try:
        names = [place] if place.is_file() else _names(place)
        if not names:
            what = f"there is nothing at `{path}`" if not place.exists() else f"`{path}` has no files"
            remedy = "give a file or a folder with code; the path is seen from the configuration's folder"
            return Found(rule="payload-missing", what=what, remedy=remedy)
        if len(names) > MOST_FILES or sum(name.stat().st_size for name in names) > MOST_BYTES:
            what = f"the files of `{path}` are more than {MOST_FILES}, or have more than {MOST_BYTES} bytes"
            remedy = "leave out data, which belongs on a stage; or build an image"
            return Found(rule="payload-size", what=what, remedy=remedy)
        top = place.parent if place.is_file() else place
        files = {n.relative_to(top).as_posix(): base64.b64encode(n.read_bytes()).decode() for n in names}
    except OSError as error:
        what = f"`{path}` cannot be read: {error.strerror}"
        return Found(rule="payload-missing", what=what, remedy="make the files readable")
    return Found(files)


def _names(place: Path) -> list[Path]:
    """Return the files below a folder, sorted; hidden ones and what Python compiled are left out."""
    found: list[Path] = []
    for folder, folders, files in os.walk(place):
        folders[:] = [name for name in folders if not name.startswith(".") and name != "__pycache__"]
        found += [Path(folder, name) for name in files if not name.startswith(".") and not name.endswith(".pyc")]
        if len(found) > MOST_FILES:
            break
    return sorted(found)
