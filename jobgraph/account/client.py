"""The connection to Snowflake: the only module that imports the connector, and only when a command needs it.

Knows how a connection is configured (in the connector's own ways), how soon an unreachable server is reported, and what
the connector's errors mean to a user. Must not know any statement, nor whether the server is an account or the sandbox.
"""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Protocol, runtime_checkable

from jobgraph.account import missing_columns, stack_account
from jobgraph.account.login import address, from_variables, is_local, way
from jobgraph.account.queries import Place, Statement
from jobgraph.errors import NotConnectedError, RunFailedError, UsageError
from jobgraph.names import NAME_REMEDY, is_plain, upper

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from jobgraph.account.stack_account import StackAccount

# By default the connector retries for five minutes; a person at a terminal wants to know within seconds.
LOGIN_SECONDS = 8
# For one request including its retries. Every statement of this command is short.
REQUEST_SECONDS = 30

# How many statements of a session run at once. An account would queue many more on a small warehouse.
MOST_AT_ONCE = 4

# 002003 and 002043: docs.snowflake.com/en/sql-reference/snowflake-db-classification. An account also answers 090105
# and 090106 if the database or schema of the connection does not exist.
_ABSENT = frozenset({2003, 2043, 90105, 90106})
_NO_WAREHOUSE = 606
_QUOTA_EXCEEDED = 90073
_NOT_ALLOWED = 3001
# docs.snowflake.com: 000604, "SQL execution canceled"; the connector does so itself after REQUEST_SECONDS
_CANCELLED = 604
# A failed login has the connector's own number (250001) and Snowflake's text, so the texts below decide.
# These numbers mean that the session ended on the server, for instance because the sandbox was restarted.
_SESSION_GONE = frozenset({390104, 390110, 390111, 390112, 390114, 390195})
_WRONG_LOGIN = ("Incorrect username or password", "JWT token is invalid", "Authentication token", "OAuth access token")
_EXPIRED = ("expired", "has ended")
_WRONG_ROLE = "is not granted to this user"
# Parts of the connector's different errors for an unreachable server.
_SILENT = ("Could not connect to Snowflake backend", "Connection refused", "Max retries exceeded")


class Client(Protocol):
    """What the commands need of a connection."""

    @property
    def place(self) -> Place:
        """The database and schema that the connection names."""

    @property
    def server(self) -> str:
        """The server's name, for messages."""

    def rows(self, statement: Statement) -> list[dict[str, Any]]:
        """Run a statement and return its rows by column name: lower case for SHOW, upper case for SELECT."""


@runtime_checkable
class SideBySide(Protocol):
    """A client that can run several statements at the same time."""

    def rows_of(self, statements: Sequence[Statement]) -> list[list[dict[str, Any]]]:
        """Run statements side by side and return the rows of each; raises what the first failed one raises."""


def rows_of(client: Client, *statements: Statement) -> list[list[dict[str, Any]]]:
    """Run statements that do not depend on each other, side by side if the client can; raises as `Client.rows`."""
    if isinstance(client, SideBySide):
        return client.rows_of(statements)
    return [client.rows(statement) for statement in statements]


class AbsentError(RunFailedError):
    """An object in the statement does not exist or is hidden from the role; most often it is not deployed yet."""


class BusyWarehouseError(RunFailedError):
    """A statement waited in the queue of a warehouse for as long as the client waits for an answer."""


class NotAllowedError(RunFailedError):
    """The role can see the object in the statement but lacks the privilege for the operation."""


@dataclass(frozen=True)
class ConnectionChoice:
    """What the user said about the connection on the command line and in the environment.

    `stack`: the account of the stack that `--environment` names, if its file names one.
    """

    connection: str | None = None
    database: str | None = None
    schema: str | None = None
    environment: Mapping[str, str] = field(default_factory=dict, repr=False)
    stack: StackAccount | None = None


