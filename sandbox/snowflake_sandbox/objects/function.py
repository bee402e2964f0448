"""FUNCTION in SQL (contract 6.13), scalar or table-valued. Calls in data SQL are replaced by the function's body."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

from snowflake_sandbox import errors
from snowflake_sandbox.access import access
from snowflake_sandbox.catalog import catalog, signature
from snowflake_sandbox.catalog.kind import Creation, Kind, Property
from snowflake_sandbox.objects import procedure
from snowflake_sandbox.result import Result, ResultColumn
from snowflake_sandbox.session import ObjectScope
from snowflake_sandbox.statements.reader import ObjectName, Reader
from snowflake_sandbox.statements.showing import text_rows

if TYPE_CHECKING:
    from snowflake_sandbox.call import Call
    from snowflake_sandbox.catalog.catalog import SnowflakeObject

_DESCRIPTION = "user-defined function"


def _read_definition(call: Call, creation: Creation) -> bool:
    reader, properties = call.reader, creation.properties
    if "arguments" not in properties and reader.peek() == "(":
        arguments = signature.read_arguments(reader)
        properties["arguments"] = [argument.record() for argument in arguments]
        creation.signature = signature.types_text(arguments)
    elif procedure.read_null_handling(reader):
        pass
    elif reader.accept("RETURNS"):
        properties["returns"], table = signature.read_returns(reader)
        properties["result_columns"] = [argument.record() for argument in table]
    elif reader.accept("LANGUAGE"):
        language = reader.identifier()
        if language != "SQL":
            raise errors.not_supported(f"CREATE FUNCTION … LANGUAGE {language}")
    elif any(reader.accept(words) for words in ("VOLATILE", "IMMUTABLE", "MEMOIZABLE")):
        pass
    elif reader.accept("AS"):
        properties["body"] = reader.string()
    else:
        return False
    return True


def _finish(call: Call, creation: Creation) -> None:
    missing = [word for word in ("returns", "body") if creation.properties.get(word) is None]
    if missing:
        raise errors.missing_property(", ".join(missing).upper(), "CREATE FUNCTION")
    creation.properties["secure"] = "SECURE" in creation.modifiers
    creation.properties["session"] = call.session.id if creation.modifiers & procedure.TEMPORARY else None


def _show_row(call: Call, function: SnowflakeObject) -> tuple[Any, ...]:
    row = procedure.show_row(call, replace(function, properties={**function.properties, "comment": _comment(function)}))
    return (*row, "N", "SQL", "N", "N")


def _comment(function: SnowflakeObject) -> str:
    return function["comment"] or _DESCRIPTION


def _describe(call: Call, function: SnowflakeObject) -> Result:
    return text_rows(
        "property value",
        [
            ("signature", signature.signature_text(signature.arguments_of(function))),
            ("returns", signature.returns_text(function)),
            ("language", "SQL"),
            ("body", function["body"] if access.sees_definition(call, function) else None),
        ],
    )


def _set_secure(call: Call, function: SnowflakeObject) -> Result | None:
    return _keep_secure(call, function, secure=True)


def _unset_secure(call: Call, function: SnowflakeObject) -> Result | None:
    return _keep_secure(call, function, secure=False)


def _keep_secure(call: Call, function: SnowflakeObject, *, secure: bool) -> Result | None:
    access.require(call, "OWNERSHIP", function)
    with call.world.store.transaction() as tx:
        catalog.update(tx, function, {"secure": secure})
    return None


def find_called(call: Call, name: ObjectName, count: int, *, table: bool) -> SnowflakeObject | None:
    """Return the function for a call with `count` arguments; None if there is none.

    The caller must check privileges: a view calls its functions with its owner's privileges.
    """
    database, schema = name.database or call.session.database, name.schema or call.session.schema
    if database is None or schema is None:
        return None
    with call.world.store.reading() as tx:
        candidates = catalog.listing(
            tx, "FUNCTION", database, schema, name.name.replace("_", "\\_").replace("%", "\\%")
        )
    for function in candidates:
        fits = signature.minimum(function) <= count <= len(function["arguments"])
        if function.name.name == name.name and fits and (function["returns"] == "TABLE") == table:
            return function
    return None


KIND = Kind(
    name="FUNCTION",
    plural="USER FUNCTIONS",
    scope=ObjectScope.SCHEMA,
    show=(
        *procedure.SHOWN,
        *(ResultColumn(name) for name in ("is_external_function", "language", "is_memoizable", "is_data_metric")),
    ),
    show_row=_show_row,
    keeps_grants=True,
    properties=(Property("COMMENT", Reader.string),),
    parameters=procedure.FUNCTION_PARAMETERS,
    describe=_describe,
    read_definition=_read_definition,
    finish_definition=_finish,
    actions={"SET SECURE": _set_secure, "UNSET SECURE": _unset_secure},
    created=procedure.created,
    modifiers=procedure.TEMPORARY | {"SECURE"},
    has_signature=True,
    grant_name=signature.grant_name,
)
