"""TABLE (contract 6.11): CREATE in its forms, SHOW, DESCRIBE, DROP; ALTER's forms are in table_alter.py.

Knows how a catalog table and its DuckDB table are created together; must not know how rows are inserted (execution.py).
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

from snowflake_sandbox import errors
from snowflake_sandbox.access import access, replacing
from snowflake_sandbox.catalog import catalog
from snowflake_sandbox.catalog.kind import Creation, Kind, Property, terse
from snowflake_sandbox.data import execution
from snowflake_sandbox.data.adapter import quoted
from snowflake_sandbox.objects import schema
from snowflake_sandbox.result import Result, columns, status
from snowflake_sandbox.session import ObjectScope
from snowflake_sandbox.statements.definitions import create_object, drop_object, require_no_namesake
from snowflake_sandbox.statements.reader import ObjectName, Reader
from snowflake_sandbox.tables import column, constraints, defaults, table_alter

if TYPE_CHECKING:
    from snowflake_sandbox.call import Call
    from snowflake_sandbox.catalog.catalog import SnowflakeObject
    from snowflake_sandbox.tables.column import TableColumn
    from snowflake_sandbox.tables.constraints import Key

_DESCRIBED = columns(
    "name type kind null? default primary~key unique~key check expression comment policy~name privacy~domain"
    " schema~evolution~record"
)
# `null?` is a column's name here, not a type mark.
DESCRIBED = tuple(replace(one, type="text", name="null?") if one.name == "null" else one for one in _DESCRIBED)
_TEMPORARY = frozenset({"TEMPORARY", "TEMP", "VOLATILE", "SCOPED"})
# Clauses without a visible effect in the sandbox; they are accepted so that deployments with them work.
_WITHOUT_EFFECT = {"ENABLE_SCHEMA_EVOLUTION", "DEFAULT_DDL_COLLATION", "MAX_DATA_EXTENSION_TIME_IN_DAYS"}


def _read_definition(call: Call, creation: Creation) -> bool:
    reader = call.reader
    if reader.peek() == "(":
        _read_columns(reader, creation)
        return True
    if reader.accept("CLUSTER BY"):
        creation.properties["cluster_by"] = f"LINEAR({reader.parenthesized()})"
        return True
    if reader.accept("AS"):
        creation.properties["query"] = reader.rest()
        return True
    for word, key in (("LIKE", "like"), ("CLONE", "clone")):
        if reader.accept(word):
            creation.properties[key] = reader.object_name()
            return True
    return False


def _read_columns(reader: Reader, creation: Creation) -> None:
    reader.expect("(")
    definitions: list[TableColumn] = creation.properties.setdefault("columns", [])
    keys: list[Key] = creation.properties.setdefault("keys", [])
    while True:
        if constraints.is_next(reader):
            keys.append(constraints.read(reader))
        elif reader.peek(1) in (",", ")"):
            # CREATE TABLE t (a, b) AS SELECT …: names only.
            creation.properties.setdefault("names", []).append(reader.identifier())
        else:
            definitions.append(column.read(reader, keys))
        if not reader.accept(","):
            break
    reader.expect(")")
    column.require_distinct(definition.name for definition in definitions)


def _finish(call: Call, creation: Creation) -> None:
    properties = creation.properties
    temporary = bool(creation.modifiers & _TEMPORARY)
    properties["table_kind"] = (
        "TEMPORARY" if temporary else "TRANSIENT" if "TRANSIENT" in creation.modifiers else "TABLE"
    )
    properties["session"] = call.session.id if temporary else None
    for key in ("like", "clone"):
        source = properties.pop(key, None)
        if source is not None:
            source_table = _source(call, source)
            properties["columns"] = [column.from_record(record) for record in source_table["columns"]]
            properties["keys"] = constraints.of_table(source_table)
            properties["source"] = (
                [source_table.name.database, source_table.name.schema, source_table.name.name]
                if key == "clone"
                else None
            )
    if properties.get("query") is not None:
        properties["columns"] = _query_columns(call, properties)
    if not properties.get("columns"):
        raise call.reader.unexpected()
    keys: list[Key] = properties.get("keys") or []
    definitions = constraints.marked(properties["columns"], keys, not_null=True)
    table_alter.require_referenced(call, creation.name, definitions, keys)
    properties["columns"] = [defaults.qualified(call, definition).record() for definition in definitions]
    properties["keys"] = [key.record() for key in keys]
    properties.pop("names", None)


def _source(call: Call, name: ObjectName) -> SnowflakeObject:
    with call.world.store.reading() as tx:
        source = catalog.get(tx, "TABLE", call.session.resolve(name, ObjectScope.SCHEMA, "CREATE TABLE"))
    access.require(call, "SELECT", source)
    return source


def _query_columns(call: Call, properties: dict[str, Any]) -> list[TableColumn]:
    described = execution.describe(replace(call, text=properties["query"]))
    definitions = [column.from_result(definition) for definition in described.columns]
    declared: list[TableColumn] = properties.get("columns") or []
    names: list[str] = properties.get("names") or []
    if len(declared) not in (0, len(definitions)) or len(names) not in (0, len(definitions)):
        raise errors.other_width()
    if declared:
        return declared
    if names:
        definitions = [replace(definition, name=name) for definition, name in zip(definitions, names, strict=True)]
    column.require_distinct(definition.name for definition in definitions)
    return definitions


def _created(call: Call, table: SnowflakeObject) -> None:
    table_alter.make(call, table)
    if table["table_kind"] == "TEMPORARY":
        call.world.data.connection(call.session).temporary.append(table.id)


def fill(call: Call, table: SnowflakeObject) -> None:
    """Insert the rows of CREATE TABLE … AS or CLONE. Not in the store's transaction, as the query may take long."""
    if table["source"]:
        query = f"SELECT * FROM {quoted(*table['source'])}"
    elif table["query"]:
        query = table["query"]
    else:
        return
    execution.execute(replace(call, text=f"INSERT INTO {table.name.quoted} {query}"))


