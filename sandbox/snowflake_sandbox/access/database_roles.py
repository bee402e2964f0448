"""GRANT and REVOKE of Snowflake's own database roles (sql-reference/snowflake-db-roles), the only ones in the sandbox.

Knows the grammar and who may grant these roles; must not know what they allow (see `access.has_database_role`).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from snowflake_sandbox import errors
from snowflake_sandbox.access import access
from snowflake_sandbox.catalog import catalog
from snowflake_sandbox.objects import role
from snowflake_sandbox.result import Result, status
from snowflake_sandbox.statements.reader import ObjectName

if TYPE_CHECKING:
    from snowflake_sandbox.call import Call, World


def register(world: World) -> None:
    """Add the statements of this file."""
    world.statements |= {"GRANT DATABASE ROLE": _grant, "REVOKE DATABASE ROLE": _revoke}


def _grant(call: Call) -> Result:
    name, grantee = _read(call, "TO")
    with call.world.store.transaction() as tx:
        if grantee == "PUBLIC" and name in access.GRANTED_TO_PUBLIC:
            tx.run("DELETE FROM revoked_from_public WHERE role = ?", name)
        else:
            role.grant(tx, name, "ROLE", grantee, call.session.role, call.now)
    return status()


def _revoke(call: Call) -> Result:
    name, grantee = _read(call, "FROM")
    with call.world.store.transaction() as tx:
        tx.run("DELETE FROM role_grant WHERE role = ? AND granted_to = 'ROLE' AND grantee = ?", name, grantee)
        if grantee == "PUBLIC" and name in access.GRANTED_TO_PUBLIC:
            tx.run("INSERT OR IGNORE INTO revoked_from_public VALUES (?)", name)
    return status()


def _read(call: Call, word: str) -> tuple[str, str]:
    """Read `SNOWFLAKE.USAGE_VIEWER TO ROLE R` and return the database role and the role.

    Raises:
        SnowflakeError: 002003 if the role does not exist, 003001 if the session's role is not ACCOUNTADMIN (guess: no
            page documents whether MANAGE GRANTS suffices).
    """
    name = call.reader.object_name().qualified
    call.reader.expect(word)
    call.reader.expect("ROLE")
    grantee = ObjectName(call.reader.object_name().name)
    call.reader.end()
    if name not in access.DATABASE_ROLES:
        raise errors.does_not_exist("Database role", name)
    with call.world.store.reading() as tx:
        catalog.get(tx, "ROLE", grantee)
    if "ACCOUNTADMIN" not in access.session_roles(call.world, call.session):
        raise errors.insufficient_privileges("database role", name)
    return name, grantee.name
