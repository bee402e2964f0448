"""INFORMATION_SCHEMA: the catalog as tables, and the small table functions that clients and the provider call.

Knows which columns each table has; must not know how data SQL reaches them (expand.py). Task history is the tasks
part's business.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from snowflake_sandbox.access import access
from snowflake_sandbox.catalog import catalog, signature
from snowflake_sandbox.result import SHOW, Column, Result, columns
from snowflake_sandbox.tables import column, stage_files

if TYPE_CHECKING:
    from collections.abc import Mapping

    from snowflake_sandbox.call import Call, World
    from snowflake_sandbox.catalog.catalog import SnowflakeObject

_PRIMARY = columns(
    "region_group snowflake_region created_on@ account_name name comment is_primary? primary"
    " replication_allowed_to_accounts failover_allowed_to_accounts organization_name account_locator"
)
_POLICIES = columns("POLICY_DB POLICY_SCHEMA POLICY_NAME POLICY_KIND REF_ENTITY_NAME REF_ENTITY_DOMAIN POLICY_STATUS")
_METRICS = columns("METRIC_DATABASE_NAME METRIC_SCHEMA_NAME METRIC_NAME REF_ENTITY_NAME REF_ENTITY_DOMAIN SCHEDULE")
# Snowflake's DATA_TYPE where it is not the type's main name.
_DATA_TYPES = {"VARCHAR": "TEXT"}


def register(world: World) -> None:
    """Add the tables and functions of this file."""
    world.information_schema |= {
        "TABLES": _tables,
        "COLUMNS": _columns,
        "VIEWS": _views,
        "SCHEMATA": _schemata,
        "DATABASES": _databases,
        "PROCEDURES": _procedures,
        "FUNCTIONS": _functions,
        "STAGES": _stages,
    }
    world.table_functions |= {
        "INFORMATION_SCHEMA.POLICY_REFERENCES": lambda _call, _given, _named: Result(_POLICIES),
        "INFORMATION_SCHEMA.DATA_METRIC_FUNCTION_REFERENCES": lambda _call, _given, _named: Result(_METRICS),
        "INFER_SCHEMA": _infer_schema,
    }
    world.statements["SHOW REPLICATION DATABASES"] = _show_replication_databases
    world.statements["SHOW COLUMNS"] = _show_columns


def _visible(call: Call, kind: str, database: str | None) -> list[SnowflakeObject]:
    with call.world.store.transaction() as tx:
        found = catalog.listing(tx, kind, database)
    return access.visible(call, found)


def _tables(call: Call, database: str) -> Result:
    names = columns(
        "TABLE_CATALOG TABLE_SCHEMA TABLE_NAME TABLE_OWNER TABLE_TYPE IS_TRANSIENT CLUSTERING_KEY ROW_COUNT# BYTES#"
        " RETENTION_TIME# CREATED@ LAST_ALTERED@ COMMENT"
    )
    rows: list[tuple[Any, ...]] = []
    for one in [*_visible(call, "TABLE", database), *_visible(call, "VIEW", database)]:
        is_table = one.kind == "TABLE"
        rows.append(
            (
                one.name.database,
                one.name.schema,
                one.name.name,
                one.owner,
                "BASE TABLE" if is_table else "VIEW",
                "YES" if one["table_kind"] == "TRANSIENT" else "NO",
                one["cluster_by"],
                call.world.data.count(one.name) if is_table else None,
                0 if is_table else None,
                1,
                one.created_on,
                one.created_on,
                one["comment"],
            )
        )
    return Result(names, rows)


def _columns(call: Call, database: str) -> Result:
    names = columns(
        "TABLE_CATALOG TABLE_SCHEMA TABLE_NAME COLUMN_NAME ORDINAL_POSITION# COLUMN_DEFAULT IS_NULLABLE DATA_TYPE"
        " CHARACTER_MAXIMUM_LENGTH# NUMERIC_PRECISION# NUMERIC_SCALE# DATETIME_PRECISION# IS_IDENTITY COMMENT"
    )
    rows = [
        (one.name.database, one.name.schema, one.name.name, *_column_row(position, column.from_kept(kept)))
        for one in [*_visible(call, "TABLE", database), *_visible(call, "VIEW", database)]
        for position, kept in enumerate(one["columns"], 1)
    ]
    return Result(names, rows)


def _column_row(position: int, one: column.Column) -> tuple[Any, ...]:
    numbers = [int(text) for text in one.type.full.partition("(")[2].rstrip(")").split(",") if text]
    number, text = one.base == "NUMBER", one.base == "VARCHAR"
    return (
        one.name,
        position,
        one.default,
        "YES" if one.nullable else "NO",
        _DATA_TYPES.get(one.base, one.base),
        numbers[0] if text else None,
        numbers[0] if number else None,
        numbers[1] if number else None,
        numbers[0] if one.base.startswith("TIME") else None,
        "YES" if one.identity else "NO",
        one.comment or None,
    )


def _views(call: Call, database: str) -> Result:
    names = columns("TABLE_CATALOG TABLE_SCHEMA TABLE_NAME TABLE_OWNER VIEW_DEFINITION IS_SECURE CREATED@ COMMENT")
    rows = [
        (
            one.name.database,
            one.name.schema,
            one.name.name,
            one.owner,
            one["text"],
            "YES" if one["secure"] else "NO",
            one.created_on,
            one["comment"],
        )
        for one in _visible(call, "VIEW", database)
    ]
    return Result(names, rows)


def _schemata(call: Call, database: str) -> Result:
    names = columns("CATALOG_NAME SCHEMA_NAME SCHEMA_OWNER IS_TRANSIENT IS_MANAGED_ACCESS CREATED@ COMMENT")
    rows = [
        (
            one.name.schema,
            one.name.name,
            one.owner,
            "YES" if one["transient"] else "NO",
            "YES" if one["managed_access"] else "NO",
            one.created_on,
            one["comment"],
        )
        for one in _visible(call, "SCHEMA", database)
    ]
    return Result(names, rows)


def _databases(call: Call, _database: str) -> Result:
    names = columns("DATABASE_NAME DATABASE_OWNER IS_TRANSIENT COMMENT CREATED@")
    rows = [
        (one.name.name, one.owner, "YES" if one["transient"] else "NO", one["comment"], one.created_on)
        for one in _visible(call, "DATABASE", None)
    ]
    return Result(names, rows)


def _routines(call: Call, kind: str, database: str) -> Result:
    names = columns(
        f"{kind}_CATALOG {kind}_SCHEMA {kind}_NAME {kind}_OWNER ARGUMENT_SIGNATURE DATA_TYPE {kind}_LANGUAGE"
        f" {kind}_DEFINITION CREATED@ COMMENT"
    )
    rows = [
        (
            one.name.database,
            one.name.schema,
            one.name.name,
            one.owner,
            signature.signature_text(signature.arguments_of(one)),
            signature.returns_text(one),
            one["language"] or "SQL",
            one["body"],
            one.created_on,
            one["comment"],
        )
        for one in _visible(call, kind, database)
    ]
    return Result(names, rows)


def _procedures(call: Call, database: str) -> Result:
    return _routines(call, "PROCEDURE", database)


def _functions(call: Call, database: str) -> Result:
    return _routines(call, "FUNCTION", database)


def _stages(call: Call, database: str) -> Result:
    names = columns("STAGE_CATALOG STAGE_SCHEMA STAGE_NAME STAGE_OWNER STAGE_TYPE CREATED@ COMMENT")
    rows = [
        (
            one.name.database,
            one.name.schema,
            one.name.name,
            one.owner,
            "Internal Named",
            one.created_on,
            one["comment"],
        )
        for one in _visible(call, "STAGE", database)
    ]
    return Result(names, rows)


def _infer_schema(call: Call, _given: tuple[Any, ...], named: Mapping[str, Any]) -> Result:
    """The columns of staged Parquet files; write_pandas asks for them before it makes a table."""
    location = stage_files.locate(call, str(named.get("LOCATION", "")), "READ")
    files = location.files()
    described = call.world.data.describe_file(files[0]) if files else ()
    names = (*columns("COLUMN_NAME TYPE"), Column("NULLABLE", "boolean"), *columns("EXPRESSION FILENAMES ORDER_ID#"))
    listed = ", ".join(str(path.relative_to(location.root)) for path in files)
    made = [column.from_result(one) for one in described]
    rows = [
        (one.name, one.type.full, True, f"$1:{one.name}::{one.type.full}", listed, position)
        for position, one in enumerate(made)
    ]
    return Result(names, rows)


def _show_replication_databases(call: Call) -> Result:
    """Nothing is replicated; the provider asks after every read of a database."""
    call.reader.rest()
    return Result(_PRIMARY, (), SHOW)


def _show_columns(call: Call) -> Result:
    """SHOW COLUMNS [LIKE 'x'] IN TABLE | VIEW <name>."""
    reader = call.reader
    pattern = catalog.like_pattern(reader.string() if reader.accept("LIKE") else None)
    reader.expect("IN")
    kind = "VIEW" if reader.accept("VIEW") else "TABLE"
    if kind == "TABLE":
        reader.accept("TABLE")
    declared = call.world.kinds[kind]
    name = call.session.resolve(reader.object_name(), declared.scope, "SHOW COLUMNS")
    reader.end()
    with call.world.store.transaction() as tx:
        found = catalog.get(tx, kind, name)
    access.require(call, ("SELECT", "REFERENCES"), found)
    kept = [column.from_kept(one) for one in found["columns"]]
    rows = [
        (
            found.name.name,
            found.name.schema,
            one.name,
            one.type.full,
            "true" if one.nullable else "NOT_NULL",
            one.shown_default or "",
            "COLUMN",
            "",
            one.comment,
            found.name.database,
            "",
        )
        for one in kept
        if pattern is None or pattern.fullmatch(one.name)
    ]
    shown = columns(
        "table_name schema_name column_name data_type null default kind expression comment database_name autoincrement"
    )
    return Result((*shown[:4], Column("null?"), *shown[5:]), rows, SHOW)
