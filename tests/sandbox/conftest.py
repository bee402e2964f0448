"""A sandbox in memory of the test process: a world with a clock that stands still, and one that answers over HTTP."""

from __future__ import annotations

import socket
import threading
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import pytest
import snowflake.connector
import uvicorn
from snowflake_sandbox import world
from snowflake_sandbox.clock import Clock, ManualClock
from snowflake_sandbox.data.adapter import DataPlane
from snowflake_sandbox.errors import SnowflakeError
from snowflake_sandbox.protocol import logins
from snowflake_sandbox.protocol.bounded_http import BoundedHttp
from snowflake_sandbox.protocol.server import Server

from tests import in_process

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

    from snowflake_sandbox.call import World
    from snowflake_sandbox.session import Session

START = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)
PASSWORD = "a-password-of-the-tests"


@dataclass
class Client:
    """A session of a world, in process."""

    world: World
    session: Session

    def rows(self, text: str, binds: Mapping[str, Any] | None = None) -> list[dict[str, Any]]:
        """Run a statement; its rows by column name."""
        return in_process.rows(self.world, self.session, text, binds)

    def values(self, text: str, binds: Mapping[str, Any] | None = None) -> list[tuple[Any, ...]]:
        """The same as tuples."""
        return [tuple(row.values()) for row in self.rows(text, binds)]

    def errno(self, text: str) -> int:
        """The number of the error that a statement ends with."""
        with pytest.raises(SnowflakeError) as raised:
            self.rows(text)
        return raised.value.errno

    def as_role(self, role: str) -> Client:
        """Another session of the same user, with another role."""
        session = self.session
        opened = logins.open_session(
            self.world,
            session.user,
            role,
            warehouse=session.warehouse,
            database=session.database,
            schema=session.schema,
        )
        return Client(self.world, opened)


WAREHOUSE = "FOR_EVERYBODY"


def make_warehouse(client: Client) -> None:
    """Make a warehouse that every role may use; the session that makes it has it."""
    client.rows(f"CREATE WAREHOUSE {WAREHOUSE}")
    client.rows(f"GRANT USAGE ON WAREHOUSE {WAREHOUSE} TO ROLE PUBLIC")


def build(folder: Path, clock: Clock | None = None, address: tuple[str, int] = ("127.0.0.1", 0)) -> World:
    """A world on a folder."""
    return world.build(folder, (), clock or ManualClock(START), address=address, password=PASSWORD)


@contextmanager
def rows_in_memory() -> Iterator[None]:
    """Let the worlds that are built meanwhile keep no rows in files: a database takes a tenth of the time.

    For worlds that many tests share, each with a new database. What is opened again has files, as for users.
    """
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(world, "DataPlane", lambda _folder, stages: DataPlane(None, stages))
        yield


@pytest.fixture(scope="module")
def shared_world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    """A world for all tests of a file, with a warehouse for everybody."""
    with rows_in_memory():
        built = build(tmp_path_factory.mktemp("shared") / "sandbox")
    make_warehouse(Client(built, logins.open_session(built, logins.ADMINISTRATOR, "ACCOUNTADMIN")))
    yield built
    world.stop(built)


@pytest.fixture
def client(shared_world: World) -> Client:
    """A session of ACCOUNTADMIN with a new database D, its schema PUBLIC, and a warehouse for everybody.

    The file's tests share the account: a test that leaves something in it for others to meet takes `own_client`.
    """
    session = logins.open_session(shared_world, logins.ADMINISTRATOR, "ACCOUNTADMIN", warehouse=WAREHOUSE)
    client = Client(shared_world, session)
    client.rows("CREATE OR REPLACE DATABASE D")
    return client


@pytest.fixture
def own_client(tmp_path: Path) -> Iterator[Client]:
    """The same in a new world."""
    built = build(tmp_path / "sandbox")
    client = Client(built, logins.open_session(built, logins.ADMINISTRATOR, "ACCOUNTADMIN"))
    client.rows("CREATE DATABASE D")
    make_warehouse(client)
    yield client
    world.stop(built)


@dataclass
class Service:
    """A world that answers over HTTP."""

    world: World
    port: int

    def settings(self, **more: Any) -> dict[str, Any]:
        """What the connector needs to reach it."""
        return {
            "host": "127.0.0.1",
            "port": self.port,
            "protocol": "http",
            "account": "LOCAL-SANDBOX",
            "user": logins.ADMINISTRATOR,
            "password": PASSWORD,
            "role": "ACCOUNTADMIN",
            "warehouse": WAREHOUSE,
            **more,
        }

    def connect(self, **more: Any) -> snowflake.connector.SnowflakeConnection:
        """A connection of the real connector."""
        return snowflake.connector.connect(**self.settings(**more))


def serving(
    folder: Path, patience: float = 20.0, clock: Clock | None = None, *, has_files: bool = True
) -> Iterator[Service]:
    """A service as long as the iterator stands; its rows in files or in memory."""
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP) as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen(100)
        port = listener.getsockname()[1]
        with nullcontext() if has_files else rows_in_memory():
            made = build(folder, clock, address=("127.0.0.1", port))
        make_warehouse(Client(made, logins.open_session(made, logins.ADMINISTRATOR, "ACCOUNTADMIN")))
        application = Server(made, patience).application()
        settings = uvicorn.Config(application, http=BoundedHttp, log_level="error", timeout_graceful_shutdown=1)
        server = uvicorn.Server(settings)
        thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]})
        thread.start()
        try:
            yield Service(made, port)
        finally:
            server.should_exit = True
            thread.join()
            world.stop(made)


@pytest.fixture(scope="session")
def service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    """One service for all tests that need no world of their own."""
    yield from serving(tmp_path_factory.mktemp("service"), has_files=False)


@pytest.fixture
def impatient(tmp_path: Path) -> Iterator[Service]:
    """A service that answers "in progress" at once."""
    yield from serving(tmp_path / "sandbox", patience=0.0)
