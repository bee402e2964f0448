"""DATABASE (contract 6.2): a DuckDB file of its own, and schema PUBLIC made with it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from snowflake_sandbox import errors
from snowflake_sandbox.access import access
from snowflake_sandbox.catalog import catalog
from snowflake_sandbox.catalog.kind import Kind, Property
from snowflake_sandbox.objects import schema
from snowflake_sandbox.result import Result, columns
from snowflake_sandbox.session import Scope
from snowflake_sandbox.statements.definitions import drop_children
from snowflake_sandbox.statements.reader import ObjectName, Reader

if TYPE_CHECKING:
    from snowflake_sandbox.call import Call
    from snowflake_sandbox.catalog.catalog import SnowflakeObject


def file_key(found: SnowflakeObject) -> str:
    """What the database's DuckDB file is called: its id, so that a rename leaves the file alone."""
    return f"database_{found.id}"


def _created(call: Call, made: SnowflakeObject) -> None:
    name = made.name.name
    _refuse_twin(call, made)
    call.world.data.attach(name, file_key(made))
    with call.world.store.transaction() as tx:
        public = catalog.create(
            tx, "SCHEMA", ObjectName("PUBLIC", name), made.owner, call.now, schema.default_properties()
        )
    schema.make(call, public)
    # CREATE DATABASE makes the new database the session's own (docs: sql-reference/sql/create-database).
    call.session.database, call.session.schema = name, "PUBLIC"


def _refuse_twin(call: Call, made: SnowflakeObject) -> None:
    # DuckDB's names ignore case, so "Mine" and MINE cannot both be.
    with call.world.store.transaction() as tx:
        names = [one.name.name for one in catalog.listing(tx, "DATABASE") if one.id != made.id]
    if made.name.name.upper() in [name.upper() for name in names]:
        raise errors.not_supported(f"database name {made.name.quoted} that differs from another one's only in case")


def _dropping(call: Call, found: SnowflakeObject) -> None:
    name = found.name.name
    drop_children(call, name)
    for session in list(call.world.sessions.values()):
        call.world.data.leave(session, name)
    call.world.data.detach(name, file_key(found))
    if call.session.database == name:
        call.session.database = call.session.schema = None


def _rename(call: Call, found: SnowflakeObject) -> Result | None:
    access.require(call, "OWNERSHIP", found)
    name = call.session.resolve(call.reader.object_name(), Scope.ACCOUNT, "ALTER DATABASE")
    with call.world.store.transaction() as tx:
        catalog.rename(tx, found, name)
        tx.run("UPDATE object SET database_name = ? WHERE database_name = ?", name.name, found.name.name)
        tx.run("UPDATE future_grant SET database_name = ? WHERE database_name = ?", name.name, found.name.name)
        for session in list(call.world.sessions.values()):
            call.world.data.leave(session, found.name.name)
        call.world.data.detach(found.name.name)
        call.world.data.attach(name.name, file_key(found))
    if call.session.database == found.name.name:
        call.session.database = name.name
    return None


def _show_row(call: Call, found: SnowflakeObject) -> tuple[Any, ...]:
    return (
        found.created_on,
        found.name.name,
        "N",
        "Y" if call.session.database == found.name.name else "N",
        "",
        found.owner,
        found["comment"] or "",
        "TRANSIENT" if found["transient"] else "",
        found.parameters.get("DATA_RETENTION_TIME_IN_DAYS", "1"),
        None,
        None,
        "STANDARD",
        "ROLE",
    )


def _finish(_call: Call, creation: Any) -> None:
    creation.properties["transient"] = "TRANSIENT" in creation.modifiers


def _describe(call: Call, found: SnowflakeObject) -> Result:
    with call.world.store.transaction() as tx:
        schemas = access.visible(call, catalog.listing(tx, "SCHEMA", found.name.name))
    return Result(columns("created_on@ name kind"), [(one.created_on, one.name.name, "SCHEMA") for one in schemas])


KIND = Kind(
    name="DATABASE",
    plural="DATABASES",
    scope=Scope.ACCOUNT,
    show=columns(
        "created_on@ name is_default is_current origin owner comment options retention_time resource_group dropped_on@"
        " kind owner_role_type"
    ),
    show_row=_show_row,
    properties=(Property("COMMENT", Reader.string),),
    parameters=schema.DATABASE_PARAMETERS,
    describe=_describe,
    finish_definition=_finish,
    created=_created,
    dropping=_dropping,
    actions={"RENAME TO": _rename},
    modifiers=frozenset({"TRANSIENT"}),
)
