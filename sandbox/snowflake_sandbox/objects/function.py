"""FUNCTION in SQL (contract 6.13), scalar or returning a table. data SQL that calls one gets its body put in."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

from snowflake_sandbox import errors
from snowflake_sandbox.access import access
from snowflake_sandbox.catalog import catalog, signature
from snowflake_sandbox.catalog.kind import Creation, Kind, Property
from snowflake_sandbox.objects import procedure
from snowflake_sandbox.result import Column, Result
from snowflake_sandbox.session import Scope
from snowflake_sandbox.statements.reader import ObjectName, Reader
from snowflake_sandbox.statements.showing import text_rows

if TYPE_CHECKING:
    from snowflake_sandbox.call import Call
    from snowflake_sandbox.catalog.catalog import SnowflakeObject

_DESCRIPTION = "user-defined function"


def _read_definition(call: Call, creation: Creation) -> bool:
    reader, properties = call.reader, creation.properties
    if "arguments" not in properties and reader.peek() == "(":
        found = signature.read_arguments(reader)
        properties["arguments"] = [one.kept() for one in found]
        creation.signature = signature.types_text(found)
    elif procedure.read_null_handling(reader):
        pass
    elif reader.accept("RETURNS"):
        properties["returns"], table = signature.read_returns(reader)
        properties["result_columns"] = [one.kept() for one in table]
    elif reader.accept("LANGUAGE"):
        language = reader.identifier()
        if language != "SQL":
            raise errors.not_supported(f"CREATE FUNCTION … LANGUAGE {language}")
    elif any(reader.accept(words) for words in ("COPY GRANTS", "VOLATILE", "IMMUTABLE", "MEMOIZABLE")):
        pass
    elif reader.accept("AS"):
        properties["body"] = reader.string()
    else:
        return False
    return True


def _finish(_call: Call, creation: Creation) -> None:
    missing = [word for word in ("returns", "body") if creation.properties.get(word) is None]
    if missing:
        raise errors.missing_property(", ".join(missing).upper(), "CREATE FUNCTION")
    creation.properties["secure"] = "SECURE" in creation.modifiers


def _show_row(call: Call, found: SnowflakeObject) -> tuple[Any, ...]:
    row = procedure.show_row(call, replace(found, properties={**found.properties, "comment": _comment(found)}))
    return (*row, "N", "SQL", "N", "N")


def _comment(found: SnowflakeObject) -> str:
    return found["comment"] or _DESCRIPTION


def _describe(_call: Call, found: SnowflakeObject) -> Result:
    return text_rows(
        "property value",
        [
            ("signature", signature.signature_text(signature.arguments_of(found))),
            ("returns", signature.returns_text(found)),
            ("language", "SQL"),
            ("body", found["body"]),
        ],
    )


def _set_secure(call: Call, found: SnowflakeObject) -> Result | None:
    return _keep_secure(call, found, secure=True)


def _unset_secure(call: Call, found: SnowflakeObject) -> Result | None:
    return _keep_secure(call, found, secure=False)


def _keep_secure(call: Call, found: SnowflakeObject, *, secure: bool) -> Result | None:
    access.require(call, "OWNERSHIP", found)
    with call.world.store.transaction() as tx:
        catalog.update(tx, found, {"secure": secure})
    return None


def find_called(call: Call, name: ObjectName, count: int, *, table: bool) -> SnowflakeObject | None:
    """The function that a call with `count` arguments means, or None when there is none of that name.

    Raises:
        SnowflakeError: 090105/090106 do not occur: an unqualified name without a current schema is simply not found.
    """
    database, schema = name.database or call.session.database, name.schema or call.session.schema
    if database is None or schema is None:
        return None
    with call.world.store.transaction() as tx:
        named = catalog.listing(tx, "FUNCTION", database, schema, name.name.replace("_", "\\_").replace("%", "\\%"))
    for one in named:
        fits = signature.minimum(one) <= count <= len(one["arguments"])
        if one.name.name == name.name and fits and (one["returns"] == "TABLE") == table:
            access.require(call, "USAGE", one)
            return one
    return None


KIND = Kind(
    name="FUNCTION",
    plural="USER FUNCTIONS",
    scope=Scope.SCHEMA,
    show=(
        *procedure.SHOWN,
        *(Column(name) for name in ("is_external_function", "language", "is_memoizable", "is_data_metric")),
    ),
    show_row=_show_row,
    properties=(Property("COMMENT", Reader.string),),
    parameters=procedure.FUNCTION_PARAMETERS,
    describe=_describe,
    read_definition=_read_definition,
    finish_definition=_finish,
    actions={"SET SECURE": _set_secure, "UNSET SECURE": _unset_secure},
    modifiers=frozenset({"SECURE"}),
    has_signature=True,
    grant_name=signature.grant_name,
)
