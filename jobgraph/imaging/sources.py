"""The folders that images are built from, and the tags that identify their contents.

Knows only the labels of Dockerfiles: the title is the image's name, as in the sandbox. Must not know container engines
nor Snowflake.
"""

from __future__ import annotations

import hashlib
import re
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING

from jobgraph.images import IMAGE_REFERENCE

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

DOCKERFILE = "Dockerfile"
_TITLE = re.compile(r"org\.opencontainers\.image\.title\s*=\s*\"?([a-z0-9][a-z0-9._-]*)")
# Digits of the content's hash in a tag: two contents have the same tag with a probability of 1 in 10^19.
_TAG_LENGTH = 16
_LEFT_OUT = frozenset({"__pycache__", ".git", ".DS_Store", ".mypy_cache", ".ruff_cache"})


@dataclass(frozen=True)
class ImageFolder:
    """An image and its folder.

    Attributes:
        reference: Its name in `jobconfig.yaml` or the settings, such as `my_job_image:1.1.0`; the key in
        `image_digests`. name: Its name in the repository. folder: The folder with the Dockerfile; all of it is the
        build's context. tag: The hash of the files' names, modes and contents, so that it never moves. files: The
        context's files by relative name, sorted.
    """

    reference: str
    name: str
    folder: Path
    tag: str
    files: tuple[str, ...]


def titles(places: Iterable[Path]) -> dict[str, Path]:
    """Return the folders with a Dockerfile below `places`, by image name; if a name occurs twice, the first."""
    folders: dict[str, Path] = {}
    for file in (file for place in places for file in sorted(place.glob(f"*/{DOCKERFILE}"))):
        match = _TITLE.search(file.read_text("utf-8"))
        folders.setdefault(match[1] if match else file.parent.name, file.parent)
    return folders


def sources(references: Iterable[str], folders: Mapping[str, Path]) -> tuple[list[ImageFolder], list[str]]:
    """Return the images that have a folder, and the references of the others, both sorted.

    An image whose reference has a repository or a digest is not built here.
    """
    own, foreign = [], []
    for reference in sorted(set(references)):
        match = IMAGE_REFERENCE.fullmatch(reference)
        folder = folders.get(match["image"]) if match and not match["repository"] else None
        if match is None or folder is None or match["version"].startswith("@"):
            foreign.append(reference)
        else:
            own.append(source(reference, match["image"], folder))
    return own, foreign


def source(reference: str, name: str, folder: Path) -> ImageFolder:
    """Read a folder."""
    files = tuple(context(folder))
    digest = hashlib.sha256()
    for file in files:
        path = folder / file
        mode = "x" if path.stat().st_mode & 0o100 else "-"
        digest.update(f"{file}\0{mode}\0".encode() + hashlib.sha256(path.read_bytes()).digest())
    return ImageFolder(reference, name, folder, digest.hexdigest()[:_TAG_LENGTH], files)


def context(folder: Path) -> Iterable[str]:
    """Return the names of the files in a build's context, sorted, without caches."""
    names = (path.relative_to(folder) for path in folder.rglob("*") if path.is_file())
    return sorted(
        PurePosixPath(name).as_posix()
        for name in names
        if _LEFT_OUT.isdisjoint(name.parts) and name.suffix not in {".pyc", ".pyo"}
    )
