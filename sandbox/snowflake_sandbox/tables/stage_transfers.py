"""Files of stages for drivers that do not copy files themselves: the permitted files of a transfer, and its bytes.

Knows folders and who may access which files; must not know HTTP (protocol/stage_api.py). Drivers built on Snowflake's
common core (Python connector 5) support clouds only, not LOCAL_FS: the sandbox presents the stage to them as a GCS
bucket with itself as the endpoint, and a token for this one PUT or GET.
"""

from __future__ import annotations

import base64
import hashlib
import secrets
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from snowflake_sandbox.objects import stage
from snowflake_sandbox.tables.stage_files import inside, remove_parts, room_for, whole

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

    from snowflake_sandbox.call import World
    from snowflake_sandbox.session import Session

PART = "stage transfers"
BUCKET = "stage"
PREFIX = "/api/stage-files"
_MOST_TRANSFERS = 10_000


@dataclass(frozen=True)
class Transfer:
    """The access that a token grants.

    Attributes:
        session: the token of the session that requested the transfer, which ends with the session.
        names: the names of the files that may be read; None if the folder is written.
    """

    session: str
    folder: Path
    names: frozenset[str] | None

    def readable(self, name: str) -> Path | None:
        """Return the file that may be read, if it exists: of a GET, or one that a PUT may overwrite."""
        if self.names is not None and name not in self.names:
            return None
        file = inside(self.folder, name)
        return file if file.is_file() else None

    async def write(self, name: str, chunks: AsyncIterator[bytes]) -> bool:
        """Write a file completely or not at all, so that nobody reads a part; return whether it may be written."""
        if self.names is not None:
            return False
        with whole(room_for(self.folder, name)) as partial, partial.open("wb") as target:
            async for chunk in chunks:
                target.write(chunk)
            target.flush()
        return True


def digest(file: Path) -> str:
    """Return the digest that drivers compare with that of their own file."""
    with file.open("rb") as content:
        return base64.b64encode(hashlib.file_digest(content, "sha256").digest()).decode()


@dataclass
class StageTransfers:
    """The open transfers of a process."""

    world: World
    _transfers: dict[str, Transfer] = field(default_factory=dict)

    def start(self) -> None:
        """Remove parts of files that a killed process has left."""
        remove_parts(stage.root(self.world))

    def stop(self) -> None:
        """Do nothing: there are no threads."""

    def stage_info(self, session: Session, folder: Path, names: list[str] | None) -> dict[str, Any]:
        """Return the `stageInfo` of a new transfer for the response; the oldest are removed if there are too many."""
        token = secrets.token_urlsafe(32)
        self._transfers[token] = Transfer(session.token, folder, None if names is None else frozenset(names))
        while len(self._transfers) > _MOST_TRANSFERS:
            self._transfers.pop(next(iter(self._transfers)), None)
        host, port = self.world.address
        return {
            "locationType": "GCS",
            "location": f"{BUCKET}/",
            "path": "",
            "region": "",
            "storageAccount": "",
            "isClientSideEncrypted": False,
            "creds": {"GCS_ACCESS_TOKEN": token},
            "presignedUrl": "",
            "endPoint": f"http://{host}:{port}{PREFIX}",
        }

    def of(self, token: str) -> Transfer | None:
        """Return the transfer of a token, as long as its session exists."""
        transfer = self._transfers.get(token)
        if transfer is not None and transfer.session not in self.world.sessions:
            del self._transfers[token]
            return None
        return transfer


def register(world: World) -> None:
    """Add the transfers to the world."""
    world.parts[PART] = StageTransfers(world)
