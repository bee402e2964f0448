"""VIEW (contract 6.14). Its text is stored; expand.py inserts its query into data SQL that selects from it."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

from snowflake_sandbox import errors
from snowflake_sandbox.access import access
from snowflake_sandbox.catalog import catalog
from snowflake_sandbox.catalog.kind import Creation, Kind, Property, terse
from snowflake_sandbox.data import execution, trees
from snowflake_sandbox.objects import table
from snowflake_sandbox.result import Result, columns
from snowflake_sandbox.session import ObjectScope
from snowflake_sandbox.statements.reader import Reader
from snowflake_sandbox.tables import column, comments

if TYPE_CHECKING:
    from snowflake_sandbox.call import Call
    from snowflake_sandbox.catalog.catalog import SnowflakeObject

_TEMPORARY = frozenset({"TEMPORARY", "TEMP", "VOLATILE", "SCOPED"})


def _read_definition(call: Call, creation: Creation) -> bool:
    reader, properties = call.reader, creation.properties
    if reader.peek() == "(" and "names" not in properties:
        properties["names"] = _read_names(reader)
    elif reader.accept("AS"):
        # SHOW VIEWS has the whole statement as text, and the provider extracts the query after AS.
        properties["query"] = reader.rest()
        properties["text"] = call.text
    else:
        return False
    return True


def _read_names(reader: Reader) -> list[list[str]]:
    reader.expect("(")
    names: list[list[str]] = []
    while not reader.accept(")"):
        name = reader.identifier()
        names.append([name, reader.string() if reader.accept("COMMENT") else ""])
        reader.accept(",")
    return names


def _finish(call: Call, creation: Creation) -> None:
    properties = creation.properties
    if not properties.get("query"):
        raise call.reader.unexpected()
    trees.require_query(properties["query"])
    described = execution.describe(replace(call, text=properties["query"]))
    names = properties.pop("names", None) or [[definition.name, ""] for definition in described.columns]
    if len(names) != len(described.columns):
        raise errors.other_width()
    column.require_distinct(name for name, _ in names)
    definitions = [
        replace(column.from_result(definition), name=name, comment=comment)
        for definition, (name, comment) in zip(described.columns, names, strict=True)
    ]
    properties["columns"] = [definition.record() for definition in definitions]
    properties["secure"] = "SECURE" in creation.modifiers
    properties["temporary"] = bool(creation.modifiers & _TEMPORARY)


def _created(call: Call, view: SnowflakeObject) -> None:
    if view["temporary"]:
        call.world.data.connection(call.session).temporary.append(view.id)


def _show_row(call: Call, view: SnowflakeObject) -> tuple[Any, ...]:
    return (
        view.created_on,
        view.name.name,
        "",
        view.name.database,
        view.name.schema,
        view.owner,
        view["comment"] or "",
        view["text"] if access.sees_definition(call, view) else "",
        "true" if view["secure"] else "false",
        "false",
        "ROLE",
        "ON" if view["change_tracking"] else "OFF",
    )


def _describe(call: Call, view: SnowflakeObject) -> Result:
    if call.reader.accept("TYPE"):
        call.reader.expect("=")
        call.reader.identifier()
    return Result(table.DESCRIBED, [table.described_row(column.from_record(record)) for record in view["columns"]])


def _keep_secure(*, secure: bool) -> Any:
    def action(call: Call, view: SnowflakeObject) -> Result | None:
        access.require(call, "OWNERSHIP", view)
        with call.world.store.transaction() as tx:
            catalog.update(tx, view, {"secure": secure})
        return None

    return action


KIND = Kind(
    name="VIEW",
    plural="VIEWS",
    scope=ObjectScope.SCHEMA,
    show=columns(
        "created_on@ name reserved database_name schema_name owner comment text is_secure is_materialized"
        " owner_role_type change_tracking"
    ),
    show_row=_show_row,
    terse=terse(kind="VIEW"),
    keeps_grants=True,
    properties=(
        Property("COMMENT", Reader.string),
        Property("CHANGE_TRACKING", Reader.boolean, default=False),
    ),
    describe=_describe,
    read_definition=_read_definition,
    finish_definition=_finish,
    created=_created,
    actions={
        "ALTER": comments.alter_view_columns,
        "MODIFY": comments.alter_view_columns,
        "SET SECURE": _keep_secure(secure=True),
        "UNSET SECURE": _keep_secure(secure=False),
    },
    modifiers=_TEMPORARY | {"SECURE", "RECURSIVE", "LOCAL", "GLOBAL"},
)
