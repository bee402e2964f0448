"""The role hierarchy, granted privileges, and the checks that statements make.

Knows three SQLite tables (role grants, object grants, future grants) and the rule that a role has the privileges on
what it owns, those granted to it, and those of the roles granted to it. Must not know any statement's grammar
(grants.py).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from snowflake_sandbox import errors
from snowflake_sandbox.catalog import catalog
from snowflake_sandbox.statements.reader import ObjectName

if TYPE_CHECKING:
    from collections.abc import Iterable

    from snowflake_sandbox.call import Call, World
    from snowflake_sandbox.catalog.catalog import SnowflakeObject
    from snowflake_sandbox.session import Session
    from snowflake_sandbox.store import Snapshot

# Triggers remove the grants on a dropped object, also when a whole database is dropped, and the future grants in it.
TABLES = """
CREATE TABLE IF NOT EXISTS role_grant (
    role TEXT NOT NULL,
    granted_to TEXT NOT NULL,
    grantee TEXT NOT NULL,
    granted_by TEXT NOT NULL,
    created_on TEXT NOT NULL,
    PRIMARY KEY (granted_to, grantee, role)
) WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS role_grant_by_role ON role_grant (role);
CREATE TABLE IF NOT EXISTS object_grant (
    object_id INTEGER NOT NULL,
    privilege TEXT NOT NULL,
    grantee TEXT NOT NULL,
    grant_option INTEGER NOT NULL,
    granted_by TEXT NOT NULL,
    created_on TEXT NOT NULL,
    PRIMARY KEY (object_id, privilege, grantee)
) WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS object_grant_by_grantee ON object_grant (grantee);
CREATE TABLE IF NOT EXISTS future_grant (
    database_name TEXT NOT NULL,
    schema_name TEXT NOT NULL,
    kind TEXT NOT NULL,
    privilege TEXT NOT NULL,
    grantee TEXT NOT NULL,
    grant_option INTEGER NOT NULL,
    created_on TEXT NOT NULL,
    PRIMARY KEY (database_name, schema_name, kind, privilege, grantee)
) WITHOUT ROWID;
CREATE TRIGGER IF NOT EXISTS object_grants_go AFTER DELETE ON object BEGIN
    DELETE FROM object_grant WHERE object_id = OLD.id;
END;
CREATE TRIGGER IF NOT EXISTS future_grants_go AFTER DELETE ON object WHEN OLD.kind IN ('DATABASE', 'SCHEMA') BEGIN
    DELETE FROM future_grant WHERE CASE OLD.kind
        WHEN 'DATABASE' THEN database_name = OLD.name
        ELSE database_name = OLD.database_name AND schema_name = OLD.name
    END;
END;
-- database roles of which the grant to PUBLIC, which every account has, was revoked
CREATE TABLE IF NOT EXISTS revoked_from_public (role TEXT PRIMARY KEY);
"""

# The object id of grants on the account, which has no row in the catalog.
ACCOUNT_ID = 0
# The privileges that built-in roles have on the account without any grant
# (docs: user-guide/security-access-control-overview).
_BUILT_IN = {
    "SYSADMIN": frozenset({"CREATE DATABASE", "CREATE WAREHOUSE", "CREATE COMPUTE POOL"}),
    "USERADMIN": frozenset({"CREATE ROLE", "CREATE USER"}),
    "SECURITYADMIN": frozenset({"MANAGE GRANTS"}),
}
# Snowflake's own database roles that a check in the sandbox requires (sql-reference/snowflake-db-roles). They are
# granted to roles like roles, but no session can use one as its role.
DATABASE_ROLES = frozenset({"SNOWFLAKE.ANACONDA_REPOSITORY_USER", "SNOWFLAKE.BUDGET_CREATOR", "SNOWFLAKE.USAGE_VIEWER"})
# Those that every account grants to PUBLIC (release-notes/bcr-bundles/2026_06/bcr-2379).
GRANTED_TO_PUBLIC = frozenset({"SNOWFLAKE.ANACONDA_REPOSITORY_USER"})
_CLOSURE = (
    "WITH RECURSIVE held(role) AS (SELECT ? UNION SELECT 'PUBLIC' UNION"
    " SELECT role_grant.role FROM role_grant JOIN held ON role_grant.grantee = held.role AND granted_to = 'ROLE')"
    " SELECT role FROM held"
)


def roles(world: World, role: str) -> frozenset[str]:
    """Return the role, PUBLIC, and every role granted to the role, directly or indirectly."""
    with world.store.reading() as tx:
        return _closure(tx, role)


def _closure(tx: Snapshot, role: str) -> frozenset[str]:
    return frozenset(row[0] for row in tx.rows(_CLOSURE, role))


def roles_of_user(world: World, user: str) -> frozenset[str]:
    """Return every role that a user may choose: those granted to the user and the roles below them."""
    with world.store.reading() as tx:
        granted = tx.rows("SELECT role FROM role_grant WHERE granted_to = 'USER' AND grantee = ?", user)
        return frozenset({"PUBLIC"}).union(*[_closure(tx, row[0]) for row in granted])


def available_roles(world: World, session: Session) -> frozenset[str]:
    """Return the roles that a session may choose."""
    return _reachable(world, session) - DATABASE_ROLES


def _reachable(world: World, session: Session) -> frozenset[str]:
    return roles(world, session.role) if session.keeps_its_role else roles_of_user(world, session.user)


def session_roles(world: World, session: Session) -> frozenset[str]:
    """Return the roles whose privileges a session has: its own, and after USE SECONDARY ROLES ALL all it may choose."""
    active = roles(world, session.role)
    return active | _reachable(world, session) if session.secondary_roles == "ALL" else active


def leave_revoked_role(world: World, session: Session) -> None:
    """Give a user's session the role PUBLIC if its own was revoked from the user or dropped since (guess)."""
    if session.login.startswith("user ") and session.role not in roles_of_user(world, session.user):
        session.role = "PUBLIC"


