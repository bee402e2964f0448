"""Connections to Snowflake: the only file of the stand-in that does network I/O to it.

Knows the official connector. Must not know any resource type. The connector is imported at the first statement,
because a preview of new resources needs none and its import takes about a second.
"""

import logging
import socket
import threading
from typing import Any

from jobgraph.toolchain.standins.provider.definition import Row
from jobgraph.toolchain.standins.provider.errors import NoConnectionError, SnowflakeError
from jobgraph.toolchain.standins.provider.settings import Settings, SettingsError, require_login
from jobgraph.toolchain.standins.provider.sql import statement_subject

MOST_CONNECTIONS = 8
"""The engine runs up to four operations per core at once; a statement takes a few milliseconds of each."""

_REACH_SECONDS = 5.0
_LOGIN_SECONDS = 30
_REQUEST_SECONDS = 900
"""For one request with its repetitions; the connector would repeat it for ever."""
_CONNECTION_LOST = frozenset({250001, 250002, 250003, 390111, 390112, 390114})


class Pool:
    """Up to `MOST_CONNECTIONS` connections, opened as needed; each statement takes whichever is free.

    Statements of one resource may so run in different sessions, as with the official plugin: no statement here
    depends on session state.
    """

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._idle: list[Any] = []
        self._room = threading.Semaphore(MOST_CONNECTIONS)
        self._lock = threading.Lock()
        self._refused: NoConnectionError | None = None
        self._connect_lock = threading.Lock()

    def execute(self, sql: str) -> list[Row]:
        """The rows of one statement, cells by the column names that the server sent.

        Raises:
            SnowflakeError: Snowflake refused it.
            NoConnectionError: Snowflake cannot be reached or does not let us in.
        """
        with self._room:
            connection = self._take()
            keep = False
            try:
                rows = _rows(connection, sql)
                keep = True
            except SnowflakeError as error:
                keep = error.errno not in _CONNECTION_LOST
                raise
            finally:
                if keep:
                    self._give_back(connection)
                else:
                    connection.close()  # reports nothing: the connector keeps a failing close to itself
        return rows

    def login(self) -> None:
        """Open the first connection, so that a refused login fails even a preview that sends no statement.

        Raises:
            NoConnectionError: Snowflake cannot be reached or does not let us in.
        """
        with self._room:
            self._give_back(self._take())

    def close(self) -> None:
        """End every idle session."""
        with self._lock:
            idle, self._idle = self._idle, []
        for connection in idle:
            connection.close()

    def _take(self) -> Any:
        with self._lock:
            if self._idle:
                return self._idle.pop()
        with self._connect_lock:  # one at a time, so that a refused login is tried once, not once per resource
            if self._refused:
                raise self._refused
            try:
                return _open(self._settings)
            except NoConnectionError as error:
                self._refused = error
                raise

    def _give_back(self, connection: Any) -> None:
        with self._lock:
            self._idle.append(connection)


def _open(settings: Settings) -> Any:
    try:
        require_login(settings)
        with socket.create_connection((settings.host, settings.port), timeout=_REACH_SECONDS):
            pass  # the connector would try for minutes; this says at once that nobody listens
    except (SettingsError, OSError) as error:
        raise NoConnectionError(settings.address, settings.user, str(error)) from error
    _quiet_logs()
    from snowflake import connector  # noqa: PLC0415  # slow to import, see above

    try:
        return connector.connect(**_parameters(settings))
    except connector.errors.Error as error:
        raise NoConnectionError(settings.address, settings.user, _reason(error)) from error


def _quiet_logs() -> None:
    """Keep the connector's retry notes off stderr, which the engine would show as warnings of the resource."""
    logger = logging.getLogger("snowflake")
    logger.propagate = False
    if not logger.handlers:
        logger.addHandler(logging.NullHandler())


def _parameters(settings: Settings) -> dict[str, Any]:
    chosen: dict[str, Any] = {
        "account": settings.account,
        "user": settings.user,
        "host": settings.host,
        "port": settings.port,
        "protocol": settings.protocol,
        "authenticator": settings.authenticator,
        "application": "terraform-provider-snowflake",  # what the official plugin calls itself
        "session_parameters": dict(settings.session_parameters),
        "login_timeout": _LOGIN_SECONDS,
        "network_timeout": _REQUEST_SECONDS,
        "platform_detection_timeout_seconds": 0.0,  # no probing of cloud metadata addresses
    }
    optional = {
        "role": settings.role,
        "warehouse": settings.warehouse,
        "password": settings.password,
        "token": settings.token,
        "private_key": _private_key(settings),
        "workload_identity_provider": settings.workload_identity_provider,
    }
    return chosen | {name: value for name, value in optional.items() if value}


def _private_key(settings: Settings) -> bytes | None:
    if not settings.private_key:
        return None
    from cryptography.hazmat.primitives import serialization  # noqa: PLC0415  # only key pairs need it

    passphrase = settings.private_key_passphrase.encode() or None
    try:
        key = serialization.load_pem_private_key(settings.private_key.encode(), passphrase)
    except (ValueError, TypeError) as error:
        raise NoConnectionError(
            settings.address, settings.user, "the private key is not a readable PEM text, or its passphrase is wrong"
        ) from error
    return key.private_bytes(
        serialization.Encoding.DER, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )


def _rows(connection: Any, sql: str) -> list[Row]:
    from snowflake import connector  # noqa: PLC0415  # slow to import, see above

    cursor = connection.cursor()
    try:
        cursor.execute(sql)
        names = [column.name for column in cursor.description or ()]
        return [dict(zip(names, row, strict=True)) for row in cursor.fetchall()]
    except connector.errors.Error as error:
        raise SnowflakeError(error.errno or 0, error.sqlstate or "", _reason(error), statement_subject(sql)) from error
    finally:
        cursor.close()


def _reason(error: Any) -> str:
    return str(getattr(error, "raw_msg", None) or error.msg or error)