def _from_files(name: str | None) -> dict[str, Any]:
    from snowflake.connector.config_manager import CONFIG_MANAGER  # noqa: PLC0415  # slow: only when needed
    from snowflake.connector.errors import Error  # noqa: PLC0415  # likewise

    try:
        connections: Any = CONFIG_MANAGER["connections"]
        chosen: Any = name or CONFIG_MANAGER["default_connection_name"]
        options = connections.get(chosen)
    except Error as error:
        raise UsageError(
            f"The connector cannot read its connection files: {error.msg}",
            remedy="Fix connections.toml (its mode must be 0600), or set SNOWFLAKE_HOME to another folder.",
        ) from error
    if options is None:
        raise UsageError(
            f"There is no connection named {chosen!r}" if name else "No connection to Snowflake is configured",
            cause=f"connections.toml names: {', '.join(connections) or 'none'}"
            + ("." if name else "; no SNOWFLAKE_ACCOUNT is set either."),
            remedy='For the sandbox: `jobgraph sandbox start`, then eval "$(jobgraph sandbox env)". For an account:'
            " `--connection NAME` of connections.toml, or SNOWFLAKE_* variables.",
        )
    return dict(options)


def parameters(choice: ConnectionChoice) -> dict[str, Any]:
    """Return the parameters for the connector.

    `--connection` has precedence, then SNOWFLAKE_* variables, then the default connection of connections.toml.

    Raises:
        UsageError: if no connection is configured, or the port is not a number.
        WrongAccountError: if the connection leads to another account than the stack's.
    """
    options = {} if choice.connection else from_variables(choice.environment)
    options = options or _from_files(choice.connection)
    if choice.stack is not None:
        stack_account.check(choice.stack, options, choice.connection)
    if not str(options.get("port", 0)).isdigit():
        remedy = "Set SNOWFLAKE_PORT, or `port` in connections.toml, to a number, or leave it out."
        raise UsageError(f"The port {options['port']!r} is no number", remedy=remedy)
    if "port" in options:
        options["port"] = int(options["port"])
    options.update({key: value for key, value in (("database", choice.database), ("schema", choice.schema)) if value})
    options.update({key: object_name(str(options[key]), key) for key in ("database", "schema") if options.get(key)})
    return options


def object_name(text: str, kind: str) -> str:
    """Return the name of a database or schema as Snowflake stores it: in upper case, unless it is double-quoted.

    Raises:
        UsageError: if it is not a plain identifier; all names of a stack are.
    """
    in_quotes = len(text) > 1 and text[0] == text[-1] == '"'
    bare = text[1:-1] if in_quotes else text
    if not is_plain(bare):
        raise UsageError(f"{bare!r} is no name of a {kind}: {NAME_REMEDY}")
    return bare if in_quotes else upper(bare)


def not_connected(options: Mapping[str, Any], text: str) -> NotConnectedError:
    """Return the error for a failed login or an unreachable server; `text` is the connector's message."""
    message = " ".join(text.split())
    if any(words in message for words in _WRONG_LOGIN):
        return _wrong_login(options, message)
    if _WRONG_ROLE in message:
        return NotConnectedError(
            f"{address(options)} refuses the login: {message}",
            cause=f"User {options.get('user', '?')!r} does not have the role {options.get('role', '?')!r}.",
            remedy="Name another role in SNOWFLAKE_ROLE or in connections.toml, or have it granted.",
        )
    return _not_there(options, message)


def _wrong_login(options: Mapping[str, Any], message: str) -> NotConnectedError:
    problem = f"{address(options)} does not accept the login of user {options.get('user', '?')!r}: {message}"
    way_in = way(options)
    if is_local(options) and way_in == "password":
        cause = "The password is wrong: this shell has the variables of an earlier sandbox."
        return NotConnectedError(problem, cause=cause, remedy='eval "$(jobgraph sandbox env)" once more.')
    if way_in.startswith("workload identity"):
        cause = "The token has expired, or its issuer or subject differs from the user's WORKLOAD_IDENTITY."
        remedy = "`DESCRIBE USER` shows WORKLOAD_IDENTITY; docs/account.md has the statement. Have a new token issued."
    elif way_in == "key pair":
        cause = "There is no such user, or its public key belongs to another key, or this machine's clock is wrong."
        user = options.get("user") or "..."
        remedy = f"`ALTER USER {user} SET RSA_PUBLIC_KEY = '...'` sets the public half; docs/account.md has the steps."
    elif any(word in message for word in _EXPIRED):
        cause, remedy = "The token is too old.", "Log in again, or have a new token issued, and run the command again."
    else:
        cause = "The password or key is wrong."
        remedy = "Check the user, and its password, key or token, in connections.toml or the SNOWFLAKE_* variables."
    return NotConnectedError(problem, cause=cause, remedy=remedy)


