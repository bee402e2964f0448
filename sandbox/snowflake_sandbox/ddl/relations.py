"""Tables and views as CREATE statements. Pure: turns the catalog's row into text."""

from __future__ import annotations

from typing import TYPE_CHECKING

from snowflake_sandbox.ddl.words import comment, literal
from snowflake_sandbox.statements.reader import ObjectName, identifier
from snowflake_sandbox.tables import column, constraints

if TYPE_CHECKING:
    from snowflake_sandbox.catalog.catalog import SnowflakeObject
    from snowflake_sandbox.tables.constraints import Key

_KINDS = {"TEMPORARY": "TEMPORARY TABLE", "TRANSIENT": "TRANSIENT TABLE"}


def table(item: SnowflakeObject, name: str) -> str:
    """Return `create or replace TABLE T (…);`, with the keys after the columns."""
    definitions = [column.from_record(record) for record in item["columns"]]
    lines = [_column(definition) for definition in definitions] + [
        _key(item, key) for key in constraints.of_table(item)
    ]
    cluster = f" cluster by ({item['cluster_by'].removeprefix('LINEAR(')[:-1]})" if item["cluster_by"] else ""
    inside = ",\n".join(f"\t{line}" for line in lines)
    options = comment(item)
    if item["change_tracking"]:
        options += " CHANGE_TRACKING = TRUE"
    retention = item.parameters.get("DATA_RETENTION_TIME_IN_DAYS")
    if retention is not None:
        options += f" DATA_RETENTION_TIME_IN_DAYS = {retention}"
    end = f"){options.strip()}\n;" if options else ");"
    # With a clustering key there is no blank before the parenthesis.
    return f"create or replace {_KINDS.get(item['table_kind'], 'TABLE')} {name}{cluster or ' '}(\n{inside}\n{end}"


def _column(definition: column.TableColumn) -> str:
    text = f"{identifier(definition.name)} {definition.shown_type}"
    if not definition.nullable:
        text += " NOT NULL"
    if definition.identity is not None:
        text += f" autoincrement start {definition.identity[0]} increment {definition.identity[1]} noorder"
    elif definition.default is not None:
        text += f" DEFAULT {definition.default}"
    return text + (f" COMMENT {literal(definition.comment)}" if definition.comment else "")


def _key(item: SnowflakeObject, key: Key) -> str:
    text = f"constraint {identifier(key.name)} " if key.name else ""
    text += f"{key.kind.lower()} ({', '.join(map(identifier, key.columns))})"
    if key.table is not None:
        database, schema, name = key.table
        referenced = ObjectName(name, schema or item.name.schema, database or item.name.database)
        text += f" references {referenced.written}"
        text += f"({', '.join(map(identifier, key.referenced))})" if key.referenced else ""
    return text


def view(item: SnowflakeObject, name: str) -> str:
    """Return `create or replace view V( … ) as …;`, always with the list of columns."""
    secure = "secure " if item["secure"] else ""
    columns = ",\n".join(
        f"\t{identifier(record['name'])}" + (f" COMMENT {literal(record['comment'])}" if record["comment"] else "")
        for record in item["columns"]
    )
    return f"create or replace {secure}view {name}(\n{columns}\n){comment(item)} as {item['query']};"