def has_database_role(world: World, session: Session, name: str) -> bool:
    """Whether a session has one of Snowflake's own database roles; ACCOUNTADMIN has all of them."""
    return not {name, "ACCOUNTADMIN"}.isdisjoint(session_roles(world, session)) or has_public(world, name)


def has_public(world: World, name: str) -> bool:
    """Whether every account grants a database role to PUBLIC."""
    if name not in GRANTED_TO_PUBLIC:
        return False
    with world.store.reading() as tx:
        return tx.row("SELECT 1 FROM revoked_from_public WHERE role = ?", name) is None


def has_on_account(world: World, role: str, privilege: str) -> bool:
    """Whether a role has a privilege on the account, e.g. EXECUTE TASK; ACCOUNTADMIN has all of them."""
    role_names = roles(world, role)
    if "ACCOUNTADMIN" in role_names or any(privilege in _BUILT_IN.get(name, ()) for name in role_names):
        return True
    return _granted(world, role_names, ACCOUNT_ID, (privilege,))


def _granted(world: World, role_names: Iterable[str], object_id: int, privileges: Iterable[str] = ()) -> bool:
    names, privilege_names = tuple(role_names), tuple(privileges)
    condition = f" AND privilege IN ({', '.join('?' * len(privilege_names))})" if privilege_names else ""
    with world.store.reading() as tx:
        row = tx.row(
            f"SELECT 1 FROM object_grant WHERE object_id = ? AND grantee IN ({', '.join('?' * len(names))}){condition}",
            object_id,
            *names,
            *privilege_names,
        )
    return row is not None


def has(world: World, session: Session, item: SnowflakeObject, *privileges: str) -> bool:
    """Whether a session has one of the privileges on an object; if no privileges are passed, any privilege at all."""
    role_names = session_roles(world, session)
    return item.owner in role_names or _granted(world, role_names, item.id, privileges)


def has_on_warehouse(world: World, session: Session, name: str | None, privilege: str) -> bool:
    """Whether a session has a privilege on the warehouse of that name; false if the warehouse does not exist."""
    with world.store.reading() as tx:
        warehouse = catalog.find(tx, "WAREHOUSE", ObjectName(name or ""))
    return warehouse is not None and has(world, session, warehouse, privilege)


def role_has(world: World, role: str, item: SnowflakeObject, *privileges: str) -> bool:
    """Whether a role, e.g. a task's owner, has one of the privileges on an object; without privileges: any at all."""
    role_names = roles(world, role)
    return item.owner in role_names or _granted(world, role_names, item.id, privileges)


def sees_everything(role_names: Iterable[str]) -> bool:
    """Whether one of the roles has MANAGE GRANTS, with which all objects are visible (but not their data)."""
    return not {"ACCOUNTADMIN", "SECURITYADMIN"}.isdisjoint(role_names)


def visible(call: Call, objects: list[SnowflakeObject]) -> list[SnowflakeObject]:
    """Return the objects on which, and on whose schema and database, the session's roles have any privilege.

    SHOW lists these (docs: sql-reference/sql/show-tasks, "usage notes").
    """
    world, role_names = call.world, session_roles(call.world, call.session)
    if sees_everything(role_names):
        return objects

    def is_visible(item: SnowflakeObject) -> bool:
        # Every role may list all roles.
        return item.kind == "ROLE" or item.owner in role_names or _granted(world, role_names, item.id)

    places: dict[tuple[str | None, str | None], bool] = {}
    for item in objects:
        place = (item.name.database, item.name.schema)
        if place not in places:
            places[place] = all(is_visible(parent) for parent in _parents(world, item.name))
    return [item for item in objects if places[item.name.database, item.name.schema] and is_visible(item)]


