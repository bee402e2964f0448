"""USER: who may log in. Passwords are stored only as salted hashes and never shown."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from snowflake_sandbox.catalog import catalog
from snowflake_sandbox.catalog.kind import Creation, Kind, Property
from snowflake_sandbox.parameters import SESSION
from snowflake_sandbox.protocol import identities, logins
from snowflake_sandbox.protocol.logins import hash_password
from snowflake_sandbox.result import Result, columns
from snowflake_sandbox.session import ObjectScope
from snowflake_sandbox.statements.reader import ObjectName, Reader
from snowflake_sandbox.statements.showing import text_rows

if TYPE_CHECKING:
    from datetime import datetime

    from snowflake_sandbox.call import Call
    from snowflake_sandbox.catalog.catalog import SnowflakeObject
    from snowflake_sandbox.store import Transaction


def ensure_administrator(tx: Transaction, name: str, password: str, now: datetime) -> None:
    """Create the user with which `jobgraph sandbox env` logs in, or set its password."""
    administrator = catalog.find(tx, "USER", ObjectName(name))
    properties = {"password_hash": hash_password(password), "default_role": "ACCOUNTADMIN", "disabled": False}
    if administrator is None:
        catalog.create(tx, "USER", ObjectName(name), "ACCOUNTADMIN", now, properties)
        tx.run("INSERT OR IGNORE INTO role_grant VALUES ('ACCOUNTADMIN', 'USER', ?, '', ?)", name, now.isoformat())
    else:
        catalog.update(tx, administrator, properties)


def _finish(_call: Call, creation: Creation) -> None:
    creation.properties["password_hash"] = creation.properties.pop("password")


def _altered(call: Call, _before: SnowflakeObject, after: SnowflakeObject) -> None:
    if after["password"] is not None:
        with call.world.store.transaction() as tx:
            catalog.update(tx, after, {"password_hash": after["password"], "password": None})
    if after["disabled"]:
        _end_sessions(call, after)


def _dropping(call: Call, user: SnowflakeObject) -> None:
    with call.world.store.transaction() as tx:
        tx.run("DELETE FROM role_grant WHERE granted_to = 'USER' AND grantee = ?", user.name.name)
        # a service may have the same name
        tx.run("DELETE FROM oauth_token WHERE user_name = ? AND service IS NULL", user.name.name)
        tx.afterwards(lambda: _end_sessions(call, user))


def _end_sessions(call: Call, user: SnowflakeObject) -> None:
    """End a user's sessions at once (sql-reference/sql/alter-user says so of a disabled user)."""
    logins.end_sessions(call.world, f"user {user.id}")


def _public_key(reader: Reader) -> str:
    key = reader.string()
    identities.fingerprint(key)  # raises an error if it is not a key
    return key


def _show_row(_call: Call, user: SnowflakeObject) -> tuple[Any, ...]:
    name = user.name.name
    return (
        name,
        user.created_on,
        name,
        user["display_name"] or name,
        user["first_name"] or "",
        user["last_name"] or "",
        user["email"] or "",
        None,
        None,
        user["comment"] or "",
        "true" if user["disabled"] else "false",
        "false",
        "false",
        user["default_warehouse"] or "",
        user["default_namespace"] or "",
        user["default_role"] or "",
        "[]",
        "false",
        None,
        None,
        user.owner,
        None,
        None,
        None,
        "true" if user["password_hash"] else "false",
        "true" if user["rsa_public_key"] or user["rsa_public_key_2"] else "false",
        user["type"] or "",
        "false",
        "false",
        "true" if user["workload_identity"] else "false",
        "false",
    )


def _describe(_call: Call, user: SnowflakeObject) -> Result:
    properties = ("comment", "default_warehouse", "default_namespace", "default_role", "disabled", "email")
    rows: list[tuple[Any, ...]] = [("NAME", user.name.name, None, "")]
    rows += [(key.upper(), str(user[key] if user[key] is not None else "null"), "null", "") for key in properties]
    for key in ("rsa_public_key", "rsa_public_key_2"):
        shown = identities.fingerprint(user[key]) if user[key] else "null"
        rows.append((f"{key.upper()}_FP", shown, "null", ""))
    return text_rows("property value default description", rows)


KIND = Kind(
    name="USER",
    plural="USERS",
    scope=ObjectScope.ACCOUNT,
    show=columns(
        "name created_on@ login_name display_name first_name last_name email mins_to_unlock days_to_expiry comment"
        " disabled must_change_password snowflake_lock default_warehouse default_namespace default_role"
        " default_secondary_roles ext_authn_duo ext_authn_uid mins_to_bypass_mfa owner last_success_login@"
        " expires_at_time@ locked_until_time@ has_password has_rsa_public_key type has_mfa has_pat"
        " has_workload_identity is_from_organization_user"
    ),
    show_row=_show_row,
    properties=(
        Property("PASSWORD", lambda reader: hash_password(reader.string())),
        *(
            Property(name, Reader.word)
            for name in ("LOGIN_NAME", "DISPLAY_NAME", "FIRST_NAME", "LAST_NAME", "EMAIL", "DEFAULT_NAMESPACE", "TYPE")
        ),
        *(Property(name, _public_key) for name in ("RSA_PUBLIC_KEY", "RSA_PUBLIC_KEY_2")),
        Property("WORKLOAD_IDENTITY", identities.read_workload_identity),
        Property("DEFAULT_ROLE", Reader.word),
        Property("DEFAULT_WAREHOUSE", Reader.word),
        Property("MUST_CHANGE_PASSWORD", Reader.boolean, default=False),
        Property("DISABLED", Reader.boolean, default=False),
        Property("COMMENT", Reader.string),
    ),
    parameters=SESSION,
    describe=_describe,
    finish_definition=_finish,
    altered=_altered,
    dropping=_dropping,
)
