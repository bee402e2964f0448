"""Who may do what: role hierarchy, granted privileges, and the checks that statements make.

Knows three SQLite tables (role grants, object grants, future grants) and the rule that a role has what it owns, what
was granted to it, and what the roles granted to it have. Must not know any statement's grammar (grants.py does).
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

# Grants go with their object, also when a whole database is dropped; hence the trigger.
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
-- database roles of which the grant to PUBLIC, which every account has, was revoked
CREATE TABLE IF NOT EXISTS revoked_from_public (role TEXT PRIMARY KEY);
"""

# The account is no row of the catalog; its grants have this object id.
ACCOUNT_ID = 0
# What the built-in roles may do on the account without any grant (docs: user-guide/security-access-control-overview).
_BUILT_IN = {
    "SYSADMIN": frozenset({"CREATE DATABASE", "CREATE WAREHOUSE", "CREATE COMPUTE POOL"}),
    "USERADMIN": frozenset({"CREATE ROLE", "CREATE USER"}),
    "SECURITYADMIN": frozenset({"MANAGE GRANTS"}),
}
# Database roles of Snowflake's own that something here asks for (sql-reference/snowflake-db-roles). They are granted to
# roles like roles, but nobody can take one on.
DATABASE_ROLES = frozenset({"SNOWFLAKE.ANACONDA_REPOSITORY_USER", "SNOWFLAKE.BUDGET_CREATOR", "SNOWFLAKE.USAGE_VIEWER"})
# Of these, the ones that every account has granted to PUBLIC (release-notes/bcr-bundles/2026_06/bcr-2379).
GRANTED_TO_PUBLIC = frozenset({"SNOWFLAKE.ANACONDA_REPOSITORY_USER"})
_CLOSURE = (
    "WITH RECURSIVE held(role) AS (SELECT ? UNION SELECT 'PUBLIC' UNION"
    " SELECT role_grant.role FROM role_grant JOIN held ON role_grant.grantee = held.role AND granted_to = 'ROLE')"
    " SELECT role FROM held"
)


def roles(world: World, role: str) -> frozenset[str]:
    """The role, PUBLIC, and every role granted to it, directly or not."""
    with world.store.reading() as tx:
        return _closure(tx, role)


def _closure(tx: Snapshot, role: str) -> frozenset[str]:
    return frozenset(row[0] for row in tx.rows(_CLOSURE, role))


def roles_of_user(world: World, user: str) -> frozenset[str]:
    """Every role that a user may choose: those granted to the user and the roles below them."""
    with world.store.reading() as tx:
        granted = tx.rows("SELECT role FROM role_grant WHERE granted_to = 'USER' AND grantee = ?", user)
        return frozenset({"PUBLIC"}).union(*[_closure(tx, row[0]) for row in granted])


def available_roles(world: World, session: Session) -> frozenset[str]:
    """The roles that a session may choose."""
    return _reachable(world, session) - DATABASE_ROLES


def _reachable(world: World, session: Session) -> frozenset[str]:
    return roles(world, session.role) if session.keeps_its_role else roles_of_user(world, session.user)


def session_roles(world: World, session: Session) -> frozenset[str]:
    """The roles whose privileges a session has: its own, after USE SECONDARY ROLES ALL also those it may choose."""
    active = roles(world, session.role)
    return active | _reachable(world, session) if session.secondary_roles == "ALL" else active


def has_database_role(world: World, session: Session, name: str) -> bool:
    """Whether a session has a database role of Snowflake's own; ACCOUNTADMIN has all of them."""
    return not {name, "ACCOUNTADMIN"}.isdisjoint(session_roles(world, session)) or has_public(world, name)


def has_public(world: World, name: str) -> bool:
    """Whether PUBLIC has a database role by the grant that every account has."""
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
    """Whether a session has one of the privileges on an object; without any named: any privilege at all."""
    role_names = session_roles(world, session)
    return item.owner in role_names or _granted(world, role_names, item.id, privileges)


def has_on_warehouse(world: World, session: Session, name: str | None, privilege: str) -> bool:
    """Whether a session has a privilege on the warehouse of that name; not on one that is not there."""
    with world.store.reading() as tx:
        warehouse = catalog.find(tx, "WAREHOUSE", ObjectName(name or ""))
    return warehouse is not None and has(world, session, warehouse, privilege)


def role_has(world: World, role: str, item: SnowflakeObject, *privileges: str) -> bool:
    """The same for a role, e.g. a task's or service's owner."""
    role_names = roles(world, role)
    return item.owner in role_names or _granted(world, role_names, item.id, privileges)


def sees_everything(role_names: Iterable[str]) -> bool:
    """Whether roles include MANAGE GRANTS, whose holders see all objects (their data not included)."""
    return not {"ACCOUNTADMIN", "SECURITYADMIN"}.isdisjoint(role_names)


def visible(call: Call, objects: list[SnowflakeObject]) -> list[SnowflakeObject]:
    """Those objects that the session's roles have any privilege on, and on the schema and database that hold them.

    This is what SHOW lists (docs: sql-reference/sql/show-tasks, "usage notes").
    """
    world, role_names = call.world, session_roles(call.world, call.session)
    if sees_everything(role_names):
        return objects

    def seen(item: SnowflakeObject) -> bool:
        # Every role may see which roles there are.
        return item.kind == "ROLE" or item.owner in role_names or _granted(world, role_names, item.id)

    places: dict[tuple[str | None, str | None], bool] = {}
    for item in objects:
        place = (item.name.database, item.name.schema)
        if place not in places:
            places[place] = all(seen(parent) for parent in _parents(world, item.name))
    return [item for item in objects if places[item.name.database, item.name.schema] and seen(item)]


def sees_definition(call: Call, item: SnowflakeObject) -> bool:
    """Whether a session sees the text of a view, function or procedure: of a secure one its owner does, nobody else.

    docs: user-guide/views-secure, "viewing the definition".
    """
    return not item["secure"] or item.owner in session_roles(call.world, call.session)


def require(call: Call, privileges: str | tuple[str, ...], item: SnowflakeObject) -> None:
    """Check that the session may do something with an object; one of the privileges suffices, as does owning it.

    Raises:
        SnowflakeError: 003001 when it sees the object but lacks the privilege, 002003 when it may not even see it.
    """
    _require(call.world, session_roles(call.world, call.session), privileges, item)


def require_of_role(world: World, role: str, privileges: str | tuple[str, ...], item: SnowflakeObject) -> None:
    """The same of a role, e.g. of a view's owner.

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
    """USAGE on the database and schema that hold the object."""
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
    # the tokens of a class's name are words of its kind's
    privilege = f"CREATE {kind}".replace(" . ", ".")
    if name.schema is None:
        # CREATE ROLE too: MANAGE GRANTS does not stand for it (docs: sql-reference/sql/create-role)
        require_on_account(call, privilege.replace("EXTERNAL ACCESS ", "").replace("NOTIFICATION ", ""))
        return
    with call.world.store.reading() as tx:
        catalog.get(tx, "DATABASE", ObjectName(name.database or name.schema))
        if name.database is None:
            parent = catalog.get(tx, "DATABASE", ObjectName(name.schema))
        else:
            parent = catalog.get(tx, "SCHEMA", ObjectName(name.schema, name.database))
    require(call, privilege, parent)
