"""A sandbox with real procedure processes, over HTTP."""

from __future__ import annotations

import socket
import threading
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import pytest
import uvicorn
from snowflake_sandbox import world
from snowflake_sandbox.clock import SystemClock
from snowflake_sandbox.errors import SnowflakeError
from snowflake_sandbox.protocol import logins
from snowflake_sandbox.protocol.server import Server

from tests import in_process

if TYPE_CHECKING:
    from collections.abc import Iterator

    from snowflake_sandbox.call import World
    from snowflake_sandbox.session import Session


@dataclass
class Procedures:
    world: World
    session: Session

    def rows(self, text: str, **more: Any) -> list[dict[str, Any]]:
        return in_process.rows(self.world, more.pop("session", self.session), text, **more)

    def create(self, name: str, body: str, returns: str = "VARCHAR", execute_as: str = "CALLER") -> None:
        lines = "\n".join(f"    {line}" for line in body.splitlines())
        head, _, arguments = name.partition("(")
        names = ", ".join(word.split()[0].lower() for word in arguments.rstrip(")").split(",") if word)
        self.rows(
            f"CREATE OR REPLACE PROCEDURE {head}({arguments or ')'} RETURNS {returns} LANGUAGE PYTHON"
            " RUNTIME_VERSION = '3.11' PACKAGES = ('snowflake-snowpark-python') HANDLER = 'main'"
            f" EXECUTE AS {execute_as} AS $$\ndef main(session{', ' + names if names else ''}):\n{lines}\n$$"
        )

    def value(self, call: str, **more: Any) -> Any:
        return next(iter(self.rows(call, **more)[0].values()))

    def error(self, call: str) -> SnowflakeError:
        with pytest.raises(SnowflakeError) as raised:
            self.rows(call)
        return raised.value


@pytest.fixture(scope="module")
def procedures(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Procedures]:
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP) as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen(100)
        folder = tmp_path_factory.mktemp("procedures") / ".jobgraph" / "sandbox"  # as in a project
        made = world.build(folder, (), SystemClock(), address=listener.getsockname()[:2], password="-")
        settings = uvicorn.Config(Server(made).application(), log_level="error", timeout_graceful_shutdown=1)
        server = uvicorn.Server(settings)
        thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]})
        thread.start()
        made.parts["procedures"].start()
        session = logins.open_session(made, logins.ADMINISTRATOR, "ACCOUNTADMIN", database="D", schema="S")
        found = Procedures(made, session)
        for statement in (
            "CREATE WAREHOUSE W MAX_CONCURRENCY_LEVEL = 20",
            "GRANT USAGE ON WAREHOUSE W TO ROLE PUBLIC",
            "CREATE DATABASE D",
            "CREATE SCHEMA D.S",
            "CREATE TABLE D.S.T (V VARCHAR)",
        ):
            found.rows(statement)
        yield found
        made.parts["procedures"].stop()
        server.should_exit = True
        thread.join()
        world.stop(made)
