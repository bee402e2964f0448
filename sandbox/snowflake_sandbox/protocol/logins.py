"""Who may connect, and the session that a login opens.

Knows users, passwords (as hashes), OAuth tokens of containers and procedures, session and master tokens; must not know
HTTP (server.py) nor statements. A token or password is never logged, shown, or kept in clear in the store; the one
clear copy is the administrator's credentials file in the data folder, readable by its owner alone.
"""

from __future__ import annotations

import hashlib
import hmac
import secrets
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from snowflake_sandbox.access import access
from snowflake_sandbox.catalog import catalog
from snowflake_sandbox.data.temporary import drop_temporary
from snowflake_sandbox.errors import SnowflakeError
from snowflake_sandbox.session import Session, TaskContext
from snowflake_sandbox.statements.reader import ObjectName

if TYPE_CHECKING:
    from collections.abc import Mapping

    from snowflake_sandbox.call import World

ADMINISTRATOR = "SANDBOX_ADMIN"
ORGANIZATION = "LOCAL"
ACCOUNT = "SANDBOX"

TABLES = """
CREATE TABLE IF NOT EXISTS oauth_token (
    token_hash TEXT PRIMARY KEY,
    user_name TEXT NOT NULL,
    role_name TEXT NOT NULL,
    warehouse TEXT,
    database_name TEXT,
    schema_name TEXT,
    service TEXT,
    task_run_id TEXT
);
"""


@dataclass(frozen=True)
class Login:
    """What a login request asks for; empty texts count as not given.

    Attributes:
        authenticator: "SNOWFLAKE" (password) or "OAUTH" (token of a container or procedure); others are refused.
        parameters: session parameters by upper-case name.
    """

    user: str = ""
    password: str = ""
    authenticator: str = "SNOWFLAKE"
    token: str = ""
    role: str | None = None
    warehouse: str | None = None
    database: str | None = None
    schema: str | None = None
    parameters: Mapping[str, Any] | None = None


def incorrect_login() -> SnowflakeError:
    """390100, the same for an unknown user and a wrong password."""
    return SnowflakeError(390100, "08001", "Incorrect username or password was specified.")


def hash_password(password: str, salt: str | None = None) -> str:
    """Salt and hash of a password, as kept in the user's properties."""
    salt = salt or secrets.token_hex(16)
    digest = hashlib.scrypt(password.encode(), salt=salt.encode(), n=2**12, r=8, p=1)
    return f"{salt}:{digest.hex()}"


def _matches(password: str, kept: str | None) -> bool:
    salt, _, _ = (kept or "missing:").partition(":")
    return hmac.compare_digest(hash_password(password, salt), kept or "")


def log_in(world: World, login: Login) -> Session:
    """Check a login and open its session.

    Raises:
        SnowflakeError: 390100 wrong user or password, 390303 invalid token, 390189 role not granted,
            390190 an authenticator that the sandbox does not have.
    """
    authenticator = login.authenticator.upper() or "SNOWFLAKE"
    if authenticator == "OAUTH":
        return _log_in_with_token(world, login)
    if authenticator != "SNOWFLAKE":
        raise SnowflakeError(
            390190,
            "08001",
            f"Authenticator '{login.authenticator}' is not available on the sandbox."
            " Usual cause: settings of a real account are still in effect. Use user and password as printed by"
            " `jobgraph sandbox env`.",
        )
    user = login.user.upper()
    with world.store.transaction() as tx:
        found = catalog.find(tx, "USER", ObjectName(user))
    if found is None or found["disabled"] or not _matches(login.password, found["password_hash"]):
        raise incorrect_login()
    role = identifier(login.role) or found["default_role"] or "PUBLIC"
    if role not in access.roles_of_user(world, user):
        raise SnowflakeError(
            390189,
            "08001",
            f"Role '{role}' specified in the connect string is not granted to this user. Contact your local system"
            " administrator, or attempt to login with another role, e.g. PUBLIC.",
        )
    return open_session(
        world,
        user,
        role,
        warehouse=identifier(login.warehouse) or found["default_warehouse"],
        database=identifier(login.database),
        schema=identifier(login.schema),
        parameters=login.parameters,
    )


def identifier(text: str | None) -> str | None:
    """A name from a connection's settings: quoted ones keep their case, others are upper-cased; "" is None."""
    if not text:
        return None
    if len(text) > 1 and text.startswith('"') and text.endswith('"'):
        return text[1:-1].replace('""', '"')
    return text.upper()


def _log_in_with_token(world: World, login: Login) -> Session:
    with world.store.transaction() as tx:
        row = tx.row("SELECT * FROM oauth_token WHERE token_hash = ?", _token_hash(login.token))
    if row is None:
        raise SnowflakeError(390303, "08001", "Invalid OAuth access token.")
    return open_session(
        world,
        row["user_name"],
        row["role_name"],
        warehouse=identifier(login.warehouse) or row["warehouse"],
        database=identifier(login.database) or row["database_name"],
        schema=identifier(login.schema) or row["schema_name"],
        task=TaskContext(row["task_run_id"]) if row["task_run_id"] else None,
        service=row["service"],
        parameters=login.parameters,
    )


def _token_hash(token: str) -> str:
    return hashlib.sha256(token.encode()).hexdigest()


def open_session(  # noqa: PLR0913  # one argument per property of a session
    world: World,
    user: str,
    role: str,
    *,
    warehouse: str | None = None,
    database: str | None = None,
    schema: str | None = None,
    task: TaskContext | None = None,
    service: str | None = None,
    parameters: Mapping[str, Any] | None = None,
) -> Session:
    """Open a session without checking anything: for logins already checked, tasks, procedures and containers.

    Names that do not exist (yet) are kept, so that a session opened before a deploy works after it.
    """
    session = Session(
        id=secrets.randbits(48),
        token=secrets.token_urlsafe(32),
        user=user,
        role=role,
        created_on=world.clock.now(),
        warehouse=warehouse,
        database=database,
        schema=schema or ("PUBLIC" if database else None),
        parameters={name.upper(): value for name, value in (parameters or {}).items()},
        task=task,
        service=service,
    )
    world.sessions[session.token] = session
    return session


def close_session(world: World, session: Session) -> None:
    """Forget a session and release its connection to the data; temporary objects go with it."""
    world.sessions.pop(session.token, None)
    drop_temporary(world, session)
    world.data.close(session)


def issue_token(  # noqa: PLR0913  # one argument per property of the session that it opens
    world: World,
    user: str,
    role: str,
    *,
    warehouse: str | None = None,
    database: str | None = None,
    schema: str | None = None,
    service: str | None = None,
    task_run_id: str | None = None,
) -> str:
    """A new OAuth token; a login with it gets a session with these properties. Valid until revoked.

    What the platform puts into /snowflake/session/token of a container; the caller keeps it (file mode 0600).
    """
    token = secrets.token_urlsafe(48)
    with world.store.transaction() as tx:
        tx.run(
            "INSERT INTO oauth_token VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
            _token_hash(token),
            user,
            role,
            warehouse,
            database,
            schema,
            service,
            task_run_id,
        )
    return token


def revoke_token(world: World, token: str) -> None:
    """Make a token useless; unknown ones are ignored, so that clean-up may be repeated."""
    with world.store.transaction() as tx:
        tx.run("DELETE FROM oauth_token WHERE token_hash = ?", _token_hash(token))
