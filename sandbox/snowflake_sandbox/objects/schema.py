"""SCHEMA (contract 6.3): a DuckDB schema of the same name in its database's file."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from snowflake_sandbox import errors
from snowflake_sandbox.access import access
from snowflake_sandbox.catalog import catalog
from snowflake_sandbox.catalog.kind import Creation, Kind, Property, terse
from snowflake_sandbox.data.adapter import quoted
from snowflake_sandbox.result import Result, columns, status
from snowflake_sandbox.session import ObjectScope
from snowflake_sandbox.statements.definitions import create_object, drop_children
from snowflake_sandbox.statements.reader import ObjectName, Reader

if TYPE_CHECKING:
    from snowflake_sandbox.call import Call
    from snowflake_sandbox.catalog.catalog import SnowflakeObject

# Parameters that can be set on a database or schema; a schema inherits unset ones from its database.
DATABASE_PARAMETERS = {
    "DATA_RETENTION_TIME_IN_DAYS": "1",
    "MAX_DATA_EXTENSION_TIME_IN_DAYS": "14",
    "EXTERNAL_VOLUME": "",
    "CATALOG": "",
    "REPLACE_INVALID_CHARACTERS": "false",
    "DEFAULT_DDL_COLLATION": "",
    "DEFAULT_NOTEBOOK_COMPUTE_POOL_CPU": "SYSTEM_COMPUTE_POOL_CPU",
    "DEFAULT_NOTEBOOK_COMPUTE_POOL_GPU": "SYSTEM_COMPUTE_POOL_GPU",
    "STORAGE_SERIALIZATION_POLICY": "OPTIMIZED",
    "LOG_EVENT_LEVEL": "OFF",
    "LOG_LEVEL": "OFF",
    "TRACE_LEVEL": "OFF",
    "SUSPEND_TASK_AFTER_NUM_FAILURES": "10",
    "TASK_AUTO_RETRY_ATTEMPTS": "0",
    "USER_TASK_MANAGED_INITIAL_WAREHOUSE_SIZE": "Medium",
    "USER_TASK_TIMEOUT_MS": "3600000",
    "USER_TASK_MINIMUM_TRIGGER_INTERVAL_IN_SECONDS": "30",
    "QUOTED_IDENTIFIERS_IGNORE_CASE": "false",
    "ENABLE_CONSOLE_OUTPUT": "false",
}


def default_properties() -> dict[str, Any]:
    """Return the default properties of a schema."""
    return {"comment": None, "transient": False, "managed_access": False}


def _create(name: ObjectName) -> str:
    return f"CREATE SCHEMA IF NOT EXISTS {quoted(name.schema or '', name.name)}"


def _drop(name: ObjectName) -> str:
    return f"DROP SCHEMA IF EXISTS {quoted(name.schema or '', name.name)} CASCADE"


def make(call: Call, schema: SnowflakeObject) -> None:
    """Create the DuckDB schema and make it the session's current schema, as CREATE SCHEMA does."""
    call.world.define(schema.name.schema or "", _create(schema.name))
    call.session.database, call.session.schema = schema.name.schema, schema.name.name


def _dropping(call: Call, schema: SnowflakeObject) -> None:
    drop_children(call, schema.name.schema or "", schema.name.name)
    call.world.define(schema.name.schema or "", _drop(schema.name))
    if (call.session.database, call.session.schema) == (schema.name.schema, schema.name.name):
        with call.world.store.transaction() as tx:
            tx.otherwise(lambda: setattr(call.session, "schema", schema.name.name))
        call.session.schema = None


def _rename(call: Call, schema: SnowflakeObject) -> Result | None:
    access.require(call, "OWNERSHIP", schema)
    name = call.session.resolve(call.reader.object_name(), ObjectScope.DATABASE, "ALTER SCHEMA")
    if name.schema != schema.name.schema:
        raise errors.not_supported("ALTER SCHEMA … RENAME TO another database")
    with call.world.store.transaction() as tx:
        inside = catalog.children(tx, schema.name.schema or "", schema.name.name)
        if any(member.kind in ("TABLE", "VIEW") for member in inside):
            # DuckDB cannot rename a schema, and copying tables would lose their defaults.
            raise errors.not_supported("ALTER SCHEMA … RENAME TO of a schema that holds tables or views")
        catalog.rename(tx, schema, name)
        for table in ("object", "future_grant"):
            tx.run(
                f"UPDATE {table} SET schema_name = ? WHERE database_name = ? AND schema_name = ?",
                name.name,
                name.schema,
                schema.name.name,
            )
        tx.define(name.schema or "", _create(name), _drop(schema.name))
    if call.session.schema == schema.name.name and call.session.database == name.schema:
        call.session.schema = name.name
    return None


