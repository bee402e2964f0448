"""DATABASE (contract 6.2): it has its own DuckDB file, and schema PUBLIC is created with it."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any

from snowflake_sandbox import errors
from snowflake_sandbox.access import access
from snowflake_sandbox.catalog import catalog
from snowflake_sandbox.catalog.kind import Kind, Property, terse
from snowflake_sandbox.objects import schema
from snowflake_sandbox.result import Result, columns
from snowflake_sandbox.session import ObjectScope
from snowflake_sandbox.statements.definitions import drop_children
from snowflake_sandbox.statements.reader import ObjectName, Reader
from snowflake_sandbox.tables import defaults

if TYPE_CHECKING:
    from snowflake_sandbox.call import Call, World
    from snowflake_sandbox.catalog.catalog import SnowflakeObject
    from snowflake_sandbox.session import Session
    from snowflake_sandbox.store import Transaction


_DUCKDBS_OWN = frozenset({"MEMORY", "TEMP", "SYSTEM", "MAIN"})
# Files of dropped databases that still have to be removed.
TABLES = "CREATE TABLE IF NOT EXISTS superfluous_file (key TEXT PRIMARY KEY);"


def file_key(database: SnowflakeObject) -> str:
    """Return the name of a database's DuckDB file: the object's id, so that a rename does not affect the file."""
    return f"database_{database.id}"


def _created(call: Call, database: SnowflakeObject) -> None:
    name, key = database.name.name, file_key(database)
    _refuse_name(call, database.name, database)
    with call.world.store.transaction() as tx:
        tx.otherwise(lambda: call.world.data.remove(key))
        _attach(call, tx, name, key)
        public = catalog.create(
            tx, "SCHEMA", ObjectName("PUBLIC", name), database.owner, call.now, schema.default_properties()
        )
    schema.make(call, public)
    # CREATE DATABASE makes the new database the session's current one (docs: sql-reference/sql/create-database).
    call.session.database, call.session.schema = name, "PUBLIC"


def _attach(call: Call, tx: Transaction, name: str, key: str) -> None:
    call.world.data.attach(name, key)
    tx.otherwise(lambda: call.world.data.detach(name))


def _detach(call: Call, tx: Transaction, name: str, key: str) -> None:
    call.world.data.detach(name)
    tx.otherwise(lambda: call.world.data.attach(name, key))


def _refuse_name(call: Call, name: ObjectName, database: SnowflakeObject) -> None:
    """Refuse a name that DuckDB cannot use for a database: a reserved one, or another database's in different case."""
    if name.name.upper() in _DUCKDBS_OWN:
        raise errors.not_supported(f"database name {name.quoted}")
    # DuckDB's names ignore case, so "Mine" and MINE cannot both exist.
    with call.world.store.reading() as tx:
        names = [database_.name.name for database_ in catalog.listing(tx, "DATABASE") if database_.id != database.id]
    if name.name.upper() in [name.upper() for name in names]:
        raise errors.not_supported(f"database name {name.quoted} that differs from another one's only in case")


def _dropping(call: Call, database: SnowflakeObject) -> None:
    name, key = database.name.name, file_key(database)
    drop_children(call, name)
    with call.world.store.transaction() as tx:
        tx.forget_definitions(name)
        _detach(call, tx, name, key)
        # The file is removed last: a kill before leaves either a complete database or a file recorded for removal.
        tx.run("INSERT INTO superfluous_file VALUES (?)", key)
        tx.afterwards(lambda: call.world.store.soon("remove file", lambda: remove_file(call.world, key)))
        if call.session.database == name:
            tx.otherwise(partial(_use, call.session, call.session.database, call.session.schema))
            _use(call.session, None, None)


def _use(session: Session, database: str | None, schema_name: str | None) -> None:
    session.database, session.schema = database, schema_name


def remove_file(world: World, key: str) -> None:
    """Remove the file of a dropped database, and the record that it is to be removed."""
    world.data.remove(key)
    with world.store.transaction() as tx:
        tx.run("DELETE FROM superfluous_file WHERE key = ?", key)


def _rename(call: Call, database: SnowflakeObject) -> Result | None:
    access.require(call, "OWNERSHIP", database)
    name = call.session.resolve(call.reader.object_name(), ObjectScope.ACCOUNT, "ALTER DATABASE")
    with call.world.store.transaction() as tx:
        catalog.rename(tx, database, name)
        _refuse_name(call, name, database)
        tx.run("UPDATE object SET database_name = ? WHERE database_name = ?", name.name, database.name.name)
        tx.run("UPDATE future_grant SET database_name = ? WHERE database_name = ?", name.name, database.name.name)
        _detach(call, tx, database.name.name, file_key(database))
        _attach(call, tx, name.name, file_key(database))
        defaults.follow_database(tx, database.name.name, name.name)
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
    with call.world.store.reading() as tx:
        schemas = access.visible(call, catalog.listing(tx, "SCHEMA", database.name.name))
    return Result(
        columns("created_on@ name kind"), [(schema.created_on, schema.name.name, "SCHEMA") for schema in schemas]
    )


KIND = Kind(
    name="DATABASE",
    plural="DATABASES",
    scope=ObjectScope.ACCOUNT,
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