def knows(call: Call, item: SnowflakeObject) -> bool:
    """Whether a session may know that an object exists: SHOW lists it, or its role grants privileges on any object."""
    return bool(visible(call, [item])) or has_on_account(call.world, call.session.role, "MANAGE GRANTS")


def require_known(call: Call, item: SnowflakeObject) -> None:
    """Check that a session may know that an object exists.

    Raises:
        SnowflakeError: 002003.
    """
    if not knows(call, item):
        raise errors.does_not_exist(item.kind, item.name.qualified)


def sees_definition(call: Call, item: SnowflakeObject) -> bool:
    """Whether a session sees the text of a view, function or procedure; only the owner sees it if the object is secure.

    docs: user-guide/views-secure, "viewing the definition".
    """
    return not item["secure"] or owns(call, item)


def owns(call: Call, item: SnowflakeObject) -> bool:
    """Whether one of the session's roles owns an object."""
    return item.owner in session_roles(call.world, call.session)


def require(call: Call, privileges: str | tuple[str, ...], item: SnowflakeObject) -> None:
    """Check that the session owns an object or has at least one of the privileges on it.

    Raises:
        SnowflakeError: 003001 if the object is visible but the privilege is missing, 002003 if it is not visible.
    """
    _require(call.world, session_roles(call.world, call.session), privileges, item)


def require_of_role(world: World, role: str, privileges: str | tuple[str, ...], item: SnowflakeObject) -> None:
    """Check that a role, e.g. a view's owner, owns an object or has at least one of the privileges on it.

    Raises:
        SnowflakeError: as `require`.
    """
    _require(world, roles(world, role), privileges, item)


def _require(
    world: World, role_names: frozenset[str], privileges: str | tuple[str, ...], item: SnowflakeObject
) -> None:
    alternatives = (privileges,) if isinstance(privileges, str) else privileges
    if not _may_enter(world, role_names, item):
        raise errors.does_not_exist(item.kind, item.name.qualified)
    if item.owner in role_names or _granted(world, role_names, item.id, alternatives):
        return
    if sees_everything(role_names) or _granted(world, role_names, item.id):
        raise errors.insufficient_privileges(item.kind, item.name.name)
    raise errors.does_not_exist(item.kind, item.name.qualified)


def _may_enter(world: World, role_names: frozenset[str], item: SnowflakeObject) -> bool:
    """Whether one of the roles has a privilege on the database and schema that contain the object."""
    return all(
        parent.owner in role_names or _granted(world, role_names, parent.id, ("USAGE",))
        for parent in _parents(world, item.name)
    )


def _parents(world: World, name: ObjectName) -> list[SnowflakeObject]:
    parents: list[SnowflakeObject | None] = []
    with world.store.reading() as tx:
        if name.database is not None:
            parents.append(catalog.find(tx, "SCHEMA", ObjectName(name.schema or "", name.database)))
        if name.schema is not None:
            parents.append(catalog.find(tx, "DATABASE", ObjectName(name.database or name.schema)))
    return [parent for parent in parents if parent is not None]


def require_on_account(call: Call, privilege: str) -> None:
    """Check a privilege on the account.

    Raises:
        SnowflakeError: 003001.
    """
    if not has_on_account(call.world, call.session.role, privilege):
        raise errors.insufficient_privileges("account", "LOCAL-SANDBOX")


def require_create(call: Call, kind: str, name: ObjectName) -> None:
    """Check that the session's role may create an object of a kind under a resolved name, and that its parents exist.

    Raises:
        SnowflakeError: 002003 for a missing database or schema, 003001 for a missing privilege.
    """
    # a class's name consists of several tokens, which a kind's name separates by blanks
    privilege = f"CREATE {kind}".replace(" . ", ".")
    if name.schema is None:
        # CREATE ROLE too: MANAGE GRANTS does not replace it (docs: sql-reference/sql/create-role)
        require_on_account(call, privilege.replace("EXTERNAL ACCESS ", "").replace("NOTIFICATION ", ""))
        return
    with call.world.store.reading() as tx:
        database = catalog.get(tx, "DATABASE", ObjectName(name.database or name.schema))
    require_known(call, database)
    if name.database is None:
        require(call, privilege, database)
        return
    with call.world.store.reading() as tx:
        parent = catalog.get(tx, "SCHEMA", ObjectName(name.schema, name.database))
    require(call, privilege, parent)
