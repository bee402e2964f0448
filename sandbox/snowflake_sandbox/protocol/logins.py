"""Who may connect, and the session that a login opens.

Knows users, passwords (as hashes), OAuth tokens of containers and procedures, session and master tokens; must not know
HTTP (server.py) nor statements. A token or password is never logged, shown, or stored in plain text; the only exception
is the administrator's credentials file in the data folder, which only its owner can read.
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
from snowflake_sandbox.parameters import SESSION, checked, require_supported
from snowflake_sandbox.protocol import identities
from snowflake_sandbox.session import Session, TaskContext
from snowflake_sandbox.statements.reader import ObjectName

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from snowflake_sandbox.call import World
    from snowflake_sandbox.catalog.catalog import SnowflakeObject

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
    """The parts of a login request; empty texts count as missing.

    Attributes:
        authenticator: "SNOWFLAKE" (password), "SNOWFLAKE_JWT" (key pair), "WORKLOAD_IDENTITY" (token of an issuer)
            or "OAUTH" (token of a container or procedure); others are refused.
        provider: the provider of a workload identity.
        parameters: session parameters by upper-case name.
    """

    user: str = ""
    password: str = ""
    authenticator: str = "SNOWFLAKE"
    token: str = ""
    provider: str = ""
    role: str | None = None
    warehouse: str | None = None
    database: str | None = None
    schema: str | None = None
    parameters: Mapping[str, Any] | None = None


def incorrect_login() -> SnowflakeError:
    """390100, with the same text for an unknown user and a wrong password."""
    return SnowflakeError(390100, "08001", "Incorrect username or password was specified.")


def hash_password(password: str, salt: str | None = None) -> str:
    """Return salt and hash of a password, as the user's properties store them."""
    salt = salt or secrets.token_hex(16)
    digest = hashlib.scrypt(password.encode(), salt=salt.encode(), n=2**12, r=8, p=1)
    return f"{salt}:{digest.hex()}"


def _matches(password: str, stored_hash: str | None) -> bool:
    salt, _, _ = (stored_hash or "missing:").partition(":")
    return hmac.compare_digest(hash_password(password, salt), stored_hash or "")


def log_in(world: World, login: Login) -> Session:
    """Check a login and open its session.

    Raises:
        SnowflakeError: 390100 wrong user or password, 390144 invalid key or workload's
            token, 390303 invalid token, 390189 role not granted,
            390190 an authenticator that the sandbox does not have.
    """
    authenticator = login.authenticator.upper() or "SNOWFLAKE"
    if authenticator == "OAUTH":
        return _log_in_with_token(world, login)
    user = _WAYS_IN[authenticator](world, login) if authenticator in _WAYS_IN else _unknown_way(login)
    name = user.name.name
    role = identifier(login.role) or user["default_role"] or "PUBLIC"
    if role not in access.roles_of_user(world, name):
        raise SnowflakeError(
            390189,
            "08001",
            f"Role '{role}' specified in the connect string is not granted to this user. Contact your local system"
            " administrator, or attempt to login with another role, e.g. PUBLIC.",
        )
    own = _own_parameters(login)
    return open_session(
        world,
        name,
        role,
        warehouse=identifier(login.warehouse) or user["default_warehouse"],
        database=identifier(login.database),
        schema=identifier(login.schema),
        parameters={**user.parameters, **own},
        login=f"user {user.id}",
    )


def _own_parameters(login: Login) -> dict[str, Any]:
    """Return the session parameters of a login by upper-case name.

    Raises:
        SnowflakeError: as ALTER SESSION for a value that the sandbox does not have.
    """
    own = {key.upper(): value for key, value in (login.parameters or {}).items()}
    require_supported({key: checked(key, value) for key, value in own.items() if key in SESSION})
    return own


def _unknown_way(login: Login) -> SnowflakeObject:
    raise SnowflakeError(
        390190,
        "08001",
        f"Authenticator '{login.authenticator}' is not available on the sandbox."
        " Usual cause: settings of a real account are still in effect. Use user and password as printed by"
        " `jobgraph sandbox env`.",
    )


