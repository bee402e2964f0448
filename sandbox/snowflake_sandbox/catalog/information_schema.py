"""INFORMATION_SCHEMA: the catalog as views, and small table functions that clients and the provider call.

Knows the columns of each view; must not know how data SQL reads them (expand.py). The tasks part has the task history.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from snowflake_sandbox.access import access
from snowflake_sandbox.catalog import catalog, signature
from snowflake_sandbox.objects import sequence
from snowflake_sandbox.result import SHOW, Result, ResultColumn, columns
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
# Documented columns (sql-reference/info-schema/tables, columns); a column that a row does not set is NULL.
_TABLES = columns(
    "TABLE_CATALOG TABLE_SCHEMA TABLE_NAME TABLE_OWNER TABLE_TYPE IS_TRANSIENT CLUSTERING_KEY ROW_COUNT# BYTES#"
    " RETENTION_TIME# SELF_REFERENCING_COLUMN_NAME REFERENCE_GENERATION USER_DEFINED_TYPE_CATALOG"
    " USER_DEFINED_TYPE_SCHEMA USER_DEFINED_TYPE_NAME IS_INSERTABLE_INTO IS_TYPED COMMIT_ACTION CREATED@ LAST_ALTERED@"
    " LAST_DDL@ LAST_DDL_BY AUTO_CLUSTERING_ON COMMENT IS_TEMPORARY IS_ICEBERG IS_DYNAMIC IS_IMMUTABLE IS_HYBRID"
)
_COLUMNS = columns(
    "TABLE_CATALOG TABLE_SCHEMA TABLE_NAME COLUMN_NAME ORDINAL_POSITION# COLUMN_DEFAULT IS_NULLABLE DATA_TYPE"
    " CHARACTER_MAXIMUM_LENGTH# CHARACTER_OCTET_LENGTH# NUMERIC_PRECISION# NUMERIC_PRECISION_RADIX# NUMERIC_SCALE#"
    " DATETIME_PRECISION# INTERVAL_TYPE INTERVAL_PRECISION# CHARACTER_SET_CATALOG CHARACTER_SET_SCHEMA"
    " CHARACTER_SET_NAME COLLATION_CATALOG COLLATION_SCHEMA COLLATION_NAME DOMAIN_CATALOG DOMAIN_SCHEMA DOMAIN_NAME"
    " UDT_CATALOG UDT_SCHEMA UDT_NAME SCOPE_CATALOG SCOPE_SCHEMA SCOPE_NAME MAXIMUM_CARDINALITY# DTD_IDENTIFIER"
    " IS_SELF_REFERENCING IS_IDENTITY IDENTITY_GENERATION IDENTITY_START IDENTITY_INCREMENT IDENTITY_MAXIMUM"
    " IDENTITY_MINIMUM IDENTITY_CYCLE IDENTITY_ORDERED SCHEMA_EVOLUTION_RECORD COMMENT DATA_TYPE_ALIAS EXPRESSION KIND"
)
# The length in bytes of a VARCHAR without a length; with a length, each character takes up to four bytes.
_MOST_BYTES = 16_777_216
# Snowflake's DATA_TYPE where it differs from the main name of the type.
_DATA_TYPES = {"VARCHAR": "TEXT"}


def register(world: World) -> None:
    """Add the views and functions of this module."""
    world.information_schema |= {
        "TABLES": _tables,
        "COLUMNS": _columns,
        "VIEWS": _views,
        "SCHEMATA": _schemata,
        "DATABASES": _databases,
        "PROCEDURES": _procedures,
        "FUNCTIONS": _functions,
        "STAGES": _stages,
        "SEQUENCES": _sequences,
    }
    world.table_functions |= {
        "INFORMATION_SCHEMA.POLICY_REFERENCES": lambda _call, _positional, _by_name: Result(_POLICIES),
        "INFORMATION_SCHEMA.DATA_METRIC_FUNCTION_REFERENCES": lambda _call, _positional, _by_name: Result(_METRICS),
        "INFER_SCHEMA": _infer_schema,
    }
    world.statements["SHOW REPLICATION DATABASES"] = _show_replication_databases


def _visible(call: Call, kind: str, database: str | None) -> list[SnowflakeObject]:
    with call.world.store.reading() as tx:
        objects = catalog.listing(tx, kind, database)
    return access.visible(call, objects)


def _row(names: tuple[ResultColumn, ...], values: Mapping[str, Any]) -> tuple[Any, ...]:
    """Return a row with the values in the columns of their names, and NULL in the others."""
    return tuple(values.get(name.name) for name in names)


def _relation(relation: SnowflakeObject) -> dict[str, Any]:
    name = relation.name
    return {"TABLE_CATALOG": name.database, "TABLE_SCHEMA": name.schema, "TABLE_NAME": name.name}


def _tables(call: Call, database: str) -> Result:
    rows = []
    for relation in [*_visible(call, "TABLE", database), *_visible(call, "VIEW", database)]:
        is_table = relation.kind == "TABLE"
        values = _relation(relation) | {
            "TABLE_OWNER": relation.owner,
            "TABLE_TYPE": "BASE TABLE" if is_table else "VIEW",
            "IS_TRANSIENT": "YES" if relation["table_kind"] == "TRANSIENT" else "NO",
            "CLUSTERING_KEY": relation["cluster_by"],
            "ROW_COUNT": call.world.data.count(relation.name) if is_table else None,
            "BYTES": 0 if is_table else None,
            "RETENTION_TIME": 1,
            "IS_INSERTABLE_INTO": "YES",
            "IS_TYPED": "YES",
            **dict.fromkeys(("CREATED", "LAST_ALTERED", "LAST_DDL"), relation.created_on),
            "AUTO_CLUSTERING_ON": "NO",
            "COMMENT": relation["comment"],
            "IS_TEMPORARY": "YES" if relation["table_kind"] == "TEMPORARY" else "NO",
            **dict.fromkeys(("IS_ICEBERG", "IS_DYNAMIC", "IS_IMMUTABLE", "IS_HYBRID"), "NO"),
        }
        rows.append(_row(_TABLES, values))
    return Result(_TABLES, rows)


def _columns(call: Call, database: str) -> Result:
    rows = [
        _row(_COLUMNS, _relation(relation) | _column(position, column.from_record(record)))
        for relation in [*_visible(call, "TABLE", database), *_visible(call, "VIEW", database)]
        for position, record in enumerate(relation["columns"], 1)
    ]
    return Result(_COLUMNS, rows)


def _sequences(call: Call, database: str) -> Result:
    names = columns(
        "SEQUENCE_CATALOG SEQUENCE_SCHEMA SEQUENCE_NAME SEQUENCE_OWNER DATA_TYPE NUMERIC_PRECISION#"
        " NUMERIC_PRECISION_RADIX# NUMERIC_SCALE# START_VALUE MINIMUM_VALUE MAXIMUM_VALUE NEXT_VALUE INCREMENT"
        " CYCLE_OPTION CREATED@ LAST_ALTERED@ ORDERED COMMENT"
    )
    rows = [
        (
            item.name.database,
            item.name.schema,
            item.name.name,
            item.owner,
            *("NUMBER", 38, 10, 0),
            str(item["start"]),
            *(None, None),
            str(sequence.next_value(call, item)),
            str(item["increment"]),
            None,
            *(item.created_on, item.created_on),
            "YES" if item["ordered"] else "NO",
            item["comment"],
        )
        for item in _visible(call, "SEQUENCE", database)
    ]
    return Result(names, rows)


def _column(position: int, definition: column.TableColumn) -> dict[str, Any]:
    numbers = [int(text) for text in definition.type.full.partition("(")[2].rstrip(")").split(",") if text]
    values = {
        "COLUMN_NAME": definition.name,
        "ORDINAL_POSITION": position,
        "COLUMN_DEFAULT": definition.default,
        "IS_NULLABLE": "YES" if definition.nullable else "NO",
        "DATA_TYPE": _DATA_TYPES.get(definition.base, definition.base),
        "IS_SELF_REFERENCING": "NO",
        "IS_IDENTITY": "YES" if definition.identity else "NO",
        "COMMENT": definition.comment or None,
        "KIND": "COLUMN",
    }
    if definition.base == "VARCHAR":
        length = numbers[0]
        values |= {"CHARACTER_MAXIMUM_LENGTH": length}
        values |= {"CHARACTER_OCTET_LENGTH": min(4 * length, max(length, _MOST_BYTES))}
    if definition.base == "NUMBER":
        values |= {"NUMERIC_PRECISION": numbers[0], "NUMERIC_PRECISION_RADIX": 10, "NUMERIC_SCALE": numbers[1]}
    if definition.base.startswith("TIME"):
        values |= {"DATETIME_PRECISION": numbers[0]}
    return values | _identity(definition)


def _identity(definition: column.TableColumn) -> dict[str, Any]:
    if not definition.identity:
        return {}
    start, increment = definition.identity
    return {
        "IDENTITY_GENERATION": "BY DEFAULT",
        "IDENTITY_START": str(start),
        "IDENTITY_INCREMENT": str(increment),
        "IDENTITY_CYCLE": "NO",
        "IDENTITY_ORDERED": "NO",
    }


def _views(call: Call, database: str) -> Result:
    names = columns("TABLE_CATALOG TABLE_SCHEMA TABLE_NAME TABLE_OWNER VIEW_DEFINITION IS_SECURE CREATED@ COMMENT")
    rows = [
        (
            view.name.database,
            view.name.schema,
            view.name.name,
            view.owner,
            view["text"] if access.sees_definition(call, view) else None,
            "YES" if view["secure"] else "NO",
            view.created_on,
            view["comment"],
        )
        for view in _visible(call, "VIEW", database)
    ]
    return Result(names, rows)


def _schemata(call: Call, database: str) -> Result:
    names = columns("CATALOG_NAME SCHEMA_NAME SCHEMA_OWNER IS_TRANSIENT IS_MANAGED_ACCESS CREATED@ COMMENT")
    rows = [
        (
            schema.name.schema,
            schema.name.name,
            schema.owner,
            "YES" if schema["transient"] else "NO",
            "YES" if schema["managed_access"] else "NO",
            schema.created_on,
            schema["comment"],
        )
        for schema in _visible(call, "SCHEMA", database)
    ]
    return Result(names, rows)


def _databases(call: Call, _database: str) -> Result:
    names = columns("DATABASE_NAME DATABASE_OWNER IS_TRANSIENT COMMENT CREATED@")
    rows = [
        (
            database.name.name,
            database.owner,
            "YES" if database["transient"] else "NO",
            database["comment"],
            database.created_on,
        )
        for database in _visible(call, "DATABASE", None)
    ]
    return Result(names, rows)


def _routines(call: Call, kind: str, routines: list[SnowflakeObject]) -> Result:
    names = columns(
        f"{kind}_CATALOG {kind}_SCHEMA {kind}_NAME {kind}_OWNER ARGUMENT_SIGNATURE DATA_TYPE {kind}_LANGUAGE"
        f" {kind}_DEFINITION CREATED@ COMMENT"
    )
    rows = [
        (
            routine.name.database,
            routine.name.schema,
            routine.name.name,
            routine.owner,
            signature.signature_text(signature.arguments_of(routine)),
            signature.returns_text(routine),
            routine["language"] or "SQL",
            routine["body"] if access.sees_definition(call, routine) else None,
            routine.created_on,
            routine["comment"],
        )
        for routine in routines
    ]
    return Result(names, rows)


def _procedures(call: Call, database: str) -> Result:
    """PROCEDURES: a procedure with its owner's rights is listed for its owner alone."""
    listed = [
        procedure
        for procedure in _visible(call, "PROCEDURE", database)
        if procedure["execute_as"] == "CALLER" or access.owns(call, procedure)
    ]
    return _routines(call, "PROCEDURE", listed)


