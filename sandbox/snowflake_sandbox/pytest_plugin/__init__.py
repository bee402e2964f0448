"""The pytest plugin: a sandbox for the session, and an empty database for each test that uses `snowflake_sandbox`.

Knows pytest's fixtures and how the sandbox is started. Must not know what the sandbox answers. Every run of pytest
loads this module if the package is installed, so it imports nothing heavy before a test needs it.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from snowflake.connector import SnowflakeConnection

IMAGES = "snowflake_sandbox_images"
_SCHEMA = "PUBLIC"
# A new account has a warehouse of this name.
_WAREHOUSE = "COMPUTE_WH"
# The connector's parameter for each variable of a client's environment.
_PARAMETERS = {
    "account": "SNOWFLAKE_ACCOUNT",
    "host": "SNOWFLAKE_HOST",
    "port": "SNOWFLAKE_PORT",
    "protocol": "SNOWFLAKE_PROTOCOL",
    "user": "SNOWFLAKE_USER",
    "password": "SNOWFLAKE_PASSWORD",
    "warehouse": "SNOWFLAKE_WAREHOUSE",
    "role": "SNOWFLAKE_ROLE",
}


@dataclass(frozen=True)
class SandboxDatabase:
    """A database of a running sandbox, and the settings to connect to it.

    Attributes:
        environment: the `SNOWFLAKE_*` variables that point a client to it.
        database: the name of the database.
        schema: the name of its schema.
    """

    environment: Mapping[str, str]
    database: str
    schema: str = _SCHEMA

    @property
    def parameters(self) -> dict[str, Any]:
        """Return the parameters of a connection, as `snowflake.connector.connect` and Snowpark accept them."""
        login = {key: self.environment[name] for key, name in _PARAMETERS.items()}
        return {**login, "port": int(login["port"]), "database": self.database, "schema": self.schema}

    def connect(self, **options: Any) -> SnowflakeConnection:
        """Open a connection in the database; `options` overrides its parameters."""
        import snowflake.connector  # noqa: PLC0415  # takes a second, and most runs of pytest do not need it

        return snowflake.connector.connect(**{**self.parameters, **options})


def pytest_addoption(parser: pytest.Parser) -> None:
    """Declare the ini option that names the folders of container images."""
    parser.addini(IMAGES, "folders of container images that the sandbox may run: <folder>/<image>/Dockerfile", "paths")


@pytest.fixture(scope="session")
def snowflake_sandbox_images(pytestconfig: pytest.Config) -> Sequence[Path]:
    """Return the folders of container images that job services may run; override it to compute them."""
    return [Path(path) for path in pytestconfig.getini(IMAGES)]


@pytest.fixture(scope="session")
def snowflake_sandbox_server(
    tmp_path_factory: pytest.TempPathFactory, snowflake_sandbox_images: Sequence[Path]
) -> Iterator[Mapping[str, str]]:
    """Start a sandbox for the session; yield the variables that point a client to it."""
    from snowflake_sandbox import control  # noqa: PLC0415  # most runs of pytest do not need it

    folder = tmp_path_factory.mktemp("snowflake-sandbox", numbered=True)
    control.start(folder, tuple(snowflake_sandbox_images))
    try:
        yield control.environment(folder)
    finally:
        control.stop(folder)


@pytest.fixture
def snowflake_sandbox(
    snowflake_sandbox_server: Mapping[str, str], request: pytest.FixtureRequest
) -> Iterator[SandboxDatabase]:
    """Create an empty database for one test, and drop it afterwards."""
    database = _database_name(request.node.name)
    place = {"SNOWFLAKE_WAREHOUSE": _WAREHOUSE, "SNOWFLAKE_DATABASE": database, "SNOWFLAKE_SCHEMA": _SCHEMA}
    sandbox = SandboxDatabase({**snowflake_sandbox_server, **place}, database)
    with sandbox.connect(database=None, schema=None) as connection, connection.cursor() as cursor:
        cursor.execute(f"CREATE WAREHOUSE IF NOT EXISTS {_WAREHOUSE} INITIALLY_SUSPENDED = TRUE")
        cursor.execute(f"CREATE OR REPLACE DATABASE {database}")
        yield sandbox
        cursor.execute(f"DROP DATABASE IF EXISTS {database}")


def _database_name(test: str) -> str:
    """Return a name that needs no quotes and identifies the test."""
    words = "".join(letter if letter.isascii() and letter.isalnum() else "_" for letter in test).upper()
    return words[:255]  # the maximum length of an identifier
