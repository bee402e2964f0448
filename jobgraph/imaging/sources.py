"""The folders that images are built from, and the tags that identify their contents.

Knows where the folders are, and the labels of Dockerfiles: the title is the image's name, as in the sandbox. Must not
know container engines nor Snowflake.
"""

from __future__ import annotations

import hashlib
import re
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING

from jobgraph.errors import perhaps
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


def image_folders(project: Path | str) -> tuple[Path, ...]:
    """Return the folders that are searched for images: the project's, then those of jobgraph itself."""
    own, bundled = Path(project) / "images", Path(__file__).parents[1] / "image_sources"
    folders = [folder for folder in (own, bundled) if folder.is_dir()]
    return tuple({folder.resolve(): folder for folder in folders}.values())


def titles(places: Iterable[Path]) -> dict[str, Path]:
    """Return the folders with a Dockerfile below `places`, by image name; if a name occurs twice, the first."""
    folders: dict[str, Path] = {}
    for file in (file for place in places for file in sorted(place.glob(f"*/{DOCKERFILE}"))):
        match = _TITLE.search(file.read_text("utf-8", errors="replace"))
        folders.setdefault(match[1] if match else file.parent.name, file.parent)
    return folders


def sources(references: Iterable[str], folders: Mapping[str, Path]) -> tuple[list[ImageFolder], list[str]]:
    """Return the images that have a folder, and the references of the others, both sorted.

    An image whose reference has a repository or a digest is not built here.
    """
    own, foreign = [], []
    for reference in sorted(set(references)):
        name = _name_to_build(reference)
        if name in folders:
            own.append(source(reference, name, folders[name]))
        else:
            foreign.append(reference)
    return own, foreign


def how_to_push(reference: str, command: str, folders: Iterable[str]) -> str:
    """Return the sentence that says how a missing image gets into the repository.

    `command` builds and pushes it, if it is one of the `folders`, which are image names.
    """
    name = _name_to_build(reference)
    if not name:
        return f"`{command}` builds no image that is named by its digest, so push it yourself, or name its tag."
    names = sorted(folders)
    if name in names:
        return f"`{command}` builds and pushes it."
    return f"There is no folder below images/ for it, so push it yourself, or correct the name{perhaps(name, names)}."


def _name_to_build(reference: str) -> str:
    """Return the name of an image that can be built here; empty if the reference has a repository or a digest."""
    match = IMAGE_REFERENCE.fullmatch(reference)
    return match["image"] if match and not match["repository"] and not match["version"].startswith("@") else ""


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
