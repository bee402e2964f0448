"""The content of image repositories: images of the project's folders, and pushed images.

Knows blobs, manifests and tags (opencontainers.org, distribution specification) and SHOW IMAGES (sql-reference/sql/
show-images). Must not know HTTP (protocol/registry_api.py). An image pushed by a container engine is stored and listed
but cannot run, because its layers contain a whole operating system. An image pushed by the sandbox's builder is the
folder from which it was built, and runs like the project's own folders.
"""

from __future__ import annotations

import hashlib
import io
import json
import re
import shutil
import tarfile
import threading
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from snowflake_sandbox.access import access
from snowflake_sandbox.catalog import catalog
from snowflake_sandbox.objects import image_repository
from snowflake_sandbox.result import SHOW, Result, columns
from snowflake_sandbox.services import images
from snowflake_sandbox.statements.definitions import find_for
from snowflake_sandbox.statements.reader import ObjectName

if TYPE_CHECKING:
    from collections.abc import Iterator

    from snowflake_sandbox.call import Call, World
    from snowflake_sandbox.catalog.catalog import SnowflakeObject

TABLES = """
CREATE TABLE IF NOT EXISTS pushed_image (
    repository_id INTEGER NOT NULL,
    name TEXT NOT NULL,
    tag TEXT NOT NULL,
    digest TEXT NOT NULL,
    created_on TEXT NOT NULL,
    PRIMARY KEY (repository_id, name, tag)
) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS repository_blob (
    repository_id INTEGER NOT NULL,
    digest TEXT NOT NULL,
    PRIMARY KEY (repository_id, digest)
) WITHOUT ROWID;
CREATE TRIGGER IF NOT EXISTS repository_blobs_go AFTER DELETE ON object BEGIN
    DELETE FROM repository_blob WHERE repository_id = OLD.id;
END;
CREATE TRIGGER IF NOT EXISTS pushed_images_go AFTER DELETE ON object BEGIN
    DELETE FROM pushed_image WHERE repository_id = OLD.id;
END;
"""
# The media type of a layer that is the folder from which an image was built.
CONTEXT_LAYER = "application/vnd.snowflake-sandbox.context.v1.tar"
_DIGEST = re.compile(r"sha256:[0-9a-f]{64}")
# Limits of a pushed folder, unpacked: bytes, files, and characters of a name.
_LARGEST_CONTEXT, _MOST_FILES, _LONGEST_NAME = 4 << 30, 100_000, 1024
_IMAGES = columns("created_on@ image_name tags digest image_path")
# The repository of Snowflake's own images for which the sandbox has a program.
SYSTEM_REPOSITORY = ("snowflake", "images", "snowflake_images")
_SYSTEM_IMAGES = Path(__file__).resolve().parent.parent / "system_images"


