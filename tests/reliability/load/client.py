"""A sandbox process, and clients so light that they do not measure themselves: the wire protocol over plain HTTP.

Knows how a process is started and asked, and what the kernel tells of it. Must not know what any load is.
"""

from __future__ import annotations

import http.client
import json
import os
import time
import uuid
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from snowflake_sandbox import control

if TYPE_CHECKING:
    from collections.abc import Iterator

    from snowflake_sandbox.data_folder.files import Credentials

IN_PROGRESS = {"333333", "333334"}
# The longest that a client waits for one answer.
PATIENCE = 120


class RefusedError(Exception):
    """The sandbox answered a statement with an error."""


class Client:
    """One session."""

    def __init__(self, port: int, login: Credentials, place: str = "") -> None:
        self._connection = http.client.HTTPConnection(control.HOST, port, timeout=PATIENCE)
        self._token = ""
        data = {"LOGIN_NAME": login.user, "PASSWORD": login.password, "CLIENT_APP_ID": "load"}
        self._token = self._post(f"/session/v1/login-request?{place}", {"data": data})["data"]["token"]

    def _post(self, path: str, body: dict[str, Any]) -> dict[str, Any]:
        return self._request("POST", path, json.dumps(body))

    def _request(self, method: str, path: str, body: str | None = None) -> dict[str, Any]:
        headers = {"Content-Type": "application/json"}
        if self._token:
            headers["Authorization"] = f'Snowflake Token="{self._token}"'
        self._connection.request(method, path, body, headers)
        answer: dict[str, Any] = json.loads(self._connection.getresponse().read())
        return answer

    def rows(self, text: str) -> list[list[Any]]:
        """Run a statement; its rows as the wire has them.

        Raises:
            RefusedError: the sandbox refused it.
        """
        answer = self._post(f"/queries/v1/query-request?requestId={uuid.uuid4()}", {"sqlText": text})
        while answer["code"] in IN_PROGRESS:
            answer = self._request("GET", answer["data"]["getResultUrl"])
        if not answer["success"]:
            raise RefusedError(f"{answer['message']} ({text[:100]})")
        return list(answer["data"].get("rowset") or ())

    def until(self, text: str, patience: float) -> bool:
        """Ask until a statement has no rows any more; False when it still has some after so many seconds."""
        end = time.monotonic() + patience
        while self.rows(text):
            if time.monotonic() > end:
                return False
            time.sleep(0.2)
        return True

    def abandon(self) -> None:
        """Go away without a word, as a client that is killed."""
        self._connection.close()


class Sandbox:
    """A running sandbox."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        status = control.status(folder)
        self.pid, self._port = status.pid, status.port

    def client(self, place: str = "databaseName=D&schemaName=PUBLIC&warehouse=W") -> Client:
        """Log in."""
        return Client(self._port, control.credentials(self._folder), place)

    @property
    def megabytes(self) -> float:
        """What it holds of the machine's memory."""
        return self._kernel("VmRSS") / 1024

    @property
    def threads(self) -> int:
        """How many threads it has."""
        return self._kernel("Threads")

    @property
    def processor_seconds(self) -> float:
        """How much of the processor's time it has used."""
        used = Path(f"/proc/{self.pid}/stat").read_text().rpartition(")")[2].split()[11:13]
        return sum(map(int, used)) / os.sysconf("SC_CLK_TCK")

    def _kernel(self, word: str) -> int:
        lines = Path(f"/proc/{self.pid}/status").read_text().splitlines()
        return next(int(line.split()[1]) for line in lines if line.startswith(f"{word}:"))


@contextmanager
def running(folder: Path, images: Path | None = None) -> Iterator[Sandbox]:
    """A sandbox with a database D, a warehouse W and a pool P, as long as the context stands."""
    control.start(folder, (images,) if images else ())
    try:
        sandbox = Sandbox(folder)
        client = sandbox.client(place="")
        for statement in (
            "CREATE WAREHOUSE W MAX_CONCURRENCY_LEVEL = 500",
            "CREATE DATABASE D",
            "CREATE IMAGE REPOSITORY D.PUBLIC.R",
            "CREATE COMPUTE POOL P MIN_NODES = 1 MAX_NODES = 50 INSTANCE_FAMILY = CPU_X64_L",
        ):
            client.rows(statement)
        yield sandbox
    finally:
        control.stop(folder)