def _not_there(options: Mapping[str, Any], message: str) -> NotConnectedError:
    silent = not message or any(words in message for words in _SILENT)
    problem = f"Cannot connect to {address(options)}: {'nothing answers there' if silent else message}"
    if is_local(options):
        remedy = "jobgraph sandbox start; a run that was under way goes on then: `jobgraph wait` follows it."
        return NotConnectedError(problem, cause="The sandbox is not running.", remedy=remedy)
    return NotConnectedError(
        problem,
        cause="The account name is wrong, or the network blocks the connection.",
        remedy="Check `account` (ORGANIZATION-ACCOUNT) and the proxy settings; `jobgraph doctor` tries the connection.",
    )


def session_gone(options: Mapping[str, Any]) -> NotConnectedError:
    """Return the error for a session that the server no longer knows. Runs continue without the session."""
    return NotConnectedError(
        f"{address(options)} has ended the session",
        cause="The server was restarted." if is_local(options) else "The session was idle for too long, or was closed.",
        remedy="Run the command again; a run that was started continues: `jobgraph wait` follows it.",
    )


class SnowflakeClient:
    """A connection through the official connector. The server binds the values (`?`)."""

    def __init__(self, connection: Any, options: Mapping[str, Any]) -> None:
        self._connection = connection
        self._options = options

    @property
    def place(self) -> Place:
        """The database and schema of the connection.

        Raises:
            UsageError: if the connection names none.
        """
        names = {key: self._options.get(key) or getattr(self._connection, key) for key in ("database", "schema")}
        database, schema = names["database"], names["schema"] or "PUBLIC"
        if not database:
            raise UsageError(
                "The connection names no database",
                remedy="Give the one that holds the graph: `jobgraph --database NAME [--schema NAME] ...`,"
                " `database` in connections.toml, or SNOWFLAKE_DATABASE.",
            )
        # the session's names are exact already, and requested names have been converted
        return Place(object_name(f'"{database}"', "database"), object_name(f'"{schema}"', "schema"))

    @property
    def server(self) -> str:
        """The host and port of the server."""
        return address(self._options)

    @property
    def way_in(self) -> str:
        """A description of how the login authenticated."""
        return way(self._options)

    def rows(self, statement: Statement) -> list[dict[str, Any]]:
        """Run one statement.

        Raises:
            AbsentError: if an object does not exist.
            NotConnectedError: if the server is gone.
            RunFailedError: if Snowflake refuses the statement for another reason; the text is Snowflake's own.
        """
        from snowflake.connector import DictCursor, errors  # noqa: PLC0415  # slow: only when needed

        try:
            with self._connection.cursor(DictCursor) as cursor:
                # The connector retries a failed request for half a minute, which bridges network faults. A local
                # server that does not answer has stopped, so there it does not retry.
                cursor.execute(statement.text, statement.binds or None, _no_retry=is_local(self._options))
                return [missing_columns.ResultRow(statement.text, row) for row in cursor.fetchall()]
        except (errors.OperationalError, errors.InterfaceError) as error:
            raise not_connected(self._options, str(error.raw_msg or error.msg)) from error
        except errors.DatabaseError as error:
            number = error.errno or 0
            if number in _SESSION_GONE:
                raise session_gone(self._options) from error
            raise refused(statement, number, str(error.raw_msg or error.msg)) from error

    def rows_of(self, statements: Sequence[Statement]) -> list[list[dict[str, Any]]]:
        """Run statements side by side; threads may share a connection of the connector (PEP 249, threadsafety 2)."""
        with ThreadPoolExecutor(MOST_AT_ONCE) as threads:
            return list(threads.map(self.rows, statements))

    def new_token(self) -> str:
        """Return a session token, which Snowflake's image registry accepts as a password.

        The connector has no public method for this; `snow spcs image-registry login` uses the same request.
        """
        return str(self._connection.rest._token_request("ISSUE")["data"]["sessionToken"])  # noqa: SLF001  # see above

    def close(self) -> None:
        """End the session on the server."""
        self._connection.close(retry=False)