def _functions(call: Call, database: str) -> Result:
    return _routines(call, "FUNCTION", _visible(call, "FUNCTION", database))


def _stages(call: Call, database: str) -> Result:
    names = columns("STAGE_CATALOG STAGE_SCHEMA STAGE_NAME STAGE_OWNER STAGE_TYPE CREATED@ COMMENT")
    rows = [
        (
            stage.name.database,
            stage.name.schema,
            stage.name.name,
            stage.owner,
            "Internal Named",
            stage.created_on,
            stage["comment"],
        )
        for stage in _visible(call, "STAGE", database)
    ]
    return Result(names, rows)


def _infer_schema(call: Call, _positional: tuple[Any, ...], by_name: Mapping[str, Any]) -> Result:
    """INFER_SCHEMA: the columns of staged Parquet files. write_pandas calls it before it creates a table."""
    location = stage_files.locate(call, str(by_name.get("LOCATION", "")), "READ")
    files = location.files()
    described = call.world.data.describe_file(files[0]) if files else ()
    names = (
        *columns("COLUMN_NAME TYPE"),
        ResultColumn("NULLABLE", "boolean"),
        *columns("EXPRESSION FILENAMES ORDER_ID#"),
    )
    listed = ", ".join(str(path.relative_to(location.root)) for path in files)
    definitions = [column.from_result(definition) for definition in described]
    rows = [
        (definition.name, definition.type.full, True, f"$1:{definition.name}::{definition.type.full}", listed, position)
        for position, definition in enumerate(definitions)
    ]
    return Result(names, rows)


def _show_replication_databases(call: Call) -> Result:
    """SHOW REPLICATION DATABASES: no rows. The provider runs it after every read of a database."""
    call.reader.rest()
    return Result(_PRIMARY, (), SHOW)
