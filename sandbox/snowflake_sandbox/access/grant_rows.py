"""The rows of SHOW GRANTS and SHOW FUTURE GRANTS (contract 6.6).

Knows how grants are shown; must not know how they are granted (grants.py). A procedure or function must be shown with
its arguments, or the provider crashes; the kind supplies that text (`Kind.grant_name`).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from snowflake_sandbox import errors
from snowflake_sandbox.access import access
from snowflake_sandbox.catalog import catalog
from snowflake_sandbox.result import SHOW, Result, columns
from snowflake_sandbox.session import ObjectScope
from snowflake_sandbox.statements.definitions import find_for, read_kind
from snowflake_sandbox.statements.reader import ObjectName

if TYPE_CHECKING:
    import sqlite3

    from snowflake_sandbox.call import Call
    from snowflake_sandbox.catalog.catalog import SnowflakeObject
    from snowflake_sandbox.catalog.kind import Kind
    from snowflake_sandbox.store import Snapshot

_GRANTS = columns("created_on@ privilege granted_on name granted_to grantee_name grant_option granted_by")
_FUTURE = columns("created_on@ privilege grant_on name grant_to grantee_name grant_option")
_OF_ROLE = columns("created_on@ role granted_to grantee_name granted_by")
_TO_USER = columns("created_on@ role granted_to grantee_name granted_by")
Row = tuple[Any, ...]


def grant_name(call: Call, item: SnowflakeObject) -> str:
    """Return an object's name as SHOW GRANTS shows it."""
    spelling = call.world.kinds[item.kind].grant_name if item.kind in call.world.kinds else None
    return spelling(item) if spelling is not None else item.name.qualified


def _granted_on(kind: str) -> str:
    return "INTEGRATION" if kind.endswith("INTEGRATION") else kind.replace(" ", "_")


def _ownership(call: Call, item: SnowflakeObject) -> Row:
    name = grant_name(call, item)
    return (
        item.created_on,
        "OWNERSHIP",
        _granted_on(item.kind),
        name,
        "ROLE",
        item.owner,
        "true",
        item.owner,
    )


def _row(call: Call, row: sqlite3.Row, item: SnowflakeObject | None) -> Row:
    return (
        catalog.instant(row["created_on"]),
        row["privilege"],
        _granted_on(item.kind) if item else "ACCOUNT",
        grant_name(call, item) if item else "LOCAL-SANDBOX",
        "ROLE",
        row["grantee"],
        "true" if row["grant_option"] else "false",
        row["granted_by"] or "ACCOUNTADMIN",
    )


def show_grants(call: Call) -> Result:
    """SHOW GRANTS [ON … | OF [DATABASE] ROLE … | TO ROLE | USER …]; without a clause: the current user's grants."""
    reader = call.reader
    if reader.accept("OF DATABASE ROLE"):
        return _of_database_role(call)
    if reader.accept("OF ROLE"):
        return _of_role(call)
    if reader.accept("ON"):
        return _on(call)
    if reader.accept("TO USER"):
        return _to_user(call, reader.object_name().name)
    if reader.accept("TO"):
        reader.accept("ROLE")
        return _to_role(call, reader.object_name().name)
    return _to_user(call, call.session.user)


def _on(call: Call) -> Result:
    if call.reader.accept("ACCOUNT"):
        call.reader.end()
        with call.world.store.reading() as tx:
            rows = tx.rows("SELECT * FROM object_grant WHERE object_id = ?", access.ACCOUNT_ID)
        return Result(_GRANTS, [_row(call, row, None) for row in rows], SHOW)
    item = read_object(call, "SHOW GRANTS")
    call.reader.end()
    if not access.visible(call, [item]):
        raise errors.does_not_exist(item.kind, item.name.qualified)
    with call.world.store.reading() as tx:
        rows = tx.rows("SELECT * FROM object_grant WHERE object_id = ?", item.id)
    owned = [_ownership(call, item)] if item.owner else []
    return Result(_GRANTS, owned + [_row(call, row, item) for row in rows], SHOW)


def read_object(call: Call, command: str) -> SnowflakeObject:
    """Read a kind and a name, and return the object; the kind INTEGRATION stands for all kinds of integrations.

    Raises:
        SnowflakeError: 002003 if the object does not exist.
    """
    if call.reader.accept("INTEGRATION"):
        name = ObjectName(call.reader.object_name().name)
        with call.world.store.reading() as tx:
            kinds = [kind for kind in call.world.kinds if kind.endswith("INTEGRATION")]
            item = next((candidate for kind in kinds if (candidate := catalog.find(tx, kind, name))), None)
        if item is None or not access.knows(call, item):
            raise errors.does_not_exist("INTEGRATION", name.name)
        return item
    kind = _kind_of_relation(call) if _is_untyped(call) else read_kind(call.world, call.reader)
    match = find_for(call, kind, command)
    if match is None:
        raise errors.does_not_exist(kind.name, "")
    return match


def _is_untyped(call: Call) -> bool:
    """Whether a name without a kind comes next, as dbt-snowflake writes it: `ON db.schema.t TO r`."""
    reader, ahead = call.reader, 1
    while reader.peek(ahead) == ".":
        ahead += 2
    return reader.peek(ahead) in ("TO", "FROM", "") and reader.peek() not in call.world.kinds


