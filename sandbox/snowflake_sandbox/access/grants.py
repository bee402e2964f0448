"""GRANT, REVOKE, SHOW GRANTS, SHOW FUTURE GRANTS (contract 6.5 to 6.7).

Knows the grammar of these statements and who may grant; must not know what a privilege allows (access.py and the
statements that check it do).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from snowflake_sandbox import errors
from snowflake_sandbox.access import access, bundles, grant_rows, privileges
from snowflake_sandbox.catalog import catalog
from snowflake_sandbox.objects import role
from snowflake_sandbox.result import Result, status
from snowflake_sandbox.session import ObjectScope
from snowflake_sandbox.statements.reader import ObjectName

if TYPE_CHECKING:
    from snowflake_sandbox.call import Call, World
    from snowflake_sandbox.catalog.catalog import SnowflakeObject
    from snowflake_sandbox.statements.reader import Reader
    from snowflake_sandbox.store import Transaction


_ADMINISTRATORS = frozenset({"ACCOUNTADMIN", "SECURITYADMIN"})


def register(world: World) -> None:
    """Add the statements of this module."""
    world.statements |= {
        "GRANT": _grant,
        "GRANT ROLE": _grant_role,
        "REVOKE": _revoke,
        "REVOKE ROLE": _revoke_role,
        "SHOW GRANTS": grant_rows.show_grants,
        "SHOW FUTURE GRANTS": grant_rows.show_future_grants,
    }


@dataclass(frozen=True)
class Target:
    """The objects that a GRANT or REVOKE names.

    Attributes:
        kind: "ACCOUNT" or the name of a kind.
        objects: the object named, or all those of ALL …; empty for the account and for FUTURE.
        future: the database and schema ("" means every schema of the database) of FUTURE …; otherwise None.
    """

    kind: str
    objects: tuple[SnowflakeObject, ...] = ()
    future: tuple[str, str] | None = None


def _read_privileges(reader: Reader) -> list[str]:
    names: list[str] = []
    words: list[str] = []
    while True:
        if reader.peek() in ("ON", ",", ""):
            if not words:
                raise reader.unexpected()
            # the name of a class, as in CREATE SNOWFLAKE.CORE.BUDGET, counts as one word
            names.append(" ".join(words).replace(" . ", "."))
            words = []
            if not reader.accept(","):
                reader.expect("ON")
                return names
        else:
            words.append(reader.peek())
            reader.index += 1


def _read_target(call: Call) -> Target:
    reader = call.reader
    if reader.accept("ACCOUNT"):
        return Target("ACCOUNT")
    for word in ("ALL", "FUTURE"):
        if reader.accept(word):
            return _read_many(call, future=word == "FUTURE")
    item = grant_rows.read_object(call, "GRANT")
    return Target(item.kind, (item,))


def _read_many(call: Call, *, future: bool) -> Target:
    reader = call.reader
    words: list[str] = []
    while not reader.at_end and reader.peek() != "IN":
        words.append(reader.peek())
        reader.index += 1
    reader.expect("IN")
    plural = " ".join(words)
    kind = next((kind_.name for kind_ in call.world.kinds.values() if kind_.plural == plural), None)
    in_schema = reader.accept("SCHEMA")
    if not in_schema:
        reader.expect("DATABASE")
    scope = ObjectScope.DATABASE if in_schema else ObjectScope.ACCOUNT
    name = call.session.resolve(reader.object_name(), scope, "GRANT")
    database, schema = (name.schema or "", name.name) if in_schema else (name.name, "")
    with call.world.store.reading() as tx:
        catalog.get(tx, "SCHEMA" if in_schema else "DATABASE", name)
        if future:
            return Target(kind or _singular(plural), future=(database, schema))
        if kind is None:
            return Target(_singular(plural))
        return Target(kind, tuple(catalog.listing(tx, kind, database, schema or None)))


def _singular(plural: str) -> str:
    """Return the singular of a kind that the sandbox lacks but that deployments grant in bulk (MATERIALIZED VIEWS)."""
    return plural[:-3] + "Y" if plural.endswith("IES") else plural.removesuffix("S")


def _read_role(call: Call, word: str) -> str:
    call.reader.expect(word)
    for grantee_kind in ("SHARE", "DATABASE ROLE", "APPLICATION", "USER"):
        if call.reader.accept(grantee_kind):
            raise errors.not_supported(f"GRANT … {word} {grantee_kind}")
    call.reader.accept("ROLE")
    name = call.reader.object_name().name
    with call.world.store.reading() as tx:
        catalog.get(tx, "ROLE", ObjectName(name))
    return name


def _checked(kind: str, names: list[str]) -> list[str]:
    allowed = privileges.of_kind(kind)
    if names in (["ALL"], ["ALL PRIVILEGES"]):
        return sorted(allowed)
    for name in names:
        if allowed and name not in allowed and name != "OWNERSHIP":
            raise errors.SnowflakeError(
                1003, "42000", f"SQL compilation error:\nInvalid privilege '{name}' for object type '{kind}'."
            )
    return names


def _grant(call: Call) -> Result:
    names = _read_privileges(call.reader)
    target = _read_target(call)
    grantee = _read_role(call, "TO")
    if names == ["OWNERSHIP"]:
        return _grant_ownership(call, target, grantee)
    option = call.reader.accept("WITH GRANT OPTION")
    call.reader.end()
    names = _checked(target.kind, names)
    _require_grantor(call, target, names)
    with call.world.store.transaction() as tx:
        if target.future is not None:
            for name in names:
                _add_future(tx, call, target, name, grantee, option=option)
        for object_id, grantor in _ids(call, target):
            for name in names:
                tx.run(
                    "INSERT OR REPLACE INTO object_grant VALUES (?, ?, ?, ?, ?, ?)",
                    object_id,
                    name,
                    grantee,
                    int(option),
                    grantor,
                    call.now.isoformat(),
                )
    return status()


def _ids(call: Call, target: Target) -> list[tuple[int, str]]:
    """Return object ids, each with the role shown as the grantor: the object's owner, as in Snowflake."""
    if target.kind == "ACCOUNT":
        return [(access.ACCOUNT_ID, call.session.role)]
    return [(item.id, item.owner or call.session.role) for item in target.objects]