def _user(world: World, name: str) -> SnowflakeObject | None:
    with world.store.reading() as tx:
        user = catalog.find(tx, "USER", ObjectName(name.upper()))
    return None if user is None or user["disabled"] else user


def _by_password(world: World, login: Login) -> SnowflakeObject:
    user = _user(world, login.user)
    # Computed in any case: how long a refusal takes must not tell whether there is such a user.
    matches = _matches(login.password, None if user is None else user["password_hash"])
    # a user of type SERVICE has no password (docs: user-guide/admin-user-management, types of users)
    if user is None or user["type"] == "SERVICE" or not matches:
        raise incorrect_login()
    return user


def _by_key_pair(world: World, login: Login) -> SnowflakeObject:
    user = _user(world, login.user)
    if user is None:
        raise SnowflakeError(390144, "08001", "JWT token is invalid.")
    keys = (user["rsa_public_key"], user["rsa_public_key_2"])
    identities.check_key_pair(login.token, f"{ORGANIZATION}-{ACCOUNT}", user.name.name, keys, world.clock.now())
    return user


def _by_workload_identity(world: World, login: Login) -> SnowflakeObject:
    """Return the user whose workload identity has the token's issuer and subject; a login name must match it."""
    if login.provider.upper() != "OIDC":
        raise identities.refused_identity("the sandbox takes those of the provider OIDC")
    claimed = identities.subject_of(login.token)
    with world.store.reading() as tx:
        users = catalog.listing(tx, "USER")
    for user in users:
        identity = identities.WorkloadIdentity.of(user["workload_identity"])
        is_named = not login.user or login.user.upper() == user.name.name
        if identity and (identity.issuer, identity.subject) == claimed and is_named and not user["disabled"]:
            identities.check_identity(login.token, identity, world.clock.now())
            return user
    raise identities.refused_identity("no user has its issuer and subject")


_WAYS_IN: dict[str, Callable[[World, Login], SnowflakeObject]] = {
    "SNOWFLAKE": _by_password,
    "SNOWFLAKE_JWT": _by_key_pair,
    "WORKLOAD_IDENTITY": _by_workload_identity,
}


def identifier(text: str | None) -> str | None:
    """Return a name in a connection's settings: case is preserved in quotes, upper otherwise; "" becomes None."""
    if not text:
        return None
    if len(text) > 1 and text.startswith('"') and text.endswith('"'):
        return text[1:-1].replace('""', '"')
    return text.upper()


def _log_in_with_token(world: World, login: Login) -> Session:
    with world.store.reading() as tx:
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
        parameters=_own_parameters(login),
        login=f"token {row['token_hash']}",
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
    login: str = "",
    parameters: Mapping[str, Any] | None = None,
) -> Session:
    """Open a session without any check: for verified logins, tasks, procedures and containers.

    Names of objects that do not exist yet are accepted, so that a session opened before a deploy works after it; until
    then the session has no warehouse (guess: Snowflake may require USE WAREHOUSE then).
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
        login=login,
    )
    world.sessions[session.token] = session
    return session


def close_session(world: World, session: Session) -> None:
    """Remove a session, close its connection to the data, and drop its temporary objects."""
    world.sessions.pop(session.token, None)
    drop_temporary(world, session)
    world.data.close(session)


def end_sessions(world: World, login: str) -> None:
    """End the sessions of a login at once: their tokens are invalid, and their running statements are aborted.

    What they hold is freed with the sessions of clients that have disappeared (idle_sessions.py).
    """
    ended = [session for session in list(world.sessions.values()) if session.login == login]
    for session in ended:
        world.sessions.pop(session.token, None)
    for query in world.parts["queries"].running():
        if any(query.session is session for session in ended):
            world.parts["queries"].abort(query)


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
    """Return a new OAuth token; a login with it gets a session with these properties. Valid until revoked.

    Snowflake writes such a token to /snowflake/session/token in a container; the caller stores it (file mode 0600).
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
    """End a token and the sessions that it opened; an unknown token is ignored, so that clean-up may be repeated."""
    with world.store.transaction() as tx:
        tx.run("DELETE FROM oauth_token WHERE token_hash = ?", _token_hash(token))
    end_sessions(world, f"token {_token_hash(token)}")
