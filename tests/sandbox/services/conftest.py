"""A world with one pool and an image whose program does what a test asks for, in real child processes."""

from __future__ import annotations

import json
import os
import socket
import threading
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import pytest
import uvicorn
from snowflake_sandbox import world
from snowflake_sandbox.clock import ManualClock
from snowflake_sandbox.errors import SnowflakeError
from snowflake_sandbox.protocol import logins
from snowflake_sandbox.protocol.server import Server

from tests import in_process

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from snowflake_sandbox.call import World
    from snowflake_sandbox.session import Session

ASYNC = "ASYNC = TRUE"
DOCKERFILE = 'FROM python:3.11-slim\nENV MODE=batch\nWORKDIR /app\nCOPY main.py ./\nENTRYPOINT ["python3", "main.py"]\n'
PROGRAM = """
import json, os, sys
kind, *rest = sys.argv[1:]
if kind == "wait":
    print("waiting", flush=True)
    open(rest[0]).read()
elif kind == "announce":
    print("running", flush=True)
    open(rest[0], "w").close()
    open(rest[1]).read()
elif kind == "fail":
    print("about to fail", flush=True)
    sys.exit(int(rest[0]))
elif kind == "python":
    exec(rest[0])
elif kind == "streams":
    print("out", flush=True)
    print("err", file=sys.stderr, flush=True)
elif kind == "environment":
    print(json.dumps(dict(os.environ)))
elif kind == "token":
    path = os.environ["SNOWFLAKE_TOKEN_FILE_PATH"]
    print(oct(os.stat(path).st_mode & 0o777), len(open(path).read()))
elif kind == "memory":
    x = bytearray(400 << 20)
    open(rest[0]).read()
elif kind == "lines":
    for n in range(int(rest[0])):
        print("line", n)
"""


@dataclass
class Jobs:
    folder: Path
    images: Path
    clock: ManualClock = field(default_factory=lambda: ManualClock(datetime(2026, 1, 2, 3, tzinfo=UTC)))
    address: tuple[str, int] = ("127.0.0.1", 0)
    world: World = field(init=False)
    session: Session = field(init=False)

    def start(self) -> None:
        self.world = world.build(self.folder, (self.images,), self.clock, address=self.address, password="-")
        self.session = logins.open_session(
            self.world, logins.ADMINISTRATOR, "ACCOUNTADMIN", warehouse="FOR_EVERYBODY", database="D", schema="S"
        )
        self.world.parts["services"].start()

    def stop(self) -> None:
        # first, while the pools are there: a container may be ending
        self.world.parts["services"].stop()
        self.world.parts = {}
        world.stop(self.world)

    def rows(self, text: str, session: Session | None = None) -> list[dict[str, Any]]:
        return in_process.rows(self.world, session or self.session, text)

    def run(self, *statements: str) -> None:
        for statement in statements:
            self.rows(statement)

    def error(self, text: str, session: Session | None = None) -> SnowflakeError:
        with pytest.raises(SnowflakeError) as raised:
            self.rows(text, session)
        return raised.value

    def container(self, name: str) -> dict[str, Any]:
        return self.rows(f"SHOW SERVICE CONTAINERS IN SERVICE {name}")[0]

    def status(self, name: str) -> str:
        return str(self.rows(f"DESCRIBE SERVICE {name}")[0]["status"])

    def end(self, name: str) -> str:
        """Wait for a job's end; its status."""
        wait = f"CALL {name}!SPCS_WAIT_FOR('DONE', 60)"
        with suppress(SnowflakeError):
            self.run(wait)
            return self.status(name)
        assert "it ended with status" in self.error(wait).message
        return self.status(name)

    def running(self, name: str, gate: Path, options: str = ASYNC) -> None:
        """Start a job that ends once something is written into `gate`, and return when its program runs."""
        up = gate.with_suffix(f".{name}")
        for fifo in (gate, up):
            if not fifo.exists():
                os.mkfifo(fifo)
        self.run(job(name, "announce", str(up), str(gate), options=options))
        up.read_text()

    def log(self, name: str, lines: int = 1000) -> str:
        return str(self.rows(f"SELECT SYSTEM$GET_SERVICE_LOGS('{name}', '0', 'main', {lines}) AS L")[0]["L"])


@pytest.fixture
def jobs(tmp_path: Path) -> Iterator[Jobs]:
    yield from working(tmp_path)


@pytest.fixture
def served_jobs(tmp_path: Path) -> Iterator[Jobs]:
    """The same with a server, for containers that log in."""
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP) as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen(10)
        for made in working(tmp_path, listener.getsockname()[:2]):
            settings = uvicorn.Config(Server(made.world).application(), log_level="error", timeout_graceful_shutdown=1)
            server = uvicorn.Server(settings)
            thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]})
            thread.start()
            yield made
            server.should_exit = True
            thread.join()


def working(tmp_path: Path, address: tuple[str, int] = ("127.0.0.1", 0)) -> Iterator[Jobs]:
    """Jobs with a pool, an image and places for objects, as long as the iterator stands."""
    image = tmp_path / "images" / "test_image"
    image.mkdir(parents=True)
    (image / "Dockerfile").write_text(DOCKERFILE)
    (image / "main.py").write_text(PROGRAM)
    # as in a project
    made = Jobs(tmp_path / ".jobgraph" / "sandbox", tmp_path / "images", address=address)
    made.start()
    made.run(
        "CREATE DATABASE D",
        "CREATE SCHEMA D.S",
        "CREATE WAREHOUSE W",
        "CREATE WAREHOUSE FOR_EVERYBODY",
        "GRANT USAGE ON WAREHOUSE FOR_EVERYBODY TO ROLE PUBLIC",
        "CREATE IMAGE REPOSITORY R",
        "CREATE COMPUTE POOL P MIN_NODES = 1 MAX_NODES = 1 INSTANCE_FAMILY = CPU_X64_XS",
    )
    yield made
    made.stop()


# Keywords of `job` that belong to the specification and not to its container.
_OF_SPEC = {"exporters": "logExporters", "volumes": "volumes"}


def job(name: str, *args: str, options: str = "", image: str = "/d/s/r/test_image:latest", **container: Any) -> str:
    more = {name: container.pop(key) for key, name in _OF_SPEC.items() if key in container}
    spec = {"spec": {"containers": [{"name": "main", "image": image, "args": list(args), **container}], **more}}
    return f"EXECUTE JOB SERVICE IN COMPUTE POOL P NAME = {name} {options} FROM SPECIFICATION $${json.dumps(spec)}$$"
