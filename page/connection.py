"""The page's connection: the one passed to `jobgraph page`, or the session that Snowflake gives to an app.

Knows both homes. Must not know any statement. Rows of both have the same shape: a mapping by column name.
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any

from jobgraph.account import client as connecting
from jobgraph.account.client import ConnectionChoice, refused
from jobgraph.account.missing_columns import ResultRow
from jobgraph.account.queries import Place
from jobgraph.errors import NotConnectedError
from jobgraph.page.options import CONNECTION, DATABASE, SCHEMA

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from jobgraph.account.client import Client
    from jobgraph.account.queries import Statement


class LastingClient:
    """A client that logs in again if the server has ended the session, for instance after a restart."""

    def __init__(self, connect: Callable[[], Client]) -> None:
        self._connect = connect
        self._client = connect()

    @property
    def place(self) -> Place:
        """The database and schema that the connection names."""
        return self._client.place

    @property
    def server(self) -> str:
        """The server, for messages."""
        return self._client.server

    def rows(self, statement: Statement) -> list[dict[str, Any]]:
        """Run one statement, and repeat it after a new login if the session has ended; raises as the client's does."""
        try:
            return self._client.rows(statement)
        except NotConnectedError:
            self._client = self._connect()
            return self._client.rows(statement)

    def rows_of(self, statements: Sequence[Statement]) -> list[list[dict[str, Any]]]:
        """Run statements side by side, and repeat them after a new login if the session has ended."""
        try:
            return connecting.rows_of(self._client, *statements)
        except NotConnectedError:
            self._client = self._connect()
            return connecting.rows_of(self._client, *statements)


class SessionClient:
    """The session of an app in Snowflake: it acts with the privileges of the app's owner.

    It runs one statement at a time: whether an app's session may be shared by threads is not documented.
    """

    def __init__(self, session: Any) -> None:
        self._session = session

    @property
    def place(self) -> Place:
        """The database and schema that the app is in."""
        names = (self._session.get_current_database(), self._session.get_current_schema())
        return Place(*(str(name).strip('"') for name in names))

    @property
    def server(self) -> str:
        """The account."""
        return str(self._session.get_current_account()).strip('"')

    def rows(self, statement: Statement) -> list[dict[str, Any]]:
        """Run one statement.

        Raises:
            AbsentError: if an object is not there.
            RunFailedError: if Snowflake refuses the statement for another reason.
        """
        from snowflake.snowpark.exceptions import SnowparkSQLException  # noqa: PLC0415  # slow, and only in Snowflake

        try:
            rows = self._session.sql(statement.text, params=list(statement.binds) or None).collect()
        except SnowparkSQLException as error:
            raise refused(statement, error.sql_error_code or 0, str(error.message)) from error
        return [ResultRow(statement.text, row.as_dict()) for row in rows]


def is_in_snowflake() -> bool:
    """Whether the page runs as an app in Snowflake, where a session is given."""
    return _session() is not None


def open_client() -> Client:
    """Return the connection of the page.

    Raises:
        UsageError: if nothing says where to connect to.
        NotConnectedError: if the server is not there or does not accept the login.
    """
    session = _session()
    return SessionClient(session) if session is not None else LastingClient(_local)


def _local() -> Client:
    variables = dict(os.environ)
    connection, database, schema = (variables.get(name) or None for name in (CONNECTION, DATABASE, SCHEMA))
    return connecting.connect(ConnectionChoice(connection, database, schema, variables))


def _session() -> Any:
    from snowflake.snowpark.context import get_active_session  # noqa: PLC0415  # slow: not for who only reads a name
    from snowflake.snowpark.exceptions import SnowparkSessionException  # noqa: PLC0415  # likewise

    try:
        return get_active_session()
    except SnowparkSessionException:
        return None