def _add_future(tx: Transaction, call: Call, target: Target, name: str, grantee: str, *, option: bool) -> None:  # noqa: PLR0913  # the row's columns
    database, schema = target.future or ("", "")
    if name == "OWNERSHIP":
        # Only one role can have it: another role's grant must be revoked first (terraform-provider-snowflake #1954).
        owners = tx.rows(
            "SELECT grantee FROM future_grant"
            " WHERE database_name = ? AND schema_name = ? AND kind = ? AND privilege = ? AND grantee <> ?",
            database,
            schema,
            target.kind,
            name,
            grantee,
        )
        if owners:
            raise errors.future_owner_exists(target.kind, "schema" if schema else "database")
    tx.run(
        "INSERT OR REPLACE INTO future_grant VALUES (?, ?, ?, ?, ?, ?, ?)",
        database,
        schema,
        target.kind,
        name,
        grantee,
        int(option),
        call.now.isoformat(),
    )


def _require_grantor(call: Call, target: Target, names: list[str]) -> None:
    if target.kind == "ACCOUNT":
        _require_account_grantor(call, names)
        return
    if access.has_on_account(call.world, call.session.role, "MANAGE GRANTS"):
        return
    if target.future is not None:
        raise errors.insufficient_privileges("account", "LOCAL-SANDBOX")
    role_names = access.session_roles(call.world, call.session)
    for item in target.objects:
        if item.owner not in role_names and not _has_option(call, item.id, names, role_names):
            raise errors.insufficient_privileges(item.kind, item.name.name)


def _require_account_grantor(call: Call, names: list[str]) -> None:
    """Check that an administrator, or a role that has the privileges with GRANT OPTION, grants account privileges.

    A custom role's MANAGE GRANTS does not cover the account (CIS Snowflake Foundations 2.0.0, 2.2), and only
    ACCOUNTADMIN may grant the EXECUTE privileges (docs: user-guide/tasks-intro, task security).
    """
    role_names = access.session_roles(call.world, call.session)
    administrators = {"ACCOUNTADMIN"} if any(name.startswith("EXECUTE ") for name in names) else _ADMINISTRATORS
    if administrators.isdisjoint(role_names) and not _has_option(call, access.ACCOUNT_ID, names, role_names):
        raise errors.insufficient_privileges("account", "LOCAL-SANDBOX")


def _has_option(call: Call, object_id: int, names: list[str], role_names: frozenset[str]) -> bool:
    with call.world.store.reading() as tx:
        rows = tx.rows(
            "SELECT privilege, grantee FROM object_grant WHERE object_id = ? AND grant_option = 1", object_id
        )
    return set(names) <= {row["privilege"] for row in rows if row["grantee"] in role_names}


def _grant_ownership(call: Call, target: Target, grantee: str) -> Result:
    copy = call.reader.accept("COPY CURRENT GRANTS")
    revoke = call.reader.accept("REVOKE CURRENT GRANTS")
    call.reader.end()
    _require_grantor(call, target, ["OWNERSHIP"])
    _require_active(call, target, grantee)
    with call.world.store.transaction() as tx:
        if target.future is not None:
            _add_future(tx, call, target, "OWNERSHIP", grantee, option=True)
        for item in target.objects:
            _move_ownership(tx, call, item, grantee, copy=copy, revoke=revoke)
    return status()