def create_table(call: Call, kind: Kind, creation: Creation) -> Result:
    """CREATE TABLE. With rows (AS, CLONE), the table is filled under a temporary name and then renamed atomically.

    The query may thus read the table that it replaces, which does not change until the query has succeeded.
    """
    query, source = creation.properties.pop("query", None), creation.properties.pop("source", None)
    with call.world.store.reading() as tx:
        before = catalog.find(tx, "TABLE", creation.name)
        require_no_namesake(tx, kind, creation.name)
    if not (query or source) or (before is not None and not creation.or_replace):
        return create_object(call, kind, creation)
    if before is not None:
        access.require(call, "OWNERSHIP", before)
    filling = replace(creation.name, name=f"_FILLING_{call.query_id.upper()}")
    # belongs to this session until it is complete; if a kill leaves it incomplete, the next start removes it
    properties = {**creation.properties, "session": call.session.id}
    create_object(call, kind, replace(creation, name=filling, properties=properties, or_replace=False))
    with call.world.store.reading() as tx:
        table = catalog.get(tx, "TABLE", filling)
    try:
        fill(call, replace(table, properties={**table.properties, "query": query, "source": source}))
        _take_name(call, table, creation)
    except BaseException:
        with call.world.store.transaction():
            drop_object(call, table)
        raise
    return status(f"Table {creation.name.name} successfully created.")


def _take_name(call: Call, table: SnowflakeObject, creation: Creation) -> None:
    with call.world.store.transaction() as tx:
        before = catalog.find(tx, "TABLE", creation.name)
        if before is not None and creation.or_replace:
            grants = replacing.preserved_grants(tx, KIND, creation, before)
            drop_object(call, before)
            if grants is not None:
                catalog.set_owner(tx, table, call.session.role)
                replacing.replace_grants(tx, table, grants)
        catalog.update(tx, table, {"session": creation.properties["session"]})
        table_alter.take_name(tx, table, creation.name)


def _dropping(call: Call, table: SnowflakeObject) -> None:
    name = quoted(table.name.database or "", table.name.schema or "", table.name.name)
    sequences = [
        f"DROP SEQUENCE IF EXISTS {table_alter.sequence(table, record['name'])}"
        for record in table["columns"]
        if record["identity"]
    ]
    call.world.define(table.name.database or "", f"DROP TABLE IF EXISTS {name}", *sequences)


def _show_row(call: Call, table: SnowflakeObject) -> tuple[Any, ...]:
    with call.world.store.reading() as tx:
        parent = catalog.get(tx, "SCHEMA", ObjectName(table.name.schema or "", table.name.database))
    retention = table.parameters.get("DATA_RETENTION_TIME_IN_DAYS") or schema.retention(call, parent)
    return (
        table.created_on,
        table.name.name,
        table.name.database,
        table.name.schema,
        table["table_kind"],
        table["comment"] or "",
        table["cluster_by"] or "",
        call.world.data.count(table.name),
        0,
        table.owner,
        retention,
        None,
        "ON" if table["cluster_by"] else "OFF",
        "ON" if table["change_tracking"] else "OFF",
        "OFF",
        None,
        None,
        "N",
        "N",
        "ROLE",
        "N",
        "N",
        "N",
        "N",
    )


def _describe(call: Call, table: SnowflakeObject) -> Result:
    if call.reader.accept("TYPE"):
        call.reader.expect("=")
        if call.reader.identifier() == "STAGE":
            raise errors.not_supported("DESCRIBE TABLE … TYPE = STAGE")
    return Result(DESCRIBED, [described_row(column.from_record(record)) for record in table["columns"]])


def described_row(definition: TableColumn) -> tuple[Any, ...]:
    """Return a row of DESCRIBE TABLE or DESCRIBE VIEW."""
    return (
        definition.name,
        definition.shown_type,
        "COLUMN",
        "Y" if definition.nullable else "N",
        definition.shown_default,
        "Y" if definition.primary_key else "N",
        "Y" if definition.unique_key else "N",
        None,
        None,
        definition.comment or None,
        None,
        None,
        None,
    )


KIND = Kind(
    name="TABLE",
    plural="TABLES",
    scope=ObjectScope.SCHEMA,
    show=columns(
        "created_on@ name database_name schema_name kind comment cluster_by rows# bytes# owner retention_time"
        " dropped_on@ automatic_clustering change_tracking search_optimization search_optimization_progress"
        " search_optimization_bytes# is_external enable_schema_evolution owner_role_type is_event is_hybrid is_iceberg"
        " is_immutable"
    ),
    show_row=_show_row,
    terse=terse(kind="TABLE"),
    keeps_grants=True,
    properties=(
        Property("COMMENT", Reader.string),
        Property("CHANGE_TRACKING", Reader.boolean, default=False),
        *(Property(name, Reader.word) for name in sorted(_WITHOUT_EFFECT)),
    ),
    parameters={"DATA_RETENTION_TIME_IN_DAYS": "1"},
    describe=_describe,
    read_definition=_read_definition,
    finish_definition=_finish,
    create=create_table,
    created=_created,
    dropping=_dropping,
    actions=table_alter.ACTIONS,
    modifiers=_TEMPORARY | {"TRANSIENT", "LOCAL", "GLOBAL"},
)
