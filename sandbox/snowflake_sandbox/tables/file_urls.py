"""URLs of staged files: BUILD_SCOPED_FILE_URL, BUILD_STAGE_FILE_URL, and reading the file of a URL.

Knows stages and the owners of scoped URLs; must not know HTTP (protocol/server.py serves the bytes). A scoped URL is
valid for 24 hours, for the user who created it, with the privileges that the role had at that time
(sql-reference/functions/build_scoped_file_url). It becomes invalid when the sandbox's process ends.
"""

from __future__ import annotations

import secrets
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from snowflake_sandbox import errors
from snowflake_sandbox.data.function_arguments import counted
from snowflake_sandbox.tables import stage_files

if TYPE_CHECKING:
    from pathlib import Path

    from snowflake_sandbox.call import Call, World
    from snowflake_sandbox.session import Session

PART = "file urls"
_VALID = timedelta(hours=24)
_MOST_URLS = 10_000


@dataclass(frozen=True)
class _Scoped:
    user: tuple[str, str | None]
    root: Path
    path: str
    until: datetime


@dataclass
class FileUrls:
    """The scoped URLs of a process."""

    world: World
    _scoped: dict[str, _Scoped] = field(default_factory=dict)

    def start(self) -> None:
        """Do nothing: there are no threads."""

    def stop(self) -> None:
        """Do nothing: there are no threads."""

    def make(self, session: Session, root: Path, path: str, now: datetime) -> str:
        """Return the path of a new URL; the oldest URLs are removed if there are too many.

        Raises:
            SnowflakeError: 001008 for a path that leaves the stage, whose folder is `root`.
        """
        file = stage_files.inside(root, path)
        key = secrets.token_urlsafe(16)
        self._scoped[key] = _Scoped(_user(session), root, path, now + _VALID)
        while len(self._scoped) > _MOST_URLS:
            self._scoped.pop(next(iter(self._scoped)), None)
        return f"{key}/{quote(file.name)}"

    def read(self, session: Session, path: str) -> bytes:
        """Return the content of the file of one of this sandbox's URLs.

        Raises:
            SnowflakeError: 390420 (guess: the number) if the URL is unknown, expired, or another user's.
        """
        url = self._scoped.get(path.split("/", maxsplit=1)[0])
        if url is None or url.user != _user(session) or url.until < self.world.clock.now():
            raise _invalid_url()
        try:
            # Again, because a container that writes to the stage may have put a link in the file's place.
            file = stage_files.inside(url.root, url.path)
        except errors.SnowflakeError as error:
            raise _invalid_url() from error
        if not file.is_file():
            raise _invalid_url()
        return file.read_bytes()


def _invalid_url() -> errors.SnowflakeError:
    return errors.SnowflakeError(390420, "08001", "The file's URL is not valid, out of date, or another user's.")


def _user(session: Session) -> tuple[str, str | None]:
    """Return who a session is: a service's user has only the name of the service, which others may have too."""
    return session.user, session.service


def register(world: World) -> None:
    """Add the functions and the store of URLs to the world."""
    world.parts[PART] = FileUrls(world)
    world.functions |= {
        "BUILD_SCOPED_FILE_URL": _scoped_url,
        "BUILD_STAGE_FILE_URL": _stage_url,
    }


def _file(call: Call, arguments: tuple[Any, ...], function: str) -> tuple[stage_files.Location, str]:
    reference, path = counted(arguments, 2, 2, function)
    return stage_files.locate(call, str(reference), "READ"), stage_files.normal(str(path))


def _address(call: Call) -> str:
    host, port = call.world.address
    return f"http://{host}:{port}/api/files"


def _scoped_url(call: Call, arguments: tuple[Any, ...]) -> str:
    """BUILD_SCOPED_FILE_URL(@stage, 'path'); whether the file exists is only checked on reading."""
    location, path = _file(call, arguments, "BUILD_SCOPED_FILE_URL")
    urls: FileUrls = call.world.parts[PART]
    return f"{_address(call)}/{urls.make(call.session, location.root, path, call.now)}"


def _stage_url(call: Call, arguments: tuple[Any, ...]) -> str:
    location, path = _file(call, arguments, "BUILD_STAGE_FILE_URL")
    assert location.stage is not None  # noqa: S101  # a stage by name
    name = location.stage.name
    return f"{_address(call)}/{name.database}/{name.schema}/{name.name}/{quote(path, safe='')}"
