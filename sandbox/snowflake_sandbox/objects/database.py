"""DATABASE (contract 6.2): a DuckDB file of its own, and schema PUBLIC made with it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from snowflake_sandbox import errors
from snowflake_sandbox.access import access
from snowflake_sandbox.catalog import catalog
from snowflake_sandbox.catalog.kind import Kind, Property, terse
from snowflake_sandbox.objects import schema
from snowflake_sandbox.result import Result, columns
from snowflake_sandbox.session import Scope
from snowflake_sandbox.statements.definitions import drop_children
from snowflake_sandbox.statements.reader import ObjectName, Reader

if TYPE_CHECKING:
    from snowflake_sandbox.call import Call
    from snowflake_sandbox.catalog.catalog import SnowflakeObject


def file_key(database: SnowflakeObject) -> str:
    """What the database's DuckDB file is called: its id, so that a rename leaves the file alone."""
    return f"database_{database.id}"


def _created(call: Call, database: SnowflakeObject) -> None:
    name = database.name.name
    _refuse_twin(call, database)
    call.world.data.attach(name, file_key(database))
    with call.world.store.transaction() as tx:
        public = catalog.create(
            tx, "SCHEMA", ObjectName("PUBLIC", name), database.owner, call.now, schema.default_properties()
        )
    schema.make(call, public)
    # CREATE DATABASE makes the new database the session's own (docs: sql-reference/sql/create-database).
    call.session.database, call.session.schema = name, "PUBLIC"


def _refuse_twin(call: Call, database: SnowflakeObject) -> None:
    # DuckDB's names ignore case, so "Mine" and MINE cannot both be.
    with call.world.store.transaction() as tx:
        names = [database_.name.name for database_ in catalog.listing(tx, "DATABASE") if database_.id != database.id]
    if database.name.name.upper() in [name.upper() for name in names]:
        raise errors.not_supported(f"database name {database.name.quoted} that differs from another one's only in case")


def _dropping(call: Call, database: SnowflakeObject) -> None:
    name = database.name.name
    drop_children(call, name)
    call.world.data.detach(name, file_key(database))
    if call.session.database == name:
        call.session.database = call.session.schema = None


def _rename(call: Call, database: SnowflakeObject) -> Result | None:
    access.require(call, "OWNERSHIP", database)
    name = call.session.resolve(call.reader.object_name(), Scope.ACCOUNT, "ALTER DATABASE")
    with call.world.store.transaction() as tx:
        catalog.rename(tx, database, name)
        tx.run("UPDATE object SET database_name = ? WHERE database_name = ?", name.name, database.name.name)
        tx.run("UPDATE future_grant SET database_name = ? WHERE database_name = ?", name.name, database.name.name)
        call.world.data.detach(database.name.name)
        call.world.data.attach(name.name, file_key(database))
    if call.session.database == database.name.name:
        call.session.database = name.name
    return None


def _show_row(call: Call, database: SnowflakeObject) -> tuple[Any, ...]:
    return (
        database.created_on,
        database.name.name,
        "N",
        "Y" if call.session.database == database.name.name else "N",
        "",
        database.owner,
        database["comment"] or "",
        "TRANSIENT" if database["transient"] else "",
        database.parameters.get("DATA_RETENTION_TIME_IN_DAYS", "1"),
        None,
        "STANDARD",
        "ROLE",
    )


def _finish(_call: Call, creation: Any) -> None:
    creation.properties["transient"] = "TRANSIENT" in creation.modifiers


def _describe(call: Call, database: SnowflakeObject) -> Result:
    with call.world.store.transaction() as tx:
        schemas = access.visible(call, catalog.listing(tx, "SCHEMA", database.name.name))
    return Result(
        columns("created_on@ name kind"), [(schema.created_on, schema.name.name, "SCHEMA") for schema in schemas]
    )


KIND = Kind(
    name="DATABASE",
    plural="DATABASES",
    scope=Scope.ACCOUNT,
    show=columns(
        "created_on@ name is_default is_current origin owner comment options retention_time dropped_on@"
        " kind owner_role_type"
    ),
    show_row=_show_row,
    terse=terse(kind="STANDARD", database_name=None, schema_name=None),
    properties=(Property("COMMENT", Reader.string),),
    parameters=schema.DATABASE_PARAMETERS,
    describe=_describe,
    finish_definition=_finish,
    created=_created,
    dropping=_dropping,
    actions={"RENAME TO": _rename},
    modifiers=frozenset({"TRANSIENT"}),
)
