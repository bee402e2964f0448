"""Connections to Snowflake: the only module of the stand-in that does network I/O to Snowflake.

Knows the official connector. Must not know any resource type. The connector is imported at the first statement, because
a preview of new resources needs none, and the import takes about a second.
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
    """Up to `MOST_CONNECTIONS` connections, opened as needed; each statement uses any free one.

    As in the official plugin, statements of one resource may run in different sessions: none depends on session state.
    """

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._idle: list[Any] = []
        self._room = threading.Semaphore(MOST_CONNECTIONS)
        self._lock = threading.Lock()
        self._refused: NoConnectionError | None = None
        self._connect_lock = threading.Lock()

    def execute(self, sql: str) -> list[Row]:
        """Run one statement and return its rows; cells have the column names that the server sent.

        Raises:
            SnowflakeError: if Snowflake refused the statement.
            NoConnectionError: if Snowflake cannot be reached or refuses the login.
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
                    connection.close()  # reports nothing: the connector suppresses errors of close
        return rows

    def login(self) -> None:
        """Open the first connection, so that even a preview without statements fails if the login is refused.

        Raises:
            NoConnectionError: if Snowflake cannot be reached or refuses the login.
        """
        with self._room:
            self._give_back(self._take())

    def close(self) -> None:
        """Close every idle connection."""
        with self._lock:
            idle, self._idle = self._idle, []
        for connection in idle:
            connection.close()

    def _take(self) -> Any:
        with self._lock:
            if self._idle:
                return self._idle.pop()
        with self._connect_lock:  # so that a refused login is attempted once, not for every resource
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
            pass  # the connector would try for minutes; this fails at once if nobody listens
    except (SettingsError, OSError) as error:
        raise NoConnectionError(settings.address, settings.user, str(error)) from error
    _quiet_logs()
    from snowflake import connector  # noqa: PLC0415  # slow to import, see above

    try:
        return connector.connect(**_parameters(settings))
    except connector.errors.Error as error:
        raise NoConnectionError(settings.address, settings.user, _reason(error)) from error


def _quiet_logs() -> None:
    """Keep the connector's messages about retries off stderr, which the engine would show as warnings."""
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
        "application": "terraform-provider-snowflake",  # the official plugin's name
        "session_parameters": dict(settings.session_parameters),
        "login_timeout": _LOGIN_SECONDS,
        "network_timeout": _REQUEST_SECONDS,
        "platform_detection_timeout_seconds": 0.0,  # no requests to cloud metadata addresses
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
