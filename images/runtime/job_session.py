"""Opens a program's Snowflake session: `import job_session; session = job_session.create()`.

Knows how a container logs in: with the token that Snowflake puts into it or, without one (on a laptop), with user and
password from the environment. Must not know what a payload does with the session. The example in images/my_job has its
own copy of this: an image is built from its own folder and cannot use another one's files.
"""

from __future__ import annotations

import os
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from snowflake.connector import SnowflakeConnection
    from snowflake.snowpark import Session

TOKEN_FILE = "/snowflake/session/token"  # noqa: S105  # a path, not a secret: where Snowflake puts the token


class NoLoginError(Exception):
    """The container has no token, and its environment has no user and password."""


class RefusedError(Exception):
    """Snowflake refuses a login or a statement; the text is one line."""


def create() -> Session:
    """Return a new session.

    Raises:
        NoLoginError: if there is no way to log in.
        snowflake.connector.errors.Error: if Snowflake refuses the login.
    """
    from snowflake.snowpark import Session  # noqa: PLC0415  # takes seconds, and not every program needs it

    session: Session = Session.builder.configs(connection(os.environ)).create()
    return session


@contextmanager
def connected() -> Iterator[SnowflakeConnection]:
    """Open a new connection; this does not require Snowpark.

    Raises:
        NoLoginError: if there is no way to log in.
        RefusedError: if Snowflake refuses the login, or a statement in the block.
    """
    import snowflake.connector  # noqa: PLC0415  # as above

    with refusals(), snowflake.connector.connect(**connection(os.environ), paramstyle="qmark") as session:
        yield session


@contextmanager
def refusals() -> Iterator[None]:
    """Convert the connector's errors to RefusedError, which can be caught without importing the connector."""
    from snowflake.connector.errors import Error  # noqa: PLC0415  # as above

    try:
        yield
    except Error as error:
        raise RefusedError(" ".join(str(error).split())) from error


def connection(environment: Mapping[str, str]) -> dict[str, Any]:
    """Return the connection's parameters, from the variables that Snowflake sets in a container and the job's own.

    A token is valid for minutes, so it is read right before the connection is opened.

    Raises:
        NoLoginError: if there is neither a token nor user and password.
    """
    names = ("account", "host", "port", "protocol", "database", "schema", "warehouse")
    settings = {name: environment.get(f"SNOWFLAKE_{name.upper()}") for name in names}
    parameters: dict[str, Any] = {name: value for name, value in settings.items() if value}
    if "port" in parameters:
        parameters["port"] = int(parameters["port"])
    if tag := environment.get("JOB_QUERY_TAG"):
        # so that the query history shows the run, task and attempt of the job's own statements
        parameters["session_parameters"] = {"QUERY_TAG": tag}
    token = Path(environment.get("SNOWFLAKE_TOKEN_FILE_PATH", TOKEN_FILE))
    if token.exists():
        return parameters | {"authenticator": "oauth", "token": token.read_text().strip()}
    try:
        return parameters | {"user": environment["SNOWFLAKE_USER"], "password": environment["SNOWFLAKE_PASSWORD"]}
    except KeyError as missing:
        text = f"no token in {token}, and no {missing.args[0]} in the environment: no way to log in"
        raise NoLoginError(text) from None