class Registry:
    """Blobs and manifests: the files, by digest, in a folder; their names and repositories in the store.

    Two repositories may have the same blob. Whoever may read only one of them must not learn what the other contains.
    """

    def __init__(self, world: World) -> None:
        self._world = world
        self._folder = world.folder / "registry"
        # jobs of one image start at once, each in its own thread
        self._unpacking = threading.Lock()

    @staticmethod
    def digest_of(content: bytes) -> str:
        """Return the digest of a blob or manifest."""
        return f"sha256:{hashlib.sha256(content).hexdigest()}"

    @staticmethod
    def is_digest(text: str) -> bool:
        """Whether a text is a digest."""
        return _DIGEST.fullmatch(text) is not None

    def put(self, repository: SnowflakeObject, content: bytes) -> str:
        """Store a blob or manifest of a repository and return its digest."""
        digest = self.digest_of(content)
        self._folder.mkdir(exist_ok=True)
        scratch = self._folder / f"{self._world.new_id()}.part"
        scratch.write_bytes(content)
        scratch.rename(self._path(digest))
        with self._world.store.transaction() as tx:
            tx.run("INSERT OR IGNORE INTO repository_blob VALUES (?, ?)", repository.id, digest)
        return digest

    def holds(self, repository: SnowflakeObject, digest: str) -> bool:
        """Tell whether a blob or manifest was pushed to a repository."""
        with self._world.store.reading() as tx:
            return (
                tx.row("SELECT 1 FROM repository_blob WHERE repository_id = ? AND digest = ?", repository.id, digest)
                is not None
            )

    def get(self, digest: str) -> bytes | None:
        """Return a blob or manifest; None if it does not exist or the text is not a digest."""
        if not self.is_digest(digest):
            return None
        path = self._path(digest)
        return path.read_bytes() if path.is_file() else None

    def tag(self, repository: SnowflakeObject, name: str, tag: str, digest: str) -> None:
        """Make a tag, or the digest itself, refer to a manifest from now on."""
        with self._world.store.transaction() as tx:
            tx.run(
                "INSERT OR REPLACE INTO pushed_image VALUES (?, ?, ?, ?, ?)",
                repository.id,
                name,
                tag,
                digest,
                self._world.clock.now().isoformat(),
            )

    def digest(self, repository: SnowflakeObject, name: str, reference: str) -> str | None:
        """Return the digest to which a tag refers; a digest refers to itself. None if unknown."""
        with self._world.store.reading() as tx:
            row = tx.row(
                "SELECT digest FROM pushed_image WHERE repository_id = ? AND name = ? AND (tag = ? OR digest = ?)",
                repository.id,
                name,
                reference,
                reference,
            )
        return str(row["digest"]) if row is not None else None

    def pushed(self, repository: SnowflakeObject) -> dict[tuple[str, str], tuple[list[str], str]]:
        """Return (name, digest) -> (tags, time) of the pushed images."""
        with self._world.store.reading() as tx:
            rows = tx.rows("SELECT * FROM pushed_image WHERE repository_id = ? ORDER BY name, tag", repository.id)
        listed: dict[tuple[str, str], tuple[list[str], str]] = {}
        for row in rows:
            tags, _ = listed.setdefault((row["name"], row["digest"]), ([], row["created_on"]))
            if not self.is_digest(row["tag"]):
                tags.append(row["tag"])
        return listed

    def find(self, text: str) -> images.Image:
        """Return the image that a specification names: from a folder, one of Snowflake's own, or pushed.

        Raises:
            ImageError: it does not exist, or cannot be run.
        """
        reference = images.parse_reference(text)
        is_system = reference.repository == SYSTEM_REPOSITORY
        catalogue = images.load((_SYSTEM_IMAGES,) if is_system else self._world.images)
        # A stand-in serves every version of one of Snowflake's images.
        tag = "latest" if is_system else reference.tag
        image = images.find(catalogue, replace(reference, tag=tag)) or self._pushed_image(reference)
        if image is None:
            tagged = sorted(f"{candidate.name}:{tag}" for candidate in catalogue for tag in candidate.tags)
            names = ", ".join(tagged) or "none"
            raise images.ImageError(f"Failed to pull image: '{text}' not found. Existing images: {names}.")
        return image

    def _pushed_image(self, reference: images.Reference) -> images.Image | None:
        """Return a pushed image that can be run; None if there is none with that name.

        Raises:
            ImageError: it was pushed by a container engine.
        """
        if reference.repository is None:
            return None
        database, schema, name = (part.upper() for part in reference.repository)
        with self._world.store.reading() as tx:
            place = catalog.find(tx, "IMAGE REPOSITORY", ObjectName(name, schema, database))
        digest = self.digest(place, reference.name, reference.digest or reference.tag) if place else None
        manifest = json.loads(self.get(digest) or b"{}") if digest else {}
        if not manifest:
            return None
        layer = next((entry for entry in manifest["layers"] if entry["mediaType"] == CONTEXT_LAYER), None)
        content = self.get(str(layer["digest"])) if layer else None
        if content is None:
            raise images.ImageError(
                f"'{reference.name}' was pushed by a container engine: the sandbox keeps such images, and runs only"
                " those of folders and those that its own builder made."
            )
        with self._unpacking:
            folder = self._unpacked(str(digest), content)
        (image,) = images.load([folder.parent])
        return replace(image, name=reference.name, digest=str(digest))

    def _unpacked(self, digest: str, content: bytes) -> Path:
        folder = self._folder / "contexts" / digest.removeprefix("sha256:") / "context"
        if not folder.exists():
            # under another name first, so that a kill does not leave an incomplete folder
            scratch = self._folder / f"{self._world.new_id()}.part"
            scratch.mkdir(parents=True)
            try:
                with tarfile.open(fileobj=io.BytesIO(content)) as archive:
                    _check_size(archive)
                    archive.extractall(scratch, filter=_context_member)  # noqa: S202  # that is what the filter is for
            except (tarfile.TarError, OSError) as error:
                shutil.rmtree(scratch, ignore_errors=True)
                raise images.ImageError(f"Failed to pull image: its layer cannot be unpacked ({error}).") from error
            folder.parent.mkdir(parents=True, exist_ok=True)
            scratch.rename(folder)
        return folder

    def _path(self, digest: str) -> Path:
        return self._folder / digest.replace(":", "-")


