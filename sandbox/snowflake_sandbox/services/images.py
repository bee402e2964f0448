"""Container images of the sandbox: folders with a Dockerfile, found by reference and read without building anything.

Knows Dockerfiles (through dockerfile-parse) and references such as `/db/schema/repository/name:tag`; must not know
services or processes. What a Dockerfile copies is laid out in a folder per container, so that WORKDIR and absolute
paths mean the same as in the image. RUN steps are not executed: the sandbox's own Python has the packages.
"""

from __future__ import annotations

import hashlib
import json
import re
import shutil
from dataclasses import dataclass, field
from io import BytesIO
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING

from dockerfile_parse import DockerfileParser

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

_TITLE = "org.opencontainers.image.title"
_VERSION = "org.opencontainers.image.version"
_REFERENCE = re.compile(
    r"(?P<path>(?:[\w.-]*+/)*+)(?P<name>[\w.-]++)(?::(?P<tag>[\w.-]+))?(?:@(?P<digest>sha256:[0-9a-f]{64}))?"
)
# Installations that bring neither pandas nor numpy: only the clients, without extras.
_CLIENTS_ALONE = re.compile(
    r"(python3? -m )?pip3? install( --?[\w-]+)*"
    r"( [\"']?snowflake-(snowpark|connector)-python([=<>~!][^\s\"'\[]*)?[\"']?)+"
)
_IGNORED = shutil.ignore_patterns("__pycache__", ".git", "*.pyc")


class ImageError(Exception):
    """The image cannot be used; the text says why and what to do."""


@dataclass(frozen=True)
class Image:
    """An image's source.

    Attributes:
        folder: the folder with the Dockerfile.
        tags: the image's tags; always includes "latest".
        digest: `sha256:…` of the folder's content.
        copies: (source below the folder, absolute path in the image) of every COPY and ADD, in order.
        without_data_frames: whether everything that it installs into a Python image is known and excludes pandas.
    """

    name: str
    tags: tuple[str, ...]
    folder: Path
    digest: str
    entrypoint: tuple[str, ...]
    command: tuple[str, ...]
    workdir: str
    env: Mapping[str, str] = field(default_factory=dict)
    copies: tuple[tuple[str, str], ...] = ()
    without_data_frames: bool = False


@dataclass(frozen=True)
class Reference:
    """An image reference in a specification, in lower case except for the tag."""

    repository: tuple[str, str, str] | None
    name: str
    tag: str
    digest: str | None


def parse_reference(text: str) -> Reference:
    """Read `[registry][/db/schema/repository/]name[:tag][@digest]`.

    Raises:
        ImageError: the text is not an image reference.
    """
    match = _REFERENCE.fullmatch(text.strip())
    if match is None:
        raise ImageError(f"'{text}' is not an image reference such as /db/schema/repository/name:tag.")
    parts = [part.lower() for part in match["path"].split("/") if part]
    name = match["name"].lower()
    if len(parts) < 3:  # noqa: PLR2004  # database, schema, repository
        return Reference(None, name, match["tag"] or "latest", match["digest"])
    # The image's name may contain slashes; a registry's name contains a dot or a port.
    first = 1 if len(parts) > 3 and re.search(r"[.:]", parts[0]) else 0  # noqa: PLR2004  # with the registry before them
    database, schema, repository, *folders = parts[first:]
    return Reference(
        (database, schema, repository), "/".join([*folders, name]), match["tag"] or "latest", match["digest"]
    )


def find(images: Iterable[Image], reference: Reference) -> Image | None:
    """Return the image for a reference; None if there is none."""
    for image in images:
        if image.name.lower() != reference.name:
            continue
        if reference.digest == image.digest if reference.digest else reference.tag in image.tags:
            return image
    return None


def load(folders: Iterable[Path]) -> list[Image]:
    """Return all images whose source is in one of the folders (`<folder>/*/Dockerfile`).

    Raises:
        ImageError: a Dockerfile cannot be read.
    """
    return [_read(path.parent) for folder in folders for path in sorted(folder.glob("*/Dockerfile"))]


def _read(folder: Path) -> Image:
    parser = DockerfileParser(fileobj=BytesIO((folder / "Dockerfile").read_bytes()))
    labels = dict(parser.labels)
    version = labels.get(_VERSION)
    # As in Docker, a later ENTRYPOINT or CMD replaces an earlier one, and a new ENTRYPOINT also clears an earlier CMD.
    entrypoint: tuple[str, ...] = ()
    command: tuple[str, ...] = ()
    workdir, copies = "/", list[tuple[str, str]]()
    for line in parser.structure:
        instruction, value = line["instruction"], line["value"]
        if instruction == "FROM":
            workdir, copies, entrypoint, command = "/", [], (), ()
        elif instruction == "WORKDIR":
            workdir = _absolute(workdir, value.strip())
        elif instruction in ("COPY", "ADD"):
            copies += _copies(value, workdir)
        elif instruction == "ENTRYPOINT":
            entrypoint, command = _words(value), ()
        elif instruction == "CMD":
            command = _words(value)
    return Image(
        name=labels.get(_TITLE) or folder.name,
        tags=("latest", version) if version else ("latest",),
        folder=folder,
        digest=digest(folder),
        entrypoint=entrypoint,
        command=command,
        workdir=workdir,
        env=dict(parser.envs),
        copies=tuple(copies),
        without_data_frames=_without_data_frames(parser.structure),
    )