def _set_managed(*, managed: bool) -> Any:
    def action(call: Call, schema: SnowflakeObject) -> Result | None:
        with call.world.store.transaction() as tx:
            catalog.update(tx, schema, {"managed_access": managed})
        return None

    return action


def _read_definition(call: Call, creation: Creation) -> bool:
    if not call.reader.accept("WITH MANAGED ACCESS"):
        return False
    creation.properties["managed_access"] = True
    return True


def _finish(_call: Call, creation: Creation) -> None:
    creation.properties["transient"] = "TRANSIENT" in creation.modifiers
    creation.properties.setdefault("managed_access", False)


def _create_schema(call: Call, kind: Kind, creation: Creation) -> Result:
    """Refuse INFORMATION_SCHEMA, which every database has and which is no object of the catalog."""
    if creation.name.name != "INFORMATION_SCHEMA":
        return create_object(call, kind, creation)
    if creation.if_not_exists:
        return status(f"{creation.name.name} already exists, statement succeeded.")
    raise errors.already_exists(creation.name.qualified)


def retention(call: Call, schema: SnowflakeObject) -> str:
    """Return the retention_time of SHOW SCHEMAS: the schema's own, else its database's."""
    own = schema.parameters.get("DATA_RETENTION_TIME_IN_DAYS")
    if own is not None:
        return str(own)
    with call.world.store.reading() as tx:
        parent = catalog.find(tx, "DATABASE", ObjectName(schema.name.schema or ""))
    return str(parent.parameters.get("DATA_RETENTION_TIME_IN_DAYS", "1")) if parent else "1"


def _show_row(call: Call, schema: SnowflakeObject) -> tuple[Any, ...]:
    options = [word for word, key in (("TRANSIENT", "transient"), ("MANAGED ACCESS", "managed_access")) if schema[key]]
    current = (call.session.database, call.session.schema) == (schema.name.schema, schema.name.name)
    return (
        schema.created_on,
        schema.name.name,
        "N",
        "Y" if current else "N",
        schema.name.schema,
        schema.owner,
        schema["comment"] or "",
        ", ".join(options),
        retention(call, schema),
        None,
        "ROLE",
    )


def _information_schemas(call: Call, database: str | None) -> list[tuple[Any, ...]]:
    """Return the row of each database's INFORMATION_SCHEMA, which nobody owns (sql-reference/sql/show-schemas)."""
    with call.world.store.reading() as tx:
        databases = access.visible(call, catalog.listing(tx, "DATABASE", None, None, None))
    comment = "Views describing the contents of schemas in this database"
    return [
        (call.now, "INFORMATION_SCHEMA", "N", _is_current(call, name), name, "", comment, "", "1", None, "")
        for name in (item.name.name for item in databases)
        if database in (None, name)
    ]


def _is_current(call: Call, database: str) -> str:
    return "Y" if (call.session.database, call.session.schema) == (database, "INFORMATION_SCHEMA") else "N"


def _describe(call: Call, schema: SnowflakeObject) -> Result:
    with call.world.store.reading() as tx:
        inside = catalog.children(tx, schema.name.schema or "", schema.name.name)
    rows = [(member.created_on, member.name.name, member.kind) for member in inside if member.kind in ("TABLE", "VIEW")]
    return Result(columns("created_on@ name kind"), rows)


KIND = Kind(
    name="SCHEMA",
    plural="SCHEMAS",
    scope=ObjectScope.DATABASE,
    show=columns(
        "created_on@ name is_default is_current database_name owner comment options retention_time dropped_on@"
        " owner_role_type"
    ),
    show_row=_show_row,
    implied_rows=_information_schemas,
    terse=terse(schema_name=None),
    properties=(Property("COMMENT", Reader.string),),
    parameters=DATABASE_PARAMETERS | {"PIPE_EXECUTION_PAUSED": "false"},
    describe=_describe,
    read_definition=_read_definition,
    finish_definition=_finish,
    create=_create_schema,
    created=make,
    dropping=_dropping,
    actions={
        "RENAME TO": _rename,
        "ENABLE MANAGED ACCESS": _set_managed(managed=True),
        "DISABLE MANAGED ACCESS": _set_managed(managed=False),
    },
    modifiers=frozenset({"TRANSIENT"}),
)