def _check_size(archive: tarfile.TarFile) -> None:
    """Refuse an archive that would fill the disk; a small archive may unpack to any size.

    Raises:
        TarError: it has too many files, or they are too large.
    """
    size = 0
    for count, member in enumerate(archive, 1):
        size += member.size
        if size > _LARGEST_CONTEXT or count > _MOST_FILES:
            raise tarfile.ReadError(f"it has more than {_LARGEST_CONTEXT >> 30} GiB, or more than {_MOST_FILES} files")


def _context_member(member: tarfile.TarInfo, folder: str) -> tarfile.TarInfo | None:
    """Return an archive member that may be unpacked: by Python's own rules, and never through a link in the archive.

    Chains of links in very long paths bypass those rules in Python before 3.11.13 (CVE-2025-4517).

    Raises:
        FilterError: the member may not be unpacked.
    """
    filtered = tarfile.data_filter(member, folder)
    place = Path(folder, member.name)
    if len(member.name) > _LONGEST_NAME or any(parent.is_symlink() for parent in place.parents):
        raise tarfile.OutsideDestinationError(member, str(place))
    return filtered


def show_images(call: Call) -> Result:
    """SHOW IMAGES [LIKE 'x'] IN IMAGE REPOSITORY <name>: images from folders are in every repository."""
    pattern = catalog.like_pattern(call.reader.string() if call.reader.accept("LIKE") else None)
    call.reader.expect("IN IMAGE REPOSITORY")
    repository = find_for(call, image_repository.KIND, "SHOW IMAGES")
    if repository is None:
        return Result(_IMAGES, [], SHOW)
    access.require(call, ("READ", "WRITE"), repository)
    call.reader.end()
    rows = [row for row in _rows(call.world, repository) if pattern is None or pattern.fullmatch(row[1])]
    return Result(_IMAGES, rows, SHOW)


def _rows(world: World, repository: SnowflakeObject) -> Iterator[tuple[Any, ...]]:
    path = ".".join((repository.name.database or "", repository.name.schema or "", repository.name.name))
    place = path.lower().replace(".", "/")
    registry: Registry = world.parts["services"].registry
    for (name, digest), (tags, created_on) in registry.pushed(repository).items():
        full = f"/{place}/{name}"
        yield catalog.instant(created_on), name, ", ".join(tags), digest, f"{full}:{tags[0]}" if tags else full
    in_folders = {(image.name, image.digest): image for image in images.load(world.images)}
    for image in in_folders.values():
        name, tag = image.name.lower(), image.tags[-1]
        yield repository.created_on, name, ", ".join(image.tags), image.digest, f"/{place}/{name}:{tag}"