def refused(statement: Statement, errno: int, text: str) -> RunFailedError:
    """Return the error for a statement that Snowflake refused."""
    message = " ".join(text.split())
    if errno in _ABSENT or "does not exist" in text:
        return AbsentError(
            message,
            cause="The graph is not deployed there, or the role may not see it.",
            remedy="Run `pulumi up`, or choose another role, database or schema; `jobgraph privileges` lists what a"
            " viewer needs.",
        )
    if problem := _of_warehouse(errno, message):
        return problem
    if errno == missing_columns.UNKNOWN and (lacking := missing_columns.missing_column(statement.text, message)):
        return lacking
    text = f"Snowflake refused a statement ({errno:06d}): {message}"
    if errno == _NOT_ALLOWED:
        return NotAllowedError(
            text,
            where=statement.text[:80],
            cause="The role lacks a privilege.",
            remedy="`jobgraph privileges` lists what an operator and a viewer need, with --sql as GRANTs.",
        )
    return RunFailedError(text, where=statement.text[:80])


def _of_warehouse(errno: int, message: str) -> RunFailedError | None:
    """Return the error for a statement that found no warehouse to run it; None if it is another one."""
    if errno == _NO_WAREHOUSE:
        return RunFailedError(
            "No warehouse is active, and history can only be read with one",
            cause="The connection names no warehouse, one that does not exist, or one that the role may not use.",
            remedy="Name the stack's in SNOWFLAKE_WAREHOUSE or, as `warehouse`, in connections.toml.",
        )
    if errno == _QUOTA_EXCEEDED:
        return RunFailedError(
            message,
            cause="The month's credits of `budget` with `suspend: true` are used up, so the warehouse is suspended.",
            remedy="Raise `credits_per_month` and run `pulumi up`, or name another warehouse in SNOWFLAKE_WAREHOUSE to"
            " look at runs. The next month begins anew.",
        )
    if errno == _CANCELLED and "timeout" in message:
        return BusyWarehouseError(
            f"Snowflake did not answer a statement within {REQUEST_SECONDS} seconds",
            cause="The warehouse is busy, and the statement waited in its queue: each managed job in progress takes one"
            " of its slots.",
            remedy="Try again when fewer jobs run, or name another warehouse in SNOWFLAKE_WAREHOUSE or, as `warehouse`,"
            " in connections.toml.",
        )
    return None


def connect(choice: ConnectionChoice) -> SnowflakeClient:
    """Log in.

    Raises:
        UsageError: if no connection is configured.
        NotConnectedError: within seconds, if the server cannot be reached or does not accept the login.
    """
    options = parameters(choice)
    import snowflake.connector  # noqa: PLC0415  # takes a second: `jobgraph --help` and `validate` do without
    from snowflake.connector import errors  # noqa: PLC0415  # likewise
    from snowflake.connector.backoff_policies import linear_backoff  # noqa: PLC0415  # likewise

    # The connector's pauses grow with every request of a connection, even successful ones: after a few polls, a single
    # fault would cost 16 s. Here every pause is one second.
    settings = {
        "paramstyle": "qmark",
        "login_timeout": LOGIN_SECONDS,
        "network_timeout": REQUEST_SECONDS,
        "backoff_policy": linear_backoff(factor=0, base=1, cap=1, enable_jitter=False),
        "application": "jobgraph",
        "platform_detection_timeout_seconds": 0.0,  # else each login waits for metadata services of three clouds
        **options,
    }
    try:
        connection = snowflake.connector.connect(**settings)
    except errors.Error as error:
        raise not_connected(options, str(error.raw_msg or error.msg)) from error
    except (OSError, ValueError, TypeError) as error:
        raise UsageError(
            f"The connection's parameters cannot be used: {error}",
            remedy="Check the private key file, the port and the other parameters of the connection.",
        ) from error
    return SnowflakeClient(connection, options)