def _without_data_frames(instructions: Iterable[Mapping[str, str]]) -> bool:
    values = {
        name: [line["value"].strip() for line in instructions if line["instruction"] == name]
        for name in ("FROM", "RUN")
    }
    if not values["FROM"] or not values["RUN"] or not values["FROM"][-1].startswith("python:"):
        return False
    return all(_CLIENTS_ALONE.fullmatch(command) for command in values["RUN"])


def _words(value: str) -> tuple[str, ...]:
    """Return the words of an ENTRYPOINT or CMD in JSON form or shell form."""
    try:
        words = json.loads(value)
    except json.JSONDecodeError:
        return ("/bin/sh", "-c", value)
    if not isinstance(words, list) or not all(isinstance(word, str) for word in words):
        return ("/bin/sh", "-c", value)
    return tuple(words)


def _copies(value: str, workdir: str) -> list[tuple[str, str]]:
    words = [word for word in _words(value) if not word.startswith("--")]
    if words[:2] == ["/bin/sh", "-c"]:
        words = [word for word in value.split() if not word.startswith("--")]
    if "--from=" in value or len(words) < 2:  # noqa: PLR2004  # a source and a target
        return []
    *sources, target = words
    absolute = _absolute(workdir, target)
    into_folder = target.endswith("/") or len(sources) > 1 or target in (".", "./")
    return [(source, f"{absolute}/" if into_folder else absolute) for source in sources]


def _absolute(folder: str, path: str) -> str:
    """Return an absolute path in an image; `..` never leads above the image's root.

    >>> _absolute("/app", "../../../etc/x")
    '/etc/x'
    """
    parts: list[str] = []
    for part in PurePosixPath(folder, path).parts[1:]:
        parts = parts[:-1] if part == ".." else [*parts, part]
    return "/" + "/".join(parts)


def digest(folder: Path) -> str:
    """Return `sha256:…` of the names and contents of all files of a folder, except caches."""
    total = hashlib.sha256()
    for path in sorted(folder.rglob("*")):
        relative = path.relative_to(folder)
        if path.is_file() and "__pycache__" not in relative.parts and path.suffix != ".pyc":
            total.update(f"{relative}\0".encode())
            total.update(hashlib.sha256(path.read_bytes()).digest())
    return f"sha256:{total.hexdigest()}"


def lay_out(image: Image, root: Path) -> Path:
    """Copy the image's files below `root`, as the container would see them below `/`; return the working folder there.

    The Dockerfile and links come from anybody who may push an image. Nothing is therefore read from outside the image's
    folder, nor written outside `root`.

    Raises:
        ImageError: a COPY names a file that is not in the folder, or a link leads out of the folder or the image.
    """
    for source, target in image.copies:
        # As in Docker, `..` and absolute paths are relative to the folder.
        pattern = _absolute("/", source).lstrip("/")
        paths = sorted(image.folder.glob(pattern)) if pattern else [image.folder]
        if not paths:
            raise ImageError(f"{image.folder / 'Dockerfile'} copies '{source}', which is not in the folder.")
        for path in paths:
            if not path.resolve().is_relative_to(image.folder.resolve()):
                raise ImageError(
                    f"{image.folder / 'Dockerfile'} copies '{source}', a link that leads out of the folder."
                )
            _copy(path, root, target, into_folder=target.endswith("/") or len(paths) > 1)
    workdir = _inside_root(root, image.workdir)
    workdir.mkdir(parents=True, exist_ok=True)
    return workdir


def _inside_root(root: Path, path: str) -> Path:
    """Return where a path of the image is below `root`.

    Raises:
        ImageError: a link in the image leads out of the image.
    """
    place = root / path.lstrip("/")
    if not place.resolve().is_relative_to(root.resolve()):
        raise ImageError(f"A link of the image leads the path {path} out of the container.")
    return place


def _copy(path: Path, root: Path, target: str, *, into_folder: bool) -> None:
    destination = _inside_root(root, target)
    if path.is_dir():

        def copy_file(source: str, place: str) -> str:
            return str(shutil.copy2(source, _inside_root(root, str(Path(place).relative_to(root)))))

        # As in Docker, links stay links, whether or not the container can see their targets.
        shutil.copytree(path, destination, symlinks=True, ignore=_IGNORED, copy_function=copy_file, dirs_exist_ok=True)
        return
    if into_folder or destination.is_dir():
        destination = _inside_root(root, f"{target}/{path.name}")
    destination.parent.mkdir(parents=True, exist_ok=True)
    shutil.copy2(path, destination)


def command_line(
    image: Image, root: Path, command: tuple[str, ...], args: tuple[str, ...] | None, python: str
) -> list[str]:
    """Return the command line: the specification's command and args override the image's, as in Kubernetes.

    Args:
        image: provides what the specification leaves out.
        root: where the image was laid out; absolute paths that exist below it refer to it.
        command: replaces ENTRYPOINT and CMD; () if not given.
        args: replaces CMD; None if not given.
        python: the interpreter to use for `python`, `python3` and their absolute paths.

    Raises:
        ImageError: there is nothing to execute.
    """
    arguments = () if args is None else args
    words = [*command, *arguments] if command else [*image.entrypoint, *(image.command if args is None else args)]
    if not words:
        raise ImageError(f"image {image.name} has neither ENTRYPOINT nor CMD, and the specification no command.")
    if re.fullmatch(r"(/usr(/local)?/bin/)?python3?(\.\d+)?", words[0]):
        words[0] = python
    return [_inside(root, word) for word in words]


def _inside(root: Path, word: str) -> str:
    below = root / word.lstrip("/")
    return str(below) if word.startswith("/") and len(word) > 1 and below.exists() else word
