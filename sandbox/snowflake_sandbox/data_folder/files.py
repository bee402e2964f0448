"""The small files of a data folder by which clients find its sandbox: the administrator's login, and the port.

Knows their format. Only the process that holds the folder writes them, each whole or not at all. Must not know what is
done with them.
"""

from __future__ import annotations

import json
import os
import secrets
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from pathlib import Path

CREDENTIALS, PROCESS = "credentials.json", "process.json"
_ADMINISTRATOR = "SANDBOX_ADMIN"


@dataclass(frozen=True)
class Credentials:
    """The administrator's login. Never print the password, except if the user requested the environment."""

    user: str
    password: str


@dataclass(frozen=True)
class Process:
    """The process that last wrote to a folder, and its port; 0 where that is not known."""

    pid: int = 0
    port: int = 0


def read_credentials(folder: Path) -> Credentials | None:
    """Return the administrator's login; None if the file is missing or holds none."""
    written = _read(folder / CREDENTIALS)
    user, password = written.get("user"), written.get("password")
    if isinstance(user, str) and isinstance(password, str) and user and password:
        return Credentials(user, password)
    return None


def ensured_credentials(folder: Path) -> Credentials:
    """Return the administrator's login; if there is none, a new one, which every start gives to the user."""
    login = read_credentials(folder)
    if login is None:
        login = Credentials(_ADMINISTRATOR, secrets.token_urlsafe(24))
        _write(folder / CREDENTIALS, asdict(login))
    return login


def read_process(folder: Path) -> Process:
    """Return the process that last wrote to the folder."""
    written = _read(folder / PROCESS)
    return Process(_positive(written.get("pid")), _positive(written.get("port")))


def write_process(folder: Path, pid: int, port: int) -> None:
    """Write which process listens for the folder, and where."""
    _write(folder / PROCESS, {"pid": pid, "port": port})


def _positive(value: Any) -> int:
    # a signal to the process 0, or to a negative one, would end whole groups of processes
    return value if type(value) is int and value > 0 else 0


def _read(file: Path) -> dict[str, Any]:
    try:
        read = json.loads(file.read_text("utf-8"))
    except (FileNotFoundError, ValueError):
        return {}
    return read if isinstance(read, dict) else {}


def _write(file: Path, content: dict[str, Any]) -> None:
    """Write a file that only its owner may read: after a kill or a power cut, it is the former one or the new one."""
    new = file.with_name(f"{file.name}.new")
    with os.fdopen(os.open(new, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w", encoding="utf-8") as writer:
        json.dump(content, writer)
        writer.flush()
        os.fsync(writer.fileno())
    new.replace(file)