def _kind_of_relation(call: Call) -> Kind:
    """Return the kind of the relation whose name comes next: VIEW if there is such a view, else TABLE."""
    start = call.reader.index
    name = call.session.resolve(call.reader.object_name(), ObjectScope.SCHEMA, "GRANT")
    call.reader.index = start
    with call.world.store.reading() as tx:
        is_view = catalog.find(tx, "VIEW", name) is not None
    return call.world.kinds["VIEW" if is_view else "TABLE"]


def _existing(call: Call, kind: str, name: str) -> None:
    call.reader.end()
    with call.world.store.reading() as tx:
        catalog.get(tx, kind, ObjectName(name))


def _of_role(call: Call) -> Result:
    name = call.reader.object_name().name
    _existing(call, "ROLE", name)
    with call.world.store.reading() as tx:
        return Result(_OF_ROLE, _grants_of(tx, name), SHOW)


def _grants_of(tx: Snapshot, name: str) -> list[Row]:
    rows = tx.rows("SELECT * FROM role_grant WHERE role = ? ORDER BY granted_to, grantee", name)
    return [
        (catalog.instant(row["created_on"]), name, row["granted_to"], row["grantee"], row["granted_by"]) for row in rows
    ]


def _of_database_role(call: Call) -> Result:
    """SHOW GRANTS OF DATABASE ROLE: its grantees, and PUBLIC if every account grants the role to it."""
    name = call.reader.object_name().qualified
    call.reader.end()
    if name not in access.DATABASE_ROLES:
        raise errors.does_not_exist("Database role", name)
    grants: list[Row] = []
    with call.world.store.reading() as tx:
        if access.has_public(call.world, name):
            # the empty grantor is a guess
            grants.append((catalog.get(tx, "ROLE", ObjectName("PUBLIC")).created_on, name, "ROLE", "PUBLIC", ""))
        grants += _grants_of(tx, name)
    return Result(_OF_ROLE, grants, SHOW)


def _to_user(call: Call, name: str) -> Result:
    _existing(call, "USER", name)
    with call.world.store.reading() as tx:
        rows = tx.rows("SELECT * FROM role_grant WHERE granted_to = 'USER' AND grantee = ? ORDER BY role", name)
    grants = [(catalog.instant(row["created_on"]), row["role"], "USER", name, row["granted_by"]) for row in rows]
    return Result(_TO_USER, grants, SHOW)


def _to_role(call: Call, name: str) -> Result:
    _existing(call, "ROLE", name)
    grants: list[Row] = []
    with call.world.store.reading() as tx:
        for row in tx.rows("SELECT * FROM object_grant WHERE grantee = ? ORDER BY object_id, privilege", name):
            item = catalog.by_id(tx, row["object_id"])
            if item is not None or row["object_id"] == access.ACCOUNT_ID:
                grants.append(_row(call, row, item))
        grants += [_ownership(call, owned) for owned in catalog.owned_by(tx, name)]
        for row in tx.rows("SELECT * FROM role_grant WHERE granted_to = 'ROLE' AND grantee = ? ORDER BY role", name):
            kind = "DATABASE_ROLE" if row["role"] in access.DATABASE_ROLES else "ROLE"
            granted_by = row["granted_by"]
            grants.append(
                (catalog.instant(row["created_on"]), "USAGE", kind, row["role"], "ROLE", name, "false", granted_by)
            )
    return Result(_GRANTS, grants, SHOW)


def show_future_grants(call: Call) -> Result:
    """SHOW FUTURE GRANTS IN SCHEMA | DATABASE … | TO ROLE …."""
    reader = call.reader
    if reader.accept("TO ROLE"):
        name = reader.object_name().name
        _existing(call, "ROLE", name)
        condition, values = "grantee = ?", [name]
    else:
        reader.expect("IN")
        in_schema = reader.accept("SCHEMA")
        if not in_schema:
            reader.expect("DATABASE")
        scope = ObjectScope.DATABASE if in_schema else ObjectScope.ACCOUNT
        resolved = call.session.resolve(reader.object_name(), scope, "SHOW FUTURE GRANTS")
        reader.end()
        with call.world.store.reading() as tx:
            place = catalog.get(tx, "SCHEMA" if in_schema else "DATABASE", resolved)
        access.require_known(call, place)
        condition = "database_name = ? AND schema_name = ?"
        values = [resolved.schema or "", resolved.name] if in_schema else [resolved.name, ""]
    with call.world.store.reading() as tx:
        rows = tx.rows(f"SELECT * FROM future_grant WHERE {condition} ORDER BY kind, privilege, grantee", *values)
    return Result(_FUTURE, [_future_row(row) for row in rows], SHOW)


def _future_row(row: sqlite3.Row) -> Row:
    inside = ".".join(part for part in (row["database_name"], row["schema_name"]) if part)
    return (
        catalog.instant(row["created_on"]),
        row["privilege"],
        _granted_on(row["kind"]),
        f"{inside}.<{_granted_on(row['kind'])}>",
        "ROLE",
        row["grantee"],
        "true" if row["grant_option"] else "false",
    )