def _require_active(call: Call, target: Target, grantee: str) -> None:
    """BCR-2395: the new owner must be an active role of the session, unless its role has MANAGE GRANTS on the account.

    The page does not mention future grants, so they are not checked (guess).
    """
    with call.world.store.reading() as tx:
        is_checked = bundles.is_enabled(tx, bundles.OWNERSHIP_OF_ACTIVE_ROLES)
    if not is_checked or target.future is not None:
        return
    if grantee in access.session_roles(call.world, call.session):
        return
    if not access.has_on_account(call.world, call.session.role, "MANAGE GRANTS"):
        raise errors.SnowflakeError(
            3001,
            "42501",
            "SQL access control error:\nInsufficient privileges: ownership can only be transferred to a role that is"
            " activated in the current session or by a role with account-level MANAGE GRANTS.",
        )


def _move_ownership(  # noqa: PLR0913  # the two ways that grants may go are keywords
    tx: Transaction, call: Call, item: SnowflakeObject, grantee: str, *, copy: bool, revoke: bool
) -> None:
    if item.owner == grantee:
        return
    grants_on = tx.rows("SELECT privilege, grantee FROM object_grant WHERE object_id = ?", item.id)
    if grants_on and not (copy or revoke):
        raise errors.SnowflakeError(
            3036,
            "42501",
            f"SQL execution error:\nDependent grant of privilege '{grants_on[0]['privilege']}' on securable"
            f" '{item.name.qualified}' to role '{grants_on[0]['grantee']}' exists. It must be revoked first. More"
            " than one dependent grant may exist: use 'SHOW GRANTS' command to view them. To revoke all dependent"
            " grants while transferring object ownership, use convenience command 'GRANT OWNERSHIP ON"
            " <target_objects> TO <target_role> REVOKE CURRENT GRANTS'.",
        )
    if revoke:
        tx.run("DELETE FROM object_grant WHERE object_id = ?", item.id)
    else:
        tx.run("UPDATE object_grant SET granted_by = ? WHERE object_id = ?", grantee, item.id)
    catalog.set_owner(tx, item, grantee)
    changed = call.world.kinds[item.kind].owner_changed
    moved = catalog.by_id(tx, item.id)
    if changed is not None and moved is not None:
        changed(call, moved)


def _grant_role(call: Call) -> Result:
    name, granted_to, grantee = _read_role_grant(call, "TO")
    with call.world.store.transaction() as tx:
        if granted_to == "ROLE" and grantee in access.roles(call.world, name):
            raise errors.SnowflakeError(
                3023, "42501", f"SQL execution error:\nRole '{name}' cannot be granted to '{grantee}': cyclic grant."
            )
        role.grant(tx, name, granted_to, grantee, call.session.role, call.now)
    return status()


def _revoke_role(call: Call) -> Result:
    name, granted_to, grantee = _read_role_grant(call, "FROM")
    with call.world.store.transaction() as tx:
        tx.run("DELETE FROM role_grant WHERE role = ? AND granted_to = ? AND grantee = ?", name, granted_to, grantee)
    return status()


def _read_role_grant(call: Call, word: str) -> tuple[str, str, str]:
    reader = call.reader
    name = ObjectName(reader.object_name().name)
    reader.expect(word)
    granted_to = "USER" if reader.accept("USER") else "ROLE"
    if granted_to == "ROLE":
        reader.expect("ROLE")
    grantee = ObjectName(reader.object_name().name)
    reader.end()
    with call.world.store.reading() as tx:
        role = catalog.get(tx, "ROLE", name)
        catalog.get(tx, granted_to, grantee)
    role_names = access.session_roles(call.world, call.session)
    if role.owner not in role_names and not access.has_on_account(call.world, call.session.role, "MANAGE GRANTS"):
        raise errors.insufficient_privileges("role", name.name)
    return name.name, granted_to, grantee.name


def _revoke(call: Call) -> Result:
    option_only = call.reader.accept("GRANT OPTION FOR")
    names = _read_privileges(call.reader)
    target = _read_target(call)
    grantee = _read_role(call, "FROM")
    if not call.reader.accept("CASCADE"):
        call.reader.accept("RESTRICT")
    call.reader.end()
    names = _checked(target.kind, names)
    _require_grantor(call, target, names)
    with call.world.store.transaction() as tx:
        for name in names:
            _take(tx, call, target, name, grantee, option_only=option_only)
    return status()


def _take(tx: Transaction, call: Call, target: Target, name: str, grantee: str, *, option_only: bool) -> None:  # noqa: PLR0913  # the row's key
    action = "UPDATE {} SET grant_option = 0" if option_only else "DELETE FROM {}"
    values: tuple[Any, ...] = (name, grantee)
    if target.future is not None:
        condition = " WHERE privilege = ? AND grantee = ? AND database_name = ? AND schema_name = ? AND kind = ?"
        tx.run(action.format("future_grant") + condition, *values, *target.future, target.kind)
    for object_id, _grantor in _ids(call, target):
        condition = " WHERE privilege = ? AND grantee = ? AND object_id = ?"
        tx.run(action.format("object_grant") + condition, *values, object_id)
