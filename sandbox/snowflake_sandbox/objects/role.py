"""ROLE (contract 6.4), and the built-in roles with their hierarchy."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from snowflake_sandbox import errors
from snowflake_sandbox.access import access
from snowflake_sandbox.catalog import catalog
from snowflake_sandbox.catalog.kind import Kind, Property
from snowflake_sandbox.result import Result, columns
from snowflake_sandbox.session import ObjectScope
from snowflake_sandbox.statements.reader import ObjectName, Reader

if TYPE_CHECKING:
    from datetime import datetime

    from snowflake_sandbox.call import Call
    from snowflake_sandbox.catalog.catalog import SnowflakeObject
    from snowflake_sandbox.store import Snapshot, Transaction

# Built-in role -> the built-in role to which it is granted (docs: user-guide/security-access-control-overview).
BUILT_IN = {
    "ACCOUNTADMIN": None,
    "ORGADMIN": None,
    "SECURITYADMIN": "ACCOUNTADMIN",
    "SYSADMIN": "ACCOUNTADMIN",
    "USERADMIN": "SECURITYADMIN",
    "PUBLIC": None,
}


def ensure_built_in(tx: Transaction, now: datetime) -> None:
    """Create the built-in roles in a new data folder."""
    for name, parent in BUILT_IN.items():
        if catalog.find(tx, "ROLE", ObjectName(name)) is not None:
            continue
        catalog.create(tx, "ROLE", ObjectName(name), "", now, {"comment": None})
        if parent is not None:
            grant(tx, name, "ROLE", parent, "", now)


def grant(tx: Transaction, role: str, granted_to: str, grantee: str, granted_by: str, now: datetime) -> None:  # noqa: PLR0913, PLR0917  # the row's columns
    """Grant a role to a role or user; a repeated grant changes nothing."""
    tx.run(
        "INSERT OR IGNORE INTO role_grant VALUES (?, ?, ?, ?, ?)",
        role,
        granted_to,
        grantee,
        granted_by,
        now.isoformat(),
    )


def _count(tx: Snapshot, condition: str, name: str) -> int:
    row = tx.row(f"SELECT count(*) FROM role_grant WHERE {condition}", name)
    return int(row[0]) if row else 0


def _show_row(call: Call, role: SnowflakeObject) -> tuple[Any, ...]:
    name = role.name.name
    with call.world.store.reading() as tx:
        to_users = _count(tx, "granted_to = 'USER' AND role = ?", name)
        to_roles = _count(tx, "granted_to = 'ROLE' AND role = ?", name)
        granted = _count(tx, "granted_to = 'ROLE' AND grantee = ?", name)
    inherited = name != call.session.role and name in access.roles(call.world, call.session.role)
    return (
        role.created_on,
        name,
        "N",
        "Y" if call.session.role == name else "N",
        "Y" if inherited else "N",
        to_users,
        to_roles,
        granted,
        role.owner,
        role["comment"] or "",
    )


def _dropping(call: Call, role: SnowflakeObject) -> None:
    name = role.name.name
    if name in BUILT_IN:
        raise errors.insufficient_privileges("role", name)
    with call.world.store.transaction() as tx:
        tx.run("DELETE FROM role_grant WHERE role = ? OR (granted_to = 'ROLE' AND grantee = ?)", name, name)
        tx.run("DELETE FROM object_grant WHERE grantee = ?", name)
        tx.run("DELETE FROM future_grant WHERE grantee = ?", name)
        # The role that drops it becomes the owner of its objects (docs: sql-reference/sql/drop-role).
        tx.run("UPDATE object SET owner = ? WHERE owner = ?", call.session.role, name)


def _rename(call: Call, role: SnowflakeObject) -> Result | None:
    access.require(call, "OWNERSHIP", role)
    name = call.session.resolve(call.reader.object_name(), ObjectScope.ACCOUNT, "ALTER ROLE")
    old, new = role.name.name, name.name
    with call.world.store.transaction() as tx:
        catalog.rename(tx, role, name)
        tx.run("UPDATE role_grant SET role = ? WHERE role = ?", new, old)
        tx.run("UPDATE role_grant SET grantee = ? WHERE granted_to = 'ROLE' AND grantee = ?", new, old)
        for table in ("object_grant", "future_grant"):
            tx.run(f"UPDATE {table} SET grantee = ? WHERE grantee = ?", new, old)
        tx.run("UPDATE object SET owner = ? WHERE owner = ?", new, old)
    for session in list(call.world.sessions.values()):
        if session.role == old:
            session.role = new
    return None


KIND = Kind(
    name="ROLE",
    plural="ROLES",
    scope=ObjectScope.ACCOUNT,
    show=columns(
        "created_on@ name is_default is_current is_inherited assigned_to_users# granted_to_roles# granted_roles#"
        " owner comment"
    ),
    show_row=_show_row,
    properties=(Property("COMMENT", Reader.string),),
    dropping=_dropping,
    actions={"RENAME TO": _rename},
)
